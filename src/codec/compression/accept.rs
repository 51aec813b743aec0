//! `Accept-Encoding` (RFC 9110, section 12.5.3).

use super::coding::Coding;

/// What a client would have a body in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The coding that it likes best among those offered; `None`: it should be sent as it is.
    pub coding: Option<Coding>,
    /// Whether it refuses a body as it is, however small.
    pub not_plain: bool,
}

impl Accepted {
    /// The body as it is.
    pub const PLAIN: Accepted = Accepted { coding: None, not_plain: false };
}

/// What the header's lines ask for, of the codings `offered`: the highest quality, and of equal ones the
/// first that is offered. What is no list of codings asks for nothing.
pub fn accepted<'h>(lines: impl Iterator<Item = &'h str>, offered: &[Coding]) -> Accepted {
    let mut own = [None; Coding::ALL.len()];
    let (mut star, mut identity) = (None, None);
    for item in lines.flat_map(|line| line.split(',')) {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        let Some(quality) = quality(parameters) else { continue };
        let name = name.trim();
        let place = match name {
            "*" => &mut star,
            name if name.eq_ignore_ascii_case("identity") => &mut identity,
            name => match named(name) {
                Some(coding) => &mut own[coding as usize],
                None => continue,
            },
        };
        // of two that contradict each other the later one counts
        *place = Some(quality);
    }
    let quality_of = |coding: Coding| own[coding as usize].or(star).unwrap_or(0);
    let mut best = None;
    for &coding in offered {
        let quality = quality_of(coding);
        if quality > best.map_or(0, |(_, quality)| quality) {
            best = Some((coding, quality));
        }
    }
    // what is not mentioned is acceptable, and liked least
    let plain = identity.or(star.filter(|quality| *quality == 0));
    let coding = best.filter(|(_, quality)| identity.is_none_or(|plain| plain <= *quality));
    Accepted { coding: coding.map(|(coding, _)| coding), not_plain: plain == Some(0) }
}

fn named(name: &str) -> Option<Coding> {
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    if is("gzip") || is("x-gzip") {
        Some(Coding::Gzip)
    } else if is("zstd") {
        Some(Coding::Zstd)
    } else if is("br") {
        Some(Coding::Brotli)
    } else {
        None
    }
}

/// `;q=0.5` in thousandths; `None` where it is none.
fn quality(parameters: &str) -> Option<u16> {
    let parameters = parameters.trim();
    if parameters.is_empty() {
        return Some(1_000);
    }
    let (name, value) = parameters.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, fraction) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{fraction:0<3}").parse().ok()?;
    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(1_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(header: &str) -> (Option<Coding>, bool) {
        let accepted = accepted([header].into_iter(), &Coding::ALL);
        (accepted.coding, accepted.not_plain)
    }

    #[test]
    fn the_coding_that_is_liked_best_is_taken_and_among_equals_ours() {
        use Coding::{Brotli, Gzip, Zstd};
        for (header, coding, not_plain) in [
            ("", None, false),
            ("gzip", Some(Gzip), false),
            ("gzip, deflate, br, zstd", Some(Zstd), false),
            ("gzip, deflate, br", Some(Brotli), false),
            ("GZIP;Q=0.5, br;q=0.4", Some(Gzip), false),
            ("x-gzip", Some(Gzip), false),
            ("deflate", None, false),
            ("identity", None, false),
            ("gzip;q=0.5, identity", None, false),
            ("gzip;q=0.5, identity;q=0.5", Some(Gzip), false),
            ("*", Some(Zstd), false),
            ("*;q=0", None, true),
            ("*;q=0, gzip", Some(Gzip), true),
            ("identity;q=0", None, true),
            ("identity;q=0, *;q=0.1", Some(Zstd), true),
            ("zstd;q=0, *", Some(Brotli), false),
            ("*;q=0, identity", None, false),
            ("gzip;q=0", None, false),
            ("gzip;q=1.000, br;q=0.999", Some(Gzip), false),
            ("gzip;q=2, br;q=x, zstd;level=3", None, false),
            ("gzip;q=0.0001, ,,", None, false),
        ] {
            assert_eq!(ask(header), (coding, not_plain), "{header}");
        }
        let lines = accepted(["br;q=0.1", "gzip"].into_iter(), &Coding::ALL);
        assert_eq!(lines.coding, Some(Gzip), "the lines of one header are one list");
        assert_eq!(accepted(["zstd, br"].into_iter(), &[Gzip]), Accepted::PLAIN, "only what is offered");
    }
}

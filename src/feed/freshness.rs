//! How long a server holds its answer to be fresh (RFC 9111 §4.2.1): a hint for those who set the schedule.

use super::validators::text;
use crate::domain::Micros;
use reqwest::header::{AGE, CACHE_CONTROL, HeaderMap};

/// Nobody plans further ahead.
const SECONDS_MAX: i64 = 366 * 86_400;

/// `max-age` from now on, less the time that the answer has been in caches; `None` where the server says none, or
/// that it may not be kept.
pub(super) fn fresh_until(headers: &HeaderMap, now: Micros) -> Option<Micros> {
    let said: Vec<String> = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|directive| directive.trim().to_ascii_lowercase())
        .collect();
    if said.iter().any(|directive| directive == "no-store" || directive == "no-cache") {
        return None;
    }
    let of = |name: &str| said.iter().find_map(|directive| directive.strip_prefix(name));
    let seconds = |digits: &str| digits.trim_matches('"').parse::<i64>().ok().filter(|&seconds| seconds >= 0);
    let max_age = of("max-age=").and_then(seconds)?;
    let age = text(headers, &AGE).and_then(seconds).unwrap_or(0);
    let left = (max_age - age.min(max_age)).min(SECONDS_MAX);
    (left > 0).then(|| now.plus(left * Micros::SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_fresh_for_its_max_age_less_its_age() {
        let until = |said: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in said {
                headers.append(*name, value.parse().unwrap());
            }
            fresh_until(&headers, Micros(0)).map(|at| at.0 / Micros::SECOND)
        };
        let control = "cache-control";
        for (said, seconds) in [
            (vec![], None),
            (vec![(control, "max-age=600")], Some(600)),
            (vec![(control, "public, Max-Age=600, must-revalidate")], Some(600)),
            (vec![(control, "public"), (control, "max-age=\"600\"")], Some(600)),
            (vec![(control, "max-age=600"), ("age", "60")], Some(540)),
            (vec![(control, "max-age=600"), ("age", "700")], None),
            (vec![(control, "max-age=0")], None),
            (vec![(control, "max-age=-5")], None),
            (vec![(control, "s-maxage=600")], None),
            (vec![(control, "no-cache, max-age=600")], None),
            (vec![(control, "max-age=99999999999")], Some(SECONDS_MAX)),
            (vec![(control, "max-age=soon")], None),
        ] {
            assert_eq!(until(&said), seconds, "{said:?}");
        }
    }
}

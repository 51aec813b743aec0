//! Times: which members are some, how they are written, and what of a record they say.

use super::column::Column;
use super::hints::Hints;
use super::tree::Node;
use super::words::{envelope_rank, is_utc, time_rank};
use super::written::{Written, text};
use crate::codec::time;
use crate::domain::TimeFormat;
use jiff::civil::DateTime;
use jiff::fmt::strtime;

/// Patterns beside RFC 3339 that are tried.
const PATTERNS: [&str; 7] = [
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%a, %d %b %Y %T %z",
    "%Y/%m/%d %H:%M:%S",
    "%Y%m%d",
    "%Y%m%dT%H%M%SZ",
];

/// How a member's times are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelling {
    /// `time = …`; `None`: as RFC 3339, or PHP's object.
    time: Option<&'static str>,
    /// They have no offset.
    is_local: bool,
}

impl Spelling {
    /// Of one value.
    fn of(node: &Node<'_>) -> Option<Spelling> {
        if node.is_php_time() {
            return Some(Spelling { time: None, is_local: false });
        }
        let word = node.word()?;
        if !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit()) {
            // 2001 to 2096 in each unit; a day such as 20260501 is smaller
            let unit = match word.parse::<u64>().ok()? {
                1_000_000_000..4_000_000_000 => Some("unix_seconds"),
                1_000_000_000_000..4_000_000_000_000 => Some("unix_millis"),
                1_000_000_000_000_000..4_000_000_000_000_000 => Some("unix_micros"),
                _ => None,
            };
            if let Some(unit) = unit {
                return Some(Spelling { time: Some(unit), is_local: false });
            }
        }
        if time::parse(word, TimeFormat::Rfc3339).is_ok() {
            return Some(Spelling { time: None, is_local: false });
        }
        if let Some(clock) = word.get(10..).filter(|clock| clock.starts_with(['T', ' ', 't'])) {
            let has_offset = clock.contains(['+', '-']) || clock.ends_with(['Z', 'z']);
            if has_offset {
                return Some(Spelling { time: None, is_local: false });
            }
            if word.parse::<DateTime>().is_ok() {
                return Some(Spelling { time: None, is_local: true });
            }
        }
        let fits = |pattern: &&str| {
            let read = strtime::parse(pattern.as_bytes(), word.as_bytes());
            read.is_ok_and(|read| read.to_date().is_ok_and(|date| (1990..2100).contains(&date.year())))
        };
        let pattern = PATTERNS.into_iter().find(fits)?;
        Some(Spelling { time: Some(pattern), is_local: !pattern.ends_with("%z") })
    }

    /// Of all values that are not empty; `None` where they are not of one spelling.
    pub fn of_column(column: &Column<'_, '_>) -> Option<Spelling> {
        Spelling::of_all(column.values.iter().map(|(_, node)| *node))
    }

    fn of_all<'t, 'a: 't>(nodes: impl Iterator<Item = &'t Node<'a>>) -> Option<Spelling> {
        let mut all = nodes.filter(|node| node.word() != Some("")).map(Spelling::of);
        let first = all.next()??;
        all.all(|other| other.as_ref() == Some(&first)).then_some(first)
    }
}

/// A time as a mapping writes it; `Err` where its zone is not known, as far as it could be written.
pub fn field(at: &str, name: &str, spelling: &Spelling, hints: &Hints) -> Result<String, String> {
    let zone = match (spelling.is_local, is_utc(name)) {
        (false, _) => None,
        (true, true) => Some("UTC"),
        (true, false) => match &hints.time_zone {
            Some(zone) => Some(zone.as_str()),
            None => return Err(format!("{{ at = {}, time_zone = \"…\" }}", text(at))),
        },
    };
    let time = spelling.time.map(|time| format!(", time = {}", text(time)));
    let zone = zone.map(|zone| format!(", time_zone = {}", text(zone)));
    Ok(match (&time, &zone) {
        (None, None) => text(at),
        _ => format!("{{ at = {}{}{} }}", text(at), time.unwrap_or_default(), zone.unwrap_or_default()),
    })
}

/// The likeliest time of these, with its spelling.
pub fn best<'s, 't: 's, 'a: 't>(
    columns: impl Iterator<Item = &'s Column<'t, 'a>>,
) -> Option<(&'s Column<'t, 'a>, Spelling)> {
    let ranked = columns.filter_map(|column| Some((time_rank(column.name())?, column)));
    let timed = ranked.filter_map(|(rank, column)| Some((rank, column, Spelling::of_column(column)?)));
    let best = timed.min_by_key(|(rank, column, _)| (*rank, column.pointer.len()));
    best.map(|(_, column, spelling)| (column, spelling))
}

/// Writes `updated_at` from the record's own times.
pub fn propose_updated<'s, 't: 's, 'a: 't>(
    columns: impl Iterator<Item = &'s Column<'t, 'a>>,
    hints: &Hints,
    out: &mut Written,
) {
    let Some((column, spelling)) = best(columns) else { return };
    let is_plain = spelling == Spelling { time: None, is_local: false };
    if column.pointer == ["updated_at"] && is_plain {
        return;
    }
    match field(&column.at(), column.name(), &spelling, hints) {
        Ok(value) => {
            out.map("updated_at", value, format!("in {} records{}", column.values.len(), said(column)))
        }
        Err(value) => {
            let example = column.words().next().unwrap_or_default();
            // our own place would be read, and fail each record
            if column.pointer == ["updated_at"] {
                out.map("updated_at", "false", "its times have no offset, and their zone is not known");
            }
            out.undecided.push(format!(
                "the zone of times such as {example}, which have no offset: updated_at = {value}, such as \"UTC\" or \"Europe/Berlin\""
            ));
        }
    }
}

fn said(column: &Column<'_, '_>) -> String {
    column.words().next().map(|word| format!(", such as {word}")).unwrap_or_default()
}

/// Writes `generated_at` from what the document says beside its records.
pub fn propose_generated(root: &Node<'_>, hints: &Hints, out: &mut Written) {
    let ranked = root
        .members()
        .unwrap_or_default()
        .iter()
        .filter_map(|(name, node)| Some((envelope_rank(name)?, name, Spelling::of(node)?)));
    let Some((_, name, spelling)) = ranked.min_by_key(|(rank, ..)| *rank) else { return };
    let is_plain = spelling == Spelling { time: None, is_local: false };
    if name == "generated_at" && is_plain {
        return;
    }
    let at = super::column::pointer(&[name.to_string()]);
    match field(&at, name, &spelling, hints) {
        Ok(value) => out.map("generated_at", value, "when the document was made"),
        Err(value) => out.undecided.push(format!(
            "the zone of the document's own time, which has no offset: generated_at = {value}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_known_by_its_form() {
        let of = |word: &str| Spelling::of(&Node::Text(word.into())).map(|s| (s.time, s.is_local));
        assert_eq!(of("2026-05-01T09:00:00Z"), Some((None, false)));
        assert_eq!(of("2026-05-01T09:00:00+0000"), Some((None, false)));
        assert_eq!(of("2026-05-01 09:00:00"), Some((None, true)));
        assert_eq!(of("1779999900"), Some((Some("unix_seconds"), false)));
        assert_eq!(of("1779999900000"), Some((Some("unix_millis"), false)));
        assert_eq!(of("24.11.2026 03:10"), Some((Some("%d.%m.%Y %H:%M"), true)));
        assert_eq!(of("Tue, 24 Nov 2026 03:10:00 +0100"), Some((Some("%a, %d %b %Y %T %z"), false)));
        for none in ["15.00", "275245000000", "soon", "", "7"] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}

//! Times as a mapping says that they are written (T2).
//!
//! Beside the formats with a name: patterns of strftime, times without an offset in the zone that the
//! mapping names, offsets without a colon, and the object that PHP makes of a `DateTime`
//! (`json_encode`: `date`, `timezone_type`, `timezone`).

use super::item::{FoundValue, Lint};
use crate::codec::json::{self, Kind};
use crate::codec::reserved::{self, Refusal};
use crate::codec::time::{self, TimeError};
use crate::domain::mapping::{TimeFormat, TimeReading, TimeSpelling};
use crate::domain::{Micros, Rule};
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

/// Reads a time that the mapping has found; what is odd about it goes to `lints`.
pub fn read(found: &FoundValue<'_>, reading: &TimeReading, lints: &mut Vec<Lint>) -> Result<Micros, Refusal> {
    let told = |error: TimeError| Refusal::new(Rule::T2, error.code, error.hint);
    let (at, change) = match json::kind(&found.raw) {
        Kind::Object => php(&found.raw)?,
        Kind::String => of_text(&reserved::text(&found.raw, Rule::T2)?, reading).map_err(told)?,
        _ => of_text(&found.raw, reading).map_err(told)?,
    };
    if let Some(change) = change {
        lints.push(found.lint(change.code(), change.detail()));
    }
    Ok(at)
}

/// As `read`, for a time of the envelope, which has no lints of its own.
pub fn read_raw(raw: &str, reading: &TimeReading) -> Result<Micros, Refusal> {
    read(&FoundValue::at_root(raw), reading, &mut Vec::new())
}

/// A local time that a change of clocks makes doubtful.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClockChange {
    /// The clocks passed over it.
    Skipped,
    /// The clocks showed it twice.
    Repeated,
}

impl ClockChange {
    fn code(self) -> &'static str {
        match self {
            ClockChange::Skipped => "time_skipped",
            ClockChange::Repeated => "time_repeated",
        }
    }

    fn detail(self) -> &'static str {
        match self {
            ClockChange::Skipped => {
                "the clocks of the mapping's time zone never showed this time: the earlier instant is taken; send an offset"
            }
            ClockChange::Repeated => {
                "the clocks of the mapping's time zone showed this time twice: the earlier instant is taken; send an offset"
            }
        }
    }
}

type Instant = (Micros, Option<ClockChange>);

fn of_text(text: &str, reading: &TimeReading) -> Result<Instant, TimeError> {
    match &reading.spelling {
        TimeSpelling::Named(TimeFormat::Rfc3339) => match time::parse(text, TimeFormat::Rfc3339) {
            Err(error) => lenient(text, reading.zone.as_deref(), error),
            read => read.map(|at| (at, None)),
        },
        TimeSpelling::Named(format) => time::parse(text, *format).map(|at| (at, None)),
        TimeSpelling::Pattern(pattern) => patterned(text, pattern, reading.zone.as_deref()),
    }
}

/// `+0100`, `+01`, a blank before the offset, and no offset at all where the mapping names a zone.
fn lenient(text: &str, zone: Option<&str>, refused: TimeError) -> Result<Instant, TimeError> {
    let text = text.trim();
    // a date alone has been read before, and a sign can only stand behind a clock time
    let Some(clock) = text.find(['T', 't', ' ']) else { return Err(refused) };
    let (local, offset) = match text[clock..].rfind(['+', '-']) {
        Some(sign) => (&text[..clock + sign], plain_offset(&text[clock + sign..])),
        None => match text.strip_suffix(['Z', 'z']) {
            Some(local) => (local, Some(Some(Offset::UTC))),
            None => (text, Some(None)),
        },
    };
    let (Some(offset), Ok(local)) = (offset, local.trim_end().parse::<DateTime>()) else {
        return Err(refused);
    };
    match (offset, zone) {
        (Some(offset), _) => instant(offset.to_timestamp(local), None, refused),
        (None, Some(zone)) => in_zone(local, zone, refused),
        (None, None) => Err(TimeError {
            hint: format!(
                "{}; or name the zone of such times in the mapping: time_zone = \"Europe/Berlin\"",
                refused.hint
            ),
            ..refused
        }),
    }
}

/// `+01:00`, `+0100` or `+01`.
fn plain_offset(text: &str) -> Option<Option<Offset>> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && matches!(digits.len(), 2 | 4);
    let hours: i32 = digits.get(..2).filter(|_| plain)?.parse().ok()?;
    let minutes: i32 = digits.get(2..4).unwrap_or("0").parse().ok()?;
    let sound = hours < 24 && minutes < 60;
    sound.then(|| Offset::from_seconds(sign * (hours * 3_600 + minutes * 60)).ok()).flatten().map(Some)
}

fn patterned(text: &str, pattern: &str, zone: Option<&str>) -> Result<Instant, TimeError> {
    let refused = || TimeError {
        code: "time_format",
        hint: format!("send the time as the mapping writes it: {pattern}"),
    };
    let read = strtime::parse(pattern, text.trim()).map_err(|_| refused())?;
    if let Ok(at) = read.to_timestamp() {
        return instant(Ok(at), None, refused());
    }
    let local = match read.to_datetime() {
        Ok(local) => local,
        // a pattern without a clock time means midnight, as a date does elsewhere
        Err(_) => read.to_date().map_err(|_| refused())?.to_datetime(jiff::civil::Time::midnight()),
    };
    match zone {
        Some(zone) => in_zone(local, zone, refused()),
        None => Err(TimeError {
            hint: format!(
                "{}; name the zone of its times in the mapping: time_zone = \"UTC\"",
                refused().hint
            ),
            ..refused()
        }),
    }
}

fn in_zone(local: DateTime, zone: &str, refused: TimeError) -> Result<Instant, TimeError> {
    let Ok(zone) = TimeZone::get(zone) else { return Err(refused) };
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let change = match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } => None,
        AmbiguousOffset::Gap { .. } => Some(ClockChange::Skipped),
        AmbiguousOffset::Fold { .. } => Some(ClockChange::Repeated),
    };
    instant(ambiguous.earlier(), change, refused)
}

fn instant(
    at: Result<jiff::Timestamp, jiff::Error>,
    change: Option<ClockChange>,
    refused: TimeError,
) -> Result<Instant, TimeError> {
    // cut towards the past, as elsewhere
    let micros = at.map(|at| (at.as_nanosecond().div_euclid(1_000)) as i64);
    micros.map(|at| (Micros(at), change)).map_err(|_| refused)
}

/// PHP's `{"date": "2026-09-25 13:18:31.000000", "timezone_type": 3, "timezone": "UTC"}`: the zone is an
/// offset (type 1), an abbreviation (2) or a name (3).
fn php(raw: &str) -> Result<Instant, Refusal> {
    let refused = || {
        let hint = "send the time as a text, a number, or as PHP writes it: {\"date\", \"timezone_type\", \"timezone\"}";
        Refusal::new(Rule::T2, "time_format", hint)
    };
    let members = json::members(raw).map_err(|e| Refusal::new(Rule::T2, e.code, e.detail))?;
    let text = |wanted: &str| {
        let found = members.iter().find(|(name, _)| name == wanted)?;
        (json::kind(found.1) == Kind::String).then(|| json::string(found.1).ok()).flatten()
    };
    let (Some(date), Some(zone)) = (text("date"), text("timezone")) else { return Err(refused()) };
    let local: DateTime = date.parse().map_err(|_| refused())?;
    let error = || TimeError { code: "time_format", hint: String::new() };
    let read = match plain_offset(&zone).filter(|_| zone.starts_with(['+', '-'])).flatten() {
        Some(offset) => instant(offset.to_timestamp(local), None, error()),
        None if matches!(zone.as_ref(), "Z" | "UTC" | "GMT") => in_zone(local, "UTC", error()),
        None => in_zone(local, &zone, error()),
    };
    read.map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(spelling: &str, zone: Option<&str>) -> TimeReading {
        let spelling = match spelling {
            "" => TimeSpelling::default(),
            pattern => TimeSpelling::Pattern(pattern.into()),
        };
        TimeReading { spelling, zone: zone.map(str::to_owned) }
    }

    /// The time as we show it, and the code of a lint.
    fn shown(raw: &str, reading: &TimeReading) -> Result<(String, Vec<&'static str>), &'static str> {
        let mut lints = Vec::new();
        let at = read(&FoundValue::at_root(raw), reading, &mut lints).map_err(|refusal| refusal.code)?;
        Ok((time::format(at), lints.iter().map(|lint| lint.code).collect()))
    }

    fn plain(text: &str) -> Result<(String, Vec<&'static str>), &'static str> {
        Ok((text.to_owned(), vec![]))
    }

    #[test]
    fn t2_offsets_without_a_colon_and_blanks_are_read() {
        for raw in [
            "\"2026-11-01T10:00:00+0000\"",
            "\"2026-11-01 10:00:00 +0000\"",
            "\"2026-11-01T11:00:00+01\"",
            "\"2026-11-01T09:00-0100\"",
            "\"2026-11-01T10:00:00.000Z\"",
            "\"2026-11-01T10:00Z\"",
        ] {
            assert_eq!(shown(raw, &reading("", None)), plain("2026-11-01T10:00:00Z"), "{raw}");
        }
    }

    #[test]
    fn t2_a_time_without_offset_is_of_the_mappings_zone_or_refused() {
        let berlin = reading("", Some("Europe/Berlin"));
        assert_eq!(shown("\"2026-07-01 10:00:00\"", &berlin), plain("2026-07-01T08:00:00Z"));
        assert_eq!(shown("\"2026-11-01T10:00:00\"", &berlin), plain("2026-11-01T09:00:00Z"));
        assert_eq!(
            shown("\"2026-11-01T10:00:00.25Z\"", &berlin),
            plain("2026-11-01T10:00:00.250000Z"),
            "it says so itself"
        );
        assert_eq!(shown("\"2026-11-01T10:00:00\"", &reading("", None)), Err("time_format"));
        let none = read_raw("\"2026-11-01T10:00:00\"", &reading("", None)).unwrap_err();
        assert!(none.hint.contains("time_zone"), "{}", none.hint);
    }

    #[test]
    fn t2_the_earlier_instant_is_taken_where_clocks_change_and_named() {
        let berlin = reading("", Some("Europe/Berlin"));
        let twice = shown("\"2026-10-25T02:30:00\"", &berlin).unwrap();
        assert_eq!(twice, ("2026-10-25T00:30:00Z".into(), vec!["time_repeated"]));
        let never = shown("\"2026-03-29T02:30:00\"", &berlin).unwrap();
        assert_eq!(never, ("2026-03-29T00:30:00Z".into(), vec!["time_skipped"]));
    }

    #[test]
    fn a_pattern_reads_what_it_writes() {
        let german = reading("%d.%m.%Y %H:%M", Some("Europe/Berlin"));
        assert_eq!(shown("\"24.11.2026 03:10\"", &german), plain("2026-11-24T02:10:00Z"));
        assert_eq!(shown("\"2026-11-24\"", &german), Err("time_format"));
        assert_eq!(shown("\"20261124\"", &reading("%Y%m%d", Some("UTC"))), plain("2026-11-24T00:00:00Z"));
        let offset = reading("%a, %d %b %Y %T %z", None);
        assert_eq!(shown("\"Tue, 24 Nov 2026 03:10:00 +0100\"", &offset), plain("2026-11-24T02:10:00Z"));
        assert_eq!(shown("\"24.11.2026 03:10\"", &reading("%d.%m.%Y %H:%M", None)), Err("time_format"));
        assert_eq!(
            shown("20261124", &reading("%Y%m%d", Some("UTC"))),
            plain("2026-11-24T00:00:00Z"),
            "a number too"
        );
    }

    #[test]
    fn phps_object_is_read_with_each_of_its_three_kinds_of_zone() {
        let object = |zone: &str| {
            shown(
                &format!(r#"{{"date":"2026-09-25 13:18:31.500000","timezone_type":3,"timezone":"{zone}"}}"#),
                &reading("", None),
            )
        };
        assert_eq!(object("UTC"), plain("2026-09-25T13:18:31.500000Z"));
        assert_eq!(object("+02:00"), plain("2026-09-25T11:18:31.500000Z"));
        assert_eq!(object("America/New_York"), plain("2026-09-25T17:18:31.500000Z"));
        assert_eq!(object("Z"), plain("2026-09-25T13:18:31.500000Z"));
        assert_eq!(object("Mars/Olympus"), Err("time_format"));
        assert_eq!(shown("{}", &reading("", None)), Err("time_format"));
        assert_eq!(shown("[1]", &reading("", None)), Err("time_format"));
    }
}

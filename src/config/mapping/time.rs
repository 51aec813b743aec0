//! How a mapping writes times: a name or a pattern, and a zone for those without an offset.

use super::super::fault::Wrong;
use super::super::raw::text_of;
use super::field::{check_keys, field, table_field};
use crate::domain::mapping::{TimeField, TimeFormat, TimeReading, TimeSpelling};
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use toml::de::DeValue;

const NAMED: [(&str, TimeFormat); 4] = [
    ("rfc3339", TimeFormat::Rfc3339),
    ("unix_seconds", TimeFormat::UnixSeconds),
    ("unix_millis", TimeFormat::UnixMillis),
    ("unix_micros", TimeFormat::UnixMicros),
];

/// A field, and in a table also `time` and `time_zone`.
pub fn time_field(value: &DeValue<'_>, default: &TimeReading) -> Result<TimeField, Wrong> {
    let DeValue::Table(table) = value else {
        return Ok(TimeField { field: field(value)?, reading: default.clone() });
    };
    check_keys(table, &["time", "time_zone"])?;
    let mut reading = default.clone();
    if let Some(time) = table.get("time") {
        reading.spelling = spelling(time.get_ref())?;
    }
    if let Some(name) = table.get("time_zone") {
        reading.zone = Some(zone(name.get_ref())?);
    }
    Ok(TimeField { field: table_field(table)?, reading })
}

/// The name of a format, or a pattern of strftime's conversions.
pub fn spelling(value: &DeValue<'_>) -> Result<TimeSpelling, Wrong> {
    let text = text_of(value)?;
    if let Some((_, format)) = NAMED.iter().find(|(name, _)| *name == text) {
        return Ok(TimeSpelling::Named(*format));
    }
    let names: Vec<_> = NAMED.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let wrong = |why: &str| {
        Wrong::rule(format!(
            "must be one of {}, or a pattern such as \"%d.%m.%Y %H:%M\"{why}",
            names.join(", ")
        ))
    };
    if !text.contains('%') {
        return Err(wrong(""));
    }
    // what the pattern itself writes must be read back: a pattern without a date would read nothing
    let sample = jiff::civil::datetime(2026, 11, 24, 3, 10, 0, 0).to_zoned(TimeZone::UTC);
    let sample = sample.map_err(|_| wrong(""))?;
    let read = strtime::format(text, &sample)
        .and_then(|written| strtime::parse(text, written))
        .map_err(|error| wrong(&format!(": {error}")))?;
    let is_dated = read.to_date().is_ok() || read.to_timestamp().is_ok();
    is_dated.then(|| TimeSpelling::Pattern(text.to_owned())).ok_or_else(|| wrong(" that holds a whole date"))
}

/// The name of a time zone.
pub fn zone(value: &DeValue<'_>) -> Result<String, Wrong> {
    let name = text_of(value)?;
    match TimeZone::get(name) {
        Ok(_) => Ok(name.to_owned()),
        Err(_) => Err(Wrong::rule("must be the name of a time zone")
            .hint("\"Europe/Berlin\", \"America/New_York\" or \"UTC\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_by_a_name_or_a_pattern_that_holds_a_date() {
        let read = |text: &str| spelling(DeValue::parse(&format!("'{text}'")).unwrap().get_ref());
        assert_eq!(read("unix_millis"), Ok(TimeSpelling::Named(TimeFormat::UnixMillis)));
        for pattern in ["%d.%m.%Y %H:%M", "%Y-%m-%d", "%Y%m%dT%H%M%S%z", "%a, %d %b %Y %T %z"] {
            assert_eq!(read(pattern), Ok(TimeSpelling::Pattern(pattern.into())));
        }
        for bad in ["unix", "dd.mm.yyyy", "%H:%M", "%Q!", "%"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_zone_is_one_that_exists() {
        let read = |text: &str| zone(DeValue::parse(&format!("'{text}'")).unwrap().get_ref());
        assert_eq!(read("Europe/Berlin"), Ok("Europe/Berlin".into()));
        assert!(read("UTC").is_ok() && read("Europe/Bärlin").is_err() && read("CEST").is_err());
    }

    #[test]
    fn a_time_has_the_mappings_reading_unless_it_says_its_own() {
        let default = TimeReading { zone: Some("UTC".into()), ..TimeReading::default() };
        let read = |text: &str| time_field(DeValue::parse(text).unwrap().get_ref(), &default);
        assert_eq!(read("'/t'").unwrap().reading, default);
        let own = read("{ at = '/t', time = 'unix_seconds', time_zone = 'Europe/Berlin' }").unwrap().reading;
        let spelling = TimeSpelling::Named(TimeFormat::UnixSeconds);
        assert_eq!(own, TimeReading { spelling, zone: Some("Europe/Berlin".into()) });
        assert!(read("{ at = '/t', scale = 1 }").is_err());
    }
}

//! How a partner writes times.

use super::Field;

/// How the text of a time is read. Numbers are read only where a unit is named (T2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeFormat {
    /// RFC 3339 with an offset; or a date, which is 00:00:00Z.
    #[default]
    Rfc3339,
    /// Seconds since 1970-01-01T00:00:00Z, with or without a fraction.
    UnixSeconds,
    /// Milliseconds since then.
    UnixMillis,
    /// Microseconds since then.
    UnixMicros,
}

/// What a mapping says of the times of its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeSpelling {
    /// A format that has a name.
    Named(TimeFormat),
    /// Conversion specifiers of strftime, such as `%d.%m.%Y %H:%M`.
    Pattern(String),
}

impl Default for TimeSpelling {
    fn default() -> TimeSpelling {
        TimeSpelling::Named(TimeFormat::Rfc3339)
    }
}

/// How one time is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeReading {
    /// How it is written.
    pub spelling: TimeSpelling,
    /// The IANA name of the zone of times without an offset; `None`: such times are refused.
    pub zone: Option<String>,
}

/// A mapped time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeField {
    /// Where it is.
    pub field: Field,
    /// How it is written.
    pub reading: TimeReading,
}

impl TimeField {
    /// A time in our own format at this place.
    pub fn own(field: Field) -> TimeField {
        TimeField { field, reading: TimeReading::default() }
    }
}

//! Durations as `"24h"` and sizes as `"4MiB"`: one whole number, one unit, nothing else.
//!
//! Deliberately absent: bare numbers, whose unit would be guessed; `MB`, of which nobody knows
//! whether it means 10⁶ or 2²⁰; fractions and sums, which a smaller unit says better.

use std::ops::RangeInclusive;
use std::time::Duration;

pub(super) const KIB: u64 = 1 << 10;
pub(super) const MIB: u64 = 1 << 20;
pub(super) const GIB: u64 = 1 << 30;

const MILLIS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const BYTES: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Reads `"500ms"`, `"30s"`, `"15m"`, `"24h"`, `"400d"`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    scaled(text, &MILLIS).map(Duration::from_millis)
}

/// Reads `"512B"`, `"16KiB"`, `"4MiB"`, `"1GiB"`.
pub fn parse_bytes(text: &str) -> Option<u64> {
    scaled(text, &BYTES)
}

/// The shortest text that reads back as the same duration, to the millisecond.
pub fn format_duration(duration: Duration) -> String {
    unscaled(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), &MILLIS)
}

/// A size in the largest unit that divides it, as a configuration writes it: `4MiB`.
pub fn format_bytes(bytes: u64) -> String {
    unscaled(bytes, &BYTES)
}

pub(super) fn seconds(least: u64, most: u64) -> RangeInclusive<Duration> {
    Duration::from_secs(least)..=Duration::from_secs(most)
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text.bytes().position(|b| !b.is_ascii_digit())?;
    let (digits, name) = text.split_at(end);
    let (_, unit) = units.iter().find(|(unit, _)| *unit == name)?;
    digits.parse::<u64>().ok()?.checked_mul(*unit)
}

fn unscaled(amount: u64, units: &[(&str, u64)]) -> String {
    let whole = units.iter().rev().find(|(_, unit)| amount != 0 && amount.is_multiple_of(*unit));
    let (name, unit) = whole.unwrap_or(&units[0]);
    format!("{}{name}", amount / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_read_and_write_back() {
        for (text, millis) in [("500ms", 500), ("60s", 60_000), ("26h", 93_600_000), ("400d", 34_560_000_000)]
        {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(format_duration(Duration::from_secs(90)), "90s");
        assert_eq!(format_duration(Duration::from_secs(86_400)), "1d");
        assert_eq!(format_duration(Duration::ZERO), "0ms");
        for (text, bytes) in [("0B", 0), ("16KiB", 16_384), ("4MiB", 4_194_304), ("1GiB", 1_073_741_824)] {
            assert_eq!(parse_bytes(text), Some(bytes), "{text}");
            assert_eq!(format_bytes(bytes), text);
        }
    }

    #[test]
    fn what_could_be_misread_is_refused() {
        for bad in
            ["", "24", "h", "24 h", "1h30m", "-1s", "1.5h", "1H", "1M", "99999999999999999999s", "9e9d"]
        {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
        for bad in ["4MB", "4", "MiB", "4 MiB", "4mib", "18446744073709551615GiB"] {
            assert_eq!(parse_bytes(bad), None, "{bad}");
        }
    }
}

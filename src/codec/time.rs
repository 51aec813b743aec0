//! Times as partners write them (T2), and as we show them.
//!
//! RFC 3339 with an offset, by hand: prices come by the hundred thousand a second. Years 0000 to
//! 9999, fractions of up to nine digits (cut to microseconds). A leap second is refused by name
//! rather than moved. Suffixes of RFC 9557 are passed over, unless one is marked as critical.

use crate::domain::{Decimal, Micros, TimeFormat};

const EXAMPLE: &str = "2026-11-24T03:10:00Z or 2026-11-24T04:10:00+01:00";
const SECONDS_OF_DAY: i64 = 86_400;
/// 0000-01-01T00:00:00Z and the last microsecond of 9999.
const FIRST: i64 = -62_167_219_200 * Micros::SECOND;
const LAST: i64 = 253_402_300_800 * Micros::SECOND - 1;

/// Why a time is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{hint}")]
pub struct TimeError {
    /// `time_format` or `leap_second`.
    pub code: &'static str,
    /// What to send instead, with an example.
    pub hint: String,
}

/// Reads the text of a time: a string's value, or a number's source text. Errs where it is not of the
/// format, or no time that there is.
pub fn parse(text: &str, format: TimeFormat) -> Result<Micros, TimeError> {
    let per_second = match format {
        TimeFormat::Rfc3339 => return rfc3339(text),
        TimeFormat::UnixSeconds => 1,
        TimeFormat::UnixMillis => 1_000,
        TimeFormat::UnixMicros => Micros::SECOND,
    };
    unix(text, i128::from(Micros::SECOND / per_second)).ok_or_else(|| {
        let example = 1_795_489_800i64 * per_second;
        wrong(&format!(
            "send the time as a number since 1970-01-01T00:00:00Z in the mapping's unit, such as {example}"
        ))
    })
}

fn wrong(hint: &str) -> TimeError {
    TimeError { code: "time_format", hint: hint.to_owned() }
}

fn rfc3339(text: &str) -> Result<Micros, TimeError> {
    let refused = || {
        let plain_number =
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
        let dated = text.len() > 10 && date(text.as_bytes()).is_some();
        wrong(&match (plain_number, dated) {
            (_, true) => format!("send the time with seconds and an offset from UTC, such as {EXAMPLE}"),
            (true, _) => format!("numbers are no times here: send RFC 3339, such as {EXAMPLE}"),
            _ => format!("send a time of RFC 3339, such as {EXAMPLE}, or a date"),
        })
    };
    let bytes = text.as_bytes();
    let day = date(bytes).ok_or_else(refused)?;
    if bytes.len() == 10 {
        return Ok(Micros(day * SECONDS_OF_DAY * Micros::SECOND));
    }
    let (second_of_day, leap) = clock_time(&bytes[10..]).ok_or_else(refused)?;
    if leap {
        let hint = "leap seconds are not taken: send second 59, or 00 of the next minute".to_owned();
        return Err(TimeError { code: "leap_second", hint });
    }
    let (micros, rest) = fraction(&bytes[19..]).ok_or_else(refused)?;
    let (offset, rest) = offset(rest).ok_or_else(refused)?;
    if !suffix_is_harmless(rest) {
        return Err(wrong("leave out the suffix in brackets: only the offset is read"));
    }
    let seconds = day * SECONDS_OF_DAY + second_of_day - offset;
    let at = seconds * Micros::SECOND + micros;
    if (FIRST..=LAST).contains(&at) { Ok(Micros(at)) } else { Err(refused()) }
}

/// Two digits as a number.
fn two(bytes: &[u8]) -> Option<i64> {
    let digit = |b: u8| b.is_ascii_digit().then(|| i64::from(b - b'0'));
    Some(digit(*bytes.first()?)? * 10 + digit(*bytes.get(1)?)?)
}

/// Days since 1970 of a text that begins `YYYY-MM-DD`.
fn date(bytes: &[u8]) -> Option<i64> {
    let year = two(bytes)? * 100 + two(bytes.get(2..)?)?;
    let month = two(bytes.get(5..)?)?;
    let day = two(bytes.get(8..)?)?;
    if bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    days_from_civil(year, month, day)
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar; `None` where there is no such day.
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // The year is taken to begin in March: the leap day is then its last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// `Thh:mm:ss` as seconds of the day, and whether it names a leap second.
fn clock_time(bytes: &[u8]) -> Option<(i64, bool)> {
    if bytes.len() < 9 || !matches!(bytes[0], b'T' | b't' | b' ') || bytes[3] != b':' || bytes[6] != b':' {
        return None;
    }
    let (hour, minute, second) = (two(&bytes[1..])?, two(&bytes[4..])?, two(&bytes[7..])?);
    let sound = hour < 24 && minute < 60 && second <= 60;
    sound.then_some((hour * 3_600 + minute * 60 + second, second == 60))
}

/// Microseconds of a fraction, if there is one, and what follows.
fn fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = bytes.strip_prefix(b".") else { return Some((0, bytes)) };
    let count = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    if !(1..=9).contains(&count) {
        return None;
    }
    let padded = digits[..count].iter().chain(std::iter::repeat(&b'0'));
    let micros = padded.take(6).fold(0, |sum, &b| sum * 10 + i64::from(b - b'0'));
    Some((micros, &digits[count..]))
}

/// Seconds east of UTC, and what follows.
fn offset(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let sign = match bytes.first()? {
        b'Z' | b'z' => return Some((0, &bytes[1..])),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = (two(bytes.get(1..)?)?, two(bytes.get(4..)?)?);
    let sound = bytes[3] == b':' && hours < 24 && minutes < 60;
    sound.then(|| (sign * (hours * 3_600 + minutes * 60), &bytes[6..]))
}

/// Whether only suffixes follow that may be passed over (RFC 9557), such as `[Europe/Zurich]`.
fn suffix_is_harmless(mut rest: &[u8]) -> bool {
    while let Some(inner) = rest.strip_prefix(b"[") {
        let Some(end) = inner.iter().position(|&b| b == b']') else { return false };
        let allowed = |b: &u8| b.is_ascii_alphanumeric() || b"._+-/=".contains(b);
        if end == 0 || !inner[..end].iter().all(allowed) {
            return false;
        }
        rest = &inner[end + 1..];
    }
    rest.is_empty()
}

/// Digits after the point beyond which a number of any unit says nothing of microseconds.
const UNIX_SCALE_MAX: u8 = 12;

/// A number of a unit that is `micros_each` long, exactly; what is finer than a microsecond is cut.
fn unix(text: &str, micros_each: i128) -> Option<Micros> {
    // whole numbers, which nearly all are, need no exact arithmetic
    if text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let at = i64::try_from(text.parse::<i128>().ok()? * micros_each).ok()?;
        return (FIRST..=LAST).contains(&at).then_some(Micros(at));
    }
    let (mantissa, scale) = Decimal::parse(text).ok()?.parts();
    let kept = scale.min(UNIX_SCALE_MAX);
    // a power of ten that fits no number is above every mantissa
    let cut = 10i128.checked_pow(u32::from(scale - kept)).unwrap_or(i128::MAX);
    let scaled = mantissa.div_euclid(cut).checked_mul(micros_each)?;
    let micros = scaled.div_euclid(10i128.pow(u32::from(kept)));
    let at = i64::try_from(micros).ok()?;
    (FIRST..=LAST).contains(&at).then_some(Micros(at))
}

/// Reads an HTTP date (RFC 9110): the form of today, and the two that went before it; `None` for any
/// other text. The weekday says nothing that the date does not say, so it is passed over.
pub fn parse_http_date(text: &str) -> Option<Micros> {
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let (day, month, year, clock) = match words.as_slice() {
        // Sun, 06 Nov 1994 08:49:37 GMT
        [_, day, month, year, clock, "GMT"] => (*day, *month, number(year, 4)?, *clock),
        // Sunday, 06-Nov-94 08:49:37 GMT
        [_, date, clock, "GMT"] => {
            let mut parts = date.split('-');
            let (day, month, year) = (parts.next()?, parts.next()?, number(parts.next()?, 2)?);
            (day, month, if year < 70 { 2000 + year } else { 1900 + year }, *clock)
        }
        // Sun Nov  6 08:49:37 1994
        [_, month, day, clock, year] => (*day, *month, number(year, 4)?, *clock),
        _ => return None,
    };
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let days = days_from_civil(year, month, number(day, day.len().clamp(1, 2))?)?;
    if clock.len() != 8 {
        return None;
    }
    let (second_of_day, _) = clock_time(format!("T{clock}").as_bytes())?;
    Some(Micros((days * SECONDS_OF_DAY + second_of_day) * Micros::SECOND))
}

fn number(text: &str, length: usize) -> Option<i64> {
    let plain = text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// The time as `2026-11-24T03:10:00.123456Z`; without fraction where that is zero. What lies
/// outside the years 0000–9999 is shown as their first or last microsecond; `Micros::BEGINNING`
/// means "never", and is for callers to leave out.
pub fn format(at: Micros) -> String {
    let mut out = Vec::with_capacity(27);
    write(&mut out, at);
    String::from_utf8(out).expect("digits and punctuation")
}

/// The same of a time that may lie before all that can be written, as that of what an undated file said
/// first (T3): then `None`.
pub fn format_known(at: Micros) -> Option<String> {
    is_known(at).then(|| format(at))
}

/// Whether the time is one that can be written, and not before all of them.
pub fn is_known(at: Micros) -> bool {
    at.0 >= FIRST
}

/// As `format`, appended.
pub fn write(out: &mut Vec<u8>, at: Micros) {
    let micros = at.0.clamp(FIRST, LAST);
    let (seconds, fraction) = (micros.div_euclid(Micros::SECOND), micros.rem_euclid(Micros::SECOND));
    let (year, month, day) = civil_from_days(seconds.div_euclid(SECONDS_OF_DAY));
    let second_of_day = seconds.rem_euclid(SECONDS_OF_DAY);
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    put(&mut text[..4], year);
    put(&mut text[5..7], month);
    put(&mut text[8..10], day);
    put(&mut text[11..13], second_of_day / 3_600);
    put(&mut text[14..16], second_of_day / 60 % 60);
    put(&mut text[17..19], second_of_day % 60);
    if fraction == 0 {
        out.extend_from_slice(&text[..19]);
        return out.push(b'Z');
    }
    put(&mut text[20..26], fraction);
    out.extend_from_slice(&text);
}

fn put(place: &mut [u8], mut number: i64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    fn rfc(text: &str) -> Option<i64> {
        parse(text, TimeFormat::Rfc3339).ok().map(|at| at.0)
    }

    #[test]
    fn t2_times_with_an_offset_and_dates_are_read() {
        let base = 1_795_489_800 * Micros::SECOND;
        for (text, at) in [
            ("2026-11-24T03:10:00Z", base),
            ("2026-11-24t03:10:00z", base),
            ("2026-11-24 03:10:00+00:00", base),
            ("2026-11-24T03:10:00-00:00", base),
            ("2026-11-24T04:10:00+01:00", base),
            ("2026-11-23T21:40:00-05:30", base),
            ("2026-11-24T03:10:00.5Z", base + 500_000),
            ("2026-11-24T03:10:00.123456789Z", base + 123_456),
            ("2026-11-24T04:10:00+01:00[Europe/Zurich][u-ca=iso8601]", base),
            ("2026-11-24", base - 11_400 * Micros::SECOND),
            ("1970-01-01T00:00:00Z", 0),
            ("0000-01-01T00:00:00Z", FIRST),
            ("9999-12-31T23:59:59.999999Z", LAST),
            ("2024-02-29", 1_709_164_800 * Micros::SECOND),
        ] {
            assert_eq!(rfc(text), Some(at), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_time_is_refused_with_an_example() {
        for text in [
            "",
            "now",
            "2026-11-24T03:10:00",
            "2026-11-24T03:10Z",
            "2026-11-24T24:00:00Z",
            "2026-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-11-00",
            "26-11-24",
            "2026-11-24T03:10:00+0100",
            "20261124",
            "2026-11-24T03:10:00.Z",
            "2026-11-24T03:10:00.1234567890Z",
            "2026-11-24T03:10:00,5Z",
            "1795489800",
            "2026-11-24T03:10:00+24:00",
            "2026-11-24T03:10:00Z ",
            "2026-11-24T03:10:00Z[",
            "2026-11-24T03:10:00Z[]",
            "2026-11-24T03:10:00Z[!u-ca=hebrew]",
            "0000-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "2026-11-24T03:60:00Z",
            "２026-11-24T03:10:00Z",
            "-2026-11-24",
            "2026-11-24T",
        ] {
            let error = parse(text, TimeFormat::Rfc3339).expect_err(text);
            assert_eq!(error.code, "time_format", "{text}");
        }
        let error = parse("2026-11-24T03:10:00", TimeFormat::Rfc3339).unwrap_err();
        assert!(error.hint.contains("offset") && error.hint.contains("2026-11-24T03:10:00Z"));
        let leap = parse("2016-12-31T23:59:60Z", TimeFormat::Rfc3339).unwrap_err();
        assert_eq!(leap.code, "leap_second");
    }

    #[test]
    fn numbers_are_read_in_the_unit_that_the_mapping_names() {
        for (text, format, at) in [
            ("1795489800", TimeFormat::UnixSeconds, 1_795_489_800_000_000),
            ("1795489800.5", TimeFormat::UnixSeconds, 1_795_489_800_500_000),
            ("1.7954898e9", TimeFormat::UnixSeconds, 1_795_489_800_000_000),
            ("1795489800123", TimeFormat::UnixMillis, 1_795_489_800_123_000),
            ("-1", TimeFormat::UnixMicros, -1),
            ("-0.0000001", TimeFormat::UnixSeconds, -1),
            ("1795489800.1234567890123456789012345678", TimeFormat::UnixSeconds, 1_795_489_800_123_456),
            ("1.7954898001234567890123456789012345678e9", TimeFormat::UnixSeconds, 1_795_489_800_123_456),
            ("1e-60", TimeFormat::UnixSeconds, 0),
            ("-1e-60", TimeFormat::UnixSeconds, -1),
            ("-0.00000099999999999999999999999999999999999999", TimeFormat::UnixSeconds, -1),
        ] {
            assert_eq!(parse(text, format), Ok(Micros(at)), "{text}");
        }
        let long = "9".repeat(38);
        for text in ["", "x", "2026-11-24", "1e30", "99999999999999", "1e37", &long, &format!("-{long}")] {
            assert_eq!(parse(text, TimeFormat::UnixSeconds).unwrap_err().code, "time_format", "{text}");
        }
    }

    #[test]
    fn http_dates_come_in_three_forms() {
        let at = Some(Micros(784_111_777 * Micros::SECOND));
        for text in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(parse_http_date(text), at, "{text}");
        }
        for text in ["", "garbage", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET", "0"] {
            assert_eq!(parse_http_date(text), None, "{text}");
        }
    }

    /// Servers that build the line by hand get these wrong; the time is beyond doubt.
    #[test]
    fn an_http_date_with_a_foreign_or_wrong_weekday_or_a_short_day_is_read() {
        for text in
            ["So, 06 Nov 1994 08:49:37 GMT", "Mon, 06 Nov 1994 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT"]
        {
            assert_eq!(parse_http_date(text), Some(Micros(784_111_777 * Micros::SECOND)), "{text}");
            assert!(httpdate::parse_http_date(text).is_err(), "{text}: the crate would do as well");
        }
    }

    proptest! {
        #[test]
        fn what_the_httpdate_crate_reads_is_read_as_the_same_time(
            at in 0..LAST / Micros::SECOND,
            text in "(Sun|Mon|Tue|Wed|Thu|Fri|Sat), [0-3][0-9] (Jan|Feb|Dec) 20[0-9]{2} [0-2][0-9]:[0-6][0-9]:[0-6][0-9] GMT",
        ) {
            let seconds = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
            let written = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(at as u64));
            prop_assert_eq!(parse_http_date(&written), Some(Micros(at * Micros::SECOND)));
            if let Ok(read) = httpdate::parse_http_date(&text) {
                prop_assert_eq!(parse_http_date(&text), Some(Micros(seconds(read) * Micros::SECOND)));
            }
        }

        #[test]
        fn times_come_back_and_agree_with_jiff(at in FIRST / 2..LAST / 2) {
            let shown = format(Micros(at));
            prop_assert_eq!(rfc(&shown), Some(at));
            let oracle: jiff::Timestamp = shown.parse().unwrap();
            prop_assert_eq!(oracle.as_microsecond(), at);
        }

        #[test]
        fn any_text_is_read_or_refused_without_panic(text: String, tail in "[-T:.Z+0-9 \\[\\]]{0,30}") {
            let _ = rfc(&text);
            let _ = rfc(&std::format!("2026-11-24{tail}"));
            let _ = parse_http_date(&text);
            let _ = parse(&tail, TimeFormat::UnixMillis);
        }
    }
}

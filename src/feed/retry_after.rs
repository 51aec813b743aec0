//! `Retry-After`: seconds or an HTTP date (RFC 9110 §10.2.3), held within sane bounds.

use crate::codec::time::parse_http_date;
use crate::domain::Micros;
use std::time::Duration;

/// A server that asks for less is asked again after this.
pub const SHORTEST: Duration = Duration::from_secs(1);
/// A feed is due daily at most times; beyond that its server's wish is not ours.
pub const LONGEST: Duration = Duration::from_secs(24 * 3_600);

/// How long to wait, or `None` for what is neither seconds nor a date: then the own back-off holds.
pub fn parse(value: &str, now: Micros) -> Option<Duration> {
    let value = value.trim_matches([' ', '\t']);
    let wish = seconds(value).or_else(|| until(value, now))?;
    Some(wish.clamp(SHORTEST, LONGEST))
}

/// Digits only: a sign, a fraction or an exponent is not a number of seconds.
fn seconds(value: &str) -> Option<Duration> {
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| value.parse().map_or(LONGEST, Duration::from_secs))
}

fn until(value: &str, now: Micros) -> Option<Duration> {
    let at = parse_http_date(value)?;
    // a time that has passed means now: nothing is waited for it
    Some(Duration::from_micros(at.since(now).unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 1994-11-06T08:49:37Z, the example of RFC 9110.
    const NOW: Micros = Micros(784_111_777 * Micros::SECOND);

    #[test]
    fn a14_seconds_and_dates_are_read_and_held_between_a_second_and_a_day_and_the_past_means_now() {
        let cases = [
            ("120", Some(120)),
            (" 7\t", Some(7)),
            ("0", Some(1)),
            ("315360000", Some(86_400)),
            ("99999999999999999999999999", Some(86_400)),
            ("Sun, 06 Nov 1994 08:51:37 GMT", Some(120)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(1)),
            ("Sat, 05 Nov 1994 08:49:37 GMT", Some(1)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(1)),
            ("Sat, 06 Nov 2004 08:49:37 GMT", Some(86_400)),
            ("-5", None),
            ("+5", None),
            ("1.5", None),
            ("1e3", None),
            ("", None),
            ("soon", None),
            ("١٢", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text, NOW), expected.map(Duration::from_secs), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a14_any_text_gives_nothing_or_a_wait_within_bounds(text in ".{0,40}", now in any::<i64>()) {
            if let Some(wait) = parse(&text, Micros(now)) {
                prop_assert!((SHORTEST..=LONGEST).contains(&wait));
            }
        }
    }
}

//! When a feed that has failed is tried again, and when its server is left alone.
//!
//! Retries are spread at random over the whole of their wait, so that feeds of one server that failed
//! together do not come back together. A feed that goes on failing opens its circuit: one fetch at a
//! time finds out whether the server is back, each after twice the wait of the last.

use crate::domain::GoneFeed;
use std::time::Duration;

/// Between two tries that open circuits make.
const PAUSE_MAX: Duration = Duration::from_secs(86_400);
/// No retry comes sooner.
const RETRY_MIN: Duration = Duration::from_secs(1);
/// A server that says "for ever" so many times in a row is believed (A13).
const GONE_MAX: u32 = 3;

/// What the wait after a failure depends on.
#[derive(Clone, Copy, Debug)]
pub struct FailureQuestion<'a> {
    /// Until the next regular fetch.
    pub regular: Duration,
    /// Waits before retries, one after another.
    pub retries: &'a [Duration],
    /// Failures since the last success, this one included.
    pub failures: u32,
    /// Why the run has failed.
    pub code: &'a str,
    /// What the server asked for (`Retry-After`).
    pub retry_after: Option<Duration>,
    /// So many failures open the circuit.
    pub circuit_failures: u32,
    /// For so long at first.
    pub circuit_pause: Duration,
    /// A random number in 0.0..1.0.
    pub chance: f64,
}

/// Whether the server is left alone but for single tries.
pub fn is_open(failures: u32, circuit_failures: u32) -> bool {
    failures >= circuit_failures
}

/// What is known of a feed at `url` after its server has said that it is gone.
pub fn gone_again(known: Option<GoneFeed>, url: &str) -> GoneFeed {
    let before = known.filter(|gone| gone.url == url).map_or(0, |gone| gone.times);
    GoneFeed { url: url.to_owned(), times: before.saturating_add(1) }
}

/// Whether a feed at `url` is fetched only when somebody asks for it (A13).
pub fn is_given_up(known: Option<&GoneFeed>, url: &str) -> bool {
    known.is_some_and(|gone| gone.url == url && gone.times >= GONE_MAX)
}

/// How long to wait from the end of a failed run to the next one.
pub fn wait_after(question: FailureQuestion<'_>) -> Duration {
    let FailureQuestion { regular, retries, failures, chance, .. } = question;
    // who was refused once is refused again, and who knocks on is shut out (A16)
    let may_retry = !matches!(question.code, "auth_failed" | "credentials_missing" | "gone");
    let retry = retries.get((failures as usize).wrapping_sub(1)).filter(|_| may_retry);
    let wait = match retry {
        _ if is_open(failures, question.circuit_failures) => regular.max(pause(&question)),
        Some(retry) => retry.mul_f64(chance.clamp(0.0, 1.0)).max(RETRY_MIN).min(regular),
        None => regular,
    };
    match question.retry_after {
        // not all at the very moment that the server named
        Some(asked) => wait.max(asked.mul_f64(1.0 + chance.clamp(0.0, 1.0) / 10.0)),
        None => wait,
    }
}

/// Twice as long with each failure behind the one that opened the circuit; the second half at random.
fn pause(question: &FailureQuestion<'_>) -> Duration {
    let doublings = (question.failures - question.circuit_failures).min(20);
    let whole = question.circuit_pause.saturating_mul(1 << doublings).min(PAUSE_MAX);
    whole.mul_f64(0.5 + question.chance.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3_600);

    fn question(failures: u32) -> FailureQuestion<'static> {
        const RETRIES: &[Duration] =
            &[Duration::from_secs(60), Duration::from_secs(300), Duration::from_secs(900)];
        FailureQuestion {
            regular: MINUTE * 30,
            retries: RETRIES,
            failures,
            code: "timeout",
            retry_after: None,
            circuit_failures: 5,
            circuit_pause: HOUR,
            chance: 1.0,
        }
    }

    #[test]
    fn a15_retries_are_spread_over_the_whole_of_their_wait_and_then_come_at_the_regular_time() {
        let at = |failures, chance| wait_after(FailureQuestion { chance, ..question(failures) }).as_secs();
        assert_eq!([1, 2, 3, 4].map(|failures| at(failures, 1.0)), [60, 300, 900, 1_800]);
        assert_eq!([1, 2, 3, 4].map(|failures| at(failures, 0.5)), [30, 150, 450, 1_800]);
        assert_eq!([1, 2, 3, 4].map(|failures| at(failures, 0.0)), [1, 1, 1, 1_800]);
        let often = FailureQuestion { regular: Duration::from_secs(5), ..question(2) };
        assert_eq!(wait_after(often).as_secs(), 5, "never later than the regular fetch");
    }

    #[test]
    fn a15_an_open_circuit_tries_once_after_each_twice_as_long_pause_up_to_a_day() {
        let at = |failures, chance| wait_after(FailureQuestion { chance, ..question(failures) });
        assert_eq!([5, 6, 7].map(|failures| at(failures, 1.0)), [HOUR, HOUR * 2, HOUR * 4]);
        assert_eq!((at(5, 0.0), at(6, 0.0)), (HOUR / 2, HOUR));
        assert_eq!((at(30, 1.0), at(u32::MAX, 1.0)), (PAUSE_MAX, PAUSE_MAX));
        let daily = FailureQuestion { regular: HOUR * 48, ..question(5) };
        assert_eq!(wait_after(daily), HOUR * 48, "never sooner than the regular fetch");
        let touchy = FailureQuestion { circuit_failures: 1, ..question(1) };
        assert_eq!(wait_after(touchy), HOUR);
        assert!(is_open(5, 5) && !is_open(4, 5));
    }

    #[test]
    fn a14_the_server_s_own_wish_is_the_least_that_is_waited_and_not_to_the_second() {
        let asked = FailureQuestion { retry_after: Some(HOUR * 2), ..question(1) };
        assert_eq!(wait_after(FailureQuestion { chance: 0.0, ..asked }), HOUR * 2);
        assert_eq!(wait_after(asked), HOUR * 2 + MINUTE * 12);
        let short = FailureQuestion { retry_after: Some(Duration::from_secs(7)), ..question(1) };
        assert_eq!(wait_after(short), MINUTE);
    }

    #[test]
    fn a13_a_server_that_says_gone_three_times_in_a_row_is_believed_of_that_address() {
        let (here, there) = ("https://a.example/", "https://b.example/");
        let mut known = None;
        for times in 1..=4 {
            known = Some(gone_again(known, here));
            assert_eq!(is_given_up(known.as_ref(), here), times >= 3, "{times} times");
        }
        assert!(!is_given_up(known.as_ref(), there) && !is_given_up(None, here));
        assert_eq!(gone_again(known, there).times, 1);
    }

    #[test]
    fn a16_who_is_refused_does_not_knock_again_before_the_regular_time() {
        for code in ["auth_failed", "credentials_missing", "gone"] {
            assert_eq!(
                wait_after(FailureQuestion { code, chance: 0.0, ..question(1) }),
                MINUTE * 30,
                "{code}"
            );
        }
        assert_eq!(
            wait_after(FailureQuestion { code: "not_found", ..question(1) }),
            MINUTE,
            "A12: it may come back"
        );
    }
}

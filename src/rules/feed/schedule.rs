//! When a feed is fetched next: at its interval, moved by jitter; sooner after a failure.

use std::time::Duration;

/// What the next fetch depends on.
#[derive(Clone, Copy, Debug)]
pub struct ScheduleQuestion<'a> {
    /// From the start of one fetch to the start of the next.
    pub every: Duration,
    /// Share of the wait by which it is moved, both ways together (0.0–0.5).
    pub jitter: f64,
    /// Waits after failures, one after another.
    pub retries: &'a [Duration],
    /// Failures since the last success.
    pub failures: u32,
    /// What the server asked for (`Retry-After`).
    pub retry_after: Option<Duration>,
    /// A random number in 0.0..1.0.
    pub chance: f64,
}

/// How long to wait from the end of a run to the next fetch.
pub fn next_wait(question: ScheduleQuestion<'_>) -> Duration {
    let retry = match question.failures {
        0 => None,
        failures => question.retries.get(failures as usize - 1).copied(),
    };
    let wait = retry.map_or(question.every, |retry| retry.min(question.every));
    let wait = if question.failures > 0 { wait.max(question.retry_after.unwrap_or_default()) } else { wait };
    let share = 1.0 + question.jitter * (question.chance - 0.5);
    wait.mul_f64(share.clamp(0.5, 1.5))
}

/// How long to wait before the first fetch after a start: soon, but not all feeds at once.
pub fn first_wait(feeds: usize, chance: f64) -> Duration {
    let spread = Duration::from_millis(2).saturating_mul(u32::try_from(feeds).unwrap_or(u32::MAX));
    spread.min(Duration::from_secs(30)).mul_f64(chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn question(failures: u32) -> ScheduleQuestion<'static> {
        const RETRIES: &[Duration] =
            &[Duration::from_secs(60), Duration::from_secs(300), Duration::from_secs(900)];
        ScheduleQuestion {
            every: DAY,
            jitter: 0.0,
            retries: RETRIES,
            failures,
            retry_after: None,
            chance: 0.5,
        }
    }

    #[test]
    fn a_failed_feed_is_tried_again_after_one_five_and_fifteen_minutes_then_at_its_time() {
        let waits: Vec<u64> = (0..5).map(|failures| next_wait(question(failures)).as_secs()).collect();
        assert_eq!(waits, [86_400, 60, 300, 900, 86_400]);
    }

    #[test]
    fn a_retry_never_waits_longer_than_the_interval_nor_shorter_than_the_server_asked() {
        let often = ScheduleQuestion { every: Duration::from_secs(5), ..question(2) };
        assert_eq!(next_wait(often).as_secs(), 5);
        let asked = ScheduleQuestion { retry_after: Some(Duration::from_secs(120)), ..question(1) };
        assert_eq!(next_wait(asked).as_secs(), 120);
        let asked_before = ScheduleQuestion { failures: 0, ..asked };
        assert_eq!(next_wait(asked_before), DAY);
        let minutely = ScheduleQuestion { every: Duration::from_secs(60), ..asked_before };
        assert_eq!(next_wait(minutely).as_secs(), 60, "the server asked while it failed, and no longer");
    }

    #[test]
    fn first_fetches_are_spread_by_the_number_of_feeds_but_over_half_a_minute_at_most() {
        assert_eq!(first_wait(10, 1.0), Duration::from_millis(20));
        assert_eq!(first_wait(10, 0.5), Duration::from_millis(10));
        assert_eq!(first_wait(1_000_000, 1.0), Duration::from_secs(30));
    }

    #[test]
    fn jitter_moves_a_fetch_by_at_most_its_share() {
        for chance in [0.0, 0.3, 0.999] {
            let wait = next_wait(ScheduleQuestion { jitter: 0.1, chance, ..question(0) });
            assert!(wait >= DAY.mul_f64(0.95) && wait <= DAY.mul_f64(1.05), "{wait:?}");
        }
    }
}

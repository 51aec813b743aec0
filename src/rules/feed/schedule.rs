//! When a feed is fetched next: at its interval, moved by jitter. After a failure: see `circuit`.

use std::time::Duration;

/// What the next fetch depends on.
#[derive(Clone, Copy, Debug)]
pub struct ScheduleQuestion {
    /// From the start of one fetch to the start of the next.
    pub every: Duration,
    /// Share of the wait by which it is moved, both ways together (0.0–0.5).
    pub jitter: f64,
    /// A random number in 0.0..1.0.
    pub chance: f64,
}

/// How long to wait from the end of a run to the next fetch.
pub fn next_wait(question: ScheduleQuestion) -> Duration {
    let share = 1.0 + question.jitter * (question.chance - 0.5);
    question.every.mul_f64(share.clamp(0.5, 1.5))
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

    #[test]
    fn first_fetches_are_spread_by_the_number_of_feeds_but_over_half_a_minute_at_most() {
        assert_eq!(first_wait(10, 1.0), Duration::from_millis(20));
        assert_eq!(first_wait(10, 0.5), Duration::from_millis(10));
        assert_eq!(first_wait(1_000_000, 1.0), Duration::from_secs(30));
    }

    #[test]
    fn jitter_moves_a_fetch_by_at_most_its_share() {
        for chance in [0.0, 0.3, 0.999] {
            let wait = next_wait(ScheduleQuestion { every: DAY, jitter: 0.1, chance });
            assert!(wait >= DAY.mul_f64(0.95) && wait <= DAY.mul_f64(1.05), "{wait:?}");
        }
    }
}

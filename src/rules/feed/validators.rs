//! How far a server's validators are believed.
//!
//! Most servers make them of the file's time in whole seconds, and some of nothing else: a file that
//! changes twice in one second, or that comes back with an old time, keeps its validators and has other
//! content. So a young validator is not kept, a body is fetched whole now and then whatever its
//! validators say, and one that was seen to lie is never sent again.

use crate::domain::{FeedState, Micros};
use std::time::Duration;

/// A file that was changed less than this before it was sent may change again without a sign of it.
const SETTLED_MICROS: i64 = 2 * Micros::SECOND;

/// Whether a file of that `Last-Modified` had stood still when it was sent, by the clock of its server.
/// A time that is not there says nothing against its tag.
pub fn is_settled(last_modified: Option<Micros>, sent_at: Micros) -> bool {
    last_modified.is_none_or(|at| sent_at.since(at) >= SETTLED_MICROS)
}

/// How often a body is fetched whole, whatever its validators say.
#[derive(Clone, Copy, Debug)]
pub struct WholeFetches {
    /// At least every so many fetches.
    pub every: u32,
    /// And after so long.
    pub after: Duration,
}

impl WholeFetches {
    /// Whether the fetch that starts now has to be one.
    pub fn is_due(&self, state: &FeedState, now: Micros) -> bool {
        let Some(whole_at) = state.whole_at.map(Micros) else { return true };
        // an eighth earlier, so that the jitter of a daily schedule makes it no two days
        let after = i64::try_from(self.after.as_micros()).unwrap_or(i64::MAX);
        let is_old = now.since(whole_at) >= after - after / 8;
        is_old || state.unmodified_in_row.saturating_add(1) >= self.every
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * Micros::HOUR;
    const NOW: Micros = Micros(100 * DAY);

    #[test]
    fn a11_a_file_settles_two_seconds_after_it_was_changed_and_one_from_the_future_never() {
        let before = |micros: i64| is_settled(Some(NOW.plus(-micros)), NOW);
        assert!(before(2 * Micros::SECOND) && before(DAY));
        assert!(!before(2 * Micros::SECOND - 1) && !before(0) && !before(-Micros::SECOND));
        assert!(is_settled(None, NOW));
    }

    #[test]
    fn a11_a_whole_body_is_due_by_count_or_by_age_whichever_comes_first() {
        let whole = WholeFetches { every: 24, after: Duration::from_secs(86_400) };
        let state = |age: i64, unmodified_in_row| FeedState {
            whole_at: Some(NOW.0 - age),
            unmodified_in_row,
            ..FeedState::default()
        };
        assert!(whole.is_due(&FeedState::default(), NOW), "none was ever fetched");
        assert!(!whole.is_due(&state(Micros::HOUR, 0), NOW) && !whole.is_due(&state(Micros::HOUR, 22), NOW));
        assert!(whole.is_due(&state(Micros::HOUR, 23), NOW), "the 24th");
        assert!(!whole.is_due(&state(21 * Micros::HOUR - 1, 0), NOW));
        assert!(whole.is_due(&state(21 * Micros::HOUR, 0), NOW), "tomorrow's is too late");
    }
}

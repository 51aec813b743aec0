//! The delete guard (F4): more deletes than a healthy feed makes are held, not applied.

use crate::domain::{FeedState, Micros};

/// Accepted counts that the baseline is the median of.
pub const BASELINE_RUNS: usize = 7;
const DAY_FACTOR: u64 = 2;
const WEEK_FACTOR: u64 = 4;
/// Limits are counted in parts of a delete, so that twice an odd limit loses no half.
const PARTS: u64 = 40;

/// Whether a run's deletes may be applied without a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardDecision {
    /// They are few enough.
    Pass,
    /// They wait for an operator as a plan.
    Held {
        /// What the file is measured by.
        baseline: u64,
        /// Deletes that would have passed.
        allowed: u64,
    },
}

/// One run's deletes against what F4 allows.
#[derive(Clone, Copy, Debug)]
pub struct GuardQuestion {
    /// Assets that the file lacks.
    pub deletes: u64,
    /// Living assets now.
    pub living: u64,
    /// The snapshot holds no record at all.
    pub empty: bool,
    /// The envelope says that empty is meant.
    pub allow_empty: bool,
    /// The time of the decision.
    pub now: Micros,
}

/// F4 for one run.
pub fn decide(question: GuardQuestion, state: &FeedState) -> GuardDecision {
    if question.deletes == 0 {
        return GuardDecision::Pass;
    }
    let doubled = doubled_baseline(state, question.living);
    let baseline = doubled.div_ceil(2);
    if question.empty {
        let meant = question.allow_empty;
        return if meant { GuardDecision::Pass } else { GuardDecision::Held { baseline, allowed: 0 } };
    }
    let per_run = allowance(doubled);
    let within = |span: i64| -> u64 {
        let recent = state.deletes.iter().filter(|(at, _)| *at > question.now.0 - span);
        PARTS * recent.map(|(_, count)| count).sum::<u64>()
    };
    let left_today = (per_run * DAY_FACTOR).saturating_sub(within(Micros::DAY));
    let left_this_week = (per_run * WEEK_FACTOR).saturating_sub(within(7 * Micros::DAY));
    let allowed = per_run.min(left_today).min(left_this_week) / PARTS;
    if question.deletes <= allowed { GuardDecision::Pass } else { GuardDecision::Held { baseline, allowed } }
}

/// Median count of the last accepted runs; without one, the number of living assets.
pub fn baseline(state: &FeedState, living: u64) -> u64 {
    doubled_baseline(state, living).div_ceil(2)
}

/// Twice the baseline, so that a median between two counts stays whole.
fn doubled_baseline(state: &FeedState, living: u64) -> u64 {
    let mut counts = state.accepted_counts.clone();
    if counts.is_empty() {
        return 2 * living;
    }
    counts.sort_unstable();
    counts[(counts.len() - 1) / 2] + counts[counts.len() / 2]
}

/// The greater of 5 % of the baseline, and 10 % of it between 2 and 20; in parts.
fn allowance(doubled: u64) -> u64 {
    doubled.max((2 * doubled).clamp(2 * PARTS, 20 * PARTS))
}

/// Remembers an accepted run's count, and forgets what F4 no longer looks at.
pub fn remember(state: &mut FeedState, records: u64, deletes: u64, now: Micros) {
    state.accepted_counts.push(records);
    let surplus = state.accepted_counts.len().saturating_sub(BASELINE_RUNS);
    state.accepted_counts.drain(..surplus);
    remember_deletes(state, deletes, now);
}

/// Remembers deletes that were applied without a plan, for the windows of a day and a week.
pub fn remember_deletes(state: &mut FeedState, deletes: u64, now: Micros) {
    if deletes > 0 {
        state.deletes.push((now.0, deletes));
    }
    state.deletes.retain(|(at, _)| *at > now.0 - 7 * Micros::DAY);
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Micros = Micros(100 * Micros::DAY);

    fn question(deletes: u64) -> GuardQuestion {
        GuardQuestion { deletes, living: 0, empty: false, allow_empty: false, now: NOW }
    }

    fn after(counts: &[u64]) -> FeedState {
        FeedState { accepted_counts: counts.to_vec(), ..FeedState::default() }
    }

    #[test]
    fn f4_six_hundred_of_ten_thousand_are_held_and_five_hundred_pass() {
        let state = after(&[10_000; 7]);
        assert_eq!(decide(question(500), &state), GuardDecision::Pass);
        assert_eq!(decide(question(501), &state), GuardDecision::Held { baseline: 10_000, allowed: 500 });
    }

    #[test]
    fn f4_a_small_feed_may_lose_two_and_a_larger_one_a_tenth_up_to_twenty() {
        for (baseline, allowed) in
            [(1, 2), (8, 2), (10, 2), (29, 2), (30, 3), (40, 4), (199, 19), (200, 20), (419, 20), (420, 21)]
        {
            let state = after(&[baseline]);
            assert_eq!(decide(question(allowed), &state), GuardDecision::Pass, "{allowed} of {baseline}");
            assert_eq!(
                decide(question(allowed + 1), &state),
                GuardDecision::Held { baseline, allowed },
                "{} of {baseline}",
                allowed + 1
            );
        }
    }

    #[test]
    fn f4_an_empty_snapshot_is_held_unless_it_is_meant() {
        let empty = GuardQuestion { empty: true, ..question(1) };
        assert!(matches!(decide(empty, &after(&[8])), GuardDecision::Held { .. }));
        assert_eq!(decide(GuardQuestion { allow_empty: true, ..empty }, &after(&[8])), GuardDecision::Pass);
    }

    #[test]
    fn f4_a_day_allows_twice_and_a_week_four_times_as_much() {
        let hours_ago = |hours: i64, count| (NOW.0 - hours * Micros::HOUR, count);
        let mut state = after(&[10_000]);
        state.deletes = vec![hours_ago(23, 500), hours_ago(1, 400)];
        assert_eq!(decide(question(100), &state), GuardDecision::Pass);
        assert!(matches!(decide(question(101), &state), GuardDecision::Held { allowed: 100, .. }));
        state.deletes = vec![hours_ago(24, 900), hours_ago(1, 500)];
        assert_eq!(
            decide(question(500), &state),
            GuardDecision::Pass,
            "a day ago to the hour is no longer today"
        );
        state.deletes = vec![hours_ago(100, 900), hours_ago(60, 900), hours_ago(30, 150)];
        assert_eq!(decide(question(50), &state), GuardDecision::Pass);
        assert!(matches!(decide(question(51), &state), GuardDecision::Held { allowed: 50, .. }));
    }

    #[test]
    fn f4_twice_an_odd_limit_loses_no_half() {
        let mut state = after(&[25]);
        state.deletes = vec![(NOW.0 - Micros::HOUR, 4)];
        assert_eq!(decide(question(1), &state), GuardDecision::Pass, "a tenth of 25 twice is 5");
        assert!(matches!(decide(question(2), &state), GuardDecision::Held { allowed: 1, .. }));
    }

    #[test]
    fn f4_deletes_are_remembered_for_a_week() {
        let mut state = after(&[]);
        remember_deletes(&mut state, 0, NOW);
        assert_eq!(state.deletes, []);
        remember_deletes(&mut state, 3, NOW);
        remember_deletes(&mut state, 2, NOW.plus(7 * Micros::DAY - 1));
        assert_eq!(state.deletes.len(), 2);
        remember_deletes(&mut state, 0, NOW.plus(7 * Micros::DAY));
        assert_eq!(state.deletes, [(NOW.0 + 7 * Micros::DAY - 1, 2)]);
    }

    #[test]
    fn f4_the_baseline_is_the_median_of_the_last_seven() {
        assert_eq!(baseline(&after(&[]), 42), 42);
        assert_eq!(baseline(&after(&[1, 100, 3]), 42), 3);
        assert_eq!(baseline(&after(&[10, 20]), 42), 15);
        let mut state = after(&[1, 2, 3, 4, 5, 6, 7]);
        remember(&mut state, 8, 0, NOW);
        assert_eq!(state.accepted_counts, vec![2, 3, 4, 5, 6, 7, 8]);
    }
}

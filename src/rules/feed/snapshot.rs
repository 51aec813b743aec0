//! The time of a snapshot and whether its run goes on (T3, F5, F7).

use crate::domain::{FeedState, Micros};
use crate::rules::time::source::{ENVELOPE_AHEAD_MAX, is_future};

/// The earliest time a snapshot can carry: above `Stamp::NEVER`, below every write.
pub const EARLIEST: Micros = Micros(i64::MIN + 1);

/// The times that a fetched snapshot offers.
#[derive(Clone, Copy, Debug, Default)]
pub struct SnapshotTimes {
    /// The document's own time.
    pub generated_at: Option<Micros>,
    /// The envelope names a time that cannot be read (T2).
    pub envelope_unread: bool,
    /// The newest `updated_at` of its records.
    pub newest_record: Option<Micros>,
    /// Only where the configuration says that it is the data's time.
    pub last_modified: Option<Micros>,
    /// When its fetch began, by our clock.
    pub fetch_started_at: Micros,
    /// The bytes of the last fetch that was read whole, as where that run was refused or they are to be
    /// read by another mapping: pushes made since they were first fetched are newer than they are.
    pub same_body: bool,
}

/// `S`, or why the run ends here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotDecision {
    /// It is applied.
    Apply {
        /// Its S.
        snapshot: Micros,
        /// Whether S was found by T3, and not by the floor.
        dated: bool,
    },
    /// F5: older than what has been accepted.
    SkippedOlder {
        /// Its S.
        snapshot: Micros,
    },
    /// X4: at or below what has been forgotten.
    OlderThanHistory {
        /// Its S.
        snapshot: Micros,
    },
}

/// T3: the first sane time of the four; F5 on what results. The body, or what it is read by, differs
/// from the last accepted one.
pub fn decide(times: SnapshotTimes, state: &FeedState) -> SnapshotDecision {
    let last = state.last_snapshot_at.map(Micros);
    let history = state.history_floor.map(Micros);
    let lowest = last.max(history);
    let sane =
        |at: Option<Micros>| at.filter(|&at| !is_future(at, times.fetch_started_at, ENVELOPE_AHEAD_MAX));
    if let Some(stated) = sane(times.generated_at) {
        return stated_time(stated, times.fetch_started_at, state);
    }
    if !times.envelope_is_wrong() {
        if let Some(newest) = sane(times.newest_record) {
            return SnapshotDecision::Apply { snapshot: above(lowest, newest), dated: true };
        }
        if let Some(stated) = sane(times.last_modified) {
            return stated_time(stated, times.fetch_started_at, state);
        }
    }
    // one that lies ahead was given by our clock while that was wrong: it says nothing
    let other = if times.same_body { state.floor_before } else { state.floor_at };
    let floor = other.map(Micros).filter(|&floor| floor <= times.fetch_started_at).unwrap_or(EARLIEST);
    SnapshotDecision::Apply { snapshot: above(lowest, floor), dated: false }
}

/// F5: an operator has a snapshot read again, and it keeps the time that it was accepted with.
pub fn decide_again(snapshot: Micros, dated: bool, state: &FeedState) -> SnapshotDecision {
    // all have risen to the last: one above it is from before our clock was put right
    let snapshot = state.last_snapshot_at.map_or(snapshot, |last| snapshot.min(Micros(last)));
    if state.history_floor.is_some_and(|history| snapshot.0 <= history) {
        return SnapshotDecision::OlderThanHistory { snapshot };
    }
    SnapshotDecision::Apply { snapshot, dated }
}

/// A time that the partner states for the whole file is believed, also when it is too old (F5).
/// A partner's clock may be coarse, a date without a time even: any number of files may state the
/// same, and each is raised above the one before, and above what has been forgotten meanwhile.
fn stated_time(stated: Micros, fetch_started_at: Micros, state: &FeedState) -> SnapshotDecision {
    let last = state.last_snapshot_at.map(Micros);
    if state.last_stated_at == Some(stated.0) {
        let lowest = last.max(state.history_floor.map(Micros));
        return SnapshotDecision::Apply { snapshot: above(lowest, stated), dated: true };
    }
    // what no file has stated, and lies ahead, our clock gave while it was wrong
    let given = last.filter(|&last| state.last_dated || last <= fetch_started_at);
    let last_stated = state.last_stated_at.map(Micros).or(given);
    if last_stated.is_some_and(|last| stated < last) {
        return SnapshotDecision::SkippedOlder { snapshot: stated };
    }
    if state.history_floor.is_some_and(|history| stated.0 <= history) {
        return SnapshotDecision::OlderThanHistory { snapshot: stated };
    }
    SnapshotDecision::Apply { snapshot: above(last, stated), dated: true }
}

impl SnapshotTimes {
    /// T2, T4: the envelope's time is there and is not to be believed, so that the run is undated.
    pub fn envelope_is_wrong(&self) -> bool {
        self.envelope_unread || self.envelope_is_ahead()
    }

    /// T4: by more than what clocks differ.
    pub fn envelope_is_ahead(&self) -> bool {
        self.generated_at.is_some_and(|at| is_future(at, self.fetch_started_at, ENVELOPE_AHEAD_MAX))
    }

    /// What the file states of itself as a whole, as far as it is sane.
    pub fn stated(&self) -> Option<Micros> {
        if self.envelope_is_wrong() {
            return None;
        }
        let is_sane = |at: &Micros| !is_future(*at, self.fetch_started_at, ENVELOPE_AHEAD_MAX);
        let header = || self.last_modified.filter(|_| self.newest_record.filter(is_sane).is_none());
        self.generated_at.or_else(|| header().filter(is_sane))
    }
}

/// T3: raised to just above what has been accepted.
fn above(lowest: Option<Micros>, at: Micros) -> Micros {
    match lowest {
        Some(lowest) if at <= lowest => lowest.plus(1),
        _ => at,
    }
}

/// F7: the same bytes as the last accepted run.
pub fn is_same_body(state: &FeedState, body_hash: &str) -> bool {
    state.body_hash.as_deref() == Some(body_hash)
}

/// T3: the bytes of the last fetch that was read whole, accepted or not.
pub fn is_last_read(state: &FeedState, body_hash: &str) -> bool {
    // a state from before they were kept knows the accepted ones alone
    state.floor_body.as_ref().or(state.body_hash.as_ref()).is_some_and(|last| last == body_hash)
}

/// T3: what a fetch that was read whole leaves for the floor, whatever becomes of its run.
pub fn remember_fetch(state: &mut FeedState, started_at: Micros, body_hash: &str) {
    if !is_last_read(state, body_hash) {
        state.floor_before = state.floor_at;
    }
    state.floor_at = Some(started_at.0);
    state.floor_body = Some(body_hash.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = Micros::DAY;

    fn state(last: Option<i64>, floor: Option<i64>) -> FeedState {
        FeedState { last_snapshot_at: last, floor_at: floor, ..FeedState::default() }
    }

    fn times(fetch: i64) -> SnapshotTimes {
        SnapshotTimes { fetch_started_at: Micros(fetch), ..SnapshotTimes::default() }
    }

    fn apply(snapshot: i64, dated: bool) -> SnapshotDecision {
        SnapshotDecision::Apply { snapshot: Micros(snapshot), dated }
    }

    #[test]
    fn t3_the_first_sane_time_counts() {
        let all = SnapshotTimes {
            generated_at: Some(Micros(300)),
            newest_record: Some(Micros(200)),
            last_modified: Some(Micros(100)),
            fetch_started_at: Micros(400),
            ..SnapshotTimes::default()
        };
        assert_eq!(decide(all, &state(None, Some(50))), apply(300, true));
        let all = SnapshotTimes { generated_at: None, ..all };
        assert_eq!(decide(all, &state(None, Some(50))), apply(200, true));
        let all = SnapshotTimes { newest_record: None, ..all };
        assert_eq!(decide(all, &state(None, Some(50))), apply(100, true));
        let all = SnapshotTimes { last_modified: None, ..all };
        assert_eq!(decide(all, &state(None, Some(50))), apply(50, false));
        assert_eq!(decide(all, &state(None, None)), apply(EARLIEST.0, false));
    }

    #[test]
    fn t3_an_envelope_over_a_minute_ahead_counts_as_undated() {
        let ahead = |by| SnapshotTimes { generated_at: Some(Micros(DAY + by)), ..times(DAY) };
        assert_eq!(
            decide(ahead(60 * Micros::SECOND), &state(None, Some(7))),
            apply(DAY + 60 * Micros::SECOND, true)
        );
        assert_eq!(decide(ahead(60 * Micros::SECOND + 1), &state(None, Some(7))), apply(7, false));
    }

    #[test]
    fn t2_an_envelope_that_cannot_be_believed_makes_the_run_undated_whatever_else_bears_a_time() {
        let others = SnapshotTimes {
            newest_record: Some(Micros(200)),
            last_modified: Some(Micros(100)),
            ..times(400)
        };
        let unread = SnapshotTimes { envelope_unread: true, ..others };
        let ahead = SnapshotTimes { generated_at: Some(Micros(401 + ENVELOPE_AHEAD_MAX)), ..others };
        for wrong in [unread, ahead] {
            assert_eq!(decide(wrong, &state(None, Some(7))), apply(7, false));
            assert_eq!(wrong.stated(), None);
        }
        assert_eq!(decide(others, &state(None, Some(7))), apply(200, true), "no envelope is not a wrong one");
    }

    #[test]
    fn f7_the_same_bytes_by_another_mapping_are_stamped_just_above_their_last_run() {
        let again = SnapshotTimes { same_body: true, ..times(DAY) };
        assert_eq!(decide(again, &state(Some(100), Some(500))), apply(101, false));
        let stated = SnapshotTimes { generated_at: Some(Micros(100)), ..again };
        let last = FeedState { last_stated_at: Some(100), ..state(Some(100), Some(500)) };
        assert_eq!(decide(stated, &last), apply(101, true));
    }

    #[test]
    fn t3_a_floor_or_record_time_not_above_the_last_is_raised_to_just_above_it() {
        assert_eq!(decide(times(DAY), &state(Some(100), Some(100))), apply(101, false));
        assert_eq!(decide(times(DAY), &state(Some(100), Some(101))), apply(101, false));
        let by_record = SnapshotTimes { newest_record: Some(Micros(90)), ..times(DAY) };
        assert_eq!(decide(by_record, &state(Some(100), None)), apply(101, true));
    }

    #[test]
    fn t3_a_floor_that_lies_ahead_of_the_fetch_is_none() {
        assert_eq!(decide(times(DAY), &state(Some(100), Some(DAY))), apply(DAY, false));
        assert_eq!(decide(times(DAY), &state(Some(100), Some(DAY + 1))), apply(101, false));
        assert_eq!(decide(times(DAY), &state(None, Some(DAY + 1))), apply(EARLIEST.0, false));
    }

    #[test]
    fn t3_the_floor_is_the_last_fetch_of_another_body_whatever_became_of_its_run() {
        let mut state = FeedState::default();
        let floor = |state: &FeedState, body: &str| {
            decide(SnapshotTimes { same_body: is_last_read(state, body), ..times(DAY) }, state)
        };
        remember_fetch(&mut state, Micros(10), "accepted");
        remember_fetch(&mut state, Micros(20), "accepted");
        assert_eq!(floor(&state, "accepted"), apply(EARLIEST.0, false), "no other one was read");
        assert_eq!(floor(&state, "refused"), apply(20, false));
        remember_fetch(&mut state, Micros(30), "refused");
        remember_fetch(&mut state, Micros(40), "refused");
        assert_eq!(floor(&state, "refused"), apply(20, false), "it is not newer than its own first fetch");
        assert_eq!(floor(&state, "mended"), apply(40, false));
    }

    #[test]
    fn t3_a_state_from_before_bodies_were_kept_knows_the_accepted_one() {
        let state = FeedState { body_hash: Some("a".into()), ..state(Some(100), Some(500)) };
        assert_eq!(["a", "b"].map(|body| is_last_read(&state, body)), [true, false]);
    }

    #[test]
    fn f5_a_snapshot_that_our_clock_dated_ahead_refuses_no_stated_time() {
        let stated = SnapshotTimes { generated_at: Some(Micros(DAY)), ..times(DAY) };
        assert_eq!(decide(stated, &state(Some(2 * DAY), None)), apply(2 * DAY + 1, true));
        let dated = FeedState { last_dated: true, ..state(Some(2 * DAY), None) };
        assert_eq!(decide(stated, &dated), SnapshotDecision::SkippedOlder { snapshot: Micros(DAY) });
    }

    #[test]
    fn f5_a_replayed_snapshot_keeps_its_time_unless_history_has_forgotten_it() {
        assert_eq!(decide_again(Micros(5), false, &state(Some(100), None)), apply(5, false));
        assert_eq!(decide_again(Micros(500), false, &state(Some(100), None)), apply(100, false));
        let state = FeedState { history_floor: Some(5), ..state(Some(100), None) };
        assert_eq!(decide_again(Micros(6), true, &state), apply(6, true));
        assert_eq!(
            decide_again(Micros(5), true, &state),
            SnapshotDecision::OlderThanHistory { snapshot: Micros(5) }
        );
    }

    #[test]
    fn f7_the_same_body_is_known_by_its_hash() {
        let known = FeedState { body_hash: Some("b".into()), ..FeedState::default() };
        assert_eq!(["a", "b", "c"].map(|hash| is_same_body(&known, hash)), [false, true, false]);
        assert!(!is_same_body(&FeedState::default(), "b"), "nothing was accepted yet");
    }

    #[test]
    fn f5_a_stated_time_before_the_last_is_skipped_and_an_equal_one_with_another_body_raised() {
        let stated = |at| SnapshotTimes { generated_at: Some(Micros(at)), ..times(DAY) };
        let last = state(Some(100), None);
        assert_eq!(decide(stated(99), &last), SnapshotDecision::SkippedOlder { snapshot: Micros(99) });
        assert_eq!(decide(stated(100), &last), apply(101, true));
        assert_eq!(decide(stated(101), &last), apply(101, true));
        let history = FeedState { history_floor: Some(200), ..last };
        assert_eq!(
            decide(stated(200), &history),
            SnapshotDecision::OlderThanHistory { snapshot: Micros(200) }
        );
        assert_eq!(decide(stated(201), &history), apply(201, true));
    }

    #[test]
    fn t3_a_stated_time_that_stands_still_is_raised_above_what_has_been_forgotten_meanwhile() {
        let still = SnapshotTimes { generated_at: Some(Micros(100)), ..times(DAY) };
        let last = FeedState {
            last_stated_at: Some(100),
            last_snapshot_at: Some(130),
            history_floor: Some(500),
            ..FeedState::default()
        };
        assert_eq!(decide(still, &last), apply(501, true));
        let moved = SnapshotTimes { generated_at: Some(Micros(101)), ..still };
        assert_eq!(
            decide(moved, &last),
            SnapshotDecision::OlderThanHistory { snapshot: Micros(101) },
            "it says another time, and that is too old"
        );
    }

    #[test]
    fn t3_any_number_of_files_may_state_the_same_time() {
        let day = SnapshotTimes { generated_at: Some(Micros(100)), ..times(400) };
        let raised = |last| FeedState {
            last_stated_at: Some(100),
            last_snapshot_at: Some(last),
            ..FeedState::default()
        };
        assert_eq!(decide(day, &raised(100)), apply(101, true));
        assert_eq!(decide(day, &raised(101)), apply(102, true));
        let older = SnapshotTimes { generated_at: Some(Micros(99)), ..day };
        assert_eq!(decide(older, &raised(101)), SnapshotDecision::SkippedOlder { snapshot: Micros(99) });
    }

    #[test]
    fn t3_what_a_file_states_of_itself_is_its_envelope_or_its_header() {
        let all = SnapshotTimes {
            generated_at: Some(Micros(3)),
            newest_record: Some(Micros(2)),
            last_modified: Some(Micros(1)),
            fetch_started_at: Micros(4),
            ..SnapshotTimes::default()
        };
        assert_eq!(all.stated(), Some(Micros(3)));
        let all = SnapshotTimes { generated_at: None, ..all };
        assert_eq!(all.stated(), None, "its time is that of a record");
        let all = SnapshotTimes { newest_record: None, ..all };
        assert_eq!(all.stated(), Some(Micros(1)));
        let ahead = SnapshotTimes { generated_at: Some(Micros(4 + ENVELOPE_AHEAD_MAX + 1)), ..all };
        assert_eq!(ahead.stated(), None, "what lies ahead states nothing");
    }
}

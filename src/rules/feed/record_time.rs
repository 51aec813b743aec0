//! What a feed's record is stamped by (T3): the file's time, or, where the partner's export lags
//! behind its own envelope, the record's own.

use crate::domain::{AssetHead, Lane, Micros, Stamp};
use crate::rules::policy::RecordTime;

/// Accepted runs in a row with outdated records, from which on the setting is proposed.
pub const OUTDATED_RUNS_TOLD: u32 = 3;

/// T3: the time of a record that carries `stated`, in the file of `snapshot`; never above it. What its
/// absence has marked as inactive is written again by the file that holds it, however old the record is.
/// `head`: of the asset, where it is known.
pub fn of_record(
    by: RecordTime,
    stated: Option<Micros>,
    snapshot: Micros,
    head: Option<&AssetHead>,
) -> Micros {
    match (by, stated) {
        (RecordTime::Record, Some(stated)) if !head.is_some_and(is_marked) => stated.min(snapshot),
        _ => snapshot,
    }
}

/// X2: the record, stamped below its file, is of an asset that an older file lacked and that nobody
/// has deleted since.
pub fn comes_back(by: RecordTime, stated: Option<Micros>, snapshot: Micros, head: &AssetHead) -> bool {
    let is_newer = stated.is_some_and(|stated| stated > head.end.at || !head.end.happened());
    by == RecordTime::Record && is_newer && head.is_absent() && head.death.at < snapshot
}

/// Its absence from a file has marked it: nothing else that a feed says is about a single member.
fn is_marked(head: &AssetHead) -> bool {
    head.exceptions.iter().any(|member| member.stamp.happened() && member.stamp.lane() == Lane::Feed)
}

/// The record is older than what was pushed, and its file's time turns that back.
pub fn is_outdated(stated: Option<Micros>, snapshot: Micros, head: &AssetHead) -> bool {
    let Some(stated) = stated else { return false };
    let by_others = |stamp: &&Stamp| stamp.happened() && stamp.lane() != Lane::Feed;
    let stamps = head.exceptions.iter().map(|exception| &exception.stamp).chain([&head.base]);
    let newest = stamps.filter(by_others).max();
    newest.is_some_and(|newest| newest.at > stated && *newest < Stamp::new(snapshot, Lane::Feed, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Exception;

    fn stamp(at: i64, lane: Lane) -> Stamp {
        Stamp::new(Micros(at), lane, 0)
    }

    fn pushed(at: i64) -> AssetHead {
        AssetHead { life: stamp(at, Lane::Push), base: stamp(at, Lane::Push), ..AssetHead::unborn() }
    }

    #[test]
    fn t3_a_record_is_stamped_by_its_file_unless_the_feed_says_otherwise_and_never_above_it() {
        let time =
            |by, stated: Option<i64>| of_record(by, stated.map(Micros), Micros(10), Some(&pushed(1))).0;
        assert_eq!(time(RecordTime::Snapshot, Some(5)), 10);
        assert_eq!(time(RecordTime::Record, Some(5)), 5);
        assert_eq!(time(RecordTime::Record, Some(11)), 10);
        assert_eq!(time(RecordTime::Record, None), 10);
        assert_eq!(of_record(RecordTime::Record, Some(Micros(5)), Micros(10), None), Micros(5), "unknown");
    }

    #[test]
    fn x2_what_was_absent_comes_back_unless_somebody_has_deleted_it_since() {
        let (feed, push) = (|at| stamp(at, Lane::Feed), |at| stamp(at, Lane::Push));
        let comes = |death: Stamp, end: Stamp, stated: i64| {
            let head = AssetHead { death, end, ..pushed(4) };
            comes_back(RecordTime::Record, Some(Micros(stated)), Micros(10), &head)
        };
        assert!(comes(feed(8), Stamp::NEVER, 1), "however old the record is");
        assert!(!comes(feed(10), Stamp::NEVER, 1), "it was lacking in this very file, or a later one");
        assert!(comes(feed(8), push(3), 4));
        assert!(!comes(feed(8), push(3), 3), "the record is older than the delete");
        assert!(!comes(push(8), push(8), 9), "the record itself revives it, or does not");
        assert!(!comes(Stamp::NEVER, Stamp::NEVER, 1), "it lives");
        let marked = Exception { name: "status".into(), stamp: feed(8), removed: false };
        let head = AssetHead { exceptions: vec![marked], ..pushed(1) };
        assert_eq!(of_record(RecordTime::Record, Some(Micros(5)), Micros(10), Some(&head)), Micros(10));
    }

    #[test]
    fn t3_a_record_is_outdated_where_its_file_turns_a_newer_push_back() {
        let outdated =
            |stated: Option<i64>, head: AssetHead| is_outdated(stated.map(Micros), Micros(10), &head);
        assert!(outdated(Some(5), pushed(6)));
        assert!(!outdated(Some(6), pushed(6)), "as old as the push");
        assert!(!outdated(None, pushed(6)));
        assert!(!outdated(Some(5), pushed(10)), "the push stands: it is at S, in the higher lane");
        let fed = AssetHead { base: stamp(6, Lane::Feed), ..pushed(1) };
        assert!(!outdated(Some(5), fed.clone()));
        let member = Exception { name: "a".into(), stamp: stamp(7, Lane::Push), removed: false };
        assert!(outdated(Some(5), AssetHead { exceptions: vec![member], ..fed }));
    }
}

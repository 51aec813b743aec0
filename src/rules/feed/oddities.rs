//! What a document gives away beside the one before it: an exporter that is not as it should be, though
//! nothing of it fails a run. Each is told with its number and an example; none changes what is applied.

use crate::domain::{AssetId, Micros};
use std::collections::HashMap;

/// Accepted documents in a row, each smaller than the one before, from which on it is told.
pub const SHRINKING_TOLD: usize = 5;

/// What the time that a document states for itself says beside the last stated one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OddTime {
    /// An older document came: the cache of a mirror, or a clock that was put back.
    WentBack {
        /// By so much, in microseconds.
        by: i64,
    },
    /// Another document, and the same time.
    StoodStill,
}

/// `stated`: by this document; `last`: by the last accepted one, whose body was another.
pub fn odd_time(stated: Option<Micros>, last: Option<Micros>, is_same_body: bool) -> Option<OddTime> {
    let (stated, last) = (stated?, last?);
    match stated.0 - last.0 {
        0 if !is_same_body => Some(OddTime::StoodStill),
        difference if difference < 0 => Some(OddTime::WentBack { by: -difference }),
        _ => None,
    }
}

/// The counts of accepted documents that end in `count`, as far back as each was smaller than the one before,
/// the oldest first; `None` below what is told.
pub fn shrinking(accepted: &[u64], count: u64) -> Option<Vec<u64>> {
    let mut counts = vec![count];
    for &before in accepted.iter().rev().take_while(|&&before| before > 0) {
        if counts.last().is_some_and(|&newer| before <= newer) {
            break;
        }
        counts.push(before);
    }
    counts.reverse();
    (counts.len() >= SHRINKING_TOLD).then_some(counts)
}

/// What is remembered of a record for the next document: its own time and the hash of what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordMark {
    /// A hash of its id.
    pub id: u64,
    /// Its `updated_at`.
    pub updated_at: Micros,
    /// A hash of its content.
    pub content: u64,
}

impl RecordMark {
    /// Of a record that bears a time of its own.
    pub fn of(id: &AssetId, updated_at: Micros, content: u128) -> RecordMark {
        RecordMark {
            id: xxhash_rust::xxh3::xxh3_64(id.as_str().as_bytes()),
            updated_at,
            content: content as u64,
        }
    }
}

/// The places in `now` of those that say something else than before under the same time.
pub fn changed_under_their_time(before: &[RecordMark], now: impl Iterator<Item = RecordMark>) -> Vec<usize> {
    let before: HashMap<u64, (Micros, u64)> =
        before.iter().map(|mark| (mark.id, (mark.updated_at, mark.content))).collect();
    let is_odd = |mark: &RecordMark| {
        before.get(&mark.id).is_some_and(|&(at, content)| at == mark.updated_at && content != mark.content)
    };
    now.enumerate().filter(|(_, mark)| is_odd(mark)).map(|(place, _)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_goes_back_or_stands_still_under_another_body_is_odd() {
        let odd = |stated, last, same| odd_time(Some(Micros(stated)), Some(Micros(last)), same);
        assert_eq!(odd(5, 7, false), Some(OddTime::WentBack { by: 2 }));
        assert_eq!(odd(5, 7, true), Some(OddTime::WentBack { by: 2 }));
        assert_eq!(odd(7, 7, false), Some(OddTime::StoodStill));
        assert_eq!((odd(7, 7, true), odd(8, 7, false)), (None, None));
        assert_eq!(
            (odd_time(None, Some(Micros(1)), false), odd_time(Some(Micros(1)), None, false)),
            (None, None)
        );
    }

    #[test]
    fn a_feed_shrinks_where_the_last_five_documents_are_each_smaller_than_the_one_before() {
        assert_eq!(shrinking(&[50, 40, 30, 20], 10), Some(vec![50, 40, 30, 20, 10]));
        assert_eq!(shrinking(&[1, 50, 40, 30, 20], 10), Some(vec![50, 40, 30, 20, 10]));
        assert_eq!(shrinking(&[50, 40, 30, 20], 20), None, "the last one is as large");
        assert_eq!(shrinking(&[40, 30, 20], 10), None, "four are too few");
        assert_eq!(shrinking(&[50, 40, 45, 20], 10), None);
    }

    #[test]
    fn a_record_is_odd_that_says_something_else_under_the_same_time() {
        let mark = |id: &str, at, content| RecordMark::of(&AssetId::new(id).unwrap(), Micros(at), content);
        let before = [mark("a", 1, 10), mark("b", 1, 10), mark("c", 1, 10)];
        let now = [mark("a", 1, 10), mark("b", 1, 11), mark("c", 2, 11), mark("d", 1, 11)];
        assert_eq!(changed_under_their_time(&before, now.into_iter()), [1]);
    }
}

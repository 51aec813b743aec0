//! The survey of a snapshot before anything of it is applied (F1–F3, F6): which records it holds,
//! which of them count, and whether the file is fit to be applied at all.

use crate::domain::{AssetId, Micros, RecordFault};
use std::collections::HashMap;

/// F3: a run with a larger share of invalid records is refused …
const INVALID_SHARE_PERCENT: u64 = 5;
/// F3: … once there are at least this many of them.
const INVALID_MIN: u64 = 20;
/// Faults kept for the report; all are counted.
const FAULTS_KEPT: usize = 100;

/// A valid record, without its contents: where it is, and what F6 and T3 need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyedRecord {
    pub record: u32,
    pub offset: u64,
    pub bytes: u32,
    pub updated_at: Option<Micros>,
    /// Hash of document and price: equal content, equal hash.
    pub content: u128,
}

/// What stands for an id in the snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    Valid(SurveyedRecord),
    /// Present, but nothing of it may be applied (F2, F6).
    Quarantined,
}

/// Gathers what the scanner finds.
#[derive(Debug, Default)]
pub struct Survey {
    present: HashMap<AssetId, Presence>,
    records: u64,
    invalid: u64,
    unreadable_ids: u64,
    repeated: u64,
    newest: Option<Micros>,
    faults: Vec<RecordFault>,
}

/// A finished survey.
#[derive(Debug, PartialEq)]
pub struct Surveyed {
    /// Sorted by id.
    pub present: Vec<(AssetId, Presence)>,
    pub records: u64,
    pub invalid: u64,
    /// F2: a record's id could not be read, so absence proves nothing.
    pub deletes_barred: bool,
    /// The newest `updated_at` of the valid records (T3).
    pub newest: Option<Micros>,
    pub faults: Vec<RecordFault>,
}

impl Survey {
    pub fn valid(&mut self, id: AssetId, record: SurveyedRecord) {
        self.records += 1;
        self.newest = self.newest.max(record.updated_at);
        let Some(held) = self.present.get(&id) else {
            self.present.insert(id, Presence::Valid(record));
            return;
        };
        self.repeated += 1;
        let kept = match held {
            Presence::Quarantined => None,
            Presence::Valid(held) => first_or_newer(held, &record),
        };
        let presence = kept.map_or(Presence::Quarantined, Presence::Valid);
        if presence == Presence::Quarantined {
            self.note_twin(&id, &record);
        }
        self.present.insert(id, presence);
    }

    /// F2: an invalid record whose id is readable counts as present.
    pub fn invalid(&mut self, fault: RecordFault, id: Option<AssetId>) {
        self.records += 1;
        self.invalid += 1;
        match id {
            Some(id) => drop(self.present.insert(id, Presence::Quarantined)),
            None => self.unreadable_ids += 1,
        }
        self.keep(fault);
    }

    /// F3, and the rest of the sums.
    pub fn finish(self) -> Result<Surveyed, Refused> {
        if self.invalid >= INVALID_MIN && self.invalid * 100 > self.records * INVALID_SHARE_PERCENT {
            return Err(Refused { invalid: self.invalid, records: self.records, faults: self.faults });
        }
        let mut present: Vec<_> = self.present.into_iter().collect();
        present.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Surveyed {
            present,
            records: self.records,
            invalid: self.invalid,
            deletes_barred: self.unreadable_ids > 0,
            newest: self.newest,
            faults: self.faults,
        })
    }

    /// F6: both of a pair that cannot be told apart by time are quarantined.
    fn note_twin(&mut self, id: &AssetId, record: &SurveyedRecord) {
        self.keep(RecordFault {
            record: u64::from(record.record),
            offset: record.offset,
            id: Some(id.as_str().into()),
            code: "id_repeated".into(),
            detail:
                "the id stands twice with different content and no later updated_at (F6); neither is applied"
                    .into(),
        });
    }

    fn keep(&mut self, fault: RecordFault) {
        if self.faults.len() < FAULTS_KEPT {
            self.faults.push(fault);
        }
    }
}

/// F3: too much of the file is invalid to believe the rest.
#[derive(Debug, PartialEq)]
pub struct Refused {
    pub invalid: u64,
    pub records: u64,
    pub faults: Vec<RecordFault>,
}

/// F6: same content: the first stands; else the higher `updated_at`; else neither.
fn first_or_newer(held: &SurveyedRecord, next: &SurveyedRecord) -> Option<SurveyedRecord> {
    if held.content == next.content {
        let newer = next.updated_at > held.updated_at;
        return Some(if newer { next.clone() } else { held.clone() });
    }
    match (held.updated_at, next.updated_at) {
        (Some(a), Some(b)) if a > b => Some(held.clone()),
        (Some(a), Some(b)) if b > a => Some(next.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> AssetId {
        AssetId::new(text).unwrap()
    }

    fn record(record: u32, content: u128, updated_at: Option<i64>) -> SurveyedRecord {
        SurveyedRecord { record, offset: 0, bytes: 1, updated_at: updated_at.map(Micros), content }
    }

    fn fault() -> RecordFault {
        RecordFault { record: 0, offset: 0, id: None, code: "x".into(), detail: "x".into() }
    }

    fn twins(a: SurveyedRecord, b: SurveyedRecord) -> Presence {
        let mut survey = Survey::default();
        survey.valid(id("a"), a);
        survey.valid(id("a"), b);
        survey.finish().unwrap().present.remove(0).1
    }

    #[test]
    fn f6_the_same_id_twice_is_settled_by_content_then_time_or_not_at_all() {
        assert_eq!(twins(record(0, 1, None), record(1, 1, None)), Presence::Valid(record(0, 1, None)));
        assert_eq!(
            twins(record(0, 1, Some(5)), record(1, 2, Some(6))),
            Presence::Valid(record(1, 2, Some(6)))
        );
        assert_eq!(
            twins(record(0, 1, Some(6)), record(1, 2, Some(5))),
            Presence::Valid(record(0, 1, Some(6)))
        );
        assert_eq!(twins(record(0, 1, Some(5)), record(1, 2, Some(5))), Presence::Quarantined);
        assert_eq!(twins(record(0, 1, Some(5)), record(1, 2, None)), Presence::Quarantined);
        assert_eq!(twins(record(0, 1, None), record(1, 2, None)), Presence::Quarantined);
    }

    #[test]
    fn f6_equal_content_stands_once_with_the_newer_of_its_times() {
        let newer = record(1, 1, Some(6));
        assert_eq!(twins(record(0, 1, Some(5)), newer.clone()), Presence::Valid(newer));
        let first = record(0, 1, Some(6));
        assert_eq!(twins(first.clone(), record(1, 1, Some(5))), Presence::Valid(first));
        assert_eq!(twins(record(0, 2, None), record(1, 1, None)), Presence::Quarantined);
    }

    #[test]
    fn f6_a_pair_is_told_of_only_where_neither_stands() {
        for (content, told) in [(1, 0), (2, 1)] {
            let mut survey = Survey::default();
            survey.valid(id("a"), record(0, 1, None));
            survey.valid(id("a"), record(1, content, None));
            assert_eq!(survey.finish().unwrap().faults.len(), told);
        }
    }

    #[test]
    fn t3_the_newest_of_the_records_times_is_found_wherever_it_stands() {
        let mut survey = Survey::default();
        for (n, at) in [(0, Some(5)), (1, Some(7)), (2, None), (3, Some(6))] {
            survey.valid(id(&n.to_string()), record(n, 1, at));
        }
        assert_eq!(survey.finish().unwrap().newest, Some(Micros(7)));
    }

    #[test]
    fn f2_of_many_faults_the_first_are_kept_and_all_are_counted() {
        let mut survey = Survey::default();
        (0..FAULTS_KEPT + 1).for_each(|_| survey.invalid(fault(), Some(id("a"))));
        let refused = survey.finish().expect_err("all of it is invalid");
        assert_eq!((refused.faults.len(), refused.invalid), (FAULTS_KEPT, FAULTS_KEPT as u64 + 1));
    }

    #[test]
    fn f2_an_invalid_record_counts_as_present_and_an_unreadable_id_bars_deletes() {
        let mut survey = Survey::default();
        survey.invalid(fault(), Some(id("a")));
        assert_eq!(survey.unreadable_ids, 0);
        let surveyed = survey.finish().unwrap();
        assert_eq!(surveyed.present, vec![(id("a"), Presence::Quarantined)]);
        assert!(!surveyed.deletes_barred);
        let mut survey = Survey::default();
        survey.invalid(fault(), None);
        assert!(survey.finish().unwrap().deletes_barred);
    }

    #[test]
    fn f3_more_than_five_percent_and_at_least_twenty_refuse_the_run() {
        let run = |invalid: u32, records: u32| {
            let mut survey = Survey::default();
            (0..invalid).for_each(|_| survey.invalid(fault(), None));
            (invalid..records).for_each(|n| survey.valid(id(&n.to_string()), record(n, 1, None)));
            survey.finish().is_err()
        };
        assert!(!run(19, 19), "nineteen are too few to refuse");
        assert!(run(20, 399));
        assert!(!run(20, 400), "exactly five percent pass");
        assert!(run(21, 400));
    }
}

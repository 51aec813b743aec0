//! The survey of a snapshot before anything of it is applied (F1–F3, F6): which records it holds,
//! which of them count, and whether the file is fit to be applied at all.

use crate::domain::{AssetId, Micros, RecordFault, Rule};
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

/// An invalid record and where it lies, for the quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRecord {
    pub fault: RecordFault,
    pub bytes: u32,
    /// JSON pointer into the record.
    pub pointer: String,
    pub rule: Rule,
}

/// Gathers what the scanner finds.
#[derive(Debug, Default)]
pub struct Survey {
    /// Invalid records to be kept; those beyond are counted only.
    keep_max: usize,
    kept: Vec<InvalidRecord>,
    present: HashMap<AssetId, Presence>,
    records: u64,
    invalid: u64,
    unreadable_ids: u64,
    /// Records beyond the first, of ids that stand more than once.
    repeats: HashMap<AssetId, u64>,
    /// Records that say what the one before them of their id says.
    repeated: u64,
    /// Ids whose records cannot be told apart (F6), and their time: a later one settles it.
    tied: HashMap<AssetId, Micros>,
    newest: Option<Micros>,
    faults: Vec<RecordFault>,
}

/// A finished survey.
#[derive(Debug, PartialEq)]
pub struct Surveyed {
    /// Sorted by id.
    pub present: Vec<(AssetId, Presence)>,
    pub records: u64,
    /// Of them, those of which nothing may be applied: invalid ones, and all of an id that cannot be
    /// told apart (F6).
    pub quarantined: u64,
    pub invalid: u64,
    /// Records that say again what another of their id says (F6).
    pub repeated: u64,
    /// F2: a record's id could not be read, so absence proves nothing.
    pub deletes_barred: bool,
    /// The newest `updated_at` of the valid records (T3).
    pub newest: Option<Micros>,
    pub faults: Vec<RecordFault>,
    pub kept: Vec<InvalidRecord>,
}

impl Survey {
    /// A survey that keeps the places of up to so many invalid records.
    pub fn keeping(keep_max: usize) -> Survey {
        Survey { keep_max, ..Survey::default() }
    }

    pub fn valid(&mut self, id: AssetId, record: SurveyedRecord) {
        self.records += 1;
        self.newest = self.newest.max(record.updated_at);
        if self.present.contains_key(&id) {
            *self.repeats.entry(id.clone()).or_default() += 1;
        }
        let Some(held) = self.present.get(&id) else {
            self.present.insert(id, Presence::Valid(record));
            return;
        };
        let (kept, first) = match held {
            Presence::Quarantined => (self.settles(&id, &record).then(|| record.clone()), None),
            Presence::Valid(held) => {
                self.repeated += u64::from(held.content == record.content);
                (first_or_newer(held, &record), Some(held.clone()))
            }
        };
        let presence = kept.map_or(Presence::Quarantined, Presence::Valid);
        if presence == Presence::Quarantined {
            first.iter().for_each(|first| self.note_tie(&id, first, &record));
            self.note_twin(&id, &record, true);
        }
        self.present.insert(id, presence);
    }

    /// F6: the higher `updated_at`, whichever of three came first.
    fn settles(&self, id: &AssetId, record: &SurveyedRecord) -> bool {
        self.tied.get(id).is_some_and(|tied| record.updated_at.is_some_and(|at| at > *tied))
    }

    fn note_tie(&mut self, id: &AssetId, first: &SurveyedRecord, next: &SurveyedRecord) {
        if let Some(at) = first.updated_at.filter(|_| first.updated_at == next.updated_at) {
            self.tied.insert(id.clone(), at);
        }
        self.note_twin(id, first, false);
    }

    /// F2: an invalid record whose id is readable counts as present.
    pub fn invalid(&mut self, record: InvalidRecord, id: Option<AssetId>) {
        self.records += 1;
        self.invalid += 1;
        match id {
            Some(id) => {
                self.tied.remove(&id);
                self.present.insert(id, Presence::Quarantined);
            }
            None => self.unreadable_ids += 1,
        }
        self.keep(record, true);
    }

    /// F3, and the rest of the sums.
    pub fn finish(self) -> Result<Surveyed, Refused> {
        if self.invalid >= INVALID_MIN && self.invalid * 100 > self.records * INVALID_SHARE_PERCENT {
            let Survey { invalid, records, faults, kept, .. } = self;
            return Err(Refused { invalid, records, faults, kept });
        }
        let quarantined = self.records - self.valid_records();
        let mut present: Vec<_> = self.present.into_iter().collect();
        present.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Surveyed {
            present,
            records: self.records,
            quarantined,
            invalid: self.invalid,
            repeated: self.repeated,
            deletes_barred: self.unreadable_ids > 0,
            newest: self.newest,
            faults: self.faults,
            kept: self.kept,
        })
    }

    /// Records that are applied, or left aside without harm beside one that is.
    fn valid_records(&self) -> u64 {
        let valid = self.present.iter().filter(|(_, presence)| matches!(presence, Presence::Valid(_)));
        valid.map(|(id, _)| 1 + self.repeats.get(id).copied().unwrap_or_default()).sum()
    }

    /// F6: both of a pair that cannot be told apart by time are quarantined.
    fn note_twin(&mut self, id: &AssetId, record: &SurveyedRecord, reported: bool) {
        let detail =
            "the id stands twice with different content and no later updated_at (F6); neither is applied";
        let fault = RecordFault {
            record: u64::from(record.record),
            offset: record.offset,
            id: Some(id.as_str().into()),
            code: "id_repeated".into(),
            detail: detail.into(),
        };
        let invalid = InvalidRecord { fault, bytes: record.bytes, pointer: String::new(), rule: Rule::F6 };
        self.keep(invalid, reported);
    }

    fn keep(&mut self, invalid: InvalidRecord, reported: bool) {
        if reported && self.faults.len() < FAULTS_KEPT {
            self.faults.push(invalid.fault.clone());
        }
        if self.kept.len() < self.keep_max {
            self.kept.push(invalid);
        }
    }
}

/// F3: too much of the file is invalid to believe the rest.
#[derive(Debug, PartialEq)]
pub struct Refused {
    pub invalid: u64,
    pub records: u64,
    pub faults: Vec<RecordFault>,
    pub kept: Vec<InvalidRecord>,
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

    fn fault() -> InvalidRecord {
        let fault = RecordFault { record: 0, offset: 0, id: None, code: "x".into(), detail: "x".into() };
        InvalidRecord { fault, bytes: 1, pointer: String::new(), rule: Rule::F2 }
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
    fn f6_both_of_a_pair_are_kept_and_one_is_reported() {
        let mut survey = Survey::keeping(3);
        survey.valid(id("a"), record(0, 1, None));
        survey.valid(id("a"), record(1, 2, None));
        survey.valid(id("a"), record(2, 3, None));
        survey.invalid(fault(), Some(id("b")));
        let surveyed = survey.finish().unwrap();
        let kept: Vec<u64> = surveyed.kept.iter().map(|kept| kept.fault.record).collect();
        assert_eq!(kept, [0, 1, 2], "all three, and no more than asked for");
        assert_eq!(surveyed.faults.len(), 3);
    }

    #[test]
    fn f6_every_record_of_an_id_that_cannot_be_told_apart_is_counted_as_quarantined() {
        let mut survey = Survey::default();
        for (name, content) in [("a", 1), ("a", 1), ("a", 2), ("b", 1), ("b", 1), ("c", 1)] {
            survey.valid(id(name), record(0, content, None));
        }
        let surveyed = survey.finish().unwrap();
        assert_eq!((surveyed.records, surveyed.quarantined), (6, 3));
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

    #[test]
    fn f6_the_highest_time_stands_whichever_of_three_comes_first() {
        let (a, b, c) = (record(0, 1, Some(1)), record(1, 2, Some(1)), record(2, 3, Some(2)));
        for order in [[&a, &b, &c], [&c, &a, &b], [&a, &c, &b]] {
            let mut survey = Survey::default();
            order.into_iter().for_each(|record| survey.valid(id("x"), record.clone()));
            let surveyed = survey.finish().unwrap();
            assert_eq!(surveyed.present[0].1, Presence::Valid(c.clone()));
        }
    }

    #[test]
    fn f6_a_third_record_settles_nothing_without_a_time_that_is_later() {
        let stands = |records: [SurveyedRecord; 3]| {
            let mut survey = Survey::default();
            records.into_iter().for_each(|record| survey.valid(id("x"), record));
            matches!(survey.finish().unwrap().present[0].1, Presence::Valid(_))
        };
        let at = |place: u32, time| record(place, u128::from(place), time);
        assert!(stands([at(0, Some(1)), at(1, Some(1)), at(2, Some(2))]));
        assert!(!stands([at(0, Some(1)), at(1, Some(1)), at(2, Some(1))]), "no later");
        assert!(!stands([at(0, Some(1)), at(1, Some(1)), at(2, None)]), "of no time");
        assert!(!stands([at(0, Some(1)), at(1, None), at(2, Some(2))]), "one of the tie has none");
    }

    #[test]
    fn f6_records_that_say_the_same_again_are_counted() {
        let mut survey = Survey::default();
        for place in 0..3 {
            survey.valid(id("x"), record(place, 1, None));
        }
        survey.valid(id("x"), record(3, 0, Some(1)));
        survey.valid(id("x"), record(4, 2, Some(2)));
        assert_eq!(survey.finish().unwrap().repeated, 2);
    }
}

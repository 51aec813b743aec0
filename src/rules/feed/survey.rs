//! The survey of a snapshot before anything of it is applied (F1–F3, F6): which records it holds,
//! which of them count, and whether the file is fit to be applied at all.

use super::alike::{Alike, alike};
use super::drift::Drift;
use crate::domain::mapping::Repeated;
use crate::domain::{AssetId, Micros, RecordFault, Rule};
use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

/// F3: a run with a larger share of invalid records is refused …
const INVALID_SHARE_PERCENT: u64 = 5;
/// F3: … once there are at least this many of them; with fewer, where they are more than half.
const INVALID_MIN: u64 = 20;
/// Faults kept for the report; all are counted.
pub const FAULTS_KEPT: usize = 100;

/// A valid record, without its contents: where it is, and what F6 and T3 need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyedRecord {
    /// Its place in the file, from 0.
    pub record: u32,
    /// Its first byte in the file.
    pub offset: u64,
    /// Bytes of its text.
    pub bytes: u32,
    /// Bytes from the beginning of its key to there; 0 where it has none.
    pub lead: u32,
    /// The number of the element of the document that it is in.
    pub element: u32,
    /// The number of its page; 0 where there is but one.
    pub page: u32,
    /// Its own time.
    pub updated_at: Option<Micros>,
    /// Hash of document and price: equal content, equal hash.
    pub content: u128,
}

/// What stands for an id in the snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// This record stands.
    Valid(SurveyedRecord),
    /// Present, but nothing of it may be applied (F2, F6).
    Quarantined,
}

/// An invalid record and where it lies, for the quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRecord {
    /// What is wrong with it.
    pub fault: RecordFault,
    /// Bytes of its text.
    pub bytes: u32,
    /// JSON pointer into the record.
    pub pointer: String,
    /// The rule that it breaks.
    pub rule: Rule,
}

/// Gathers what the scanner finds.
#[derive(Debug, Default)]
pub struct Survey {
    /// Invalid records to be kept; those beyond are counted only.
    keep_max: usize,
    repeated: Repeated,
    kept: Vec<InvalidRecord>,
    present: HashMap<AssetId, Shown>,
    records: u64,
    invalid: u64,
    unreadable_ids: u64,
    newest: Option<Micros>,
    faults: Vec<RecordFault>,
}

/// What the file holds under one id: a sound record alone, or all else.
#[derive(Debug, Default)]
struct Shown {
    alone: Option<SurveyedRecord>,
    more: Option<Box<More>>,
}

/// The records of an id that stands more than once, or in a record that is invalid.
#[derive(Debug, Default)]
struct More {
    valid: Vec<SurveyedRecord>,
    invalid: u64,
}

/// A finished survey.
#[derive(Debug, PartialEq)]
pub struct Surveyed {
    /// Sorted by id.
    pub present: Vec<(AssetId, Presence)>,
    /// Records of the file.
    pub records: u64,
    /// Of them, those of which nothing may be applied: invalid ones, and all of an id that cannot be
    /// told apart (F6).
    pub quarantined: u64,
    /// Records that could not be read.
    pub invalid: u64,
    /// Records that say again what another of their id says (F6).
    pub repeated: u64,
    /// Ids that differ from another only in the case of letters or in blanks around them.
    pub alike: Option<Alike>,
    /// F6: some id stands more than once, so that the file may be a mixture of two.
    pub may_be_mixed: bool,
    /// F1: ids that stand on more than one page, unless the mapping says which of them counts.
    pub drift: Drift,
    /// F2: a record's id could not be read, so absence proves nothing.
    pub deletes_barred: bool,
    /// The newest `updated_at` of the valid records (T3).
    pub newest: Option<Micros>,
    /// What is wrong with the first of them.
    pub faults: Vec<RecordFault>,
    /// Those whose texts go to the quarantine.
    pub kept: Vec<InvalidRecord>,
}

impl Survey {
    /// A survey that keeps the places of up to so many invalid records, and does this with ids that
    /// are repeated.
    pub fn keeping(keep_max: usize, repeated: Repeated) -> Survey {
        Survey { keep_max, repeated, ..Survey::default() }
    }

    /// Takes in a sound record of this asset.
    pub fn valid(&mut self, id: AssetId, record: SurveyedRecord) {
        self.records += 1;
        self.newest = self.newest.max(record.updated_at);
        match self.present.entry(id) {
            Entry::Vacant(place) => drop(place.insert(Shown { alone: Some(record), more: None })),
            Entry::Occupied(place) => place.into_mut().more().valid.push(record),
        }
    }

    /// F2: an invalid record whose id is readable counts as present.
    pub fn invalid(&mut self, record: InvalidRecord, id: Option<AssetId>) {
        self.records += 1;
        self.invalid += 1;
        match id {
            Some(id) => self.present.entry(id).or_default().more().invalid += 1,
            None => self.unreadable_ids += 1,
        }
        self.keep(record);
    }

    /// F3, F6, and the sums.
    pub fn finish(mut self) -> Result<Surveyed, Refused> {
        let mut present = Vec::with_capacity(self.present.len());
        let (mut aside, mut repeated, mut may_be_mixed, mut drift) = (0, 0, false, Drift::default());
        for (id, shown) in std::mem::take(&mut self.present) {
            let mut standing = shown.alone;
            if let Some(more) = shown.more {
                // who says which of them stands knows that there are several
                let is_expected = self.repeated != Repeated::Quarantine;
                may_be_mixed |= more.valid.len() as u64 + more.invalid > 1 && !is_expected;
                if !is_expected {
                    drift.note(more.valid.iter().map(|record| (record.page, record.content)));
                }
                repeated +=
                    if is_expected { more.valid.len().saturating_sub(1) as u64 } else { more.repeated() };
                standing = more.standing(self.repeated);
                if standing.is_none() {
                    aside += more.valid.len() as u64;
                    more.valid.iter().for_each(|record| self.keep(twin(&id, record, more.invalid > 0)));
                }
            }
            present.push((id, standing.map_or(Presence::Quarantined, Presence::Valid)));
        }
        self.kept.sort_by_key(|kept| kept.fault.record);
        self.faults.sort_by_key(|fault| fault.record);
        let Survey { invalid, records, faults, kept, .. } = self;
        let quarantined = invalid + aside;
        if is_too_bad(records, invalid) || (records > 0 && quarantined == records) {
            return Err(Refused { invalid: quarantined, records, faults, kept });
        }
        present.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Surveyed {
            alike: alike(present.iter().map(|(id, _)| id)),
            present,
            records,
            quarantined,
            invalid,
            repeated,
            may_be_mixed,
            drift,
            deletes_barred: self.unreadable_ids > 0,
            newest: self.newest,
            faults,
            kept,
        })
    }

    fn keep(&mut self, invalid: InvalidRecord) {
        if self.faults.len() < FAULTS_KEPT {
            self.faults.push(invalid.fault.clone());
        }
        if self.kept.len() < self.keep_max {
            self.kept.push(invalid);
        }
    }
}

impl Shown {
    fn more(&mut self) -> &mut More {
        let more = self.more.get_or_insert_default();
        more.valid.extend(self.alone.take());
        more
    }
}

impl More {
    /// F6: of records that say the same the newest, else the one whose time is above those of all
    /// that say something else, each of which must have one. Any order of the records gives the same.
    fn standing(&self, repeated: Repeated) -> Option<SurveyedRecord> {
        match repeated {
            Repeated::First => return self.valid.iter().min_by_key(|record| record.record).cloned(),
            Repeated::Last => return self.valid.iter().max_by_key(|record| record.record).cloned(),
            Repeated::Quarantine if self.invalid > 0 => return None,
            Repeated::Quarantine => {}
        }
        let newest = self.valid.iter().max_by_key(|record| (record.updated_at, Reverse(record.record)))?;
        let mut others = self.valid.iter().filter(|record| record.content != newest.content);
        let is_clear = |other: &SurveyedRecord| {
            other.updated_at.is_some_and(|at| newest.updated_at.is_some_and(|newest| newest > at))
        };
        others.all(is_clear).then(|| newest.clone())
    }

    fn repeated(&self) -> u64 {
        let contents: HashSet<u128> = self.valid.iter().map(|record| record.content).collect();
        (self.valid.len() - contents.len()) as u64
    }
}

/// A sound record that is kept aside because of others of its id (F6).
fn twin(id: &AssetId, record: &SurveyedRecord, beside_invalid: bool) -> InvalidRecord {
    let detail = match beside_invalid {
        true => "the id stands again in a record that is invalid (F6); neither is applied",
        false => {
            "the id stands again with different content and no later updated_at (F6); neither is applied"
        }
    };
    let fault = RecordFault {
        record: Some(u64::from(record.record)),
        offset: record.offset,
        id: Some(id.as_str().into()),
        code: "id_repeated".into(),
        detail: detail.into(),
        pointer: String::new(),
        count: None,
    };
    InvalidRecord { fault, bytes: record.bytes, pointer: String::new(), rule: Rule::F6 }
}

/// F3: too much of the file is invalid to believe the rest.
#[derive(Debug, PartialEq)]
pub struct Refused {
    /// Records of which nothing may be applied.
    pub invalid: u64,
    /// Records of the file.
    pub records: u64,
    /// What is wrong with the first of them.
    pub faults: Vec<RecordFault>,
    /// Those whose texts go to the quarantine.
    pub kept: Vec<InvalidRecord>,
}

fn is_too_bad(records: u64, invalid: u64) -> bool {
    let many = invalid >= INVALID_MIN && invalid * 100 > records * INVALID_SHARE_PERCENT;
    many || invalid * 2 > records
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> AssetId {
        AssetId::new(text).unwrap()
    }

    fn record(record: u32, content: u128, updated_at: Option<i64>) -> SurveyedRecord {
        SurveyedRecord {
            record,
            offset: 0,
            bytes: 1,
            lead: 0,
            element: 0,
            page: 0,
            updated_at: updated_at.map(Micros),
            content,
        }
    }

    fn fault() -> InvalidRecord {
        let fault =
            RecordFault { record: Some(0), code: "x".into(), detail: "x".into(), ..RecordFault::default() };
        InvalidRecord { fault, bytes: 1, pointer: String::new(), rule: Rule::F2 }
    }

    /// A survey with so many sound records beside those that a test is about.
    fn among(others: u32) -> Survey {
        let mut survey = Survey::keeping(3, Repeated::Quarantine);
        (0..others).for_each(|n| survey.valid(id(&format!("z{n}")), record(100 + n, 1, None)));
        survey
    }

    fn twins(a: SurveyedRecord, b: SurveyedRecord) -> Presence {
        let mut survey = among(1);
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
    fn f6_u2_every_record_that_is_kept_aside_has_a_row_and_a_fault() {
        let mut survey = among(2);
        survey.valid(id("a"), record(0, 1, None));
        survey.valid(id("a"), record(1, 2, None));
        survey.valid(id("a"), record(2, 3, None));
        let surveyed = survey.finish().unwrap();
        let kept: Vec<_> = surveyed.kept.iter().map(|kept| kept.fault.record).collect();
        assert_eq!(kept, [Some(0), Some(1), Some(2)]);
        assert_eq!((surveyed.faults.len(), surveyed.quarantined), (3, 3));
    }

    #[test]
    fn u2_a_sound_record_beside_a_faulty_one_of_its_id_is_named_whichever_comes_first() {
        let faulty = || InvalidRecord {
            fault: RecordFault { record: Some(2), id: Some("a".into()), ..fault().fault },
            ..fault()
        };
        let sound = |place| (id("a"), record(place, 1, Some(5)));
        for faulty_first in [false, true] {
            let mut survey = among(3);
            let (id, good) = sound(0);
            if faulty_first {
                survey.invalid(faulty(), Some(id.clone()));
            }
            survey.valid(id.clone(), good);
            if !faulty_first {
                survey.invalid(faulty(), Some(id));
            }
            let surveyed = survey.finish().unwrap();
            let named = |fault: &RecordFault| (fault.record, fault.code.clone());
            let faults: Vec<_> = surveyed.faults.iter().map(named).collect();
            let kept: Vec<_> = surveyed.kept.iter().map(|kept| named(&kept.fault)).collect();
            assert_eq!(faults, [(Some(0), "id_repeated".into()), (Some(2), "x".into())]);
            assert_eq!((kept, surveyed.quarantined), (faults, 2));
            assert_eq!(surveyed.present[0].1, Presence::Quarantined);
        }
    }

    #[test]
    fn f6_a_file_that_repeats_an_id_may_be_a_mixture_and_one_that_does_not_is_none() {
        let mixed = |records: &[(&str, u128, Option<i64>)]| {
            let mut survey = among(1);
            for (place, (name, content, at)) in (0..).zip(records) {
                survey.valid(id(name), record(place, *content, *at));
            }
            survey.finish().unwrap().may_be_mixed
        };
        assert!(!mixed(&[("a", 1, None), ("b", 1, None)]));
        assert!(mixed(&[("a", 1, None), ("a", 1, None)]), "the same twice");
        assert!(mixed(&[("a", 1, Some(1)), ("a", 2, Some(2))]), "told apart by time");
        let mut survey = among(2);
        survey.invalid(fault(), Some(id("a")));
        assert!(!survey.finish().unwrap().may_be_mixed, "faulty, and there once");
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
        for (content, told) in [(1, 0), (2, 2)] {
            let mut survey = among(1);
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
        let mut survey = among(1);
        survey.invalid(fault(), Some(id("a")));
        assert_eq!(survey.unreadable_ids, 0);
        let surveyed = survey.finish().unwrap();
        assert_eq!(surveyed.present[0], (id("a"), Presence::Quarantined));
        assert!(!surveyed.deletes_barred);
        let mut survey = among(1);
        survey.invalid(fault(), None);
        assert!(survey.finish().unwrap().deletes_barred);
    }

    #[test]
    fn f3_more_than_five_percent_and_at_least_twenty_or_more_than_half_refuse_the_run() {
        let run = |invalid: u32, records: u32| {
            let mut survey = Survey::default();
            (0..invalid).for_each(|_| survey.invalid(fault(), None));
            (invalid..records).for_each(|n| survey.valid(id(&n.to_string()), record(n, 1, None)));
            survey.finish().is_err()
        };
        assert!(!run(19, 38), "nineteen are too few to refuse, and no more than half");
        assert!(run(19, 37) && run(1, 1) && run(2, 3), "more than half");
        assert!(!run(1, 2) && !run(0, 0));
        assert!(run(20, 399));
        assert!(!run(20, 400), "exactly five percent pass");
        assert!(run(21, 400));
    }

    #[test]
    fn f3_a_file_of_which_nothing_can_be_applied_is_refused_also_where_no_record_is_invalid() {
        let mut survey = Survey::default();
        (0..2).for_each(|n| survey.valid(id("a"), record(n, n.into(), None)));
        assert_eq!(survey.finish().unwrap_err().invalid, 2);
    }

    #[test]
    fn f6_the_highest_time_stands_whichever_of_three_comes_first() {
        let (a, b, c) = (record(0, 1, Some(1)), record(1, 2, Some(1)), record(2, 3, Some(2)));
        for order in [[&a, &b, &c], [&c, &a, &b], [&a, &c, &b], [&b, &a, &c], [&b, &c, &a], [&c, &b, &a]] {
            let mut survey = among(1);
            order.into_iter().for_each(|record| survey.valid(id("x"), record.clone()));
            let surveyed = survey.finish().unwrap();
            assert_eq!(surveyed.present[0].1, Presence::Valid(c.clone()));
        }
    }

    #[test]
    fn f6_a_third_record_settles_nothing_without_a_time_that_is_later() {
        let stands = |records: [SurveyedRecord; 3]| {
            let mut survey = among(1);
            records.into_iter().for_each(|record| survey.valid(id("x"), record));
            matches!(survey.finish().unwrap().present[0].1, Presence::Valid(_))
        };
        let at = |place: u32, time| record(place, u128::from(place), time);
        assert!(stands([at(0, Some(1)), at(1, Some(1)), at(2, Some(2))]));
        assert!(!stands([at(0, Some(1)), at(1, Some(1)), at(2, Some(1))]), "no later");
        assert!(!stands([at(0, Some(1)), at(1, Some(1)), at(2, None)]), "of no time");
        assert!(!stands([at(0, Some(1)), at(1, None), at(2, Some(2))]), "one of the tie has none");
        // what says the same as the newest needs no time
        let (old, other, newest) = (record(0, 1, None), record(1, 2, Some(3)), record(2, 1, Some(5)));
        for order in [[&old, &other, &newest], [&newest, &other, &old], [&other, &old, &newest]] {
            assert!(stands(order.map(Clone::clone)));
        }
    }

    #[test]
    fn f6_records_that_say_the_same_again_are_counted() {
        let mut survey = among(1);
        for place in 0..3 {
            survey.valid(id("x"), record(place, 1, None));
        }
        survey.valid(id("x"), record(3, 0, Some(1)));
        survey.valid(id("x"), record(4, 2, Some(2)));
        assert_eq!(survey.finish().unwrap().repeated, 2);
    }
}

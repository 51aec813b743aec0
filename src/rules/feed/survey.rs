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
    /// Bytes from the beginning of its key to there; 0 where it has none.
    pub lead: u32,
    /// The number of the element of the document that it is in.
    pub element: u32,
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
    /// Sorted by id, each once unless each of its records counts ([`Repeated::Each`]).
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
                if self.repeated == Repeated::Each {
                    // in the file's order, behind what says that something of the id is kept aside
                    let aside = (more.invalid > 0).then_some(Presence::Quarantined);
                    let each = aside.into_iter().chain(more.valid.into_iter().map(Presence::Valid));
                    present.extend(each.map(|presence| (id.clone(), presence)));
                    continue;
                }
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
            // each is decided by itself, and none of them here
            Repeated::Quarantine | Repeated::Each => {}
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
    let SurveyedRecord { bytes, lead, element, .. } = *record;
    InvalidRecord { fault, bytes, lead, element, rule: Rule::F6 }
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
#[path = "survey_tests.rs"]
mod tests;

//! F2, F3, F6: the records of one file, sorted into good, quarantined and repeated.

use std::collections::{BTreeMap, BTreeSet};

use super::model::DOCUMENT_AHEAD_MAX_US;
use super::push::member_fault;
use super::types::{Policy, QuarantineRow, RecordIn};

/// F3.
const INVALID_MIN: usize = 20;

#[derive(Default)]
pub struct Sorted<'a> {
    /// One record for each id, in order of id.
    pub good: BTreeMap<&'a str, &'a RecordIn>,
    pub quarantined: Vec<QuarantineRow>,
    /// Invalid by themselves; what F6 quarantines does not count here: each of the two is well formed.
    pub invalid: usize,
    /// All readable ids.
    pub present: BTreeSet<String>,
    /// F2: a record without readable id forbids deletes.
    pub unreadable: bool,
    /// F6: left aside without harm.
    pub repeated: usize,
    /// F6: an id stands more than once, alike or not.
    pub repeats: bool,
}

impl<'a> Sorted<'a> {
    pub fn new(policy: &Policy, now: i64, records: &'a [RecordIn]) -> Sorted<'a> {
        let mut sorted = Sorted::default();
        let mut by_id: BTreeMap<&str, Vec<&RecordIn>> = BTreeMap::new();
        for record in records {
            sorted.repeats |= record.id.as_ref().is_some_and(|id| sorted.present.contains(id));
            sorted.present.extend(record.id.clone());
            match (record_fault(policy, now, record), &record.id) {
                (None, Some(id)) => by_id.entry(id).or_default().push(record),
                (reason, _) => sorted.refuse(record, reason.unwrap_or("id_missing")),
            }
        }
        for (id, same_id) in by_id {
            sorted.choose(id, &same_id);
        }
        sorted
    }

    /// F3: more than 5 % and at least 20, or more than half.
    ///
    /// A file of whose records none can be applied is refused too, by whatever rule they were kept aside.
    pub fn too_many_invalid(&self, total: usize) -> bool {
        let none_is_good = total > 0 && self.good.is_empty();
        none_is_good || (self.invalid >= INVALID_MIN && self.invalid * 20 > total) || self.invalid * 2 > total
    }

    fn refuse(&mut self, record: &RecordIn, reason: &'static str) {
        self.invalid += 1;
        self.unreadable |= record.id.is_none();
        self.quarantined.push(QuarantineRow { id: record.id.clone(), reason, price: None });
    }

    /// F6.
    fn choose(&mut self, id: &'a str, same_id: &[&'a RecordIn]) {
        let newest = same_id.iter().map(|r| r.updated_at).max().flatten();
        let all_dated = same_id.iter().all(|r| r.updated_at.is_some());
        let top: Vec<&RecordIn> = same_id.iter().copied().filter(|r| r.updated_at == newest).collect();
        if all_equal(same_id) || (all_dated && all_equal(&top)) {
            self.good.insert(id, top[0]);
            self.repeated += same_id.len() - 1;
            return;
        }
        for _ in same_id {
            let id = Some(id.to_string());
            self.quarantined.push(QuarantineRow { id, reason: "repeated_id", price: None });
        }
    }
}

fn all_equal(records: &[&RecordIn]) -> bool {
    let content = |r: &RecordIn| (r.members.clone(), r.price.clone());
    records.iter().all(|r| content(r) == content(records[0]))
}

/// F2: why a record is invalid by itself; its price is another matter.
fn record_fault(policy: &Policy, now: i64, record: &RecordIn) -> Option<&'static str> {
    if !record.valid {
        return Some("invalid_record");
    }
    if record.id.is_none() {
        return Some("id_missing");
    }
    // T4.
    if record.updated_at.is_some_and(|at| at > now + DOCUMENT_AHEAD_MAX_US) {
        return Some("future_time");
    }
    member_fault(policy, &record.members, false)
}

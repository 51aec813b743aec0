//! The quarantine: refused writes and records, kept until they are released, dropped, pushed out by
//! newer ones, or of no use any more, since what they hold was taken later. The rows lie in the store;
//! in memory is what they weigh and what closes them, so that neither costs a read.
//!
//! A row is committed with the write set of the batch that it came in. Keys rise for ever: a row's
//! number never names another.

use super::closing::{AcceptedFile, Closing};
use super::damaged::DamagedRecords;
use super::record;
use crate::actors::partner::ledger::taken::{Awaited, Taken, name_hash};
use crate::codec::records::Encode;
use crate::domain::{AssetId, ItemOutcome, PartnerNo, QuarantineRow, RefusedOrigin, WriteSet};
use crate::rules::policy::Policy;
use crate::store::{ReadError, Reader};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Rows read at once while loading.
const PAGE_ROWS: usize = 256;
/// Rows that the end of a run closes at most, some 100 kB; the next run closes the rest.
const LEFT_MAX: usize = 10_000;

/// What is known of the rows without reading them.
#[derive(Debug, Default)]
pub struct Quarantine {
    rows: BTreeMap<u64, Held>,
    /// Of the rows of feeds, and of what meets damage: what is refused again and again stands once.
    prints: HashMap<u64, u64>,
    awaited: Awaited,
    /// Rows of feeds whose records the run under way has refused again.
    upheld: HashSet<u64>,
    bytes: usize,
    next: u64,
}

#[derive(Clone, Debug)]
struct Held {
    bytes: u32,
    /// 0 where the row may stand more than once.
    print: u64,
    closing: Closing,
}

impl Quarantine {
    /// A row that is damaged decides nothing: it stands by its key until it is dropped.
    pub fn load(
        reader: &Reader,
        partner: PartnerNo,
        damaged: &mut DamagedRecords,
    ) -> Result<Quarantine, ReadError> {
        // beyond every key given before, since each took a change of the log
        let mut quarantine = Quarantine { next: reader.durable().0 + 1, ..Quarantine::default() };
        record::each::<QuarantineRow>(reader, partner, PAGE_ROWS, |row| {
            let read = damaged.unless(row.value);
            let (print, closing) =
                read.as_ref().map_or_else(Default::default, |row| (print_of(row), Closing::of(row)));
            quarantine.hold(row.key, Held { bytes: row.bytes as u32, print, closing });
            Ok(())
        })?;
        Ok(quarantine)
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn holds(&self, key: u64) -> bool {
        self.rows.contains_key(&key)
    }

    /// The assets that rows are of.
    pub fn awaited(&self) -> &Awaited {
        &self.awaited
    }

    /// Takes out the rows that what was taken has closed, and says how many.
    pub fn close(&mut self, taken: &[Taken], set: &mut WriteSet) -> u64 {
        let mut closed = 0;
        for taken in taken {
            let is_met = |key: &u64| self.rows.get(key).is_some_and(|held| held.closing.is_met_by(taken));
            let met: Vec<u64> = self.awaited.rows_of(taken.subject).filter(is_met).collect();
            closed += met.len() as u64;
            for key in met {
                self.remove(key, set);
            }
        }
        closed
    }

    /// A run of the feed begins, which has refused nothing yet.
    pub fn begin_run(&mut self) {
        self.upheld.clear();
    }

    /// The run has refused the asset's record again, or a price of it.
    pub fn uphold(&mut self, id: &AssetId) {
        for key in self.awaited.rows_of(name_hash(id.as_str())) {
            if self.rows.get(&key).is_some_and(|held| held.closing.is_of_record()) {
                self.upheld.insert(key);
            }
        }
    }

    /// Takes out the rows of the feed that a run has not upheld and that its file leaves behind, and says
    /// how many.
    pub fn close_left(&mut self, file: &AcceptedFile, set: &mut WriteSet) -> u64 {
        let is_left =
            |(key, held): &(&u64, &Held)| !self.upheld.contains(key) && held.closing.is_left_by(file);
        let left: Vec<u64> = self.rows.iter().filter(is_left).map(|(key, _)| *key).take(LEFT_MAX).collect();
        for key in &left {
            self.remove(*key, set);
        }
        left.len() as u64
    }

    /// Keeps the rows, drops the oldest beyond the caps, and says how many that were.
    pub fn keep(&mut self, rows: Vec<QuarantineRow>, policy: &Policy, set: &mut WriteSet) -> u64 {
        let beyond = rows.len().saturating_sub(policy.quarantine_max);
        for row in rows.into_iter().skip(beyond) {
            let print = print_of(&row);
            if let Some(held) = self.prints.get(&print) {
                self.upheld.insert(*held);
                continue;
            }
            let value = row.encode();
            let held = Held { bytes: value.len() as u32, print, closing: Closing::of(&row) };
            set.changes.push(record::put_encoded::<QuarantineRow>(&self.next, value));
            if held.closing.is_of_record() {
                self.upheld.insert(self.next);
            }
            self.hold(self.next, held);
        }
        let mut dropped = beyond as u64;
        while self.rows.len() > policy.quarantine_max || self.bytes > policy.quarantine_bytes_max {
            let Some((&oldest, _)) = self.rows.first_key_value() else { break };
            self.remove(oldest, set);
            dropped += 1;
        }
        dropped
    }

    /// Puts another row under a key that is held.
    pub fn put(&mut self, key: u64, row: QuarantineRow, set: &mut WriteSet) {
        self.let_go(key);
        let value = row.encode();
        let held = Held { bytes: value.len() as u32, print: print_of(&row), closing: Closing::of(&row) };
        set.changes.push(record::put_encoded::<QuarantineRow>(&key, value));
        self.hold(key, held);
    }

    /// Takes a row out; `false` where there is none.
    pub fn remove(&mut self, key: u64, set: &mut WriteSet) -> bool {
        let is_held = self.let_go(key);
        if is_held {
            set.changes.push(record::remove::<QuarantineRow>(&key));
        }
        is_held
    }

    fn let_go(&mut self, key: u64) -> bool {
        let Some(held) = self.rows.remove(&key) else { return false };
        self.bytes -= held.bytes as usize;
        self.prints.remove(&held.print);
        self.awaited.remove(held.closing.subject, key);
        self.upheld.remove(&key);
        true
    }

    fn hold(&mut self, key: u64, held: Held) {
        self.bytes += held.bytes as usize;
        if held.print != 0 {
            self.prints.insert(held.print, key);
        }
        if held.closing.subject != 0 {
            self.awaited.insert(held.closing.subject, key);
        }
        self.rows.insert(key, held);
        self.next = self.next.max(key + 1);
    }
}

/// The same for a record that is refused again for the same reason; 0 for what no feed said. A push
/// that meets damage is sent again and again until that is mended.
fn print_of(row: &QuarantineRow) -> u64 {
    let is_feed = matches!(row.origin, RefusedOrigin::Feed { .. });
    if !is_feed && row.code != ItemOutcome::DAMAGED {
        return 0;
    }
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    for part in [row.code.as_str(), row.id.as_deref().unwrap_or_default(), &row.raw] {
        hash.update(part.as_bytes());
        hash.update(&[0xff]);
    }
    hash.digest().max(1)
}

#[cfg(test)]
mod tests {
    use super::super::refusals::row_of;
    use super::*;
    use crate::domain::{ItemOutcome, Micros, Outcome, RefusedKind, Rule};

    fn row(origin: RefusedOrigin, raw: &str) -> QuarantineRow {
        let item = ItemOutcome::noted(Outcome::Quarantined, Rule::T4, "future_time", "hint");
        row_of(RefusedKind::Post, &item, origin, Micros(1)).with_raw(raw)
    }

    fn push(raw: &str) -> QuarantineRow {
        row(RefusedOrigin::Push { delivery: 0 }, raw)
    }

    fn kept(quarantine: &Quarantine) -> Vec<u64> {
        quarantine.rows.keys().copied().collect()
    }

    #[test]
    fn the_oldest_rows_are_dropped_beyond_the_caps_and_counted() {
        let policy = Policy { quarantine_max: 3, ..Policy::default() };
        let mut quarantine = Quarantine::default();
        let mut set = WriteSet::new(PartnerNo(1));
        assert_eq!(quarantine.keep(vec![push("a"), push("a")], &policy, &mut set), 0);
        assert_eq!(quarantine.keep(vec![push("a"), push("a")], &policy, &mut set), 1);
        assert_eq!(kept(&quarantine), [1, 2, 3]);
        assert_eq!(quarantine.keep((0..10).map(|_| push("a")).collect(), &policy, &mut set), 10);
        assert_eq!(kept(&quarantine), [4, 5, 6]);
        let small = Policy { quarantine_bytes_max: quarantine.bytes - 1, ..policy };
        assert_eq!(quarantine.keep(Vec::new(), &small, &mut set), 1);
        assert!(quarantine.remove(6, &mut set) && !quarantine.remove(6, &mut set));
        assert_eq!(kept(&quarantine), [5]);
    }

    #[test]
    fn a_record_that_is_refused_again_stands_once_until_it_is_taken_out() {
        let policy = Policy::default();
        let mut quarantine = Quarantine::default();
        let mut set = WriteSet::new(PartnerNo(1));
        for run in 1..5 {
            quarantine.keep(vec![row(RefusedOrigin::Feed { run, record: 7 }, "{}")], &policy, &mut set);
        }
        assert_eq!((kept(&quarantine), set.changes.len()), (vec![0], 1));
        quarantine.remove(0, &mut set);
        quarantine.keep(vec![row(RefusedOrigin::Feed { run: 6, record: 7 }, "{}")], &policy, &mut set);
        assert_eq!(kept(&quarantine), [1]);
    }
}

//! The quarantine: refused writes and records, kept until they are released, dropped, or pushed
//! out by newer ones. The rows lie in the store; in memory is what they weigh, so that the caps
//! cost no read.
//!
//! A row is committed with the write set of the batch that it came in. Keys rise for ever: a row's
//! number never names another.

use super::damaged::DamagedRecords;
use super::record;
use crate::codec::records::Encode;
use crate::domain::{ItemOutcome, PartnerNo, QuarantineRow, RefusedOrigin, WriteSet};
use crate::rules::policy::Policy;
use crate::store::{ReadError, Reader};
use std::collections::{BTreeMap, HashSet};

/// Rows read at once while loading.
const PAGE_ROWS: usize = 256;

/// What is known of the rows without reading them.
#[derive(Debug, Default)]
pub struct Quarantine {
    rows: BTreeMap<u64, Held>,
    /// Of the rows of feeds, and of what meets damage: what is refused again and again stands once.
    prints: HashSet<u64>,
    bytes: usize,
    next: u64,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    bytes: u32,
    /// 0 where the row may stand more than once.
    print: u64,
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
            let print = damaged.unless(row.value).as_ref().map_or(0, print_of);
            quarantine.hold(row.key, Held { bytes: row.bytes as u32, print });
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

    /// Keeps the rows, drops the oldest beyond the caps, and says how many that were.
    pub fn keep(&mut self, rows: Vec<QuarantineRow>, policy: &Policy, set: &mut WriteSet) -> u64 {
        let beyond = rows.len().saturating_sub(policy.quarantine_max);
        for row in rows.into_iter().skip(beyond) {
            let print = print_of(&row);
            if print != 0 && self.prints.contains(&print) {
                continue;
            }
            let value = row.encode();
            let held = Held { bytes: value.len() as u32, print };
            set.changes.push(record::put_encoded::<QuarantineRow>(&self.next, value));
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

    /// Takes a row out; `false` where there is none.
    pub fn remove(&mut self, key: u64, set: &mut WriteSet) -> bool {
        let Some(held) = self.rows.remove(&key) else { return false };
        self.bytes -= held.bytes as usize;
        self.prints.remove(&held.print);
        set.changes.push(record::remove::<QuarantineRow>(&key));
        true
    }

    fn hold(&mut self, key: u64, held: Held) {
        self.bytes += held.bytes as usize;
        if held.print != 0 {
            self.prints.insert(held.print);
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

//! The quarantine: refused writes and records, kept until they are released, dropped, or pushed
//! out by newer ones. The rows lie in the store; in memory is what they weigh, so that the caps
//! cost no read.
//!
//! A row is committed with the write set of the batch that it came in. Keys rise for ever: a row's
//! number never names another.

use crate::actors::partner::state::PartnerState;
use crate::actors::push::PushBody;
use crate::codec::request::again::{self, Texts};
use crate::domain::{
    AssetId, ChangeKind, ItemOutcome, Micros, Origin, Outcome, PartnerNo, QuarantineRow, QuoteName,
    RecordChange, RecordKind, RefusedKind, RefusedOrigin, Rule, RunId, Seq, Write, WriteSet,
};
use crate::rules::policy::Policy;
use crate::store::{ReadError, Reader};
use std::collections::{BTreeMap, HashSet};
use tokio::sync::oneshot;

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
    pub fn load(reader: &Reader, partner: PartnerNo) -> Result<Quarantine, ReadError> {
        // beyond every key given before, since each took a change of the log
        let mut quarantine = Quarantine { next: reader.durable().0 + 1, ..Quarantine::default() };
        let mut after: Option<Box<[u8]>> = None;
        loop {
            let page = reader.records(RecordKind::Quarantine, partner, after.as_deref(), false, PAGE_ROWS)?;
            let Some((last, _)) = page.last() else { return Ok(quarantine) };
            after = Some(last.clone());
            for (key, value) in &page {
                let Ok(key) = <[u8; 8]>::try_from(&**key) else { continue };
                let row: Option<QuarantineRow> = serde_json::from_slice(value).ok();
                let print = row.as_ref().map_or(0, print_of);
                quarantine.hold(u64::from_be_bytes(key), Held { bytes: value.len() as u32, print });
            }
        }
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
            let value = serde_json::to_vec(&row).expect("texts and numbers").into_boxed_slice();
            let held = Held { bytes: value.len() as u32, print };
            set.changes.push(record(self.next, Some(value)));
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
        set.changes.push(record(key, None));
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

fn record(key: u64, value: Option<Box<[u8]>>) -> ChangeKind {
    let key = Box::from(key.to_be_bytes());
    ChangeKind::Record(Box::new(RecordChange { kind: RecordKind::Quarantine, key, value }))
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

/// What is noted of a refused item while its batch is being decided.
pub struct Refused {
    place: usize,
    /// Of the write, where it could be decoded.
    known: Option<(AssetId, Option<QuoteName>, Micros)>,
}

impl Refused {
    pub fn unreadable(place: usize) -> Refused {
        Refused { place, known: None }
    }

    /// `None` where nothing was refused.
    pub fn of(place: usize, write: &Write, at: Micros, item: &ItemOutcome) -> Option<Refused> {
        let quote = match write {
            Write::Price(price) => Some(price.quote),
            Write::Asset(_) => None,
        };
        is_kept(item).then(|| Refused { place, known: Some((write.id().clone(), quote, at)) })
    }
}

/// Refused, and so kept aside.
pub fn is_kept(item: &ItemOutcome) -> bool {
    matches!(item.outcome, Outcome::Quarantined | Outcome::Rejected)
}

/// The batch that refused items came in.
pub struct Batch<'a> {
    pub body: &'a PushBody,
    pub received_at: Micros,
    pub origin: Origin,
    /// All of it was refused with a 422.
    pub rejected: bool,
}

/// The rows of a push's refused items, their texts found in its body.
pub fn rows_of_push(batch: &Batch<'_>, refused: Vec<Refused>, items: &[ItemOutcome]) -> Vec<QuarantineRow> {
    let texts = again::texts(&batch.body.bytes, batch.body.form);
    refused.into_iter().map(|refused| row_of_item(batch, &texts, &items[refused.place], refused)).collect()
}

fn row_of_item(batch: &Batch<'_>, texts: &Texts<'_>, item: &ItemOutcome, refused: Refused) -> QuarantineRow {
    let text = texts.items.get(refused.place);
    let (id, quote, at) = match refused.known {
        Some((id, quote, at)) => (Some(id.as_str().to_owned()), quote, at),
        None => {
            let id = text.map(|(_, text)| String::from(again::id_of(text))).filter(|id| !id.is_empty());
            let id = id.or_else(|| batch.body.id.as_ref().map(|id| id.as_str().to_owned()));
            (id, None, texts.timestamp.unwrap_or(batch.received_at))
        }
    };
    let row = row_of(batch.body.form.kind, item, origin_of(batch.origin), batch.received_at);
    let row = QuarantineRow {
        rejected: row.rejected || batch.rejected,
        id,
        quote: quote.map(|name| name.as_str().to_owned()),
        offset: text.map(|(offset, _)| *offset as u64),
        at: Some(at.0),
        ..row
    };
    row.with_raw(text.map_or("", |(_, text)| text))
}

/// A row that says why; what it is about and its text are to be filled in.
fn row_of(
    kind: RefusedKind,
    item: &ItemOutcome,
    origin: RefusedOrigin,
    received_at: Micros,
) -> QuarantineRow {
    let note = item.note.as_deref();
    QuarantineRow {
        kind,
        rejected: item.outcome == Outcome::Rejected,
        id: None,
        quote: None,
        code: note.map_or_else(String::new, |note| note.code.to_string()),
        rule: item.rule.as_str().to_owned(),
        hint: note.map_or_else(String::new, |note| note.hint.clone()),
        pointer: note.map_or_else(String::new, |note| note.pointer.clone()),
        offset: None,
        received_at: received_at.0,
        at: None,
        origin,
        raw: String::new(),
        raw_bytes: 0,
    }
}

fn origin_of(origin: Origin) -> RefusedOrigin {
    match origin {
        Origin::Feed { run, record } => RefusedOrigin::Feed { run, record: u64::from(record) },
        Origin::Push { delivery } => RefusedOrigin::Push { delivery },
        Origin::Admin { .. } => RefusedOrigin::Push { delivery: 0 },
    }
}

/// A feed's record that the rules refused.
pub struct RefusedRecord<'a> {
    pub id: &'a AssetId,
    pub offset: u64,
    pub text: &'a str,
    pub snapshot: Micros,
    pub received_at: Micros,
    pub origin: Origin,
}

/// `None` where the record was not refused.
pub fn row_of_record(record: &RefusedRecord<'_>, item: &ItemOutcome) -> Option<QuarantineRow> {
    if !is_kept(item) {
        return None;
    }
    let row = row_of(RefusedKind::FeedRecord, item, origin_of(record.origin), record.received_at);
    let row = QuarantineRow {
        rejected: false,
        id: Some(record.id.as_str().to_owned()),
        offset: Some(record.offset),
        at: Some(record.snapshot.0),
        ..row
    };
    Some(row.with_raw(record.text))
}

/// X4: a file as a whole that is older than what has been forgotten.
pub fn row_of_snapshot(
    run: RunId,
    code: &'static str,
    snapshot: Micros,
    received_at: Micros,
) -> QuarantineRow {
    let hint = "the file's time is at or before the history that is kept; nothing of it was applied";
    let item = ItemOutcome::noted(Outcome::Quarantined, Rule::X4, code, hint);
    let origin = RefusedOrigin::Feed { run: run.0, record: 0 };
    let row = row_of(RefusedKind::Snapshot, &item, origin, received_at);
    QuarantineRow { at: Some(snapshot.0), ..row }
}

impl PartnerState {
    /// Adds rows to a set, and counts what they pushed out.
    pub fn quarantine(&mut self, rows: Vec<QuarantineRow>, set: &mut WriteSet) {
        let dropped = self.quarantine.keep(rows, &self.settings.policy, set);
        self.metrics.quarantine_stands_at(self.quarantine.len(), dropped);
    }

    /// F2, F6: the invalid records of a run, whose time is known once the run has begun to apply.
    pub fn keep_records(&mut self, run: RunId, mut rows: Vec<QuarantineRow>, reply: oneshot::Sender<Seq>) {
        let running = self.running.as_ref().filter(|running| running.run == run);
        let snapshot = running.and_then(|running| running.active.as_ref()).map(|active| active.snapshot.0);
        rows.iter_mut().for_each(|row| row.at = snapshot);
        let mut set = WriteSet::new(self.no);
        self.quarantine(rows, &mut set);
        self.commit(set, reply);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

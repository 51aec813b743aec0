//! A removed partner's leftovers: counted, and taken away for good (`tidegate partner remove
//! --purge`).
//!
//! Nobody may be deciding for the partner meanwhile: the daemon is stopped. Readers of the change
//! stream see every living asset deleted. What stays is the partner's number, which is never given
//! to another, and its history floor (X4): should it come back, nothing older than the purge does.

use super::supervisor::{NUMBERS, number_record};
use crate::domain::{
    AssetChange, AssetEvent, AssetHead, AssetId, ChangeKind, FeedState, Lane, Micros, Origin, PartnerName,
    PartnerNo, RecordChange, RecordKind, Stamp, WriteSet,
};
use crate::store::{AssetRow, ReadError, Reader};

/// Rows taken away in one set.
const PAGE: usize = 500;

/// What a partner has here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    pub living: u64,
    /// Tombstones, and prices that wait for their asset.
    pub dead: u64,
}

pub fn count(reader: &Reader, partner: PartnerNo) -> Result<Leftovers, ReadError> {
    let mut leftovers = Leftovers::default();
    reader.index(partner, &mut |_, _, head, _| match head.is_alive() {
        true => leftovers.living += 1,
        false => leftovers.dead += 1,
    })?;
    Ok(leftovers)
}

/// The purge of one partner, set by set. Each set must be durable before the next is asked for.
pub struct Purge<'a> {
    reader: &'a Reader,
    name: &'a PartnerName,
    no: PartnerNo,
    now: Micros,
    step: Step,
}

enum Step {
    Assets(Option<AssetId>),
    Records(usize),
    Last,
    Done,
}

impl<'a> Purge<'a> {
    pub fn new(reader: &'a Reader, name: &'a PartnerName, no: PartnerNo, now: Micros) -> Purge<'a> {
        Purge { reader, name, no, now, step: Step::Assets(None) }
    }

    /// The next sets; `None` when nothing is left.
    pub fn next_sets(&mut self) -> Result<Option<Vec<WriteSet>>, ReadError> {
        loop {
            match std::mem::replace(&mut self.step, Step::Done) {
                Step::Assets(after) => {
                    let rows = self.reader.assets(self.no, after.as_ref(), PAGE)?;
                    let Some(last) = rows.last() else {
                        self.step = Step::Records(0);
                        continue;
                    };
                    self.step = Step::Assets(Some(last.id.clone()));
                    return Ok(Some(vec![self.assets(&rows)]));
                }
                Step::Records(kind) if kind < RecordKind::ALL.len() => {
                    let rows = self.records(RecordKind::ALL[kind])?;
                    self.step = Step::Records(if rows.changes.is_empty() { kind + 1 } else { kind });
                    if !rows.changes.is_empty() {
                        return Ok(Some(vec![rows]));
                    }
                }
                Step::Records(_) => self.step = Step::Last,
                Step::Last => return Ok(Some(self.last())),
                Step::Done => return Ok(None),
            }
        }
    }

    fn assets(&self, rows: &[AssetRow]) -> WriteSet {
        let mut set = WriteSet::new(self.no);
        let stamp = Stamp::new(self.now, Lane::Admin, 0);
        for row in rows {
            let change = |event, head: AssetHead| {
                ChangeKind::Asset(Box::new(AssetChange {
                    slot: row.slot,
                    id: row.id.clone(),
                    event,
                    head,
                    set: Vec::new(),
                    removed: Vec::new(),
                    stamp,
                    origin: Origin::Admin { action: 0 },
                }))
            };
            let dead = AssetHead {
                death: stamp,
                end: stamp,
                died_at: self.now,
                version: row.head.version + 1,
                ..AssetHead::unborn()
            };
            if row.head.is_alive() {
                set.changes.push(change(AssetEvent::Deleted, dead.clone()));
            }
            set.changes.push(change(AssetEvent::Forgotten, dead));
        }
        set
    }

    /// Takes away the first page of the partner's records of a kind.
    fn records(&self, kind: RecordKind) -> Result<WriteSet, ReadError> {
        let mut set = WriteSet::new(self.no);
        for (key, _) in self.reader.records(kind, self.no, None, false, PAGE)? {
            set.changes.push(record(kind, key, None));
        }
        Ok(set)
    }

    /// The history floor, and that the partner is gone, in one commit.
    fn last(&self) -> Vec<WriteSet> {
        let state = FeedState { history_floor: Some(self.now.0), ..FeedState::default() };
        let state = serde_json::to_vec(&state).expect("a plain struct serialises");
        let mut own = WriteSet::new(self.no);
        own.changes.push(record(RecordKind::Feed, Box::default(), Some(state.into())));
        let mut numbers = WriteSet::new(NUMBERS);
        numbers.changes.push(number_record(self.name, self.no, true));
        vec![own, numbers]
    }
}

fn record(kind: RecordKind, key: Box<[u8]>, value: Option<Box<[u8]>>) -> ChangeKind {
    ChangeKind::Record(Box::new(RecordChange { kind, key, value }))
}

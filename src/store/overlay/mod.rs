//! The overlay: committed changes that are not in the tables yet.
//!
//! Two generations: `active` takes what is committed now; `frozen` is what a checkpoint is writing
//! to the tables, and is dropped when it has. Readers look at active, then frozen, then tables.
//! Every layer may repeat what lies below it; none may miss it. So a read transaction and an
//! overlay belong together as long as no generation has been dropped between taking the two: then
//! `finished` is the same.

mod documents;
mod records;
mod slots;

pub use documents::{DocumentPatch, Documents};
pub use records::{Family, Records};
pub use slots::{SlotBlock, SlotEntry, SlotMap, WARM_MAX};

use super::tables::{assets, prices};
use crate::codec::log::{LogError, RowPlace, merge_quote_rows, replaces_whole};
use crate::domain::{AssetChange, AssetEvent, ChangeKind, Micros, PartnerNo, Seq, Slot};
use std::sync::Arc;

/// A row of prices longer than this calls for a checkpoint. The quotes that an asset may have take
/// some hundred bytes; beyond that it is registers that were emptied, which the overlay carries
/// until they have left the table, and copies with each change of the row.
const ROW_BYTES_LONG: usize = 16 << 10;

/// Where a change stands in the log, beside what it says.
#[derive(Clone, Copy)]
pub struct Commit<'a> {
    /// The sequence of the change.
    pub seq: Seq,
    /// When its group was committed, by our clock.
    pub committed_at: Micros,
    /// Whose change it is.
    pub partner: PartnerNo,
    /// The record that holds the change.
    pub record: &'a [u8],
}

/// The changes of one stretch of the log, summed up.
#[derive(Debug, Default)]
pub struct Generation {
    /// Rows of quotes, by slot.
    pub prices: SlotMap<{ prices::WIDTH }>,
    /// Rows of id and head, by slot.
    pub heads: SlotMap<{ assets::WIDTH }>,
    /// Patches of documents, by id.
    pub documents: Documents,
    /// Records, by key.
    pub records: Records,
    /// The last change in it.
    pub last: Seq,
    /// Bytes of the log's records in it: what recovery would have to read.
    pub log_bytes: usize,
    /// A row of prices has become so long that each change of it is dear.
    pub has_long_row: bool,
    merged: Vec<u8>,
}

impl Generation {
    /// About how many bytes it takes in memory.
    pub fn bytes(&self) -> usize {
        self.prices.bytes + self.heads.bytes + self.documents.bytes + self.records.bytes
    }

    /// Whether no change has come in.
    pub fn is_empty(&self) -> bool {
        self.last == Seq(0)
    }

    /// Makes ready for taking in these changes of one partner, `WARM_MAX` at most.
    pub fn warm(&self, partner: PartnerNo, changes: &[ChangeKind]) {
        let slots = changes.iter().filter_map(|kind| match kind {
            ChangeKind::Price(price) => Some(price.slot),
            _ => None,
        });
        self.prices.warm(partner, slots);
    }

    /// Takes in one change; `place` is where its row lies in the record. Errs where there is no row.
    #[inline]
    pub fn add(&mut self, commit: Commit<'_>, kind: ChangeKind, place: RowPlace) -> Result<(), LogError> {
        let row = commit.record.get(place).ok_or(LogError::Truncated)?;
        self.last = commit.seq;
        match kind {
            ChangeKind::Price(price) => return self.add_price(commit, price.slot, row),
            ChangeKind::Asset(asset) => self.add_asset(commit, *asset, row),
            ChangeKind::Record(record) => self.records.add(commit.seq, commit.partner, *record),
        }
        Ok(())
    }

    #[inline]
    fn add_price(&mut self, commit: Commit<'_>, slot: Slot, row: &[u8]) -> Result<(), LogError> {
        let Generation { prices, merged, has_long_row, .. } = self;
        prices.update(commit.seq, commit.partner, slot, |entry| {
            if replaces_whole(entry.row(), row) {
                entry.set_row(row);
                return Ok(());
            }
            merge_quote_rows(entry.row(), row, merged)?;
            *has_long_row |= merged.len() > ROW_BYTES_LONG;
            entry.set_row(merged);
            Ok(())
        })
    }

    fn add_asset(&mut self, commit: Commit<'_>, asset: AssetChange, row: &[u8]) {
        let (seq, partner) = (commit.seq, commit.partner);
        if asset.event == AssetEvent::Forgotten {
            self.heads.update(seq, partner, asset.slot, SlotEntry::clear);
            self.prices.update(seq, partner, asset.slot, SlotEntry::clear);
        } else {
            self.heads.update(seq, partner, asset.slot, |entry| entry.set_row(row));
        }
        self.documents.add(seq, commit.committed_at, partner, asset);
    }
}

/// What readers need beside the tables, under one lock.
#[derive(Debug, Default)]
pub struct Overlay {
    /// What is committed goes here.
    pub active: Generation,
    /// What a checkpoint is writing to the tables; `None` while none is under way.
    pub frozen: Option<Arc<Generation>>,
    /// Generations dropped so far.
    pub finished: u64,
}

impl Overlay {
    /// About how many bytes both take in memory.
    pub fn bytes(&self) -> usize {
        self.active.bytes() + self.frozen.as_ref().map_or(0, |frozen| frozen.bytes())
    }

    /// From the lowest layer up: the order in which they are laid over the tables.
    pub fn layers(&self) -> impl Iterator<Item = &Generation> {
        self.frozen.as_deref().into_iter().chain([&self.active])
    }
}

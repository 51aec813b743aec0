//! Head and quotes of one slot, from overlay and packed blocks.

use crate::codec::log::{FrameKey, head_row, merge_quote_rows, quotes};
use crate::domain::{AssetHead, AssetId, PartnerNo, Quote, Slot};
use crate::store::StoreError;
use crate::store::overlay::{Generation, Overlay, SlotEntry};
use crate::store::tables::block::Block;
use crate::store::tables::{assets, prices};
use redb::ReadOnlyTable;

/// A table of packed blocks, as a reader opens it.
pub type BlockTable = ReadOnlyTable<(u32, u32), &'static [u8]>;

/// What the overlay says of a slot.
#[derive(Clone, Default)]
pub struct SlotView {
    /// The newest row of id and head.
    head: Option<SlotEntry>,
    /// From the lowest layer up; what a cleared entry covers is left out.
    prices: Vec<SlotEntry>,
}

impl SlotView {
    /// What the layers of the overlay hold of the slot.
    pub fn take(overlay: &Overlay, partner: PartnerNo, slot: Slot) -> SlotView {
        let mut view = SlotView::default();
        for layer in overlay.layers() {
            view.add(layer, partner, slot);
        }
        view
    }

    fn add(&mut self, layer: &Generation, partner: PartnerNo, slot: Slot) {
        if let Some(entry) = layer.heads.get(partner, slot) {
            self.add_head(entry);
        }
        if let Some(entry) = layer.prices.get(partner, slot) {
            self.add_price(entry);
        }
    }

    /// Lays an entry of heads over what was added before it.
    pub fn add_head(&mut self, entry: &SlotEntry) {
        self.head = Some(entry.clone());
    }

    /// Lays an entry of prices over what was added before it.
    pub fn add_price(&mut self, entry: &SlotEntry) {
        if entry.cleared {
            self.prices.clear();
        }
        self.prices.push(entry.clone());
    }

    /// Id and head, where `stored` is the row in the table; `None` for a free slot.
    pub fn head(&self, stored: &[u8]) -> Result<Option<(AssetId, AssetHead)>, StoreError> {
        let row = self.head.as_ref().map_or(stored, SlotEntry::row);
        if row.is_empty() {
            return Ok(None);
        }
        head_row(row).map(Some).map_err(StoreError::corrupt("assets"))
    }

    /// Whether the row in the table matters for the head.
    pub fn needs_stored_head(&self) -> bool {
        self.head.is_none()
    }

    /// Quotes by name, where `stored` is the row in the table. A register that was emptied is none:
    /// whether layers still carry it depends on how far a checkpoint came.
    pub fn quotes(&self, stored: &[u8]) -> Result<Vec<Quote>, StoreError> {
        let corrupt = StoreError::corrupt("prices");
        let covered = self.prices.first().is_some_and(|entry| entry.cleared);
        let mut row = if covered { Vec::new() } else { stored.to_vec() };
        let mut merged = Vec::new();
        for entry in &self.prices {
            merge_quote_rows(&row, entry.row(), &mut merged).map_err(&corrupt)?;
            std::mem::swap(&mut row, &mut merged);
        }
        let mut quotes = quotes(&row).map_err(&corrupt)?;
        quotes.retain(|quote| !quote.is_emptied());
        quotes.sort_by_key(|quote| quote.name);
        Ok(quotes)
    }
}

/// The tables of packed blocks in one read transaction.
pub struct SlotTables {
    heads: BlockTable,
    prices: BlockTable,
}

impl SlotTables {
    /// Opens both in this transaction.
    pub fn open(txn: &redb::ReadTransaction) -> Result<SlotTables, StoreError> {
        Ok(SlotTables { heads: txn.open_table(assets::TABLE)?, prices: txn.open_table(prices::TABLE)? })
    }

    /// Id and head of a slot, the overlay's word first; `None` for a free slot.
    pub fn head(
        &self,
        view: &SlotView,
        partner: PartnerNo,
        slot: Slot,
    ) -> Result<Option<(AssetId, AssetHead)>, StoreError> {
        if !view.needs_stored_head() {
            return view.head(&[]);
        }
        let (number, place) = (slot.0 / assets::WIDTH as u32, slot.0 as usize % assets::WIDTH);
        let key = (partner.0, number);
        match self.heads.get(key)? {
            Some(block) => view.head(row(block.value(), assets::key_of(key), place, "assets")?),
            None => view.head(&[]),
        }
    }

    /// Quotes of a slot, by name, the overlay's laid over those of the table.
    pub fn quotes(&self, view: &SlotView, partner: PartnerNo, slot: Slot) -> Result<Vec<Quote>, StoreError> {
        let (number, place) = (slot.0 / prices::WIDTH as u32, slot.0 as usize % prices::WIDTH);
        let key = (partner.0, number);
        match self.prices.get(key)? {
            Some(block) => view.quotes(row(block.value(), prices::key_of(key), place, "prices")?),
            None => view.quotes(&[]),
        }
    }
}

fn row<'a>(
    block: &'a [u8],
    key: FrameKey,
    place: usize,
    table: &'static str,
) -> Result<&'a [u8], StoreError> {
    Block::new(block, key).and_then(|block| block.row(place)).map_err(StoreError::corrupt(table))
}

//! Slices: what one transaction of a checkpoint writes from a generation into the tables.

use super::StoreError;
use super::damage::Damage;
use super::overlay::{Family, Generation, SlotBlock, SlotEntry, SlotMap};
use super::tables::block::{Block, BlockWriter};
use super::tables::documents::DocumentRow;
use super::tables::{assets, documents, prices, records};
use crate::clock::Mark;
use crate::codec::log::{FrameKey, LogError, holds_emptied, replaces_whole, settle_quote_rows};
use crate::domain::{AssetId, PartnerNo, RecordKind, Seq};
use redb::{ReadableTable, Table, WriteTransaction};
use std::sync::Arc;
use std::time::Duration;

/// A slice writes at least this many values: fewer cost more in transactions than in pages. Beyond that
/// it ends at the first of time and bytes. Rows that lie together cost far less than rows scattered over
/// a large table, which only the time shows. Group commits wait for a slice to end, and the next one
/// syncs its pages.
const SLICE_VALUES_MIN: usize = 64;
const SLICE_TIME: Duration = Duration::from_micros(1_200);
const SLICE_BYTES: usize = 1 << 20;
/// However few rows it has: what a slice writes is in memory until it is committed.
const SLICE_BYTES_MOST: usize = 4 << 20;
/// An overlay smaller than this has slices smaller in proportion.
const OVERLAY_BYTES_USUAL: usize = 64 << 20;

/// A generation on its way into the tables.
pub struct Checkpoint {
    /// What is written.
    pub(super) generation: Arc<Generation>,
    /// Where the next slice begins.
    pub(super) next: Next,
}

/// What is to be written next.
pub(super) enum Next {
    /// Blocks of quotes, from this one on.
    Prices(PartnerNo, u32),
    /// Blocks of heads, from this one on.
    Heads(PartnerNo, u32),
    /// Documents after this id.
    Documents(PartnerNo, Option<AssetId>),
    /// Records after this key.
    Records(Family, Option<Box<[u8]>>),
    /// All is written.
    Nothing,
}

/// What a slice has done so far, and when that is enough.
struct Spent {
    values: usize,
    bytes: usize,
    since: Mark,
    values_min: usize,
    bytes_max: usize,
}

impl Spent {
    fn nothing(overlay_bytes_max: usize) -> Spent {
        let part = |whole: usize| {
            let shrink = OVERLAY_BYTES_USUAL / overlay_bytes_max.clamp(1, OVERLAY_BYTES_USUAL);
            (whole / shrink).max(1)
        };
        let (values_min, bytes_max) = (part(SLICE_VALUES_MIN), part(SLICE_BYTES));
        Spent { values: 0, bytes: 0, since: Mark::now(), values_min, bytes_max }
    }

    fn add(&mut self, bytes: usize) {
        self.values += 1;
        self.bytes += bytes;
    }

    fn enough(&self) -> bool {
        let is_worth_it = self.values >= self.values_min;
        self.bytes >= SLICE_BYTES_MOST
            || is_worth_it && (self.bytes >= self.bytes_max || self.since.elapsed() >= SLICE_TIME)
    }
}

impl Checkpoint {
    /// Writes what one slice takes, and moves to where the next one begins.
    pub(super) fn write_slice(
        &mut self,
        txn: &WriteTransaction,
        damage: &Damage,
        overlay_bytes_max: usize,
    ) -> Result<(), StoreError> {
        let mut spent = Spent::nothing(overlay_bytes_max);
        let generation = &*self.generation;
        while !spent.enough() {
            self.next = match &self.next {
                Next::Prices(partner, number) => {
                    let mut table = txn.open_table(prices::TABLE)?;
                    let target = Target {
                        name: "prices",
                        applied: generation.last,
                        row: price_row,
                        key_of: prices::key_of,
                        damage,
                    };
                    match target.write(&generation.prices, &mut table, (*partner, *number), &mut spent)? {
                        Some((partner, number)) => Next::Prices(partner, number),
                        None => Next::Heads(PartnerNo(0), 0),
                    }
                }
                Next::Heads(partner, number) => {
                    let mut table = txn.open_table(assets::TABLE)?;
                    let target = Target {
                        name: "assets",
                        applied: generation.last,
                        row: head_row,
                        key_of: assets::key_of,
                        damage,
                    };
                    match target.write(&generation.heads, &mut table, (*partner, *number), &mut spent)? {
                        Some((partner, number)) => Next::Heads(partner, number),
                        None => Next::Documents(PartnerNo(0), None),
                    }
                }
                Next::Documents(partner, after) => {
                    let rows = Rows { generation, txn, damage };
                    rows.write_documents((*partner, after.as_ref()), &mut spent)?
                }
                Next::Records(family, after) => {
                    let rows = Rows { generation, txn, damage };
                    rows.write_records((*family, after.as_deref()), &mut spent)?
                }
                Next::Nothing => break,
            };
        }
        Ok(())
    }
}

/// Makes the new row from the table's row, the entry and a buffer.
type MakeRow = for<'a> fn(&'a [u8], &'a SlotEntry, &'a mut Vec<u8>) -> Result<&'a [u8], LogError>;

/// A table of packed blocks, and how an entry and the row in the table make the new row.
struct Target<'a> {
    name: &'static str,
    applied: Seq,
    row: MakeRow,
    key_of: fn((u32, u32)) -> FrameKey,
    damage: &'a Damage,
}

fn head_row<'a>(_: &'a [u8], entry: &'a SlotEntry, _: &'a mut Vec<u8>) -> Result<&'a [u8], LogError> {
    Ok(entry.row())
}

fn price_row<'a>(
    old: &'a [u8],
    entry: &'a SlotEntry,
    scratch: &'a mut Vec<u8>,
) -> Result<&'a [u8], LogError> {
    let old = if entry.cleared { &[] } else { old };
    if replaces_whole(old, entry.row()) && !holds_emptied(entry.row())? {
        return Ok(entry.row());
    }
    settle_quote_rows(old, entry.row(), scratch)?;
    Ok(scratch)
}

impl Target<'_> {
    /// Rewrites blocks from the one named on; returns the block to go on with, `None` at the end.
    fn write<const WIDTH: usize>(
        &self,
        map: &SlotMap<WIDTH>,
        table: &mut Table<'_, (u32, u32), &'static [u8]>,
        from: (PartnerNo, u32),
        spent: &mut Spent,
    ) -> Result<Option<(PartnerNo, u32)>, StoreError> {
        let mut from = from;
        let mut packed = Vec::new();
        while let Some((partner, number, entries)) = map.block_from(from.0, from.1) {
            if spent.enough() {
                return Ok(Some((partner, number)));
            }
            let key = (partner.0, number);
            let old = table.get(key)?;
            let made = self.pack(old.as_ref().map(|guard| guard.value()), key, entries, &mut packed);
            drop(old);
            match made {
                Ok(()) => drop(table.insert(key, packed.as_slice())?),
                Err(source) => leave_damaged(self.damage, self.name, source),
            }
            spent.add(packed.len());
            from = (partner, number + 1);
        }
        Ok(None)
    }

    fn pack<const WIDTH: usize>(
        &self,
        old: Option<&[u8]>,
        key: (u32, u32),
        entries: &SlotBlock<WIDTH>,
        packed: &mut Vec<u8>,
    ) -> Result<(), LogError> {
        let key = (self.key_of)(key);
        let mut block = old.map_or(Ok(Block::absent()), |old| Block::new(old, key))?;
        let mut writer = BlockWriter::new(packed, self.applied.max(block.applied));
        let mut scratch = Vec::new();
        for place in 0..WIDTH {
            let row = block.next_row()?;
            match entries.get(place) {
                Some(entry) if entry.seq > block.applied => {
                    writer.push((self.row)(row, entry, &mut scratch)?);
                }
                _ => writer.push(row),
            }
        }
        writer.finish(key);
        Ok(())
    }
}

/// Leaves what is damaged as it is, an error for its readers: written over with the part that is known,
/// it would look whole. What should have gone into it is in the log.
fn leave_damaged(damage: &Damage, table: &'static str, source: LogError) {
    let error = StoreError::Corrupt { table, source };
    damage.note(&error);
    tracing::error!(table, cause = %source, "a checkpoint leaves damaged rows as they are: restore a backup");
}

/// The rows of a generation that are kept one by one.
struct Rows<'a> {
    generation: &'a Generation,
    txn: &'a WriteTransaction,
    damage: &'a Damage,
}

impl Rows<'_> {
    fn write_documents(
        &self,
        (partner, after): (PartnerNo, Option<&AssetId>),
        spent: &mut Spent,
    ) -> Result<Next, StoreError> {
        let mut table = self.txn.open_table(documents::TABLE)?;
        let mut bytes = Vec::new();
        for (partner, id, patch) in self.generation.documents.from(partner, after) {
            let key = (partner.0, id.as_bytes());
            let frame_key = documents::key_of(key.0, key.1);
            let old = table.get(key)?.map(|row| DocumentRow::take(row.value(), frame_key)).transpose();
            let mend =
                |source| if patch.stands_alone() { Ok(Some(DocumentRow::lost())) } else { Err(source) };
            let below = old.or_else(mend);
            match below {
                Err(source) => leave_damaged(self.damage, "documents", source),
                Ok(Some(row)) if row.applied >= patch.seq => {}
                Ok(below) => match patch.apply(below) {
                    Some(row) => {
                        row.put(&mut bytes, frame_key);
                        table.insert(key, bytes.as_slice())?;
                    }
                    None => drop(table.remove(key)?),
                },
            }
            spent.add(bytes.len());
            if spent.enough() {
                return Ok(Next::Documents(partner, Some(id.clone())));
            }
        }
        Ok(Next::Records((RecordKind::ALL[0], PartnerNo(0)), None))
    }

    fn write_records(
        &self,
        (family, after): (Family, Option<&[u8]>),
        spent: &mut Spent,
    ) -> Result<Next, StoreError> {
        let mut table = self.txn.open_table(records::TABLE)?;
        let mut bytes = Vec::new();
        for (family, key, entry) in self.generation.records.from(family, after) {
            let place = (family.0 as u8, family.1.0, key);
            let frame_key = records::key_of(place);
            let old = table.get(place)?;
            // one that is damaged is replaced: the new value stands for itself
            let applied = old.and_then(|row| records::take(row.value(), frame_key).map(|(seq, _)| seq).ok());
            if applied.is_none_or(|applied| applied < entry.seq) {
                match &entry.value {
                    Some(value) => {
                        records::put(&mut bytes, frame_key, entry.seq, value);
                        table.insert(place, bytes.as_slice())?;
                    }
                    None => drop(table.remove(place)?),
                }
            }
            spent.add(bytes.len());
            if spent.enough() {
                return Ok(Next::Records(family, Some(key.into())));
            }
        }
        Ok(Next::Nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::log::{put_quote_row, quotes};
    use crate::domain::{Currency, Decimal, Lane, Market, Micros, Quote, QuoteName, Slot, Stamp};

    fn quote(name: &str) -> Quote {
        Quote {
            name: QuoteName::new(name).unwrap(),
            currency: Currency::new("EUR").unwrap(),
            market: Market::Unsaid,
            stamp: Stamp::new(Micros(5), Lane::Push, 0),
            amount: Decimal::from_parts(5, 0),
            received_at: Micros(6),
            by_arrival: false,
            extra: None,
            undated: None,
        }
    }

    fn row(quotes: &[&Quote]) -> Vec<u8> {
        let mut row = Vec::new();
        quotes.iter().for_each(|quote| put_quote_row(&mut row, quote));
        row
    }

    /// Names of the quotes that the table holds, once it held `old`, after a checkpoint of an entry.
    fn settled(old: &[&Quote], cleared: bool, entry: &[&Quote]) -> Vec<String> {
        let mut map = SlotMap::<256>::default();
        map.update(Seq(1), PartnerNo(1), Slot(0), |slot| {
            if cleared {
                slot.clear();
            }
            slot.set_row(&row(entry));
        });
        let (old, mut scratch) = (row(old), Vec::new());
        let settled = price_row(&old, map.get(PartnerNo(1), Slot(0)).unwrap(), &mut scratch).unwrap();
        quotes(settled).unwrap().iter().map(|quote| quote.name.as_str().to_owned()).collect()
    }

    #[test]
    fn a_register_that_was_emptied_leaves_the_row_in_the_table() {
        let (price, nav, bid) = (quote("price"), quote("nav"), quote("bid"));
        let emptied = |held: &Quote| Quote { stamp: Stamp::NEVER, amount: None, ..held.clone() };
        let (no_price, no_nav, no_bid) = (emptied(&price), emptied(&nav), emptied(&bid));
        let none: [&str; 0] = [];
        assert_eq!(settled(&[], false, &[&no_price]), none);
        assert_eq!(settled(&[&price], false, &[&no_price]), none);
        assert_eq!(settled(&[&nav, &price], false, &[&no_nav]), ["price"]);
        assert_eq!(settled(&[&no_nav, &bid], false, &[&price]), ["bid", "price"]);
        assert_eq!(settled(&[&nav], true, &[&no_bid, &price]), ["price"]);
        let withdrawn = Quote { amount: None, ..price.clone() };
        assert_eq!(settled(&[&price, &nav], false, &[&withdrawn]), ["price", "nav"]);
    }

    #[test]
    fn an_entry_that_a_block_has_already_is_passed_over() {
        let (mut map, mut packed) = (SlotMap::<256>::default(), Vec::new());
        for (seq, slot) in [(50, 1), (90, 2)] {
            map.update(Seq(seq), PartnerNo(1), Slot(slot), |entry| entry.set_row(b"from the log"));
        }
        let mut stored = Vec::new();
        let (key, damage) = ((1, 0), Damage::default());
        let mut writer = BlockWriter::new(&mut stored, Seq(80));
        [&b""[..], b"stored", b"stored", b"untouched"].into_iter().for_each(|row| writer.push(row));
        writer.finish(assets::key_of(key));
        let (_, _, entries) = map.block_from(PartnerNo(1), 0).unwrap();
        let target = Target {
            name: "assets",
            applied: Seq(90),
            row: head_row,
            key_of: assets::key_of,
            damage: &damage,
        };
        target.pack(Some(&stored), key, entries, &mut packed).unwrap();
        let block = || Block::new(&packed, assets::key_of(key)).unwrap();
        assert_eq!(block().applied, Seq(90));
        assert_eq!(block().row(1), Ok(&b"stored"[..]));
        assert_eq!(block().row(2), Ok(&b"from the log"[..]));
        assert_eq!(block().row(3), Ok(&b"untouched"[..]));
    }
}

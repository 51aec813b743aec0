//! Every asset of a partner, block by block in order of slot. A block that is damaged hides the assets of its slots,
//! and no others.

use super::slot::{BlockTable, SlotView};
use crate::codec::log::{FrameKey, LogError};
use crate::domain::{AssetHead, AssetId, PartnerNo, Quote, Slot};
use crate::store::overlay::{Overlay, SlotEntry, SlotMap};
use crate::store::shared::Shared;
use crate::store::tables::block::Block;
use crate::store::tables::{assets, documents, prices};
use crate::store::{ReadError, StoreError};
use redb::{AccessGuard, ReadTransaction};
use std::ops::{Bound, Range};

/// Slots read at once; whole blocks of both tables.
const CHUNK: u32 = 4_096;
const _: () =
    assert!((CHUNK as usize).is_multiple_of(assets::WIDTH) && (CHUNK as usize).is_multiple_of(prices::WIDTH));

type Guard = AccessGuard<'static, &'static [u8]>;

/// The packed blocks of a chunk, `None` where one is not there.
struct Blocks {
    heads: Vec<Option<Guard>>,
    prices: Vec<Option<Guard>>,
    /// Beyond the last slot in the table.
    end: u32,
}

/// Slots whose heads or quotes are damaged: nothing can be decided for what stands in them, and nothing new put there.
#[derive(Debug)]
pub struct DamagedSlots {
    /// The numbers of the slots.
    pub slots: Range<u32>,
    /// What was found.
    pub cause: StoreError,
}

/// Visits every asset of a partner in order of slot, and gives the slots that are damaged.
pub fn visit_all(
    shared: &Shared,
    partner: PartnerNo,
    visit: &mut dyn FnMut(Slot, AssetId, AssetHead, Vec<Quote>),
) -> Result<Vec<DamagedSlots>, ReadError> {
    let (mut base, mut damaged) = (Some(0), Vec::new());
    while let Some(from) = base {
        base = visit_from(shared, partner, from, visit, &mut damaged)?;
    }
    Ok(damaged)
}

/// Errs with the first damage that was met: for callers that need every slot.
pub fn unless_damaged(damaged: Vec<DamagedSlots>) -> Result<(), ReadError> {
    damaged.into_iter().next().map_or(Ok(()), |first| Err(first.cause.into()))
}

/// Ids that have a document here, dead ones included, and that the caller does not know.
pub fn unknown_ids(
    shared: &Shared,
    partner: PartnerNo,
    is_known: &dyn Fn(&AssetId) -> bool,
) -> Result<Vec<AssetId>, ReadError> {
    let scout = |txn: &ReadTransaction| {
        let from = Bound::Included((partner.0, &[][..]));
        let to = partner.0.checked_add(1).map_or(Bound::Unbounded, |next| Bound::Excluded((next, &[][..])));
        let mut ids = Vec::new();
        for row in txn.open_table(documents::TABLE)?.range::<(u32, &[u8])>((from, to))? {
            let (key, _) = row?;
            let id = std::str::from_utf8(key.value().1).ok().and_then(|id| AssetId::new(id).ok());
            ids.extend(id.filter(|id| !is_known(id)));
        }
        Ok(ids)
    };
    let collect = |overlay: &Overlay, stored: &Vec<AssetId>| {
        let patch_of = |id: &AssetId| overlay.layers().filter_map(|l| l.documents.get(partner, id)).last();
        let newer = overlay.layers().flat_map(|layer| layer.documents.after(partner, None));
        let newer = newer.map(|(id, _)| id).filter(|id| !is_known(id)).cloned();
        let mut ids: Vec<AssetId> = stored.iter().cloned().chain(newer).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| patch_of(id).is_none_or(|patch| !patch.gone));
        ids
    };
    Ok(shared.together(scout, collect)?.2)
}

/// Some assets from a slot on; gives the slot to go on from, `None` at the end.
pub fn visit_from(
    shared: &Shared,
    partner: PartnerNo,
    from: u32,
    visit: &mut dyn FnMut(Slot, AssetId, AssetHead, Vec<Quote>),
    damaged: &mut Vec<DamagedSlots>,
) -> Result<Option<u32>, ReadError> {
    let base = from - from % CHUNK;
    let scout = |txn: &ReadTransaction| Blocks::read(txn, partner, base);
    let collect = |overlay: &Overlay, blocks: &Blocks| views(overlay, (partner, base), blocks);
    let (_txn, blocks, (views, overlay_end)) = shared.together(scout, collect)?;
    if !views.is_empty() {
        visit_chunk((partner, base), &blocks, &views, visit, damaged);
    }
    let end = blocks.end.max(overlay_end);
    Ok(base.checked_add(CHUNK).filter(|&next| next < end))
}

impl Blocks {
    fn read(txn: &ReadTransaction, partner: PartnerNo, base: u32) -> Result<Blocks, StoreError> {
        let heads = txn.open_table(assets::TABLE)?;
        let last = heads.range((partner.0, 0)..=(partner.0, u32::MAX))?.next_back().transpose()?;
        let end = last.map_or(0, |(key, _)| (key.value().1 + 1).saturating_mul(assets::WIDTH as u32));
        Ok(Blocks {
            heads: read_blocks(&heads, partner, base / assets::WIDTH as u32, assets::WIDTH)?,
            prices: read_blocks(
                &txn.open_table(prices::TABLE)?,
                partner,
                base / prices::WIDTH as u32,
                prices::WIDTH,
            )?,
            end,
        })
    }
}

fn read_blocks(
    table: &BlockTable,
    partner: PartnerNo,
    first: u32,
    width: usize,
) -> Result<Vec<Option<Guard>>, StoreError> {
    let count = CHUNK / width as u32;
    let mut blocks: Vec<Option<Guard>> = (0..count).map(|_| None).collect();
    for row in table.range((partner.0, first)..(partner.0, first + count))? {
        let (key, block) = row?;
        blocks[(key.value().1 - first) as usize] = Some(block);
    }
    Ok(blocks)
}

/// What the overlay says of the chunk's slots, and the slot that it reaches to. Empty where nothing stands
/// there at all: of many partners most may have nothing, and a chunk of nothing takes its time too.
fn views(overlay: &Overlay, (partner, base): (PartnerNo, u32), blocks: &Blocks) -> (Vec<SlotView>, u32) {
    let end = overlay.layers().map(|layer| layer.heads.slot_end(partner)).max().unwrap_or(0);
    let prices_end = overlay.layers().map(|layer| layer.prices.slot_end(partner)).max().unwrap_or(0);
    if base >= end.max(blocks.end).max(prices_end) && blocks.prices.iter().all(Option::is_none) {
        return (Vec::new(), end);
    }
    let mut views = vec![SlotView::default(); CHUNK as usize];
    for layer in overlay.layers() {
        each_entry(&layer.heads, partner, base, |place, entry| views[place].add_head(entry));
        each_entry(&layer.prices, partner, base, |place, entry| views[place].add_price(entry));
    }
    (views, end)
}

fn each_entry<const WIDTH: usize>(
    map: &SlotMap<WIDTH>,
    partner: PartnerNo,
    base: u32,
    mut visit: impl FnMut(usize, &SlotEntry),
) {
    let first = base / WIDTH as u32;
    let mut next = first;
    while let Some((found, number, block)) = map.block_from(partner, next) {
        if found != partner || number >= first + CHUNK / WIDTH as u32 {
            return;
        }
        let start = (number - first) as usize * WIDTH;
        (0..WIDTH)
            .filter_map(|place| Some((place, block.get(place)?)))
            .for_each(|(p, e)| visit(start + p, e));
        next = number + 1;
    }
}

fn visit_chunk(
    (partner, base): (PartnerNo, u32),
    blocks: &Blocks,
    views: &[SlotView],
    visit: &mut dyn FnMut(Slot, AssetId, AssetHead, Vec<Quote>),
    damaged: &mut Vec<DamagedSlots>,
) {
    let mut heads = Rows::new(&blocks.heads, assets::WIDTH, ("assets", assets::key_of));
    let mut prices = Rows::new(&blocks.prices, prices::WIDTH, ("prices", prices::key_of));
    (heads.first, prices.first) =
        ((partner.0, base / assets::WIDTH as u32), (partner.0, base / prices::WIDTH as u32));
    for (place, view) in views.iter().enumerate() {
        let slot = base + place as u32;
        // both, also where the overlay knows better: what it holds could not be written
        match (heads.next_row(place), prices.next_row(place)) {
            (Ok(head), Ok(price)) => match asset(view, head, price) {
                Ok(found) => {
                    found.into_iter().for_each(|(id, head, quotes)| visit(Slot(slot), id, head, quotes))
                }
                Err(cause) => note(damaged, slot, cause),
            },
            (Err(cause), _) | (_, Err(cause)) => note(damaged, slot, cause),
        }
    }
}

fn asset(
    view: &SlotView,
    head: &[u8],
    price: &[u8],
) -> Result<Option<(AssetId, AssetHead, Vec<Quote>)>, StoreError> {
    let Some((id, head)) = view.head(head)? else { return Ok(None) };
    Ok(Some((id, head, view.quotes(price)?)))
}

fn note(damaged: &mut Vec<DamagedSlots>, slot: u32, cause: StoreError) {
    match damaged.last_mut() {
        Some(last) if last.slots.end == slot => last.slots.end += 1,
        _ => damaged.push(DamagedSlots { slots: slot..slot + 1, cause }),
    }
}

/// The rows of consecutive blocks, one after the other.
struct Rows<'a> {
    blocks: &'a [Option<Guard>],
    width: usize,
    table: &'static str,
    key_of: fn((u32, u32)) -> FrameKey,
    /// The key of the first of them.
    first: (u32, u32),
    /// An error from where on it cannot be read.
    block: Result<Block<'a>, LogError>,
}

impl<'a> Rows<'a> {
    fn new(
        blocks: &'a [Option<Guard>],
        width: usize,
        (table, key_of): (&'static str, fn((u32, u32)) -> FrameKey),
    ) -> Rows<'a> {
        Rows { blocks, width, table, key_of, first: (0, 0), block: Ok(Block::absent()) }
    }

    /// The row of the slot at `place` in the chunk; places come one after the other.
    fn next_row(&mut self, place: usize) -> Result<&'a [u8], StoreError> {
        if place.is_multiple_of(self.width) {
            let number = place / self.width;
            let key = (self.key_of)((self.first.0, self.first.1 + number as u32));
            self.block = match &self.blocks[number] {
                Some(guard) => Block::new(guard.value(), key),
                None => Ok(Block::absent()),
            };
        }
        let row = self.block.as_mut().map_err(|error| *error).and_then(Block::next_row);
        row.map_err(|source| {
            self.block = Err(source);
            StoreError::Corrupt { table: self.table, source }
        })
    }
}

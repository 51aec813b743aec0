//! What the overlay holds by slot: rows of prices or heads, in blocks as wide as the table's.
//!
//! Slots are dense, so a block is found by index and a slot in it by one more: no hash, no tree,
//! and no rehash that would stop the writer for a moment. Blocks come in the table's order, which
//! is the order in which a checkpoint writes them.

use crate::domain::{PartnerNo, Seq, Slot};
use std::collections::BTreeMap;

/// Rows up to this long lie in the entry itself: nearly all with a single quote.
const INLINE_MAX: usize = 30;

/// More reads than this a core does not have under way at once.
pub const WARM_MAX: usize = 32;

/// The bytes of a row.
#[derive(Clone, Debug)]
enum Row {
    Inline { len: u8, bytes: [u8; INLINE_MAX] },
    Heap(Box<[u8]>),
}

/// What the log said about one slot since the last checkpoint.
#[derive(Clone, Debug)]
pub struct SlotEntry {
    /// The last change of the slot.
    pub seq: Seq,
    place: u8,
    /// The row stands for itself: what the layers below hold of the slot is gone.
    pub cleared: bool,
    row: Row,
}

impl SlotEntry {
    fn new(place: u8) -> SlotEntry {
        let row = Row::Inline { len: 0, bytes: [0; INLINE_MAX] };
        SlotEntry { seq: Seq(0), place, cleared: false, row }
    }

    #[inline]
    /// What the log said of the slot; empty where it only cleared it.
    pub fn row(&self) -> &[u8] {
        match &self.row {
            Row::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Row::Heap(bytes) => bytes,
        }
    }

    /// Takes away what the entry and the layers below it hold of the slot.
    pub fn clear(&mut self) {
        self.cleared = true;
        self.set_row(&[]);
    }

    #[inline]
    /// Puts this row in the place of the one before.
    pub fn set_row(&mut self, row: &[u8]) {
        if row.len() > INLINE_MAX {
            self.row = Row::Heap(row.into());
            return;
        }
        let mut bytes = [0; INLINE_MAX];
        bytes[..row.len()].copy_from_slice(row);
        self.row = Row::Inline { len: row.len() as u8, bytes };
    }

    fn heap_bytes(&self) -> usize {
        match &self.row {
            Row::Inline { .. } => 0,
            Row::Heap(bytes) => bytes.len() + 16, // what an allocator adds, about
        }
    }
}

/// The entries of one block: `index` says where a slot's entry may stand, the entry whether it
/// really does, so that neither needs to be wiped.
#[derive(Debug)]
pub struct SlotBlock<const WIDTH: usize> {
    index: [u8; WIDTH],
    entries: Vec<SlotEntry>,
}

impl<const WIDTH: usize> SlotBlock<WIDTH> {
    const FITS: () = assert!(WIDTH <= 256, "places are counted in a byte");

    fn new() -> SlotBlock<WIDTH> {
        let () = Self::FITS;
        SlotBlock { index: [0; WIDTH], entries: Vec::new() }
    }

    /// The entry of a slot, `place` counted from the block's first.
    #[inline]
    pub fn get(&self, place: usize) -> Option<&SlotEntry> {
        let entry = self.entries.get(usize::from(self.index[place]))?;
        (usize::from(entry.place) == place).then_some(entry)
    }

    #[inline]
    fn entry(&mut self, place: usize) -> &mut SlotEntry {
        let at = usize::from(self.index[place]);
        if self.entries.get(at).is_some_and(|entry| usize::from(entry.place) == place) {
            return &mut self.entries[at];
        }
        let at = self.entries.len();
        self.index[place] = at as u8;
        self.entries.push(SlotEntry::new(place as u8));
        &mut self.entries[at]
    }
}

type Blocks<const WIDTH: usize> = Vec<Option<Box<SlotBlock<WIDTH>>>>;

/// Entries by partner and slot.
#[derive(Debug, Default)]
pub struct SlotMap<const WIDTH: usize> {
    partners: BTreeMap<PartnerNo, Blocks<WIDTH>>,
    /// About how many bytes all of them take in memory.
    pub bytes: usize,
}

impl<const WIDTH: usize> SlotMap<WIDTH> {
    /// The entry of a slot; `None` where nothing has changed since the layer below.
    pub fn get(&self, partner: PartnerNo, slot: Slot) -> Option<&SlotEntry> {
        let (block, place) = split::<WIDTH>(slot);
        self.partners.get(&partner)?.get(block)?.as_ref()?.get(place)
    }

    /// Has `edit` change what the slot's entry says as of `seq`; a new entry has an empty row.
    #[inline]
    pub fn update<R>(
        &mut self,
        seq: Seq,
        partner: PartnerNo,
        slot: Slot,
        edit: impl FnOnce(&mut SlotEntry) -> R,
    ) -> R {
        let (number, place) = split::<WIDTH>(slot);
        let blocks = self.partners.entry(partner).or_default();
        if blocks.len() <= number {
            self.bytes += (number + 1 - blocks.len()) * size_of::<usize>();
            blocks.resize_with(number + 1, || None);
        }
        let block = blocks[number].get_or_insert_with(|| {
            self.bytes += size_of::<SlotBlock<WIDTH>>();
            Box::new(SlotBlock::new())
        });
        let capacity = block.entries.capacity();
        let entry = block.entry(place);
        let heap = entry.heap_bytes();
        entry.seq = seq;
        let result = edit(entry);
        self.bytes = self.bytes + entry.heap_bytes() - heap;
        self.bytes += (block.entries.capacity() - capacity) * size_of::<SlotEntry>();
        result
    }

    /// Reads what updates of these slots will read, so that the waits for memory overlap: an
    /// update by itself waits for three places one after the other, and slots come at random.
    pub fn warm(&self, partner: PartnerNo, slots: impl Iterator<Item = Slot>) {
        let Some(blocks) = self.partners.get(&partner) else { return };
        let mut found = [None; WARM_MAX];
        for (slot, found) in slots.zip(&mut found) {
            let (number, place) = split::<WIDTH>(slot);
            let block = blocks.get(number).and_then(Option::as_deref);
            *found = block.map(|block| (block, block.index[place]));
        }
        // an entry may lie across two lines of the cache; a new one will lie after the last
        let ends = |entry: &SlotEntry| usize::from(entry.place) + entry.row().len();
        let places = found.iter().flatten().map(|(block, at)| {
            block.entries.get(usize::from(*at)).map_or(0, ends) + block.entries.last().map_or(0, ends)
        });
        std::hint::black_box(places.sum::<usize>());
    }

    /// The first block at or after the one named: partner, number, entries.
    pub fn block_from(&self, partner: PartnerNo, number: u32) -> Option<(PartnerNo, u32, &SlotBlock<WIDTH>)> {
        for (&found, blocks) in self.partners.range(partner..) {
            let from = if found == partner { number as usize } else { 0 };
            let block = blocks.iter().enumerate().skip(from).find_map(|(n, b)| Some((n, b.as_ref()?)));
            if let Some((number, block)) = block {
                return Some((found, number as u32, block));
            }
        }
        None
    }

    /// Beyond the highest slot that the partner's blocks reach.
    pub fn slot_end(&self, partner: PartnerNo) -> u32 {
        self.partners.get(&partner).map_or(0, |blocks| (blocks.len() * WIDTH) as u32)
    }
}

#[inline]
fn split<const WIDTH: usize>(slot: Slot) -> (usize, usize) {
    (slot.0 as usize / WIDTH, slot.0 as usize % WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: PartnerNo = PartnerNo(1);

    fn put(map: &mut SlotMap<256>, seq: u64, partner: PartnerNo, slot: u32, row: &[u8]) {
        map.update(Seq(seq), partner, Slot(slot), |entry| entry.set_row(row));
    }

    #[test]
    fn an_entry_is_found_by_its_slot_alone() {
        let mut map = SlotMap::<256>::default();
        for slot in 0..256 {
            put(&mut map, u64::from(slot), A, (slot * 7) % 256, &[slot as u8; 5]);
        }
        for slot in 0..256u32 {
            assert_eq!(map.get(A, Slot(slot * 7 % 256)).unwrap().row(), [slot as u8; 5]);
        }
        assert!(map.get(A, Slot(256)).is_none());
        assert!(map.get(PartnerNo(2), Slot(0)).is_none());
        put(&mut map, 300, A, 3, b"new");
        assert_eq!(map.get(A, Slot(3)).unwrap().row(), b"new");
        assert_eq!(map.slot_end(A), 256);
    }

    #[test]
    fn blocks_come_in_the_order_of_the_table() {
        let mut map = SlotMap::<256>::default();
        for (partner, slot) in [(2, 0), (1, 1_000), (1, 5), (2, 700)] {
            put(&mut map, 1, PartnerNo(partner), slot, b"x");
        }
        let (mut seen, mut next) = (Vec::new(), (PartnerNo(0), 0));
        while let Some((partner, number, _)) = map.block_from(next.0, next.1) {
            seen.push((partner.0, number));
            next = (partner, number + 1);
        }
        assert_eq!(seen, [(1, 0), (1, 3), (2, 0), (2, 2)]);
    }

    #[test]
    fn bytes_are_counted_and_an_entry_stays_small() {
        assert_eq!(size_of::<SlotEntry>(), 48);
        let mut map = SlotMap::<256>::default();
        put(&mut map, 1, A, 0, &[1; 30]);
        let inline = map.bytes;
        put(&mut map, 2, A, 0, &[1; 1_000]);
        assert_eq!(map.bytes, inline + 1_016);
        put(&mut map, 3, A, 0, b"");
        assert_eq!(map.bytes, inline);
    }
}

//! `assets`: id and head of each slot, in packed blocks. Row: `codec::log::put_head_row`; an
//! empty row is a free slot.

use super::tag::{self, frame_key};
use crate::codec::log::FrameKey;
use redb::TableDefinition;

/// (partner, slot / WIDTH) → block.
pub const TABLE: TableDefinition<'static, (u32, u32), &'static [u8]> = TableDefinition::new("assets");

/// Slots in a block: about 16 kB of heads with 20-byte ids.
pub const WIDTH: usize = 128;

/// The place of a block, for its checksum.
pub fn key_of(key: (u32, u32)) -> FrameKey {
    frame_key(tag::ASSETS, key)
}

//! `prices`: the quotes of each slot, in packed blocks. Row: `codec::log::put_quote_row`.

use super::tag::{self, frame_key};
use crate::codec::log::FrameKey;
use redb::TableDefinition;

/// (partner, slot / WIDTH) → block.
pub const TABLE: TableDefinition<'static, (u32, u32), &'static [u8]> = TableDefinition::new("prices");

/// Slots in a block: with one quote each about 6 kB, which fits two pages.
pub const WIDTH: usize = 256;

/// The place of a block, for its checksum.
pub fn key_of(key: (u32, u32)) -> FrameKey {
    frame_key(tag::PRICES, key)
}

//! Numbers of the tables in their checksums; 1 is the log's.

use crate::codec::log::FrameKey;

pub const DOCUMENTS: u8 = 2;
pub const ASSETS: u8 = 3;
pub const PRICES: u8 = 4;
pub const RECORDS: u8 = 5;
pub const META: u8 = 6;
pub const LIVES: u8 = 7;

/// The key of a packed block.
pub fn frame_key(table: u8, (partner, number): (u32, u32)) -> FrameKey {
    let mut key = [0; 8];
    key[..4].copy_from_slice(&partner.to_le_bytes());
    key[4..].copy_from_slice(&number.to_le_bytes());
    FrameKey::new(table, &key)
}

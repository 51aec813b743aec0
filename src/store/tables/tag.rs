//! Numbers of the tables in their checksums; 1 is the log's.

use crate::codec::log::FrameKey;

/// The number of `documents`.
pub const DOCUMENTS: u8 = 2;
/// The number of `assets`.
pub const ASSETS: u8 = 3;
/// The number of `prices`.
pub const PRICES: u8 = 4;
/// The number of `records`.
pub const RECORDS: u8 = 5;
/// The number of `meta`.
pub const META: u8 = 6;
/// The number of `lives`.
pub const LIVES: u8 = 7;

/// The key of a packed block.
pub fn frame_key(table: u8, (partner, number): (u32, u32)) -> FrameKey {
    let mut key = [0; 8];
    key[..4].copy_from_slice(&partner.to_le_bytes());
    key[4..].copy_from_slice(&number.to_le_bytes());
    FrameKey::new(table, &key)
}

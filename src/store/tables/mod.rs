//! The tables of the one redb file: names, keys and byte layouts, all pinned. One file per table.
//!
//! Only `log` is the truth; the others are what the log had said up to the checkpoint, and say so
//! themselves: each row or block holds the sequence up to which it is applied. Everything is
//! framed by version and checksum, which are verified whenever it is read.

pub mod assets;
pub mod block;
pub mod documents;
pub mod lives;
pub mod log;
pub mod meta;
pub mod prices;
pub mod records;

use super::StoreError;
use crate::codec::log::FrameKey;
use redb::WriteTransaction;

/// Numbers of the tables in their checksums; 1 is the log's.
mod tag {
    pub const DOCUMENTS: u8 = 2;
    pub const ASSETS: u8 = 3;
    pub const PRICES: u8 = 4;
    pub const RECORDS: u8 = 5;
    pub const META: u8 = 6;
    pub const LIVES: u8 = 7;
}

/// Of a packed block.
fn frame_key(table: u8, (partner, number): (u32, u32)) -> FrameKey {
    let mut key = [0; 8];
    key[..4].copy_from_slice(&partner.to_le_bytes());
    key[4..].copy_from_slice(&number.to_le_bytes());
    FrameKey::new(table, &key)
}

/// Makes every table, so that readers may count on them.
pub fn create_all(txn: &WriteTransaction) -> Result<(), StoreError> {
    txn.open_table(log::TABLE)?;
    txn.open_table(documents::TABLE)?;
    txn.open_table(assets::TABLE)?;
    txn.open_table(prices::TABLE)?;
    txn.open_table(records::TABLE)?;
    txn.open_table(meta::TABLE)?;
    txn.open_table(lives::TABLE)?;
    Ok(())
}

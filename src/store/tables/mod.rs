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
mod tag;

use super::StoreError;
use redb::WriteTransaction;

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

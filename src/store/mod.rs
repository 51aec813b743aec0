//! The store: one redb file, of which the log is the truth and the tables are checkpoints.
//! Nothing else knows redb.
//!
//! `Writer` (one thread) appends a log record for each group commit and writes the tables later;
//! `Reader` (any thread) sees tables and overlay as one, at one durable sequence.
//!
//! - A change is visible, and acknowledged, only after the sync of its record.
//! - A slot's prices are seen once an asset's change has named the slot; `Forgotten` frees it.
//! - What is read is verified: damaged bytes are an error, never a value.
//! - Deliberately absent: rules. The store applies facts and compares nothing but sequences.

mod backup;
mod checkpoint;
mod damage;
mod error;
mod high_water;
mod open;
mod options;
mod overlay;
mod place;
mod read;
mod recovery;
mod shared;
mod slice;
mod tables;
mod trim;
mod verify;
mod writer;

pub use backup::{
    BackupEnd, BackupError, BackupParser, BackupSource, BackupStart, BackupSummary, Inspection, RestoreOrder,
    Restored, RowCounts, inspect, is_backup, restore,
};
pub use checkpoint::Progress;
pub use damage::PLACES;
pub use error::{ReadError, StoreError};
pub use open::{FILE as STORE_FILE, Opened, open, open_backend};
pub use options::StoreOptions;
pub use read::{
    AssetRow, AssetsPage, ChangesPage, DamagedRow, DamagedSlots, LogExtent, PageSpan, Reader, RecordBytes,
    Span, StoredRecord,
};
pub use recovery::Recovery;
pub use writer::{Group, Writer};

//! The store: one redb file, of which the log is the truth and the tables are checkpoints.
//! Nothing else knows redb.

mod read;

pub use read::{AssetRow, ChangesPage, ReadError, Reader};

//! Backups: the whole store as one stream of bytes, made while the store is written, and back again.
//!
//! A backup is fuzzy, so that no read transaction is held: page after page of the tables as they are at that
//! moment, and all of the log from the checkpoint at its start to its end. Each row says up to where it is
//! applied, so opening what was restored applies the log to it as after a crash, and comes to the exact state
//! at the backup's end. The log from before is not in it, nor the history of lives: what is restored is a new
//! history, so that every follower is told to begin again.
//!
//! - Every row is verified when it is taken, when the backup is read, and when it is restored.
//! - Deliberately absent: a backup of a store that is damaged. It would hide what has been lost.

mod contents;
mod error;
mod format;
mod inspect;
mod restore;
mod source;

pub use contents::{BackupParser, BackupSummary};
pub use error::BackupError;
pub use format::{BackupEnd, BackupStart, RowCounts, is_backup};
pub use inspect::{Inspection, inspect};
pub use restore::{RestoreOrder, Restored, restore};
pub use source::BackupSource;

//! Why a backup cannot be read, or not be restored.

use crate::store::{ReadError, StoreError};
use std::io;
use std::path::PathBuf;

/// What is wrong with a backup, or with where it should go; what to do stands in the message.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Other bytes altogether.
    #[error("this is no backup of Tidegate: a backup begins with the line `tidegate-backup 1`")]
    NoBackup,
    /// Made by a newer release.
    #[error(
        "the backup has {what} {found}, this release knows up to {known}: use the release that made it, or a \
         newer one"
    )]
    Newer {
        /// What is newer: its format, or the schema of the store.
        what: &'static str,
        /// Its number.
        found: u64,
        /// The newest that this release reads.
        known: u64,
    },
    /// The end is missing.
    #[error("the backup was cut off after {pieces} pieces ({bytes} bytes): it is not whole; use another one")]
    CutOff {
        /// Whole pieces before that.
        pieces: u64,
        /// Bytes that there are.
        bytes: u64,
    },
    /// Bytes that are not those that were written.
    #[error("the backup is damaged in piece {piece} ({what}): use another one")]
    Damaged {
        /// Counted from 0.
        piece: u64,
        /// What does not fit.
        what: String,
    },
    /// Bytes after the end.
    #[error("bytes follow the end of the backup: it is not the file that was written")]
    Longer,
    /// The daemon says so itself, in the last piece.
    #[error("the daemon could not finish the backup: {why}")]
    Unfinished {
        /// In its own words.
        why: String,
    },
    /// The backup's file cannot be read.
    #[error("the backup cannot be read")]
    Unread {
        /// What the system says.
        source: io::Error,
    },
    /// A store is where the restored one should go.
    #[error(
        "there is a store already: {path}; with --force it is kept beside as tidegate.redb.replaced, and the \
         restored one takes its place"
    )]
    Occupied {
        /// The file that is there.
        path: PathBuf,
    },
    /// The restored file is not what the backup said.
    #[error("the restored file does not hold what the backup does ({what}); nothing was put in place")]
    Differs {
        /// What is different.
        what: String,
    },
    /// What was restored cannot be read.
    #[error("what was restored cannot be read; nothing was put in place")]
    Unreadable {
        /// Why.
        source: ReadError,
    },
    /// The store cannot be written or opened.
    #[error(transparent)]
    Store(#[from] StoreError),
}

//! What can fail in the store, with causes kept.

use crate::codec::log::LogError;
use crate::codec::records::{RecordCause, RecordError};
use crate::domain::{RecordKind, Seq};
use std::io;
use std::path::PathBuf;

/// Why the store cannot be opened, read or written; what to do stands in the message.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data's directory cannot be used.
    #[error("cannot make or write the directory {path}: check that it exists and belongs to this user")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not one that redb can open.
    #[error("cannot open the database {place}")]
    Open {
        /// The file, or what a test put in its place.
        place: String,
        /// What redb says.
        source: Box<redb::Error>,
    },
    /// Another process, or another part of this one, has the file (C11).
    #[error("{place} is already open: another Tidegate runs on this directory; stop it first")]
    AlreadyOpen {
        /// The file.
        place: String,
    },
    /// The file was here once and is not any more (C9).
    #[error(
        "{path} is missing or empty, but {marker} says that it existed: restore the file from a backup, \
         or start with --init to begin with an empty catalogue"
    )]
    Missing {
        /// The file that is gone.
        path: PathBuf,
        /// The note that it has been there.
        marker: PathBuf,
    },
    /// Written by a newer release (C10).
    #[error(
        "the database has schema {found}, this release knows up to {known}: start the release that wrote \
         it, or a newer one, or restore a backup made before the upgrade"
    )]
    Newer {
        /// The schema of the file.
        found: u64,
        /// The newest that this release reads.
        known: u64,
    },
    /// Rows hold other bytes than were written.
    #[error("the table {table} holds bytes that are not ours: restore a backup")]
    Corrupt {
        /// By its name.
        table: &'static str,
        /// What the bytes lack.
        source: LogError,
    },
    /// A record whose frame, key or value is not what was written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Rows that are missing, doubled, or under keys that are not theirs.
    #[error("the rows of the table {table} are not in order: restore a backup")]
    Disordered {
        /// By its name.
        table: &'static str,
    },
    /// What redb does with pages that make no sense.
    #[error("reading the database panicked ({cause}): restore a backup")]
    Panicked {
        /// The panic's message.
        cause: String,
    },
    /// A file that cannot be opened for what its bytes are.
    #[error("{place} is damaged: restore it from a backup")]
    Damaged {
        /// The file.
        place: String,
        /// What was found.
        source: Box<StoreError>,
    },
    /// Its path leads elsewhere, or nowhere.
    #[error(
        "{path} was removed or replaced while it was open, and nothing more is written: put the right file \
         there, or restore a backup, and start again"
    )]
    Displaced {
        /// Where the open file was.
        path: PathBuf,
    },
    /// The log lacks a change.
    #[error("the log has a hole: change {expected} should follow, {found} does: restore a backup")]
    Gap {
        /// The change that should follow.
        expected: u64,
        /// The one that does.
        found: u64,
    },
    /// A change that could not be read back is not written.
    #[error("a change cannot be written")]
    Unwritable {
        /// What cannot be written.
        source: LogError,
    },
    /// redb failed while it was in use.
    #[error("the database failed")]
    Database {
        /// What redb says.
        source: Box<redb::Error>,
    },
    /// The journal's identity needs random numbers.
    #[error("no random numbers for the journal's identity")]
    Random {
        /// What the system says.
        source: getrandom::Error,
    },
    /// After an error nothing more is written until the store has been opened again.
    #[error("the store has failed before and writes nothing more until it is opened again")]
    Latched,
    /// A bug: nothing is written any more.
    #[error("the writer's thread panicked")]
    WriterPanicked,
    /// A panic while the overlay was being changed.
    #[error("the overlay is torn by a panic; the store must be opened again")]
    Torn,
}

impl StoreError {
    /// The table whose bytes are not what was written, or `file`; `None` for any other failure.
    pub fn damaged(&self) -> Option<&'static str> {
        match self {
            StoreError::Corrupt { table, .. } | StoreError::Disordered { table } => Some(table),
            StoreError::Record(_) => Some("records"),
            StoreError::Gap { .. } => Some("log"),
            StoreError::Panicked { .. } => Some("file"),
            StoreError::Damaged { source, .. } => source.damaged(),
            StoreError::Database { source } | StoreError::Open { source, .. } => {
                matches!(**source, redb::Error::Corrupted(_)).then_some("file")
            }
            _ => None,
        }
    }

    /// The error of a row of that table.
    pub(super) fn corrupt(table: &'static str) -> impl Fn(LogError) -> StoreError {
        move |source| StoreError::Corrupt { table, source }
    }

    /// The error of a record of that kind and key.
    pub(super) fn unreadable((kind, key): (RecordKind, &[u8])) -> impl Fn(RecordCause) -> StoreError {
        move |cause| RecordError { kind, key: key.into(), cause }.into()
    }
}

impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> StoreError {
        StoreError::Database { source: Box::new(error) }
    }
}

impl From<redb::TransactionError> for StoreError {
    fn from(error: redb::TransactionError) -> StoreError {
        redb::Error::from(error).into()
    }
}

impl From<redb::TableError> for StoreError {
    fn from(error: redb::TableError) -> StoreError {
        redb::Error::from(error).into()
    }
}

impl From<redb::StorageError> for StoreError {
    fn from(error: redb::StorageError) -> StoreError {
        redb::Error::from(error).into()
    }
}

impl From<redb::CommitError> for StoreError {
    fn from(error: redb::CommitError) -> StoreError {
        redb::Error::from(error).into()
    }
}

impl From<redb::SetDurabilityError> for StoreError {
    fn from(error: redb::SetDurabilityError) -> StoreError {
        redb::Error::from(error).into()
    }
}

impl ReadError {
    /// Whether what should be read is damaged, which trying again does not mend.
    pub fn is_damage(&self) -> bool {
        self.damaged().is_some()
    }

    /// The table that is damaged.
    pub fn damaged(&self) -> Option<&'static str> {
        match self {
            ReadError::Store(error) => error.damaged(),
            ReadError::Trimmed { .. } => None,
        }
    }
}

/// Why a read gives nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The log has been trimmed beyond that point; `oldest` is the first change still there.
    #[error("changes before {} are no longer kept", oldest.0)]
    Trimmed {
        /// The oldest change that is kept.
        oldest: Seq,
    },
    /// The store is damaged or has failed.
    #[error("the store failed: {0}")]
    Store(#[from] StoreError),
}

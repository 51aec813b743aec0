//! What can fail in the store, with causes kept.

use crate::codec::log::LogError;
use crate::codec::records::{RecordCause, RecordError};
use crate::domain::{RecordKind, Seq};
use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot make or write the directory {path}: check that it exists and belongs to this user")]
    Directory { path: PathBuf, source: io::Error },
    #[error("cannot open the database {place}")]
    Open { place: String, source: Box<redb::Error> },
    /// Another process, or another part of this one, has the file (C11).
    #[error("{place} is already open: another Tidegate runs on this directory; stop it first")]
    AlreadyOpen { place: String },
    /// The file was here once and is not any more (C9).
    #[error(
        "{path} is missing or empty, but {marker} says that it existed: restore the file from a backup, \
         or start with --init to begin with an empty catalogue"
    )]
    Missing { path: PathBuf, marker: PathBuf },
    /// Written by a newer release (C10).
    #[error(
        "the database has schema {found}, this release knows up to {known}: start the release that wrote \
         it, or a newer one, or restore a backup made before the upgrade"
    )]
    Newer { found: u64, known: u64 },
    #[error("the table {table} holds bytes that are not ours: restore a backup")]
    Corrupt { table: &'static str, source: LogError },
    /// A record whose frame, key or value is not what was written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Rows that are missing, doubled, or under keys that are not theirs.
    #[error("the rows of the table {table} are not in order: restore a backup")]
    Disordered { table: &'static str },
    /// What redb does with pages that make no sense.
    #[error("reading the database panicked ({cause}): restore a backup")]
    Panicked { cause: String },
    /// A file that cannot be opened for what its bytes are.
    #[error("{place} is damaged: restore it from a backup")]
    Damaged { place: String, source: Box<StoreError> },
    /// Its path leads elsewhere, or nowhere.
    #[error(
        "{path} was removed or replaced while it was open, and nothing more is written: put the right file \
         there, or restore a backup, and start again"
    )]
    Displaced { path: PathBuf },
    #[error("the log has a hole: change {expected} should follow, {found} does: restore a backup")]
    Gap { expected: u64, found: u64 },
    /// A change that could not be read back is not written.
    #[error("a change cannot be written")]
    Unwritable { source: LogError },
    #[error("the database failed")]
    Database { source: Box<redb::Error> },
    #[error("no random numbers for the journal's identity")]
    Random { source: getrandom::Error },
    /// After an error nothing more is written until the store has been opened again.
    #[error("the store has failed before and writes nothing more until it is opened again")]
    Latched,
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

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The log has been trimmed beyond that point; `oldest` is the first change still there.
    #[error("changes before {} are no longer kept", oldest.0)]
    Trimmed { oldest: Seq },
    #[error("the store failed: {0}")]
    Store(#[from] StoreError),
}

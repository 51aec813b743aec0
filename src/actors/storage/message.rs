//! What the storage actor is told, and what becomes of it.

use super::writer::WriterEnd;

/// What becomes of the storage actor, as the daemon watches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageState {
    /// Changes are written.
    Running,
    /// Everything is on disk and the tables are up to the log.
    Closed,
    /// Nothing is acknowledged any more: end the process and start again from the file.
    Failed(String),
}

#[derive(Debug)]
pub enum StorageMessage {
    /// Take no more, commit what waits, checkpoint, close.
    Close,
    /// The writer's thread has ended.
    Ended(WriterEnd),
}

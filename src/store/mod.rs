//! The store: one redb file, of which the log is the truth and the tables are checkpoints.
//! Nothing else knows redb.

mod read;

pub use read::{AssetRow, ChangesPage, ReadError, Reader};

// --- stub, replaced at merge
use crate::domain::{Micros, Seq, WriteSet};
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the writer's thread panicked")]
    WriterPanicked,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Idle,
    Slice,
    Finished,
}
pub struct Group {
    pub first: Seq,
    pub last: Seq,
    pub bytes: usize,
}
pub struct Writer;
impl Writer {
    pub fn commit(&mut self, _sets: &mut Vec<WriteSet>, _now: Micros) -> Result<Group, StoreError> {
        todo!()
    }
    pub fn checkpoint_slice(&mut self) -> Result<Progress, StoreError> {
        todo!()
    }
    pub fn wants_checkpoint(&self) -> bool {
        todo!()
    }
    pub fn checkpoint_all(&mut self) -> Result<(), StoreError> {
        todo!()
    }
    pub fn trim(&mut self, _now: Micros) -> Result<u64, StoreError> {
        todo!()
    }
}

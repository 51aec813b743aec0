//! One record as a change of the log, and the records of a kind as they are read back.

use crate::domain::{ChangeKind, PartnerNo, RecordChange, RecordKind};
use crate::store::{ReadError, Reader};
use serde::Serialize;

/// Sets a record. A book's rows are plain structs, whose JSON cannot fail.
pub fn put(kind: RecordKind, key: &[u8], value: &impl Serialize) -> ChangeKind {
    set(kind, key, json(value))
}

/// Sets a record whose bytes are made already.
pub fn set(kind: RecordKind, key: &[u8], value: Box<[u8]>) -> ChangeKind {
    ChangeKind::Record(Box::new(RecordChange { kind, key: key.into(), value: Some(value) }))
}

/// Removes a record.
pub fn gone(kind: RecordKind, key: &[u8]) -> ChangeKind {
    ChangeKind::Record(Box::new(RecordChange { kind, key: key.into(), value: None }))
}

/// A row's bytes, for those who weigh them before they set them.
pub fn json(value: &impl Serialize) -> Box<[u8]> {
    serde_json::to_vec(value).expect("plain structs serialise").into_boxed_slice()
}

/// Reads all records of a kind in the order of their keys, so many at once.
pub fn each<E: From<ReadError>>(
    reader: &Reader,
    (kind, partner): (RecordKind, PartnerNo),
    at_once: usize,
    mut row: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut after: Option<Box<[u8]>> = None;
    loop {
        let page = reader.records(kind, partner, after.as_deref(), false, at_once)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(last.clone());
        for (key, value) in &page {
            row(key, value)?;
        }
    }
}

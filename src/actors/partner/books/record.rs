//! Records as the books use them: set and removed by a change, and looked through page by page.

use crate::codec::records::{Encode, Record};
use crate::domain::{ChangeKind, PartnerNo, RecordChange, RecordKind};
use crate::store::{ReadError, Reader, StoredRecord};

/// The change that sets a record.
pub fn put<R: Encode>(key: &R::Key, value: &R) -> ChangeKind {
    put_encoded::<R>(key, value.encode())
}

/// The change that sets a record to bytes that were made of a value before: a book weighs them.
pub fn put_encoded<R: Record>(key: &R::Key, value: Box<[u8]>) -> ChangeKind {
    change(R::KIND, R::key(key), Some(value))
}

/// The change that removes a record.
pub fn remove<R: Record>(key: &R::Key) -> ChangeKind {
    change(R::KIND, R::key(key), None)
}

/// The same of a record of any kind, by its key as it is stored.
pub fn remove_stored(kind: RecordKind, key: Box<[u8]>) -> ChangeKind {
    change(kind, key, None)
}

/// Visits all records of a kind in the order of their keys, reading so many at once. Errs with the
/// visitor, and where the store cannot be read; a record that is damaged is the visitor's to judge.
pub fn each<R: Record>(
    reader: &Reader,
    partner: PartnerNo,
    at_once: usize,
    mut visit: impl FnMut(StoredRecord<R>) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let mut after: Option<R::Key> = None;
    loop {
        let page = reader.records::<R>(partner, after.as_ref(), false, at_once)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.key.clone());
        page.into_iter().try_for_each(&mut visit)?;
    }
}

fn change(kind: RecordKind, key: Box<[u8]>, value: Option<Box<[u8]>>) -> ChangeKind {
    ChangeKind::Record(Box::new(RecordChange { kind, key, value }))
}

//! What reading gives: rows and pages of them.

use crate::codec::records::{Record, RecordCause};
use crate::domain::{AssetHead, AssetId, Committed, Document, Micros, Origin, PartnerNo, Quote, Seq, Slot};
use crate::store::{ReadError, StoreError};
use compact_str::CompactString;

/// One asset as readers see it, dead ones included (their document is empty).
#[derive(Clone, Debug, PartialEq)]
pub struct AssetRow {
    /// Whose asset it is.
    pub partner: PartnerNo,
    /// Its number among the partner's assets.
    pub slot: Slot,
    /// The partner's id.
    pub id: AssetId,
    /// Its existence and stamps.
    pub head: AssetHead,
    /// Its members as they are held; those of a dead asset are not shown.
    pub document: Document,
    /// Who wrote the base, and when we learned it; the asset's first writer where it has no base. At the
    /// beginning of time: damage has taken it.
    pub base_origin: (Origin, Micros),
    /// Who wrote each exception, in the order of `head.exceptions`.
    pub exception_origins: Vec<(CompactString, Origin, Micros)>,
    /// Its prices, sorted by name.
    pub quotes: Vec<Quote>,
    /// The last change of the document.
    pub changed: Seq,
}

/// An asset of which a row or a block is damaged: its id is all that can be said.
#[derive(Debug)]
pub struct DamagedRow {
    /// The partner's id.
    pub id: AssetId,
    /// What was found.
    pub cause: StoreError,
}

/// How far one reading of rows goes, and what of each document it brings along.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// So many rows at most.
    pub rows: usize,
    /// The reading ends with the row with which the rows take so many bytes.
    pub bytes: usize,
    /// Only members of these names are read; `None`: all.
    pub members: Option<&'a [&'a str]>,
}

/// Rows in order of id.
#[derive(Debug, Default)]
pub struct AssetsPage {
    /// Those that are damaged in their places.
    pub rows: Vec<Result<AssetRow, DamagedRow>>,
    /// The id to go on after; `None` at the end.
    pub next: Option<AssetId>,
    /// Bytes of the rows as they are stored, members that were not asked for included: what the
    /// reading has cost.
    pub read_bytes: usize,
}

/// Changes in the order of their sequence.
pub struct ChangesPage {
    /// The oldest first.
    pub changes: Vec<Committed>,
    /// Where to go on: the last sequence looked at, which may be beyond the last change given.
    pub next: Seq,
}

/// A record as it was read, with its key.
#[derive(Debug)]
pub struct StoredRecord<R: Record> {
    /// The key that it is found by.
    pub key: R::Key,
    /// Its value; an error where that is not what was written.
    pub value: Result<R, StoreError>,
    /// Bytes that its value takes in the store; 0 where they cannot be read.
    pub bytes: usize,
}

impl<R: Record> StoredRecord<R> {
    /// Errs where the key is none of its kind.
    pub(super) fn read(key: &[u8], value: Result<Box<[u8]>, StoreError>) -> Result<Self, ReadError> {
        let unreadable = StoreError::unreadable((R::KIND, key));
        let Some(read) = R::read_key(key) else { return Err(unreadable(RecordCause::Key).into()) };
        let bytes = value.as_ref().map_or(0, |value| value.len());
        let value = value.and_then(|value| R::decode(&value).map_err(unreadable));
        Ok(StoredRecord { key: read, value, bytes })
    }
}

/// Key and value of a record, as they are stored.
pub type RecordBytes = (Box<[u8]>, Box<[u8]>);

/// The same where the value may be damaged.
pub(super) type CheckedRecord = (Box<[u8]>, Result<Box<[u8]>, StoreError>);

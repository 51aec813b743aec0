//! What reading gives: rows and pages of them.

use crate::domain::{AssetHead, AssetId, Committed, Document, Micros, Origin, PartnerNo, Quote, Seq, Slot};
use crate::store::StoreError;
use compact_str::CompactString;

/// One asset as readers see it, dead ones included (their document is empty).
#[derive(Clone, Debug, PartialEq)]
pub struct AssetRow {
    pub partner: PartnerNo,
    pub slot: Slot,
    pub id: AssetId,
    pub head: AssetHead,
    pub document: Document,
    /// Who wrote the base, and when we learned it; the asset's first writer where it has no base. At the
    /// beginning of time: damage has taken it.
    pub base_origin: (Origin, Micros),
    /// Who wrote each exception, in the order of `head.exceptions`.
    pub exception_origins: Vec<(CompactString, Origin, Micros)>,
    pub quotes: Vec<Quote>,
    /// The last change of the document.
    pub changed: Seq,
}

/// An asset of which a row or a block is damaged: its id is all that can be said.
#[derive(Debug)]
pub struct DamagedRow {
    pub id: AssetId,
    pub cause: StoreError,
}

/// How far one reading of rows goes, and what of each document it brings along.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    pub rows: usize,
    /// The reading ends behind the row with which the rows take so many bytes.
    pub bytes: usize,
    /// Only members of these names are read; `None`: all.
    pub members: Option<&'a [&'a str]>,
}

/// Rows in order of id.
#[derive(Debug, Default)]
pub struct AssetsPage {
    /// Those that are damaged in their places.
    pub rows: Vec<Result<AssetRow, DamagedRow>>,
    /// The id to go on behind; `None` at the end.
    pub next: Option<AssetId>,
    /// Bytes of the rows as they are stored, members that were not asked for included: what the
    /// reading has cost.
    pub read_bytes: usize,
}

pub struct ChangesPage {
    pub changes: Vec<Committed>,
    /// Where to go on: the last sequence looked at, which may be beyond the last change given.
    pub next: Seq,
}

/// Key and value of a record.
pub type RecordRow = (Box<[u8]>, Box<[u8]>);

/// The same where the value may be damaged.
pub type ReadRecord = (Box<[u8]>, Result<Box<[u8]>, StoreError>);

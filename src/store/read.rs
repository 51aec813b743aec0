//! Reading: tables plus overlay, at one durable sequence.

use crate::domain::{
    AssetHead, AssetId, Committed, Document, Micros, Origin, PartnerNo, Quote, RecordKind, Seq, Slot,
};
use compact_str::CompactString;
use tokio::sync::watch;

/// One asset as readers see it, dead ones included (their document is empty).
#[derive(Clone, Debug, PartialEq)]
pub struct AssetRow {
    pub partner: PartnerNo,
    pub slot: Slot,
    pub id: AssetId,
    pub head: AssetHead,
    pub document: Document,
    /// Who wrote the base, and when we learned it.
    pub base_origin: (Origin, Micros),
    /// Who wrote each exception, in the order of `head.exceptions`.
    pub exception_origins: Vec<(CompactString, Origin, Micros)>,
    pub quotes: Vec<Quote>,
    /// The last change of the document.
    pub changed: Seq,
}

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The log has been trimmed beyond that point; `oldest` is the first change still there.
    #[error("changes before {} are no longer kept", oldest.0)]
    Trimmed { oldest: Seq },
    #[error("the store failed: {0}")]
    Store(String),
}

pub struct ChangesPage {
    pub changes: Vec<Committed>,
    /// Where to go on: the last sequence looked at, which may be beyond the last change given.
    pub next: Seq,
}

/// Cheap to clone. Calls are short and blocking: a page at a time.
#[derive(Clone)]
pub struct Reader;

#[expect(unused_variables, reason = "seam")]
impl Reader {
    /// The identity of this journal, made at creation: part of every cursor.
    pub fn journal(&self) -> u32 {
        todo!()
    }
    pub fn durable(&self) -> Seq {
        todo!()
    }
    /// Follows the durable sequence.
    pub fn subscribe(&self) -> watch::Receiver<Seq> {
        todo!()
    }
    pub fn overlay_bytes(&self) -> usize {
        todo!()
    }
    pub fn asset(&self, partner: PartnerNo, id: &AssetId) -> Result<Option<AssetRow>, ReadError> {
        todo!()
    }
    /// Rows in order of id after `after` (from the first where `None`), dead ones included.
    pub fn assets(
        &self,
        partner: PartnerNo,
        after: Option<&AssetId>,
        limit: usize,
    ) -> Result<Vec<AssetRow>, ReadError> {
        todo!()
    }
    /// Quotes alone, without reading the document.
    pub fn quotes(&self, partner: PartnerNo, id: &AssetId) -> Result<Option<(Slot, Vec<Quote>)>, ReadError> {
        todo!()
    }
    /// Every asset of a partner, for building its index. Short transactions inside.
    pub fn index(
        &self,
        partner: PartnerNo,
        visit: &mut dyn FnMut(Slot, AssetId, AssetHead, Vec<Quote>),
    ) -> Result<(), ReadError> {
        todo!()
    }
    pub fn record(
        &self,
        kind: RecordKind,
        partner: PartnerNo,
        key: &[u8],
    ) -> Result<Option<Box<[u8]>>, ReadError> {
        todo!()
    }
    /// Records in order of key, after `after`, or before it where `newest_first`.
    pub fn records(
        &self,
        kind: RecordKind,
        partner: PartnerNo,
        after: Option<&[u8]>,
        newest_first: bool,
        limit: usize,
    ) -> Result<Vec<(Box<[u8]>, Box<[u8]>)>, ReadError> {
        todo!()
    }
    /// Changes after `since`, internal ones included.
    pub fn changes(&self, since: Seq, limit: usize) -> Result<ChangesPage, ReadError> {
        todo!()
    }
}

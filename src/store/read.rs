//! Reading: tables plus overlay, at one durable sequence.
//!
//! Each call takes what it needs of the overlay, and a read transaction that belongs to it, at one
//! moment; the tables are read without the lock. Transactions end with the call: a held one would
//! pin every page that is freed after it began.

mod assets;
mod changes;
mod extent;
mod index;
mod records;
mod rows;
mod slot;

pub use changes::PageSpan;
pub use extent::LogExtent;
pub use index::DamagedSlots;
pub use rows::{AssetRow, AssetsPage, ChangesPage, DamagedRow, RecordBytes, Span, StoredRecord};

use super::shared::Shared;
use super::{ReadError, StoreError};
use crate::codec::records::Record;
use crate::domain::{AssetHead, AssetId, PartnerNo, Quote, RecordKind, Seq, Slot};
use crate::telemetry::caught;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::watch;

/// Reads the store. It is cheap to clone; its calls are short and blocking: a page at a time. Each errs
/// where the store has failed, or what it would give is damaged.
#[derive(Clone)]
pub struct Reader {
    /// The file, and what is known of it in memory.
    pub(super) shared: Arc<Shared>,
}

impl Reader {
    /// A reader of the file that is open.
    pub(super) fn new(shared: Arc<Shared>) -> Reader {
        Reader { shared }
    }

    /// The identity of the file's present life: part of every cursor that is given now.
    pub fn journal(&self) -> u32 {
        self.shared.lives.current()
    }

    /// The identity of the life in which a change was committed: a cursor made with it is the same in
    /// every life to come.
    pub fn journal_of(&self, seq: Seq) -> u32 {
        self.shared.lives.of(seq)
    }

    /// Whether a cursor was given by the history that this file goes on with. Where it was not,
    /// some changes that its owner knows are not here, and others may have their numbers.
    pub fn has_given(&self, journal: u32, seq: Seq) -> bool {
        self.shared.lives.admit(journal, seq)
    }

    /// How often damage was met since the file was opened, by table.
    pub fn damage(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.shared.damage.counts().into_iter()
    }

    /// Whether the path of the file no longer leads to it. Once that was so, nothing more is written or
    /// acknowledged, and the store must be opened again.
    pub fn is_displaced(&self) -> bool {
        self.shared.look_at_place()
    }

    /// Reads; what turns out to be damaged is an error, and counted.
    pub(super) fn guarded<T>(&self, read: impl FnOnce() -> Result<T, ReadError>) -> Result<T, ReadError> {
        let panicked = |cause| Err(StoreError::Panicked { cause }.into());
        let result = caught(read).unwrap_or_else(panicked);
        if let Err(ReadError::Store(error)) = &result {
            self.shared.damage.note(error);
        }
        result
    }

    /// The sequence up to which everything is on disk and visible.
    pub fn durable(&self) -> Seq {
        *self.shared.durable.borrow()
    }

    /// Follows the durable sequence.
    pub fn subscribe(&self) -> watch::Receiver<Seq> {
        self.shared.durable.subscribe()
    }

    /// What admission is measured by: the memory of changes that are not in the tables yet.
    pub fn overlay_bytes(&self) -> usize {
        self.shared.overlay_bytes.load(Ordering::Relaxed)
    }

    /// How far back the log reaches, and what it takes. Errs where its ends cannot be read.
    pub fn log_extent(&self) -> Result<LogExtent, ReadError> {
        self.guarded(|| extent::of(&self.shared))
    }

    /// Bytes of the file; `None` for one that has no path.
    pub fn file_bytes(&self) -> Option<u64> {
        let place = self.shared.place.as_ref()?;
        std::fs::metadata(&place.path).ok().map(|file| file.len())
    }

    /// Bytes that are free where the file lies; `None` for one that has no path.
    pub fn disk_free_bytes(&self) -> Option<u64> {
        let place = self.shared.place.as_ref()?;
        let stat = rustix::fs::statvfs(&place.path).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// An asset as it is stored, dead or alive; `None` where the id is unknown. Errors with damage where
    /// its row or document cannot be read.
    pub fn asset(&self, partner: PartnerNo, id: &AssetId) -> Result<Option<AssetRow>, ReadError> {
        self.guarded(|| assets::one(&self.shared, partner, id, None))
    }

    /// The same with these members of the document alone.
    pub fn asset_with(
        &self,
        partner: PartnerNo,
        id: &AssetId,
        members: &[&str],
    ) -> Result<Option<AssetRow>, ReadError> {
        self.guarded(|| assets::one(&self.shared, partner, id, Some(members)))
    }

    /// Rows in order of id after `after` (from the first where `None`), dead ones included, as far as
    /// `span` goes. Documents are large or small: a caller that reads for others bounds both.
    pub fn assets_within(
        &self,
        partner: PartnerNo,
        after: Option<&AssetId>,
        span: Span<'_>,
    ) -> Result<AssetsPage, ReadError> {
        let page = self.guarded(|| assets::within(&self.shared, partner, after, span))?;
        let damaged = page.rows.iter().filter_map(|row| row.as_ref().err());
        damaged.for_each(|row| self.shared.damage.note(&row.cause));
        Ok(page)
    }

    /// The same without a bound of bytes, and an error where any of them is damaged. Fewer than `limit`
    /// rows only at the end.
    pub fn assets(
        &self,
        partner: PartnerNo,
        after: Option<&AssetId>,
        limit: usize,
    ) -> Result<Vec<AssetRow>, ReadError> {
        let span = Span { rows: limit, bytes: usize::MAX, members: None };
        let rows = self.assets_within(partner, after, span)?.rows.into_iter();
        rows.map(|row| row.map_err(|damaged| damaged.cause.into())).collect()
    }

    /// Quotes alone, by name, without reading the document.
    pub fn quotes(&self, partner: PartnerNo, id: &AssetId) -> Result<Option<(Slot, Vec<Quote>)>, ReadError> {
        self.guarded(|| assets::quotes(&self.shared, partner, id))
    }

    /// Every asset of a partner in order of slot. Short transactions inside: what is committed
    /// meanwhile may be seen or not, each asset whole.
    pub fn index(
        &self,
        partner: PartnerNo,
        visit: &mut dyn FnMut(Slot, AssetId, AssetHead, Vec<Quote>),
    ) -> Result<(), ReadError> {
        self.guarded(|| index::unless_damaged(index::visit_all(&self.shared, partner, visit)?))
    }

    /// The same for building the index: of damaged blocks the slots are named, and all others visited.
    pub fn index_beside_damage(
        &self,
        partner: PartnerNo,
        visit: &mut dyn FnMut(Slot, AssetId, AssetHead, Vec<Quote>),
    ) -> Result<Vec<DamagedSlots>, ReadError> {
        let damaged = self.guarded(|| index::visit_all(&self.shared, partner, visit))?;
        damaged.iter().for_each(|met| self.shared.damage.note(&met.cause));
        Ok(damaged)
    }

    /// Ids that have a document, dead ones included, and that are not known: what stands in damaged
    /// slots. Reads every key of the partner's documents.
    pub fn unknown_ids(
        &self,
        partner: PartnerNo,
        is_known: &dyn Fn(&AssetId) -> bool,
    ) -> Result<Vec<AssetId>, ReadError> {
        self.guarded(|| index::unknown_ids(&self.shared, partner, is_known))
    }

    /// Some of them, from a slot on: without their documents, so that a few thousand are little.
    /// Gives the slot to go on from, `None` at the end.
    pub fn index_from(
        &self,
        partner: PartnerNo,
        from: u32,
        visit: &mut dyn FnMut(Slot, AssetId, AssetHead, Vec<Quote>),
    ) -> Result<Option<u32>, ReadError> {
        self.guarded(|| {
            let mut damaged = Vec::new();
            let next = index::visit_from(&self.shared, partner, from, visit, &mut damaged)?;
            index::unless_damaged(damaged).map(|()| next)
        })
    }

    /// The same, passing over what stands in damaged blocks.
    pub fn index_from_beside_damage(
        &self,
        partner: PartnerNo,
        from: u32,
        visit: &mut dyn FnMut(Slot, AssetId, AssetHead, Vec<Quote>),
    ) -> Result<Option<u32>, ReadError> {
        self.guarded(|| index::visit_from(&self.shared, partner, from, visit, &mut Vec::new()))
    }

    /// A record by its key; `None` where there is none. Errs where it is not what was written.
    pub fn record<R: Record>(&self, partner: PartnerNo, key: &R::Key) -> Result<Option<R>, ReadError> {
        Ok(self.record_with_seq(partner, key)?.map(|(_, value)| value))
    }

    /// The same with the sequence of the change that set it.
    pub fn record_with_seq<R: Record>(
        &self,
        partner: PartnerNo,
        key: &R::Key,
    ) -> Result<Option<(Seq, R)>, ReadError> {
        let key = R::key(key);
        self.guarded(|| {
            let Some((seq, value)) = records::one(&self.shared, (R::KIND, partner), &key)? else {
                return Ok(None);
            };
            let value = R::decode(&value).map_err(StoreError::unreadable((R::KIND, &key)))?;
            Ok(Some((seq, value)))
        })
    }

    /// Records in order of key, after `after`, or before it where `newest_first`; one that is not what
    /// was written stands in its place as an error. Fewer than `limit` only at the end.
    pub fn records<R: Record>(
        &self,
        partner: PartnerNo,
        after: Option<&R::Key>,
        newest_first: bool,
        limit: usize,
    ) -> Result<Vec<StoredRecord<R>>, ReadError> {
        let mut rows: Vec<StoredRecord<R>> = Vec::new();
        let mut after = after.map(R::key);
        while rows.len() < limit {
            let wanted = limit - rows.len();
            let search = |after: Option<&[u8]>| {
                records::page(&self.shared, (R::KIND, partner), after, newest_first, wanted)
            };
            let page = self.guarded(|| search(after.as_deref()))?;
            let is_last = page.len() < wanted;
            after = page.last().map(|(key, _)| key.clone());
            let page = page.into_iter().filter(|(key, _)| !R::OTHERS.contains(&&**key));
            let page: Vec<StoredRecord<R>> =
                self.guarded(|| page.map(|(key, value)| StoredRecord::read(&key, value)).collect())?;
            let damaged = page.iter().filter_map(|row| row.value.as_ref().err());
            damaged.for_each(|error| self.shared.damage.note(error));
            rows.extend(page);
            if is_last {
                break;
            }
        }
        Ok(rows)
    }

    /// A record's bytes: for tests of the store itself, which keeps them without looking into them.
    #[doc(hidden)]
    pub fn raw_record(
        &self,
        (kind, partner): (RecordKind, PartnerNo),
        key: &[u8],
    ) -> Result<Option<Box<[u8]>>, ReadError> {
        let row = self.guarded(|| records::one(&self.shared, (kind, partner), key))?;
        Ok(row.map(|(_, value)| value))
    }

    /// The same of a page of them.
    #[doc(hidden)]
    pub fn raw_records(
        &self,
        (kind, partner): (RecordKind, PartnerNo),
        after: Option<&[u8]>,
        newest_first: bool,
        limit: usize,
    ) -> Result<Vec<RecordBytes>, ReadError> {
        let rows =
            self.guarded(|| records::page(&self.shared, (kind, partner), after, newest_first, limit))?;
        rows.into_iter().map(|(key, value)| Ok((key, value?))).collect()
    }

    /// The first keys of a kind, without their values, which may be large.
    pub fn first_record_keys(
        &self,
        kind: RecordKind,
        partner: PartnerNo,
        limit: usize,
    ) -> Result<Vec<Box<[u8]>>, ReadError> {
        records::first_keys(&self.shared, (kind, partner), limit)
    }

    /// Changes after `since`, internal ones included; at most `limit`, and some megabytes.
    pub fn changes(&self, since: Seq, limit: usize) -> Result<ChangesPage, ReadError> {
        self.changes_within(since, limit, changes::PAGE_BYTES)
    }

    /// The same; the page ends with the change with which it takes so many bytes of the log.
    pub fn changes_within(&self, since: Seq, limit: usize, bytes: usize) -> Result<ChangesPage, ReadError> {
        self.changes_of(since, PageSpan { limit, bytes_max: bytes, wanted: &|_| true })
    }

    /// Those of the partners that are wanted.
    pub fn changes_of(&self, since: Seq, span: PageSpan<'_>) -> Result<ChangesPage, ReadError> {
        self.guarded(|| changes::page(&self.shared, since, span))
    }

    /// Whether a page of the changes after `since` may have to read a record of megabytes, however
    /// small the page. Of what an earlier life of the daemon wrote this is not known.
    pub fn has_large_after(&self, since: Seq) -> bool {
        since.0 < self.shared.large_until.load(Ordering::Acquire)
    }
}

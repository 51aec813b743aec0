//! The only writer: group commits, and the order in which their effects become visible.
//!
//! A group is one log record in one durable transaction; then the overlay takes it in, then the
//! durable sequence moves. A caller that waits for the sequence therefore finds the changes. After any
//! error the writer is latched: whether the last group is on disk is not known before the file is
//! opened again.

use super::high_water::{HighWater, HighWaterFile};
use super::overlay::{Commit, WARM_MAX};
use super::shared::Shared;
use super::slice::Checkpoint;
use super::tables::log;
use super::{StoreError, StoreOptions};
use crate::codec::log::{RecordStart, RowPlace, put_record};
use crate::domain::{Micros, PartnerNo, Seq, WriteSet};
use crate::telemetry::caught;
use redb::{Durability, WriteTransaction};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What became of a group: its changes are `first..=last`, none if `first` is beyond `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// The sequence of its first change.
    pub first: Seq,
    /// The sequence of its last change.
    pub last: Seq,
    /// Size of its record.
    pub bytes: usize,
}

/// Owned by one thread, which it blocks.
pub struct Writer {
    /// What readers see as well.
    pub(super) shared: Arc<Shared>,
    /// What the store was opened with.
    pub(super) options: StoreOptions,
    /// The one that is under way.
    pub(super) checkpoint: Option<Checkpoint>,
    /// Everything up to here is in the tables.
    pub(super) position: Seq,
    /// The last change of the log.
    pub(super) last: Seq,
    /// Bytes of all records that the log has held since it last was empty.
    pub(super) log_bytes: u64,
    /// Where what has been reached is noted; `None` until recovery is over.
    pub(super) high_water_file: Option<HighWaterFile>,
    latched: bool,
    record: Vec<u8>,
    places: Vec<RowPlace>,
}

/// A record of the log is read whole, however little of it is wanted: from this size on readers
/// should mind how many do so at once.
const LARGE_RECORD_BYTES: usize = 1 << 20;

impl Writer {
    /// The writer of a file whose tables hold everything up to `position`.
    pub(super) fn new(shared: Arc<Shared>, options: StoreOptions, position: Seq) -> Writer {
        let last = *shared.durable.borrow();
        Writer {
            shared,
            options,
            checkpoint: None,
            position,
            last,
            log_bytes: 0,
            high_water_file: None,
            latched: false,
            record: Vec::new(),
            places: Vec::new(),
        }
    }

    /// Makes all changes of `sets` durable together and visible together; drains `sets`. Without
    /// changes nothing is written, and `last` is what is durable already.
    pub fn commit(&mut self, sets: &mut Vec<WriteSet>, now: Micros) -> Result<Group, StoreError> {
        self.guarded(|writer| writer.commit_group(sets, now))
    }

    /// Runs `act` unless the writer is latched or its file is gone, and latches it where that fails.
    pub(super) fn guarded<T>(
        &mut self,
        act: impl FnOnce(&mut Writer) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if std::mem::replace(&mut self.latched, true) {
            return Err(StoreError::Latched);
        }
        if let Some(displaced) = self.shared.displaced() {
            return Err(displaced);
        }
        let result = caught(|| act(self)).unwrap_or_else(|cause| Err(StoreError::Panicked { cause }));
        match &result {
            Ok(_) => self.latched = false,
            Err(error) => self.shared.damage.note(error),
        }
        result
    }

    fn commit_group(&mut self, sets: &mut Vec<WriteSet>, now: Micros) -> Result<Group, StoreError> {
        let first = Seq(self.last.0 + 1);
        if sets.iter().all(|set| set.changes.is_empty()) {
            sets.clear();
            return Ok(Group { first, last: self.last, bytes: 0 });
        }
        let start = RecordStart { first, committed_at: now, bytes_before: self.log_bytes };
        let count = put_record(&mut self.record, &mut self.places, start, sets)
            .map_err(|source| StoreError::Unwritable { source })?;
        let txn = self.begin(Durability::Immediate)?;
        txn.open_table(log::TABLE)?.insert(first.0, self.record.as_slice())?;
        txn.commit()?;
        self.log_bytes += self.record.len() as u64;
        self.last = log::last_seq(first.0, count);
        self.absorb(first, now, sets)?;
        if self.record.len() >= LARGE_RECORD_BYTES {
            self.shared.large_until.store(self.last.0, Ordering::Release);
        }
        self.shared.durable.send_replace(self.last);
        Ok(Group { first, last: self.last, bytes: self.record.len() })
    }

    /// Commits are in one phase and without quick repair. Roughly measured, a second phase (a
    /// second sync) halves the rate of small commits and takes a third from groups of 1,000; quick
    /// repair implies it and costs more. A second phase shields from someone who controls both the
    /// bytes of the file and which of its pages reach the disk in a crash: our partners control
    /// neither. What is paid instead is a walk over the file's checksums when it is opened after
    /// a crash.
    pub(super) fn begin(&self, durability: Durability) -> Result<WriteTransaction, StoreError> {
        let mut txn = self.shared.db.begin_write()?;
        txn.set_durability(durability)?;
        Ok(txn)
    }

    /// Notes how far the log has come: every commit is synced before it counts, so all of it is
    /// durable. Where that fails the note stays as it was, which harms nothing.
    pub(super) fn note_high_water(&self, sync: bool) {
        let Some(file) = &self.high_water_file else { return };
        let mark = HighWater { journal: self.shared.lives.current(), reached: self.last };
        if let Err(error) = file.write(mark, sync) {
            tracing::warn!(%error, "high-water mark not written");
        }
    }

    /// Has the overlay take in the record just written.
    fn absorb(&mut self, first: Seq, now: Micros, sets: &mut Vec<WriteSet>) -> Result<(), StoreError> {
        let mut overlay = self.shared.overlay_mut()?;
        let active = &mut overlay.active;
        let mut commit =
            Commit { seq: first, committed_at: now, partner: PartnerNo(0), record: &self.record };
        let mut places = self.places.drain(..);
        for set in sets.drain(..) {
            commit.partner = set.partner;
            let mut changes = set.changes.into_iter();
            while !changes.as_slice().is_empty() {
                let ahead = changes.as_slice();
                active.warm(set.partner, &ahead[..ahead.len().min(WARM_MAX)]);
                for (kind, place) in changes.by_ref().take(WARM_MAX).zip(&mut places) {
                    active.add(commit, kind, place).map_err(|source| StoreError::Unwritable { source })?;
                    commit.seq.0 += 1;
                }
            }
        }
        overlay.active.log_bytes += self.record.len();
        self.shared.overlay_bytes.store(overlay.bytes(), Ordering::Relaxed);
        Ok(())
    }
}

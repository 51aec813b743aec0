//! Checkpoints: what the log says is written into the tables later, in slices.
//!
//! The overlay's active generation is frozen and written in the order of the tables' keys, packed
//! blocks first. A slice is one transaction without a sync: the next group commit makes it
//! durable, and a crash before that costs nothing, because the log still says it all. The
//! checkpoint's position moves in the transaction of the last slice. Each value carries the
//! sequence up to which it is applied, so writing one twice, in this life or after a crash, changes nothing.

use super::StoreError;
use super::overlay::Overlay;
use super::slice::{Checkpoint, Next};
use super::tables::meta;
use super::writer::Writer;
use crate::domain::PartnerNo;
use redb::Durability;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A checkpoint begins when this share of the overlay's bound is taken: a larger generation has
/// more changes for each block that is rewritten, but the next one needs its room meanwhile.
const FREEZE_SHARE: (usize, usize) = (3, 8);
/// It also begins when recovery would have to read this much of the log, however few rows it is, or
/// half of what the log may hold: it is trimmed no further than to the last checkpoint.
const TAIL_BYTES_MAX: usize = 256 << 20;

/// At most two to the power of so many slices after one commit: some 20 ms.
const SLICES_LOG2_MAX: usize = 4;

/// How a call to `checkpoint_slice` ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is nothing to write.
    Idle,
    /// More is to be written.
    Slice,
    /// All of a generation is in the tables.
    Finished,
}

impl Writer {
    /// Whether there is cause to call `checkpoint_slice` soon.
    pub fn wants_checkpoint(&self) -> bool {
        let log_share = usize::try_from(self.options.log_bytes_max / 2).unwrap_or(usize::MAX);
        let tail_bytes_max = TAIL_BYTES_MAX.min(log_share).max(1);
        let full = |overlay: &Overlay| {
            let (share, whole) = FREEZE_SHARE;
            overlay.active.bytes() >= self.options.overlay_bytes_max / whole * share
                || overlay.active.log_bytes >= tail_bytes_max
                || overlay.active.has_long_row
        };
        self.checkpoint.is_some() || self.shared.overlay().is_ok_and(|overlay| full(&overlay))
    }

    /// How many slices to write after one commit: one, unless the overlay fills faster than it is
    /// written out. Then commits come slower, and only what is still too much is refused.
    pub fn slices_due(&self) -> usize {
        let bytes = self.shared.overlay_bytes.load(Ordering::Relaxed);
        let eighths = bytes.saturating_mul(8) / self.options.overlay_bytes_max.max(1);
        1 << eighths.saturating_sub(3).min(SLICES_LOG2_MAX)
    }

    /// Writes one slice, beginning a checkpoint where none is under way and the overlay holds
    /// anything. The caller paces: at least one commit between two slices while there is work.
    pub fn checkpoint_slice(&mut self) -> Result<Progress, StoreError> {
        self.guarded(Writer::slice)
    }

    /// Brings all of the log into the tables and makes that durable.
    pub fn checkpoint_all(&mut self) -> Result<(), StoreError> {
        self.guarded(|writer| {
            while writer.slice()? != Progress::Idle {}
            writer.begin(Durability::Immediate)?.commit()?;
            writer.note_high_water(true);
            Ok(())
        })
    }

    /// Writes one slice, as `checkpoint_slice`, but leaves it to the caller to latch after an error.
    pub(super) fn slice(&mut self) -> Result<Progress, StoreError> {
        let checkpoint = match self.checkpoint.take() {
            Some(checkpoint) => Some(checkpoint),
            None => self.freeze()?,
        };
        let Some(mut checkpoint) = checkpoint else { return Ok(Progress::Idle) };
        let txn = self.begin(Durability::None)?;
        checkpoint.write_slice(&txn, &self.shared.damage, self.options.overlay_bytes_max)?;
        if !matches!(checkpoint.next, Next::Nothing) {
            txn.commit()?;
            self.checkpoint = Some(checkpoint);
            return Ok(Progress::Slice);
        }
        let position = checkpoint.generation.last;
        meta::change(&txn, |meta| meta.checkpoint = position)?;
        txn.commit()?;
        self.position = position;
        drop(checkpoint);
        self.shared.drop_frozen()?;
        self.note_high_water(false);
        Ok(Progress::Finished)
    }

    fn freeze(&self) -> Result<Option<Checkpoint>, StoreError> {
        let mut overlay = self.shared.overlay_mut()?;
        if overlay.active.is_empty() {
            return Ok(None);
        }
        let generation = Arc::new(std::mem::take(&mut overlay.active));
        overlay.frozen = Some(generation.clone());
        Ok(Some(Checkpoint { generation, next: Next::Prices(PartnerNo(0), 0) }))
    }
}

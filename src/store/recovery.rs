//! Recovery: the log above the checkpoint, applied to the overlay again.
//!
//! Some of it may be in the tables already, where a checkpoint was under way; that is harmless,
//! since rows and patches repeat without effect. If the tail is larger than the overlay may be,
//! it is brought into the tables on the way.

use super::overlay::Commit;
use super::tables::log;
use super::writer::Writer;
use super::{Progress, StoreError};
use crate::clock::Mark;
use crate::codec::log::Changes;
use crate::domain::Seq;
use redb::Durability;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// One transaction reads this share of the overlay's bound of the log: the overlay grows about as fast,
/// and a longer transaction would pin the pages that checkpoints set free.
const CHUNK_SHARE: usize = 8;

/// What opening had to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Records of the log above the checkpoint, applied again.
    pub records: u64,
    /// Changes in them.
    pub changes: u64,
    /// How long that took.
    pub took: Duration,
}

/// Applies the tail, and says how much it was.
pub fn run(writer: &mut Writer) -> Result<Recovery, StoreError> {
    let start = Mark::now();
    let mut tail = Tail { next: writer.position.0 + 1, records: 0, changes: 0 };
    while tail.absorb_chunk(writer)?.is_continue() {
        if writer.wants_checkpoint() {
            while writer.slice()? != Progress::Finished {}
            writer.begin(Durability::Immediate)?.commit()?;
        }
    }
    if tail.next != writer.last.0 + 1 {
        return Err(StoreError::Gap { expected: tail.next, found: writer.last.0 + 1 });
    }
    Ok(Recovery { records: tail.records, changes: tail.changes, took: start.elapsed() })
}

struct Tail {
    /// The first sequence that has not been applied.
    next: u64,
    records: u64,
    changes: u64,
}

impl Tail {
    fn absorb_chunk(&mut self, writer: &Writer) -> Result<ControlFlow<()>, StoreError> {
        let table = writer.shared.begin_read()?.open_table(log::TABLE)?;
        let mut bytes = 0;
        for row in table.range(self.next..)? {
            if bytes >= writer.options.overlay_bytes_max / CHUNK_SHARE {
                return Ok(ControlFlow::Continue(()));
            }
            let (key, value) = row?;
            if key.value() != self.next {
                return Err(StoreError::Gap { expected: self.next, found: key.value() });
            }
            self.absorb_record(writer, value.value())?;
            bytes += value.value().len();
        }
        Ok(ControlFlow::Break(()))
    }

    fn absorb_record(&mut self, writer: &Writer, record: &[u8]) -> Result<(), StoreError> {
        let corrupt = StoreError::corrupt("log");
        let mut changes = Changes::new(record, Seq(self.next)).map_err(&corrupt)?;
        let committed_at = changes.head.committed_at;
        let mut overlay = writer.shared.overlay_mut()?;
        while let Some((change, place)) = changes.read().map_err(&corrupt)? {
            let commit = Commit { seq: Seq(self.next), committed_at, partner: change.partner, record };
            overlay.active.add(commit, change.kind, place).map_err(&corrupt)?;
            self.next += 1;
            self.changes += 1;
        }
        self.records += 1;
        overlay.active.log_bytes += record.len();
        writer.shared.overlay_bytes.store(overlay.bytes(), Ordering::Relaxed);
        Ok(())
    }
}

//! What a partner has pushed since its feed last spoke (F9), so that the rate of lost pushes
//! survives a restart.
//!
//! The feed's state holds the count as of the last run. In between it is recorded with a push each
//! time that it has grown by `RECORD_EVERY`, and when the actor stops: a kill forgets fewer than
//! that, which moves a rate over a day's pushes by next to nothing.

use super::damaged::DamagedRecords;
use super::record;
use crate::domain::{ChangeKind, FeedState, PartnerNo, RecordedPushes};
use crate::store::{ReadError, Reader};

const RECORD_EVERY: u64 = 1_000;

/// How far the count has been recorded.
#[derive(Debug)]
pub struct PushCount {
    recorded: u64,
}

/// Puts the recorded count into the state, unless a run has closed since. Of one that is damaged the
/// count goes on from the last run.
pub fn restore(
    reader: &Reader,
    no: PartnerNo,
    feed: &mut FeedState,
    damaged: &mut DamagedRecords,
) -> Result<(), ReadError> {
    let recorded = match reader.record::<RecordedPushes>(no, &()) {
        Err(ReadError::Store(error)) if error.damaged().is_some() => damaged.unless(Err(error)),
        read => read?,
    };
    if let Some(recorded) = recorded.filter(|recorded| recorded.last_run == feed.last_run) {
        feed.pushes_since_run = feed.pushes_since_run.max(recorded.pushes);
        feed.pushes_at_all |= recorded.pushes > 0;
        feed.pushes_documents |= recorded.documents;
    }
    Ok(())
}

impl PushCount {
    pub fn standing_at(feed: &FeedState) -> PushCount {
        PushCount { recorded: feed.pushes_since_run }
    }

    /// It has grown by so much that it is time for a record.
    pub fn is_due(&self, feed: &FeedState) -> bool {
        // a run has closed since, and its record holds the count from there
        let recorded = self.recorded.min(feed.pushes_since_run);
        feed.pushes_since_run - recorded >= RECORD_EVERY
    }

    /// Something has been counted since the last record.
    pub fn has_moved(&self, feed: &FeedState) -> bool {
        feed.pushes_since_run != self.recorded
    }

    pub fn record(&mut self, feed: &FeedState) -> ChangeKind {
        self.recorded = feed.pushes_since_run;
        let recorded = RecordedPushes {
            last_run: feed.last_run,
            pushes: feed.pushes_since_run,
            documents: feed.pushes_documents,
        };
        record::put(&(), &recorded)
    }
}

//! What a partner has pushed since its feed last spoke (F9), so that the rate of lost pushes
//! survives a restart.
//!
//! The feed's state holds the count as of the last run. In between it is recorded with a push each
//! time that it has grown by `RECORD_EVERY`, and when the actor stops: a kill forgets fewer than
//! that, which moves a rate over a day's pushes by next to nothing.

use super::record;
use crate::domain::{ChangeKind, FeedState, PartnerNo, RecordKind, RunId};
use crate::store::{ReadError, Reader};
use serde::{Deserialize, Serialize};

const RECORD_EVERY: u64 = 1_000;

/// Beside the feed's state, whose key is empty.
const KEY: &[u8] = b"pushes";

/// How far the count has been recorded.
#[derive(Debug)]
pub struct PushCount {
    recorded: u64,
}

/// The count, and the run that it goes on from.
#[derive(Serialize, Deserialize)]
struct Recorded {
    last_run: RunId,
    pushes: u64,
    /// Documents were pushed, ever.
    #[serde(default)]
    documents: bool,
}

/// Puts the recorded count into the state, unless a run has closed since.
pub fn restore(reader: &Reader, no: PartnerNo, feed: &mut FeedState) -> Result<(), ReadError> {
    let bytes = reader.record(RecordKind::Feed, no, KEY)?;
    let recorded = bytes.and_then(|bytes| serde_json::from_slice::<Recorded>(&bytes).ok());
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
        let recorded = Recorded {
            last_run: feed.last_run,
            pushes: feed.pushes_since_run,
            documents: feed.pushes_documents,
        };
        record::put(RecordKind::Feed, KEY, &recorded)
    }
}

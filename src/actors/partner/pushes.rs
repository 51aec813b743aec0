//! What a partner has pushed since its feed last spoke (F9), so that the rate of lost pushes
//! survives a restart.
//!
//! The feed's state holds the count as of the last run. In between it is recorded with a push each
//! time that it has grown by `RECORD_EVERY`, and when the actor stops: a kill forgets fewer than
//! that, which moves a rate over a day's pushes by next to nothing.

use super::state::PartnerState;
use crate::domain::{
    ChangeKind, FeedState, ItemOutcome, PartnerNo, RecordChange, RecordKind, RunId, WriteSet,
};
use crate::store::{ReadError, Reader};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

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
}

impl PartnerState {
    /// Counts the items of a push that were applied; a record, where it is time for one.
    pub fn count_pushes(&mut self, items: &[ItemOutcome], holds_documents: bool) -> Option<ChangeKind> {
        let applied = items.iter().filter(|item| item.outcome.applied()).count() as u64;
        self.feed.pushes_since_run += applied;
        self.feed.pushes_at_all |= applied > 0;
        self.feed.pushes_documents |= applied > 0 && holds_documents;
        if applied == 0 || self.settings.feed.is_none() {
            return None;
        }
        let pushes = self.feed.pushes_since_run;
        // a run has closed since, and its record holds the count from there
        let recorded = self.push_count.recorded.min(pushes);
        (pushes - recorded >= RECORD_EVERY).then(|| self.pushes_record())
    }

    /// At the actor's end: what has been counted since the last record.
    pub fn note_pushes(&mut self) {
        if self.settings.feed.is_some() && self.feed.pushes_since_run != self.push_count.recorded {
            let mut set = WriteSet::new(self.no);
            set.changes.push(self.pushes_record());
            let (durable, _) = oneshot::channel();
            self.commit(set, durable);
        }
    }

    fn pushes_record(&mut self) -> ChangeKind {
        self.push_count.recorded = self.feed.pushes_since_run;
        let recorded = Recorded {
            last_run: self.feed.last_run,
            pushes: self.feed.pushes_since_run,
            documents: self.feed.pushes_documents,
        };
        let value = serde_json::to_vec(&recorded).expect("a plain struct serialises");
        let change = RecordChange { kind: RecordKind::Feed, key: KEY.into(), value: Some(value.into()) };
        ChangeKind::Record(Box::new(change))
    }
}

//! Counting what a partner has pushed since its feed last spoke (F9).

use crate::actors::partner::state::PartnerState;
use crate::domain::{ChangeKind, ItemOutcome, WriteSet};
use tokio::sync::oneshot;

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
        self.push_count.is_due(&self.feed).then(|| self.push_count.record(&self.feed))
    }

    /// At the actor's end: what has been counted since the last record.
    pub fn note_pushes(&mut self) {
        if self.settings.feed.is_some() && self.push_count.has_moved(&self.feed) {
            let mut set = WriteSet::new(self.no);
            set.changes.push(self.push_count.record(&self.feed));
            let (durable, _) = oneshot::channel();
            self.commit(set, durable);
        }
    }
}

//! Documents that were decided but cannot be read yet: what the next decision rests on until the
//! store shows them.

use crate::domain::{Document, Slot};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Copies are dropped once they can be read, looked at when this many have gathered.
const SWEEP_AT: usize = 256;

#[derive(Debug, Default)]
pub struct RecentDocuments {
    documents: HashMap<Slot, (u64, Document)>,
    /// The ticket of the write set being decided.
    ticket: u64,
    durable: Arc<AtomicU64>,
    sweep_at: usize,
}

impl RecentDocuments {
    /// Opens the next write set; its ticket travels with it and comes back by `durable`.
    pub fn next_ticket(&mut self) -> (Arc<AtomicU64>, u64) {
        if self.documents.len() >= self.sweep_at.max(SWEEP_AT) {
            let durable = self.durable.load(Ordering::Acquire);
            self.documents.retain(|_, (ticket, _)| *ticket > durable);
            self.sweep_at = 2 * self.documents.len();
        }
        self.ticket += 1;
        (self.durable.clone(), self.ticket)
    }

    /// The ticket that the set now being decided will bear.
    pub fn remember(&mut self, slot: Slot, document: Document) {
        self.documents.insert(slot, (self.ticket + 1, document));
    }

    pub fn get(&self, slot: Slot) -> Option<&Document> {
        self.documents.get(&slot).map(|(_, document)| document)
    }

    pub fn forget(&mut self, slot: Slot) {
        self.documents.remove(&slot);
    }
}

//! Decisions taken back: how a batch or an item leaves no trace where it must not apply.

use super::Ledger;
use crate::actors::partner::index::Entry;
use crate::domain::{Document, Slot};

/// One step back.
pub enum Undo {
    Inserted(Slot),
    Changed(Slot, Box<Entry>, Option<Document>),
}

/// A point that the ledger can be taken back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    steps: usize,
    changes: usize,
    losses: usize,
}

impl Ledger<'_> {
    pub fn mark(&self) -> Mark {
        Mark { steps: self.undo.len(), changes: self.set.changes.len(), losses: self.losses.len() }
    }

    /// Takes every step since `mark` back, newest first.
    pub fn take_back(&mut self, mark: Mark) {
        for step in self.undo.drain(mark.steps..).rev() {
            match step {
                Undo::Inserted(slot) => {
                    self.index.remove(slot);
                    self.recent.forget(slot);
                }
                Undo::Changed(slot, entry, document) => {
                    self.index.restore(slot, *entry);
                    match document {
                        Some(document) => self.recent.remember(slot, document),
                        None => self.recent.forget(slot),
                    }
                }
            }
        }
        self.set.changes.truncate(mark.changes);
        self.losses.truncate(mark.losses);
    }

    /// Keeps how a slot is now, before it changes.
    pub fn remember(&mut self, slot: Slot) {
        if !self.keeps_undo {
            return;
        }
        let document = self.recent.get(slot).cloned();
        self.undo.push(Undo::Changed(slot, Box::new(self.index.snapshot(slot)), document));
    }
}

//! Decisions taken back: how a batch or an item leaves no trace where it must not apply.

use super::recent::RecentDocuments;
use crate::actors::partner::index::Index;
use crate::actors::partner::index::entry::Entry;
use crate::domain::{Document, Slot};

/// One step back.
pub enum Undo {
    Inserted(Slot),
    Changed(Slot, Box<Entry>, Option<Document>),
}

/// A point that the ledger can be taken back to.
#[derive(Clone, Copy, Debug)]
pub struct UndoMark {
    pub steps: usize,
    pub changes: usize,
    pub losses: usize,
    pub taken: usize,
    pub ambiguous: u64,
}

impl Undo {
    /// Keeps how a slot is now, before it changes.
    pub fn of(slot: Slot, index: &Index, recent: &RecentDocuments) -> Undo {
        Undo::Changed(slot, Box::new(index.snapshot(slot)), recent.get(slot).cloned())
    }

    /// Steps are taken back in the reverse of their order.
    pub fn take_back(self, index: &mut Index, recent: &mut RecentDocuments) {
        match self {
            Undo::Inserted(slot) => {
                index.remove(slot);
                recent.forget(slot);
            }
            Undo::Changed(slot, entry, document) => {
                index.restore(slot, *entry);
                match document {
                    Some(document) => recent.remember(slot, document),
                    None => recent.forget(slot),
                }
            }
        }
    }
}

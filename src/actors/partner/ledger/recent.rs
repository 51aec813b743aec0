//! Documents that were decided but cannot be read yet: what the next decision rests on until the
//! store shows them.
//!
//! A push may be small and its documents large, so the right to hold those stays here with them, and
//! falls when they are let go: with the next set, or, where they take more than a little, as soon as
//! they can be read.

use crate::actors::admission::DocumentPermit;
use crate::domain::{Document, Slot};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A ticket lets go of at least this many, and of more where the set before brought more: a small
/// push does not pay for a large one, and the line still shrinks.
const LET_GO_MIN: usize = 64;
/// What may stay until the next set, or the sweep, lets it go.
const IDLE_BYTES_MAX: usize = 1 << 20;

/// The number of a write set, and the number up to which sets can be read.
pub type SetTicket = (Arc<AtomicU64>, u64);

#[derive(Debug, Default)]
pub struct RecentDocuments {
    documents: HashMap<Slot, (u64, Document)>,
    /// What was remembered, oldest first; what has been decided again since stands in it twice.
    line: VecDeque<(u64, Slot)>,
    /// The rights to hold what sets brought, oldest first.
    rights: VecDeque<(u64, DocumentPermit)>,
    /// Of the documents, about: texts that several share are counted with each.
    bytes: usize,
    /// Remembered since the last ticket.
    added: usize,
    /// The ticket of the last write set.
    ticket: u64,
    durable: Arc<AtomicU64>,
}

impl RecentDocuments {
    /// Closes a write set; its ticket travels with it and comes back by `durable`.
    pub fn next_ticket(&mut self) -> SetTicket {
        let most = LET_GO_MIN.max(2 * std::mem::take(&mut self.added));
        self.let_go(most);
        self.ticket += 1;
        (self.durable.clone(), self.ticket)
    }

    /// Keeps the right to hold what the set of the last ticket rests on.
    pub fn hold(&mut self, right: DocumentPermit) {
        self.rights.push_back((self.ticket, right));
    }

    /// More is held than should stay until something happens.
    pub fn is_heavy(&self) -> bool {
        self.bytes > IDLE_BYTES_MAX || !self.rights.is_empty()
    }

    /// Drops at most so many copies that can be read from the store.
    pub fn let_go(&mut self, most: usize) {
        let durable = self.durable.load(Ordering::Acquire);
        for _ in 0..most {
            let Some(&(ticket, slot)) = self.line.front().filter(|(ticket, _)| *ticket <= durable) else {
                break;
            };
            self.line.pop_front();
            if self.documents.get(&slot).is_some_and(|(newest, _)| *newest == ticket) {
                self.forget(slot);
            }
        }
        let first = self.line.front().map_or(u64::MAX, |(ticket, _)| *ticket);
        while self.rights.front().is_some_and(|(ticket, _)| *ticket <= durable && *ticket < first) {
            self.rights.pop_front();
        }
    }

    /// The set now being decided will carry the next ticket.
    pub fn remember(&mut self, slot: Slot, document: Document) {
        let ticket = self.ticket + 1;
        self.bytes += document.bytes();
        if let Some((_, before)) = self.documents.insert(slot, (ticket, document)) {
            self.bytes = self.bytes.saturating_sub(before.bytes());
        }
        self.line.push_back((ticket, slot));
        self.added += 1;
    }

    pub fn get(&self, slot: Slot) -> Option<&Document> {
        self.documents.get(&slot).map(|(_, document)| document)
    }

    pub fn forget(&mut self, slot: Slot) {
        if let Some((_, document)) = self.documents.remove(&slot) {
            self.bytes = self.bytes.saturating_sub(document.bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::admission::Admission;

    /// Decides a set of these slots.
    fn decide(recent: &mut RecentDocuments, slots: impl IntoIterator<Item = u32>) -> u64 {
        slots.into_iter().for_each(|slot| recent.remember(Slot(slot), Document::default()));
        recent.next_ticket().1
    }

    fn shown(recent: &RecentDocuments, ticket: u64) {
        recent.durable.store(ticket, Ordering::Release);
    }

    #[test]
    fn what_can_be_read_is_let_go_with_the_next_set_and_what_cannot_stays() {
        let mut recent = RecentDocuments::default();
        let first = decide(&mut recent, [1]);
        let second = decide(&mut recent, [2]);
        decide(&mut recent, [1]);
        shown(&recent, second);
        decide(&mut recent, [3]);
        assert!(recent.get(Slot(2)).is_none(), "it can be read");
        assert!(recent.get(Slot(1)).is_some(), "what was decided after {first} cannot");
        assert!(recent.get(Slot(3)).is_some());
        assert_eq!(recent.documents.len(), 2);
    }

    #[test]
    fn a1_the_right_to_hold_documents_falls_when_the_last_of_them_is_let_go() {
        let (daemon, partner) = (Admission::new(1 << 30), Admission::new(2 << 20));
        let right = || {
            let mut permit = Admission::admit(&daemon, &partner, 1).unwrap();
            permit.weigh(200 << 10).map(|()| permit.take_documents().unwrap())
        };
        let mut recent = RecentDocuments::default();
        let mut tickets = Vec::new();
        for slot in 1..=2 {
            let right = right().unwrap();
            tickets.push(decide(&mut recent, [slot, 9]));
            recent.hold(right);
        }
        assert!(right().is_err() && recent.is_heavy());
        shown(&recent, tickets[0]);
        recent.let_go(10);
        assert!(recent.get(Slot(1)).is_none() && recent.get(Slot(9)).is_some());
        assert!(right().is_ok(), "of the first set nothing is left");
        shown(&recent, tickets[1]);
        recent.let_go(10);
        assert!(recent.documents.is_empty() && !recent.is_heavy());
        assert_eq!(recent.bytes, 0);
    }

    #[test]
    fn a_small_set_pays_for_few_and_the_line_still_empties() {
        let mut recent = RecentDocuments::default();
        let large = decide(&mut recent, 0..10_000);
        shown(&recent, large);
        let small = decide(&mut recent, [20_000]);
        assert_eq!(recent.documents.len(), 10_001 - LET_GO_MIN);
        decide(&mut recent, 20_001..25_001);
        assert!(recent.documents.len() < 10_000 - LET_GO_MIN);
        shown(&recent, small + 1);
        while !recent.documents.is_empty() {
            let before = recent.line.len();
            let empty = decide(&mut recent, []);
            shown(&recent, empty);
            assert!(recent.line.len() < before);
        }
        assert!(recent.line.is_empty());
    }

    #[test]
    fn a_slot_that_is_forgotten_and_decided_anew_is_kept_for_its_newest_set() {
        let mut recent = RecentDocuments::default();
        let first = decide(&mut recent, [1]);
        recent.forget(Slot(1));
        let second = decide(&mut recent, [1]);
        shown(&recent, first);
        decide(&mut recent, []);
        assert!(recent.get(Slot(1)).is_some());
        shown(&recent, second);
        decide(&mut recent, []);
        assert!(recent.documents.is_empty() && recent.line.is_empty());
    }
}

//! A plan on its way into the store: page after page, each in a set of its own, and its head with
//! the last. Until then it is no plan: nothing can be decided on it, and what ends in between leaves
//! pages of no plan.

use crate::domain::{Micros, Plan, PlanState, RunId, Slot};
use crate::rules::feed::plan::EXPIRY;

/// What a new plan says beside its ids.
#[derive(Clone, Debug)]
pub struct Opening {
    pub run: RunId,
    pub snapshot: Micros,
    pub baseline: u64,
    pub allowed: u64,
    pub living: u64,
    /// F4: further runs may approve it.
    pub confirmable: bool,
    /// Hash of the file's body.
    pub body: String,
    pub now: Micros,
}

#[derive(Debug)]
pub struct Draft {
    /// As it will be; of a plan that is joined, with what is new.
    pub head: Plan,
    pub joins: bool,
    pub snapshot: Micros,
    pub slots: Vec<Slot>,
    /// Slots before this one stand in pages.
    pub next: usize,
    /// Pages that the plan had before.
    pub pages_before: u32,
}

pub fn new_head(id: u64, opening: Opening, slots: &[Slot]) -> Plan {
    Plan {
        id,
        state: PlanState::Held,
        run: opening.run.0,
        snapshot_at: opening.snapshot.0,
        opened_at: opening.now.0,
        expires_at: opening.now.plus(EXPIRY).0,
        closed_at: None,
        baseline: opening.baseline,
        allowed: opening.allowed,
        count: slots.len() as u64,
        living: opening.living,
        sample: Vec::new(),
        pages: 0,
        confirmable: opening.confirmable,
        bodies: vec![opening.body],
        turned_down_under: None,
        reason: None,
        by: None,
        inline: None,
    }
}

/// It keeps its own time and expiry; its pages keep the times of their files. What has confirmed it
/// has not confirmed the ids that come now.
pub fn joined_by(head: Plan, opening: Opening, slots: &[Slot]) -> Plan {
    Plan {
        count: head.count + slots.len() as u64,
        living: head.living.max(opening.living),
        confirmable: head.confirmable && opening.confirmable,
        bodies: vec![opening.body],
        ..head
    }
}

//! A plan on its way into the store: page after page, each in a set of its own, and its head with
//! the last. Until then it is no plan: nothing can be decided on it, and what ends in between leaves
//! pages of no plan.

use super::draft::{Draft, Opening, joined_by, new_head};
use super::pages::take_page;
use super::{HELD_MAX, HeldPlan, Plans};
use crate::actors::partner::books::record;
use crate::actors::partner::index::Index;
use crate::domain::{ChangeKind, Plan, PlanPageKey, PlanState, SAMPLE_IDS, Slot};

impl Plans {
    /// Begins a plan for the ids in these slots, in their order; beyond so many plans they join the
    /// newest. Gives its number.
    pub fn begin(&mut self, opening: Opening, slots: Vec<Slot>) -> u64 {
        self.abandon();
        let applying = self.applying.as_ref().map(|applying| applying.plan);
        let newest = self.held.values().rev().find(|held| Some(held.head.id) != applying);
        let joined = newest.filter(|_| self.held.len() >= HELD_MAX);
        let joined = joined.map(|held| Plan { pages: held.pages_used, ..held.head.clone() });
        let (joins, snapshot) = (joined.is_some(), opening.snapshot);
        let head = match joined {
            Some(head) => joined_by(head, opening, &slots),
            None => {
                self.last += 1;
                new_head(self.last, opening, &slots)
            }
        };
        let (id, pages_before) = (head.id, head.pages);
        self.draft = Some(Draft { head, joins, snapshot, slots, next: 0, pages_before });
        id
    }

    /// The next page of the plan that is being written; with the last one the plan is held. `None`
    /// where none is.
    pub fn write_page(&mut self, index: &Index) -> Option<ChangeKind> {
        let mut draft = self.draft.take()?;
        let rest = &draft.slots[draft.next..];
        let page = take_page(&mut rest.iter().map(|&slot| index.id(slot).as_str()), draft.snapshot.0);
        draft.next += page.ids.len();
        let missing = SAMPLE_IDS.saturating_sub(draft.head.sample.len());
        draft.head.sample.extend(page.ids.iter().take(missing).cloned());
        let key = PlanPageKey { plan: draft.head.id, page: draft.head.pages };
        let change = record::put(&key, &page);
        draft.head.pages += 1;
        match draft.next == draft.slots.len() {
            true => self.hold(draft),
            false => self.draft = Some(draft),
        }
        Some(change)
    }

    pub fn is_writing(&self) -> bool {
        self.draft.is_some()
    }

    /// What has been written of a plan that comes to nothing is dropped.
    pub fn abandon(&mut self) {
        if let Some(draft) = self.draft.take() {
            if let Some(held) = self.held.get_mut(&draft.head.id) {
                held.pages_used = draft.head.pages;
            }
            self.drop_pages(draft.head.id, draft.pages_before..draft.head.pages);
        }
    }

    fn hold(&mut self, draft: Draft) {
        let Draft { head, joins, mut slots, pages_before, .. } = draft;
        if joins {
            let applying = self.applying.as_ref().is_some_and(|applying| applying.plan == head.id);
            let Some(held) = self.held.get_mut(&head.id).filter(|_| !applying) else {
                // decided meanwhile, without these ids: the next run asks for them again
                return self.drop_pages(head.id, pages_before..head.pages);
            };
            slots.append(&mut held.slots);
        }
        slots.sort_unstable();
        slots.dedup();
        self.moved.push(record::put(&head.id, &head));
        self.outcomes.extend((!joins).then_some(PlanState::Held));
        let pages_used = head.pages;
        self.held.insert(head.id, HeldPlan { head, slots, pages_used });
    }
}

//! The partner's plans (F4): deletes that the guard held, and what becomes of them. Of a held plan
//! the head and the slots of its ids are in memory; ids by name and closed plans are in the store.
//!
//! Every move of a plan is a record in the write set of what moved it: a run, a look, an order. The
//! slots stay those of their ids: one that is forgotten leaves its plan.

pub mod draft;
pub mod pages;
mod writing;

use crate::actors::partner::books::record;
use crate::actors::partner::index::Index;
use crate::actors::partner::index::slot_set::SlotSet;
use crate::domain::{
    AssetId, ChangeKind, FeedState, Micros, PartnerNo, Plan, PlanPage, PlanPageKey, PlanState, Slot,
};
use crate::rules::feed::plan::CONFIRMED;
use crate::store::{ReadError, Reader};
use draft::Draft;
use pages::read_page;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

/// Closed plans kept per partner, for those who ask what became of them.
const CLOSED_KEPT: usize = 50;
/// Plans held at once. Ids beyond join the newest.
pub const HELD_MAX: usize = 50;
/// Heads read at once.
const HEADS: usize = 8;
/// Pages that one set drops; the others follow with the next sets, the sweep's at the latest.
const DROPPED_AT_ONCE: usize = 256;

#[derive(Debug, Default)]
pub struct Plans {
    pub(super) held: BTreeMap<u64, HeldPlan>,
    /// Rejected or expired since the last changed snapshot: only the next one asks for their ids
    /// again.
    turned_down: Vec<TurnedDown>,
    pub(super) last: u64,
    /// Closed ones that are still kept, oldest first.
    closed: VecDeque<u64>,
    /// Records that the next write set must hold.
    pub(super) moved: Vec<ChangeKind>,
    /// Pages that nobody needs any more.
    dropping: VecDeque<(u64, Range<u32>)>,
    /// States that plans have come to since they were last counted.
    pub(super) outcomes: Vec<PlanState>,
    /// The plan whose deletes are being applied, part by part: nothing else may close it.
    pub applying: Option<Applying>,
    /// The plan that is being written, page by page.
    pub(super) draft: Option<Draft>,
}

#[derive(Debug)]
pub struct HeldPlan {
    pub head: Plan,
    /// The places of its ids, in order.
    pub slots: Vec<Slot>,
    /// Pages before this one have been written, and may be on their way out: one that joins begins
    /// here.
    pub pages_used: u32,
}

#[derive(Debug)]
struct TurnedDown {
    plan: u64,
    pages: u32,
    slots: Vec<Slot>,
}

/// An approved plan on its way.
#[derive(Debug)]
pub struct Applying {
    pub plan: u64,
    pub reason: Option<String>,
    /// Who approved it.
    pub by: Option<String>,
    /// The next of its pages that is decided, and the place in it from where on.
    pub next: u32,
    pub place: usize,
    pub deleted: u64,
    pub kept: u64,
}

impl Plans {
    pub fn load(reader: &Reader, no: PartnerNo, index: &Index, feed: &FeedState) -> Result<Plans, ReadError> {
        let mut plans = Plans::default();
        record::each::<Plan>(reader, no, HEADS, |row| {
            let plan = row.value?;
            let needed = plan.is_held() || is_turned_down(&plan, feed);
            let slots = if needed { slots_of(&plan, reader, no, index)? } else { Vec::new() };
            plans.take_in(plan, slots, feed);
            Ok(())
        })?;
        plans.find_orphans(reader, no)?;
        Ok(plans)
    }

    fn take_in(&mut self, plan: Plan, slots: Vec<Slot>, feed: &FeedState) {
        self.last = self.last.max(plan.id);
        if plan.is_held() {
            let pages_used = plan.pages;
            self.held.insert(plan.id, HeldPlan { head: plan, slots, pages_used });
            return;
        }
        self.closed.push_back(plan.id);
        if is_turned_down(&plan, feed) {
            self.turned_down.push(TurnedDown { plan: plan.id, pages: plan.pages, slots });
        }
    }

    /// Pages of plans that no longer need them, or that were never opened: a number once used by
    /// pages is not given again.
    fn find_orphans(&mut self, reader: &Reader, no: PartnerNo) -> Result<(), ReadError> {
        let mut after: Option<PlanPageKey> = None;
        loop {
            let next = reader.records::<PlanPage>(no, after.as_ref(), false, 1)?;
            let Some(plan) = next.first().map(|page| page.key.plan) else { return Ok(()) };
            self.last = self.last.max(plan);
            let end = PlanPageKey { plan, page: u32::MAX };
            if !self.needs_pages_of(plan) {
                let newest = reader.records::<PlanPage>(no, Some(&end), true, 1)?;
                let pages = newest.first().map_or(0, |newest| newest.key.page.saturating_add(1));
                self.dropping.push_back((plan, 0..pages));
            }
            after = Some(end);
        }
    }

    fn needs_pages_of(&self, plan: u64) -> bool {
        self.held.contains_key(&plan) || self.turned_down.iter().any(|down| down.plan == plan)
    }

    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// The deletes of all that are held.
    pub fn deletes_held(&self) -> u64 {
        self.held.values().map(|held| held.head.count()).sum()
    }

    /// When the oldest that is held was opened.
    pub fn oldest_opened_at(&self) -> Option<i64> {
        self.held.first_key_value().map(|(_, held)| held.head.opened_at)
    }

    pub fn get(&self, id: u64) -> Option<&Plan> {
        self.held.get(&id).map(|held| &held.head)
    }

    /// Slots whose deletes are spoken for: held, or turned down for what the last snapshot says.
    pub fn spoken_for(&self) -> SlotSet {
        let mut spoken = SlotSet::default();
        let turned_down = self.turned_down.iter().flat_map(|down| &down.slots);
        let held = self.held.values().flat_map(|held| &held.slots);
        held.chain(turned_down).for_each(|&slot| spoken.insert(slot));
        spoken
    }

    /// The slot is free for another id.
    pub fn forget(&mut self, slot: Slot) {
        let held = self.held.values_mut().map(|held| &mut held.slots);
        for slots in held.chain(self.turned_down.iter_mut().map(|down| &mut down.slots)) {
            if let Ok(place) = slots.binary_search(&slot) {
                slots.remove(place);
            }
        }
    }

    /// F4: undoes what has waited too long.
    pub fn expire(&mut self, feed: &FeedState, now: Micros) {
        let due = self.held.values().filter(|held| held.head.is_overdue(now)).map(|held| held.head.id);
        for id in due.collect::<Vec<_>>() {
            self.turn_down(id, PlanState::Expired, None, feed, now);
        }
    }

    /// F4: a changed snapshot has been accepted, which holds what `present` says. What has come
    /// back is cancelled; what was turned down may be asked for again.
    pub fn snapshot_changed(&mut self, present: &SlotSet, now: Micros) {
        for TurnedDown { plan, pages, .. } in std::mem::take(&mut self.turned_down) {
            self.drop_pages(plan, 0..pages);
        }
        let back = |held: &HeldPlan| held.slots.iter().filter(|&&slot| present.contains(slot)).count() as u64;
        let applying = self.applying.as_ref().map(|applying| applying.plan);
        let cancelled = self.held.values().filter(|held| held.head.is_cancelled_by(back(held)));
        let cancelled: Vec<u64> =
            cancelled.map(|held| held.head.id).filter(|id| Some(*id) != applying).collect();
        for id in cancelled {
            let reason = "a later snapshot has the assets again".to_owned();
            self.close(id, PlanState::Cancelled, Some(reason), now);
        }
    }

    /// F4: what a changed and complete file lacks confirms the plans that wait for it. Those that
    /// `runs` further runs have confirmed by now, to be approved.
    pub fn confirm(&mut self, present: &SlotSet, body: &str, runs: u32) -> Vec<u64> {
        if runs == 0 {
            return Vec::new();
        }
        let applying = self.applying.as_ref().map(|applying| applying.plan);
        let mut approved = Vec::new();
        for (&id, held) in self.held.iter_mut().filter(|(id, _)| Some(**id) != applying) {
            let lacks_all = !held.slots.iter().any(|&slot| present.contains(slot));
            let moved = if lacks_all { held.head.is_confirmed_by(body) } else { held.head.is_doubted() };
            if moved {
                self.moved.push(record::put(&held.head.id, &held.head));
            }
            if lacks_all && held.head.is_approved_after(runs) {
                approved.push(id);
            }
        }
        approved
    }

    /// An operator has decided the plan, which is about to be closed or turned down.
    pub fn decided_by(&mut self, id: u64, by: Option<String>) {
        if let Some(held) = self.held.get_mut(&id) {
            held.head.by = by;
        }
    }

    /// The feed itself has approved the plan.
    pub fn close_confirmed(&mut self, id: u64, now: Micros) {
        self.close(id, PlanState::Approved, Some(CONFIRMED.to_owned()), now);
    }

    /// Rejected or expired: nothing is deleted, and only a changed snapshot asks again.
    pub fn turn_down(
        &mut self,
        id: u64,
        state: PlanState,
        reason: Option<String>,
        feed: &FeedState,
        now: Micros,
    ) {
        if self.applying.as_ref().is_some_and(|applying| applying.plan == id) {
            return;
        }
        let Some(mut held) = self.held.remove(&id) else { return };
        held.head.turned_down_under = feed.last_snapshot_at;
        let (plan, pages) = (id, held.head.pages);
        self.turned_down.push(TurnedDown { plan, pages, slots: held.slots });
        self.note_closed(held.head, state, reason, now);
    }

    /// Its ids are not needed any more.
    pub fn close(&mut self, id: u64, state: PlanState, reason: Option<String>, now: Micros) {
        let Some(mut held) = self.held.remove(&id) else { return };
        let pages = std::mem::take(&mut held.head.pages);
        self.drop_pages(id, 0..pages);
        self.note_closed(held.head, state, reason, now);
    }

    fn note_closed(&mut self, mut plan: Plan, state: PlanState, reason: Option<String>, now: Micros) {
        plan.close(state, now, reason);
        self.note(&plan);
        self.closed.push_back(plan.id);
        while self.closed.len() > CLOSED_KEPT {
            if let Some(old) = self.closed.pop_front() {
                self.moved.push(record::remove::<Plan>(&old));
            }
        }
    }

    pub(super) fn note(&mut self, plan: &Plan) {
        self.moved.push(record::put(&plan.id, plan));
        self.outcomes.push(plan.state);
    }

    pub(super) fn drop_pages(&mut self, plan: u64, pages: Range<u32>) {
        if !pages.is_empty() {
            self.dropping.push_back((plan, pages));
        }
    }

    /// The records of what has moved since the last call, and some of what is to be dropped.
    pub fn changes(&mut self) -> Vec<ChangeKind> {
        let mut changes = std::mem::take(&mut self.moved);
        let most = changes.len() + DROPPED_AT_ONCE;
        while changes.len() < most
            && let Some((plan, pages)) = self.dropping.front_mut()
        {
            match pages.next() {
                Some(number) => {
                    changes.push(record::remove::<PlanPage>(&PlanPageKey { plan: *plan, page: number }))
                }
                None => drop(self.dropping.pop_front()),
            }
        }
        changes
    }

    /// The states that plans have come to since the last call.
    pub fn outcomes(&mut self) -> Vec<PlanState> {
        std::mem::take(&mut self.outcomes)
    }
}

/// Turned down for what the last accepted snapshot says.
fn is_turned_down(plan: &Plan, feed: &FeedState) -> bool {
    plan.turned_down_under.is_some() && plan.turned_down_under == feed.last_snapshot_at
}

/// Where the ids of a plan stand in the index.
fn slots_of(plan: &Plan, reader: &Reader, no: PartnerNo, index: &Index) -> Result<Vec<Slot>, ReadError> {
    let mut slots = Vec::new();
    for number in 0..plan.pages {
        let page = read_page(reader, no, plan.id, number)?.unwrap_or_default();
        let known = page.ids.iter().filter_map(|id| AssetId::new(id).ok()).filter_map(|id| index.find(&id));
        slots.extend(known);
    }
    slots.sort_unstable();
    slots.dedup();
    Ok(slots)
}

#[cfg(test)]
mod tests;

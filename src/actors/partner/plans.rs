//! The partner's plans (F4): deletes that the guard held, and what becomes of them. Held plans are
//! kept whole in memory, closed ones in the store only.
//!
//! Every move of a plan is a record in the write set of what moved it: a run, a look, an order.

use super::index::Index;
use super::run::SlotSet;
use crate::domain::{AssetId, ChangeKind, FeedState, Micros, PartnerNo, RecordChange, RecordKind, RunId};
use crate::rules::plan::{EXPIRY, Plan, PlanState};
use crate::store::{ReadError, Reader};
use std::collections::{BTreeMap, VecDeque};

/// Closed plans kept per partner, for those who ask what became of them.
const CLOSED_KEPT: usize = 50;
/// Plans held at once. Deletes beyond wait without one, until a later snapshot lacks them.
const HELD_MAX: usize = 50;
/// Plans read at once: each holds its ids.
const PAGE: usize = 8;

#[derive(Debug, Default)]
pub struct Plans {
    held: BTreeMap<u64, Plan>,
    /// Ids turned down since the last changed snapshot: only the next one asks for them again.
    turned_down: Vec<String>,
    last: u64,
    /// Closed ones that are still kept, oldest first.
    closed: VecDeque<u64>,
    /// Records that the next write set must hold.
    moved: Vec<ChangeKind>,
    /// States that plans have come to since they were last counted.
    outcomes: Vec<PlanState>,
    /// The plan whose deletes are being applied, part by part: nothing else may close it.
    pub applying: Option<Applying>,
}

/// An approved plan on its way.
#[derive(Debug)]
pub struct Applying {
    pub plan: u64,
    pub reason: Option<String>,
    /// How many of its ids have been decided.
    pub next: usize,
    pub deleted: u64,
    pub kept: u64,
}

/// What a new plan says beside its ids.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    pub run: RunId,
    pub snapshot: Micros,
    pub baseline: u64,
    pub allowed: u64,
    pub now: Micros,
}

impl Plans {
    pub fn load(reader: &Reader, no: PartnerNo, feed: &FeedState) -> Result<Plans, ReadError> {
        let mut plans = Plans::default();
        let mut after: Option<Box<[u8]>> = None;
        loop {
            let page = reader.records(RecordKind::Plan, no, after.as_deref(), false, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(plans) };
            after = Some(last.clone());
            let read = page.iter().filter_map(|(_, value)| serde_json::from_slice::<Plan>(value).ok());
            read.for_each(|plan| plans.take_in(plan, feed));
        }
    }

    fn take_in(&mut self, plan: Plan, feed: &FeedState) {
        self.last = self.last.max(plan.id);
        if plan.is_held() {
            self.held.insert(plan.id, plan);
            return;
        }
        self.closed.push_back(plan.id);
        if plan.turned_down_under.is_some() && plan.turned_down_under == feed.last_snapshot_at {
            self.turned_down.extend(plan.ids);
        }
    }

    pub fn held(&self) -> usize {
        self.held.len()
    }

    pub fn get(&self, id: u64) -> Option<&Plan> {
        self.held.get(&id)
    }

    /// Slots whose deletes are spoken for: held, or turned down for what the last snapshot says.
    pub fn spoken_for(&self, index: &Index) -> SlotSet {
        let mut spoken = SlotSet::default();
        let held = self.held.values().flat_map(|plan| &plan.ids);
        for slot in held.chain(&self.turned_down).filter_map(|id| find(index, id)) {
            spoken.insert(slot);
        }
        spoken
    }

    /// Opens a plan for the ids; `None` where there are too many already.
    pub fn open(&mut self, opening: Opening, mut ids: Vec<String>) -> Option<u64> {
        if self.held.len() >= HELD_MAX {
            return None;
        }
        ids.sort_unstable();
        self.last += 1;
        let plan = Plan {
            id: self.last,
            state: PlanState::Held,
            run: opening.run.0,
            snapshot_at: opening.snapshot.0,
            opened_at: opening.now.0,
            expires_at: opening.now.plus(EXPIRY).0,
            closed_at: None,
            baseline: opening.baseline,
            allowed: opening.allowed,
            ids,
            turned_down_under: None,
            reason: None,
        };
        self.note(&plan);
        self.held.insert(plan.id, plan);
        Some(self.last)
    }

    /// F4: undoes what has waited too long.
    pub fn expire(&mut self, feed: &FeedState, now: Micros) {
        let due = self.held.values().filter(|plan| plan.is_overdue(now)).map(|plan| plan.id);
        for id in due.collect::<Vec<_>>() {
            self.turn_down(id, PlanState::Expired, None, feed, now);
        }
    }

    /// F4: a changed snapshot has been accepted, which holds what `present` says. What has come
    /// back is cancelled; what was turned down may be asked for again.
    pub fn snapshot_changed(&mut self, index: &Index, present: &SlotSet, now: Micros) {
        self.turned_down.clear();
        let back = |plan: &Plan| {
            plan.ids.iter().filter(|id| find(index, id).is_some_and(|slot| present.contains(slot))).count()
        };
        let applying = self.applying.as_ref().map(|applying| applying.plan);
        let cancelled = self.held.values().filter(|plan| plan.is_cancelled_by(back(plan)));
        let cancelled: Vec<u64> = cancelled.map(|plan| plan.id).filter(|id| Some(*id) != applying).collect();
        for id in cancelled {
            let reason = "a later snapshot has the assets again".to_owned();
            self.close(id, PlanState::Cancelled, Some(reason), now);
        }
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
        if let Some(plan) = self.held.get_mut(&id) {
            plan.turned_down_under = feed.last_snapshot_at;
            self.turned_down.extend(plan.ids.iter().cloned());
            self.close(id, state, reason, now);
        }
    }

    pub fn close(&mut self, id: u64, state: PlanState, reason: Option<String>, now: Micros) {
        let Some(mut plan) = self.held.remove(&id) else { return };
        plan.close(state, now, reason);
        self.note(&plan);
        self.closed.push_back(id);
        while self.closed.len() > CLOSED_KEPT {
            if let Some(old) = self.closed.pop_front() {
                self.moved.push(record(old, None));
            }
        }
    }

    fn note(&mut self, plan: &Plan) {
        let value = serde_json::to_vec(plan).expect("a plain struct serialises");
        self.moved.push(record(plan.id, Some(value.into_boxed_slice())));
        self.outcomes.push(plan.state);
    }

    /// The records of what has moved since the last call.
    pub fn changes(&mut self) -> Vec<ChangeKind> {
        std::mem::take(&mut self.moved)
    }

    /// The states that plans have come to since the last call.
    pub fn outcomes(&mut self) -> Vec<PlanState> {
        std::mem::take(&mut self.outcomes)
    }
}

fn find(index: &Index, id: &str) -> Option<crate::domain::Slot> {
    AssetId::new(id).ok().and_then(|id| index.find(&id))
}

/// Plans are keyed by their number, big-endian.
fn record(id: u64, value: Option<Box<[u8]>>) -> ChangeKind {
    let key = id.to_be_bytes().into();
    ChangeKind::Record(Box::new(RecordChange { kind: RecordKind::Plan, key, value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Micros = Micros(1_000 * Micros::HOUR);

    fn opening() -> Opening {
        Opening { run: RunId(3), snapshot: Micros(7), baseline: 10, allowed: 5, now: NOW }
    }

    fn index(ids: &[&str]) -> Index {
        let mut index = Index::default();
        for id in ids {
            index.insert(AssetId::new(id).unwrap());
        }
        index
    }

    fn slots(index: &Index, ids: &[&str]) -> SlotSet {
        let mut slots = SlotSet::default();
        ids.iter().filter_map(|id| find(index, id)).for_each(|slot| slots.insert(slot));
        slots
    }

    #[test]
    fn f4_what_has_come_back_is_cancelled_and_is_no_longer_spoken_for() {
        let index = index(&["a", "b"]);
        let mut plans = Plans::default();
        assert_eq!(plans.open(opening(), vec!["b".into(), "a".into()]), Some(1));
        assert_eq!(plans.get(1).unwrap().ids, ["a", "b"], "sorted");
        plans.snapshot_changed(&index, &slots(&index, &["a"]), NOW);
        assert_eq!(plans.held(), 1, "half of them is not enough");
        plans.snapshot_changed(&index, &slots(&index, &["a", "b"]), NOW);
        assert_eq!(plans.held(), 0);
        assert_eq!(plans.outcomes(), [PlanState::Held, PlanState::Cancelled]);
        assert_eq!(plans.changes().len(), 2);
        let spoken = plans.spoken_for(&index);
        assert!(!spoken.contains(find(&index, "a").unwrap()));
    }

    #[test]
    fn f4_what_was_turned_down_is_asked_again_by_a_changed_snapshot_only() {
        let index = index(&["a"]);
        let feed = FeedState { last_snapshot_at: Some(7), ..FeedState::default() };
        let mut plans = Plans::default();
        plans.open(opening(), vec!["a".into()]);
        plans.expire(&feed, NOW.plus(EXPIRY - 1));
        assert_eq!(plans.held(), 1);
        plans.expire(&feed, NOW.plus(EXPIRY));
        let slot = find(&index, "a").unwrap();
        assert_eq!((plans.held(), plans.spoken_for(&index).contains(slot)), (0, true));
        let mut again = Plans::default();
        for change in plans.changes() {
            let ChangeKind::Record(record) = change else { panic!("plans are records") };
            let plan: Plan = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
            if !plan.is_held() {
                again.take_in(plan, &feed);
            }
        }
        assert!(again.spoken_for(&index).contains(slot), "also after a restart");
        plans.snapshot_changed(&index, &SlotSet::default(), NOW);
        assert!(!plans.spoken_for(&index).contains(slot));
    }

    #[test]
    fn f4_closed_plans_and_held_ones_are_bounded() {
        let feed = FeedState::default();
        let mut plans = Plans::default();
        for n in 1..=CLOSED_KEPT as u64 + 5 {
            assert_eq!(plans.open(opening(), vec!["a".into()]), Some(n));
            plans.turn_down(n, PlanState::Rejected, None, &feed, NOW);
        }
        let removed = plans
            .changes()
            .into_iter()
            .filter(|change| matches!(change, ChangeKind::Record(record) if record.value.is_none()));
        assert_eq!((removed.count(), plans.closed.len()), (5, CLOSED_KEPT));
        for _ in 0..HELD_MAX {
            plans.open(opening(), vec!["a".into()]);
        }
        assert_eq!(plans.open(opening(), vec!["b".into()]), None);
    }

    #[test]
    fn f4_a_plan_that_is_being_applied_is_closed_by_nothing_else() {
        let index = index(&["a"]);
        let mut plans = Plans::default();
        plans.open(opening(), vec!["a".into()]);
        plans.applying = Some(Applying { plan: 1, reason: None, next: 0, deleted: 0, kept: 0 });
        plans.snapshot_changed(&index, &slots(&index, &["a"]), NOW);
        plans.expire(&FeedState::default(), NOW.plus(EXPIRY));
        assert_eq!(plans.held(), 1);
    }
}

//! A decision on a plan (F4): rejected at once, or approved and applied page by page, each in a
//! commit of its own, so that no set of changes is larger than a feed's. An operator decides, or the
//! feed itself on a small plan, by lacking the same ids again and again.
//!
//! A plan is `held` until its last part is decided. What ends an approval half-way leaves a held
//! plan, which can be approved again: ids that are gone already are passed over.

use crate::actors::partner::books::plans::Applying;
use crate::actors::partner::books::plans::pages::read_page;
use crate::actors::partner::feed::absences::PART_BYTES;
use crate::actors::partner::ledger::{LedgerError, Prefetched};
use crate::actors::partner::message::PartnerMessage;
use crate::actors::partner::message::orders::{
    PlanEnd, PlanOrder, PlanPart, PlanRefused, PlanReply, PlanVerdict,
};
use crate::actors::partner::run::ActiveRun;
use crate::actors::partner::state::PartnerState;
use crate::actors::tasks::{TaskKind, spawn};
use crate::clock::sleep;
use crate::domain::{AssetId, ChangeKind, Lane, Micros, Origin, Seq, Stamp, WriteSet};
use crate::feed::Reserve;
use crate::rules::absence::{self, Absence};
use crate::rules::plan::{CONFIRMED, Plan, PlanState};
use crate::store::{ReadError, Reader};
use ractor::{ActorProcessingErr, ActorRef, ActorStatus};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long an approval waits before it looks again whether overlay and disk have room.
const PAUSE: Duration = Duration::from_millis(5);

/// What became of some of a plan's ids.
#[derive(Default)]
struct Tally {
    deleted: u64,
    kept: u64,
    /// Bytes of the documents that were read for them.
    loaded: usize,
    /// Where in the page to go on: its documents were too much for one part.
    rest: Option<usize>,
}

/// A page could not be decided.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("a page of a plan cannot be read: {0}")]
    Page(#[from] ReadError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl PartnerState {
    /// F4: undoes what has waited too long, whenever somebody looks.
    pub fn look_at_plans(&mut self) {
        self.plans.expire(&self.feed, self.around.clock.now());
        let (durable, _) = oneshot::channel();
        self.commit_plans(WriteSet::new(self.no), durable);
    }

    pub fn decide_plan(&mut self, order: PlanOrder, reply: PlanReply, myself: &ActorRef<PartnerMessage>) {
        self.look_at_plans();
        let refused = if self.plans.applying.is_some() {
            Some(PlanRefused::Busy)
        } else if self.plans.get(order.plan).is_none() {
            Some(PlanRefused::NotHeld)
        } else {
            None
        };
        if let Some(refused) = refused {
            // whoever asked may have gone, here and below; the plan is decided all the same
            let _ = reply.send(Err(refused));
            return;
        }
        match order.verdict {
            PlanVerdict::Reject => self.reject_plan(order, reply),
            PlanVerdict::Approve => self.approve_plan(order, reply, myself),
        }
    }

    fn reject_plan(&mut self, order: PlanOrder, reply: PlanReply) {
        let now = self.around.clock.now();
        let end = PlanEnd { plan: order.plan, state: PlanState::Rejected, deleted: 0, kept: 0 };
        self.log_plan(end, order.reason.as_deref());
        self.plans.turn_down(order.plan, PlanState::Rejected, order.reason, &self.feed, now);
        let (durable, committed) = oneshot::channel();
        self.commit_plans(WriteSet::new(self.no), durable);
        spawn(TaskKind::PlanOrder, async move {
            if committed.await.is_ok() {
                let _ = reply.send(Ok(end));
            }
        });
    }

    fn approve_plan(&mut self, order: PlanOrder, reply: PlanReply, myself: &ActorRef<PartnerMessage>) {
        let PlanOrder { plan, reason, .. } = order;
        self.plans.applying = Some(Applying { plan, reason, next: 0, place: 0, deleted: 0, kept: 0 });
        let (actor, reader) = (myself.clone(), self.around.reader.clone());
        let (overlay_bytes_max, reserve) = (self.around.overlay_bytes_max, self.around.reserve.clone());
        spawn(TaskKind::PlanOrder, async move {
            // without an end the caller sees "unknown", and the plan is still held
            if let Some(end) = apply_parts(&actor, &reader, overlay_bytes_max, &reserve).await {
                let _ = reply.send(Ok(end));
            }
        });
    }

    /// Decides the next page of the plan that is being applied, or as much of it as one part may read.
    pub fn apply_plan_part(&mut self, reply: oneshot::Sender<PlanPart>) -> Result<(), ActorProcessingErr> {
        let Some(mut applying) = self.plans.applying.take() else { return Ok(()) };
        let Some(plan) = self.plans.get(applying.plan).cloned() else { return Ok(()) };
        let from = (applying.next, applying.place);
        let (set, tally) = self.decide_plan_page(&plan, from, PART_BYTES)?;
        applying.deleted += tally.deleted;
        applying.kept += tally.kept;
        applying.next += u32::from(tally.rest.is_none());
        applying.place = tally.rest.unwrap_or(0);
        let is_last = applying.next >= plan.pages;
        let end = is_last.then_some(PlanEnd {
            plan: applying.plan,
            state: PlanState::Approved,
            deleted: applying.deleted,
            kept: applying.kept,
        });
        if let Some(end) = end {
            let now = self.around.clock.now();
            self.log_plan(end, applying.reason.as_deref());
            self.plans.close(applying.plan, PlanState::Approved, applying.reason, now);
        } else {
            self.plans.applying = Some(applying);
        }
        let (durable, committed) = oneshot::channel();
        self.commit_plans(set, durable);
        let _ = reply.send(PlanPart { durable: committed, end });
        Ok(())
    }

    /// F4 `confirmed`: deletes what the feed's further runs have lacked as often as it takes. The run
    /// counts none of it: a plan's deletes are the plan's.
    pub fn confirm_plans(&mut self, active: &ActiveRun) -> Vec<u64> {
        let runs = self.settings.feed.as_ref().map_or(0, |feed| feed.guard_confirm);
        // an empty file confirms nothing: it is held itself
        if !active.is_whole() || active.facts.present == 0 {
            return Vec::new();
        }
        self.plans.confirm(&active.seen, &active.facts.file.body_hash, runs)
    }

    /// Approves of these plans, the first first, as many as one part may read documents for.
    pub fn approve_confirmed(&mut self, plans: &mut VecDeque<u64>) -> Result<Vec<ChangeKind>, PlanError> {
        let (mut changes, mut loaded) = (Vec::new(), 0);
        while loaded < PART_BYTES
            && let Some(id) = plans.pop_front()
        {
            let Some(plan) = self.plans.get(id).cloned() else { continue };
            let mut end = PlanEnd { plan: id, state: PlanState::Approved, deleted: 0, kept: 0 };
            for number in 0..plan.pages {
                // it has few ids: it is decided whole
                let (set, tally) = self.decide_plan_page(&plan, (number, 0), usize::MAX)?;
                end.deleted += tally.deleted;
                end.kept += tally.kept;
                loaded += tally.loaded;
                changes.extend(set.changes);
            }
            self.log_plan(end, Some(CONFIRMED));
            self.plans.close_confirmed(id, self.around.clock.now());
        }
        Ok(changes)
    }

    /// Decides each id of a page again by X3, with the `S` of the file that lacked it; fewer, from a
    /// place in it on, where their documents take so many bytes.
    fn decide_plan_page(
        &mut self,
        plan: &Plan,
        (number, from): (u32, usize),
        bytes_max: usize,
    ) -> Result<(WriteSet, Tally), PlanError> {
        let page = read_page(&self.around.reader, self.no, plan.id, number)?.unwrap_or_default();
        let snapshot = Micros(page.snapshot_at);
        let mut tally = Tally::default();
        let mut ledger = self.ledger(Origin::Feed { run: plan.run, record: u32::MAX }, Prefetched::new());
        for (place, id) in page.ids.iter().enumerate().skip(from) {
            if ledger.loaded >= bytes_max {
                tally.rest = Some(place);
                break;
            }
            let Ok(id) = AssetId::new(id) else { continue };
            let Some(slot) = ledger.index.find(&id) else { continue };
            let head = ledger.index.head(slot);
            if !head.is_alive() {
                continue;
            }
            // that it was absent, and often enough, has been found when the plan was opened
            match absence::decide(&head, snapshot, true) {
                Absence::Delete if ledger.remove_absent(slot, Stamp::new(snapshot, Lane::Feed, 0))? => {
                    tally.deleted += 1;
                }
                Absence::Delete | Absence::First | Absence::Phantom | Absence::Agree => tally.kept += 1,
            }
        }
        tally.loaded = ledger.loaded;
        Ok((std::mem::replace(&mut ledger.set, WriteSet::new(self.no)), tally))
    }

    fn log_plan(&self, end: PlanEnd, reason: Option<&str>) {
        let PlanEnd { plan, state, deleted, kept } = end;
        let (partner, state) = (self.settings.name.as_str(), state.as_str());
        let reason = reason.unwrap_or_default();
        tracing::info!(partner, plan, state, deleted, kept, reason, "plan of held deletes decided");
    }

    /// Commits what has become of plans together with `set`.
    pub fn commit_plans(&mut self, mut set: WriteSet, durable: oneshot::Sender<Seq>) {
        set.changes.extend(self.plans.changes());
        self.count_plans();
        self.commit(set, durable);
    }

    pub fn count_plans(&mut self) {
        let outcomes = self.plans.outcomes();
        if !outcomes.is_empty() {
            let feed = self.metrics.feed();
            outcomes.into_iter().for_each(|state| feed.plan_came_to(state.as_str()));
            feed.plans_held(self.plans.held());
        }
    }
}

/// Has the actor decide part after part, each once the one before is durable.
async fn apply_parts(
    actor: &ActorRef<PartnerMessage>,
    reader: &Reader,
    overlay_bytes_max: usize,
    reserve: &Reserve,
) -> Option<PlanEnd> {
    loop {
        while reader.overlay_bytes() > overlay_bytes_max || reserve.is_touched() {
            sleep(PAUSE).await;
            if actor.get_status() == ActorStatus::Stopped {
                return None;
            }
        }
        let (reply, part) = oneshot::channel();
        actor.cast(PartnerMessage::ApplyPlanPart { reply }).ok()?;
        let part = part.await.ok()?;
        part.durable.await.ok()?;
        if part.end.is_some() {
            return part.end;
        }
    }
}

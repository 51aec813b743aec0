//! An operator's decision on a plan (F4): rejected at once, or approved and applied part by part,
//! each part in a commit of its own, so that no set of changes is larger than a feed's.
//!
//! A plan is `held` until its last part is decided. What ends an approval half-way leaves a held
//! plan, which can be approved again: ids that are gone already are passed over.

use super::ledger::{LedgerError, Prefetched};
use super::message::PartnerMessage;
use super::plans::Applying;
use super::state::PartnerState;
use crate::actors::tasks::{TaskKind, spawn};
use crate::clock::sleep;
use crate::domain::{AssetId, Lane, Micros, Origin, Seq, Stamp, WriteSet};
use crate::feed::Reserve;
use crate::rules::absence::{self, Absence};
use crate::rules::plan::PlanState;
use crate::store::Reader;
use ractor::{ActorRef, ActorStatus};
use std::time::Duration;
use tokio::sync::oneshot;

/// Ids decided in one set.
const PART_IDS: usize = 1_000;
/// How long an approval waits before it looks again whether overlay and disk have room.
const PAUSE: Duration = Duration::from_millis(5);

/// What an operator says to a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanVerdict {
    Approve,
    Reject,
}

#[derive(Debug)]
pub struct PlanOrder {
    pub plan: u64,
    pub verdict: PlanVerdict,
    pub reason: Option<String>,
}

/// What a decided plan came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanEnd {
    pub plan: u64,
    pub state: PlanState,
    pub deleted: u64,
    /// Phantoms and what has come back (X3): kept.
    pub kept: u64,
}

/// Why an order is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanRefused {
    /// Unknown, or no longer held.
    NotHeld,
    /// It is being applied already, or another one is.
    Busy,
}

pub type PlanReply = oneshot::Sender<Result<PlanEnd, PlanRefused>>;

/// One part is decided; `end` where it was the last.
#[derive(Debug)]
pub struct PlanPart {
    pub durable: oneshot::Receiver<Seq>,
    pub end: Option<PlanEnd>,
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
        self.plans.turn_down(order.plan, PlanState::Rejected, order.reason, &self.feed, now);
        let (durable, committed) = oneshot::channel();
        self.commit_plans(WriteSet::new(self.no), durable);
        let end = PlanEnd { plan: order.plan, state: PlanState::Rejected, deleted: 0, kept: 0 };
        spawn(TaskKind::PlanOrder, async move {
            if committed.await.is_ok() {
                let _ = reply.send(Ok(end));
            }
        });
    }

    fn approve_plan(&mut self, order: PlanOrder, reply: PlanReply, myself: &ActorRef<PartnerMessage>) {
        let PlanOrder { plan, reason, .. } = order;
        self.plans.applying = Some(Applying { plan, reason, next: 0, deleted: 0, kept: 0 });
        let (actor, reader) = (myself.clone(), self.around.reader.clone());
        let (overlay_bytes_max, reserve) = (self.around.overlay_bytes_max, self.around.reserve.clone());
        spawn(TaskKind::PlanOrder, async move {
            // without an end the caller sees "unknown", and the plan is still held
            if let Some(end) = apply_parts(&actor, &reader, overlay_bytes_max, &reserve).await {
                let _ = reply.send(Ok(end));
            }
        });
    }

    /// Decides the next ids of the plan that is being applied, each by X3 with the plan's `S`.
    pub fn apply_plan_part(&mut self, reply: oneshot::Sender<PlanPart>) -> Result<(), LedgerError> {
        let Some(mut applying) = self.plans.applying.take() else { return Ok(()) };
        let Some(plan) = self.plans.get(applying.plan) else { return Ok(()) };
        let snapshot = Micros(plan.snapshot_at);
        let until = (applying.next + PART_IDS).min(plan.ids.len());
        let is_last = until == plan.ids.len();
        let ids = plan.ids[applying.next..until].iter().filter_map(|id| AssetId::new(id.as_str()).ok());
        let (ids, run): (Vec<AssetId>, u64) = (ids.collect(), plan.run);
        let origin = Origin::Feed { run, record: u32::MAX };
        let mut ledger = self.ledger(origin, Prefetched::new());
        for id in ids {
            let Some(slot) = ledger.index.find(&id) else { continue };
            let head = ledger.index.head(slot);
            if !head.is_alive() {
                continue;
            }
            // that it was absent, and often enough, has been found when the plan was opened
            match absence::decide(&head, snapshot, true) {
                Absence::Delete => {
                    ledger.remove_absent(slot, Stamp::new(snapshot, Lane::Feed, 0))?;
                    applying.deleted += 1;
                }
                Absence::First | Absence::Phantom | Absence::Agree => applying.kept += 1,
            }
        }
        let set = std::mem::replace(&mut ledger.set, WriteSet::new(self.no));
        applying.next = until;
        let end = is_last.then_some(PlanEnd {
            plan: applying.plan,
            state: PlanState::Approved,
            deleted: applying.deleted,
            kept: applying.kept,
        });
        if is_last {
            let now = self.around.clock.now();
            self.plans.close(applying.plan, PlanState::Approved, applying.reason, now);
        } else {
            self.plans.applying = Some(applying);
        }
        let (durable, committed) = oneshot::channel();
        self.commit_plans(set, durable);
        let _ = reply.send(PlanPart { durable: committed, end });
        Ok(())
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

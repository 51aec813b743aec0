//! A decision on a plan (F4): rejected at once, or approved and applied page by page, each in a
//! commit of its own, so that no set of changes is larger than a feed's. An operator decides, or the
//! feed itself on a small plan, by lacking the same ids again and again.
//!
//! A plan is `held` until its last part is decided. What ends an approval half-way leaves a held
//! plan, which can be approved again: ids that are gone already are passed over.

use crate::actors::partner::books::plans::Applying;
use crate::actors::partner::feed::absences::PART_BYTES;
use crate::actors::partner::message::PartnerMessage;
use crate::actors::partner::message::orders::{
    PlanEnd, PlanOrder, PlanPart, PlanRefused, PlanReply, PlanVerdict,
};
use crate::actors::partner::state::PartnerState;
use crate::actors::tasks::{TaskKind, spawn};
use crate::clock::sleep;
use crate::domain::{PlanState, WriteSet};
use crate::feed::Reserve;
use crate::store::Reader;
use ractor::{ActorProcessingErr, ActorRef, ActorStatus};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long an approval waits before it looks again whether overlay and disk have room.
const PAUSE: Duration = Duration::from_millis(5);

impl PartnerState {
    /// F4: undoes what has waited too long, whenever somebody looks.
    pub fn look_at_plans(&mut self) {
        self.plans.expire(&self.feed, self.shared.clock.now());
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
        let now = self.shared.clock.now();
        let end = PlanEnd { plan: order.plan, state: PlanState::Rejected, deleted: 0, kept: 0 };
        self.log_plan(end, order.reason.as_deref());
        self.plans.decided_by(order.plan, order.by);
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
        let PlanOrder { plan, reason, by, .. } = order;
        self.plans.applying = Some(Applying { plan, reason, by, next: 0, place: 0, deleted: 0, kept: 0 });
        let (actor, reader) = (myself.clone(), self.shared.reader.clone());
        let (overlay_bytes_max, reserve) = (self.shared.overlay_bytes_max, self.shared.reserve.clone());
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
            let now = self.shared.clock.now();
            self.log_plan(end, applying.reason.as_deref());
            self.plans.decided_by(applying.plan, applying.by);
            self.plans.close(applying.plan, PlanState::Approved, applying.reason, now);
        } else {
            self.plans.applying = Some(applying);
        }
        let (durable, committed) = oneshot::channel();
        self.commit_plans(set, durable);
        let _ = reply.send(PlanPart { durable: committed, end });
        Ok(())
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

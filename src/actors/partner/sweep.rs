//! The sweep: now and then a stretch of the index is looked through for tombstones that have lived
//! long enough (X4) and for places that nothing holds any more; and pages of closed plans are dropped.
//!
//! A collected death raises the partner's history floor, in the same commit and for ever: what is
//! stamped at or below it is refused from then on, so forgetting brings nothing back.

use super::books::runs::state_record;
use super::message::PartnerMessage;
use super::run::running::RunningFeed;
use super::state::PartnerState;
use crate::actors::tasks::{TaskKind, spawn};
use crate::clock::sleep;
use crate::domain::{Micros, Slot, WriteSet};
use crate::rules::time::keeping::is_forgettable;
use ractor::ActorRef;
use std::time::Duration;
use tokio::sync::oneshot;

const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Slots looked at in one sweep: about a millisecond.
const SLOTS_PER_SWEEP: u32 = 65_536;
/// Slots forgotten in one sweep: a write set of some 100 kB.
const FORGOTTEN_PER_SWEEP: usize = 1_000;

/// How long what is held of decided documents may stay after it can be read: a commit takes less.
const LET_GO_AFTER: Duration = Duration::from_millis(20);
/// Documents let go at once.
const LET_GO_MAX: usize = 4_096;

impl PartnerState {
    /// Lets go of decided documents that can be read by now.
    pub fn let_go(&mut self) {
        self.recent.let_go(LET_GO_MAX);
    }

    /// Comes back soon where much is held of documents.
    pub fn watch_recent(&mut self, myself: &ActorRef<PartnerMessage>) {
        let waits = self.let_go_timer.as_ref().is_some_and(|timer| !timer.is_finished());
        if waits || !self.recent.is_heavy() {
            return;
        }
        let actor = myself.clone();
        self.let_go_timer = Some(spawn(TaskKind::LetGoTimer, async move {
            sleep(LET_GO_AFTER).await;
            // an actor that has gone holds nothing
            let _ = actor.cast(PartnerMessage::LetGo);
        }));
    }

    /// Sweeps once, and comes back in a while.
    pub fn sweep(&mut self, myself: &ActorRef<PartnerMessage>) {
        let mut set = WriteSet::new(self.no);
        // a run that is being applied was dated by the floor as it was when it began
        let applying = self.running.as_ref().is_some_and(RunningFeed::is_applying);
        if !applying {
            self.forget_old(&mut set);
        }
        // what the last push brought stays no longer than this, though no other follows
        self.recent.let_go(SLOTS_PER_SWEEP as usize);
        if !applying {
            self.plans.abandon();
        }
        let (durable, _) = oneshot::channel();
        // with it some pages of closed plans go
        self.commit_plans(set, durable);
        let actor = myself.clone();
        if let Some(before) = self.sweep_timer.replace(spawn(TaskKind::SweepTimer, async move {
            sleep(SWEEP_EVERY).await;
            // an actor that has gone has a successor with a timer of its own
            let _ = actor.cast(PartnerMessage::SweepDue);
        })) {
            before.abort();
        }
    }

    pub fn stop_sweeping(&mut self) {
        if let Some(timer) = self.sweep_timer.take() {
            timer.abort();
        }
    }

    /// X4: a stretch of slots, from where the last sweep ended.
    fn forget_old(&mut self, set: &mut WriteSet) {
        let now = self.shared.clock.now();
        let end = self.index.slot_end();
        let from = if self.sweep_from < end { self.sweep_from } else { 0 };
        let mut floor = self.feed.history_floor.map(Micros);
        let mut forgotten = 0;
        let mut place = from;
        while place < end.min(from.saturating_add(SLOTS_PER_SWEEP)) && forgotten < FORGOTTEN_PER_SWEEP {
            let slot = Slot(place);
            place += 1;
            if self.index.is_free(slot) || self.index.is_alive(slot) {
                continue;
            }
            let head = self.index.head(slot);
            if is_forgettable(&head, self.index.quote_count(slot), &self.settings.policy, now) {
                floor = floor.max(head.death.happened().then_some(head.death.at));
                self.forget(slot, set);
                forgotten += 1;
            }
        }
        self.sweep_from = place;
        self.raise_floor(floor, set);
    }

    fn raise_floor(&mut self, floor: Option<Micros>, set: &mut WriteSet) {
        let floor = floor.map(|floor| floor.0);
        if floor <= self.feed.history_floor {
            return;
        }
        self.feed.history_floor = floor;
        set.changes.push(state_record(&self.feed));
    }
}

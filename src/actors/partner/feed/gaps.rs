//! Gaps of numbered price streams as the actor sees them (G1, P5): noted with each push, healed by
//! late messages or by the feed, which is fetched early where one stays open.

use crate::actors::partner::books::gaps::micros;
use crate::actors::partner::message::PartnerMessage;
use crate::actors::partner::run::active::ActiveRun;
use crate::actors::partner::state::PartnerState;
use crate::actors::tasks::{TaskKind, spawn};
use crate::clock::sleep;
use crate::domain::{ChangeKind, Micros};
use crate::rules::push::gaps::FETCH_AFTER;
use ractor::ActorRef;

impl PartnerState {
    /// A run is being closed: what was missing before it spoke is in it. Dated, it spoke as of S;
    /// undated, as of the start of its fetch.
    pub fn heal_gaps(&mut self, run: &ActiveRun) -> Vec<ChangeKind> {
        let spoke_at = if run.dated { run.snapshot } else { run.facts.file.started_at };
        let now = self.shared.clock.now();
        for range in self.gaps.streams.healed_by_feed(spoke_at) {
            self.metrics.gaps().healed_by_feed(micros(now.since(Micros(range.opened_at))));
        }
        self.gaps.show();
        self.gaps.streams.changes()
    }

    /// G1: has the feed fetched early for a range that stays open, once.
    pub fn watch_gaps(&mut self, myself: &ActorRef<PartnerMessage>) {
        if self.gaps.shown.since().is_none() || self.settings.feed.is_none() || self.running.is_some() {
            return; // the end of a run looks again
        }
        if self.poison.feed_must_rest() || self.is_left_alone() || self.feed.paused.is_some() {
            return;
        }
        let Some(opened_at) = self.gaps.streams.unfetched_since(self.gaps.fetched_at) else { return };
        let now = self.shared.clock.now();
        // a gap from before our clock went back has been open for long enough
        let due = if opened_at > now { now } else { opened_at.plus(FETCH_AFTER) };
        if now >= due {
            self.gaps.stop_timer();
            self.gaps.fetched_at = now;
            tracing::info!(partner = %self.settings.name, "feed fetched early, numbered prices are missing");
            self.start_run(myself);
        } else if self.gaps.timer.is_none() {
            let (wait, actor) = (micros(due.since(now)), myself.clone());
            self.gaps.timer = Some(spawn(TaskKind::GapTimer, async move {
                sleep(wait).await;
                // an actor that has gone has a successor that looks for itself
                let _ = actor.cast(PartnerMessage::GapDue);
            }));
        }
    }

    pub fn gap_due(&mut self, myself: &ActorRef<PartnerMessage>) {
        self.gaps.timer = None;
        self.watch_gaps(myself);
    }
}

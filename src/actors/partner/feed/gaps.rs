//! Gaps of numbered price streams as the actor sees them (G1, P5): noted with each push, healed by
//! late messages or by the feed, which is fetched early where one stays open.

use crate::actors::partner::books::streams::Streams;
use crate::actors::partner::message::PartnerMessage;
use crate::actors::partner::run::ActiveRun;
use crate::actors::partner::state::PartnerState;
use crate::actors::tasks::{TaskKind, spawn};
use crate::clock::sleep;
use crate::domain::{ChangeKind, ItemOutcome, Micros, Outcome, Write, WriteSet};
use crate::rules::deliveries::Missing;
use crate::rules::gaps::{FETCH_AFTER, Noted};
use crate::telemetry::GapMetrics;
use compact_str::CompactString;
use ractor::ActorRef;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Since when something has been missing in a stream of the partner, as readers look it up. They
/// may see it a commit early, never late.
#[derive(Clone, Debug)]
pub struct OpenGap(Arc<AtomicI64>);

const NONE_OPEN: i64 = i64::MIN;

impl Default for OpenGap {
    fn default() -> OpenGap {
        OpenGap(Arc::new(AtomicI64::new(NONE_OPEN)))
    }
}

impl OpenGap {
    pub fn since(&self) -> Option<Micros> {
        Some(self.0.load(Ordering::Acquire)).filter(|&since| since != NONE_OPEN).map(Micros)
    }

    pub fn set(&self, since: Option<Micros>) {
        self.0.store(since.map_or(NONE_OPEN, |since| since.0), Ordering::Release);
    }
}

/// What the actor owns of its gaps.
#[derive(Debug)]
pub struct GapWatch {
    pub streams: Streams,
    shown: OpenGap,
    /// When the last early fetch was begun: it was for all ranges that were open then.
    fetched_at: Micros,
    timer: Option<JoinHandle<()>>,
}

impl GapWatch {
    pub fn new(streams: Streams, shown: OpenGap, metrics: &GapMetrics) -> GapWatch {
        let watch = GapWatch { streams, shown, fetched_at: Micros::BEGINNING, timer: None };
        watch.show(metrics);
        watch
    }

    pub fn stop_timer(&mut self) {
        if let Some(timer) = self.timer.take() {
            timer.abort();
        }
    }

    fn show(&self, metrics: &GapMetrics) {
        self.shown.set(self.streams.open_since());
        metrics.stand_at(self.streams.open());
    }
}

/// One numbered message of a push.
#[derive(Debug)]
pub struct Numbered {
    stream: CompactString,
    number: u64,
    as_of: Option<Micros>,
    /// Which item of the push it came with.
    item: usize,
}

/// The numbered messages of one item. A price without a time of its own cannot say that a stream
/// starts anew.
pub fn note_numbers(numbered: &mut Vec<Numbered>, item: usize, write: &Write) {
    let (prices, at) = match write {
        Write::Asset(write) => (write.prices.as_slice(), write.at),
        Write::Price(price) => (std::slice::from_ref(price), None),
    };
    for price in prices.iter().filter(|price| price.sequence > 0) {
        let Some(stream) = &price.stream else { continue };
        let as_of = price.at.or(at);
        numbered.push(Numbered { stream: stream.clone(), number: price.sequence, as_of, item });
    }
}

impl PartnerState {
    /// G1: notes a push's numbers, whatever became of its prices; gives back what the partner is to
    /// send again. `now` is when its prices were decided: what opens a gap is itself no older than it.
    pub fn note_streams(
        &mut self,
        numbered: Vec<Numbered>,
        items: &[ItemOutcome],
        now: Micros,
        set: &mut WriteSet,
    ) -> Vec<Missing> {
        if numbered.is_empty() {
            return self.gaps.streams.named(&BTreeSet::new(), now);
        }
        let mut spoken_of = BTreeSet::new();
        for Numbered { stream, number, as_of, item } in numbered {
            // a time that was not believed says nothing of the stream
            let refused = items.get(item).is_some_and(is_refused);
            let as_of = as_of.filter(|_| !refused).unwrap_or(Micros::BEGINNING);
            if let Some(noted) = self.gaps.streams.receive(&stream, number, as_of, now) {
                self.count_gaps(noted);
            }
            spoken_of.insert(stream);
        }
        set.changes.extend(self.gaps.streams.changes());
        self.gaps.show(self.metrics.gaps());
        self.gaps.streams.named(&spoken_of, now)
    }

    fn count_gaps(&self, noted: Noted) {
        let metrics = self.metrics.gaps();
        if noted.opened {
            metrics.opened();
        }
        if let Some(open_for) = noted.healed_after.filter(|_| noted.closed) {
            metrics.healed_late(micros(open_for));
        }
        metrics.abandoned(noted.abandoned as u64);
    }

    /// A run is being closed: what was missing before it spoke is in it. Dated, it spoke as of S;
    /// undated, as of the start of its fetch.
    pub fn heal_gaps(&mut self, run: &ActiveRun) -> Vec<ChangeKind> {
        let spoke_at = if run.dated { run.snapshot } else { run.facts.file.started_at };
        let now = self.around.clock.now();
        for range in self.gaps.streams.healed_by_feed(spoke_at) {
            self.metrics.gaps().healed_by_feed(micros(now.since(Micros(range.opened_at))));
        }
        self.gaps.show(self.metrics.gaps());
        self.gaps.streams.changes()
    }

    /// G1: has the feed fetched early for a range that stays open, once.
    pub fn watch_gaps(&mut self, myself: &ActorRef<PartnerMessage>) {
        if self.gaps.shown.since().is_none() || self.settings.feed.is_none() || self.running.is_some() {
            return; // the end of a run looks again
        }
        if self.poison.feed_must_rest() {
            return;
        }
        let Some(opened_at) = self.gaps.streams.unfetched_since(self.gaps.fetched_at) else { return };
        let now = self.around.clock.now();
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

fn is_refused(item: &ItemOutcome) -> bool {
    matches!(item.outcome, Outcome::Rejected | Outcome::Quarantined)
}

fn micros(duration: i64) -> Duration {
    Duration::from_micros(duration.unsigned_abs())
}

//! What is counted of a partner's feed: its runs, what they found, and the plans they opened.

use super::catalogue::{
    FEED_RECORDS, FEED_RUN_SECONDS, FEED_RUNS, FEED_SLOTS_MISSED, FEED_VERDICTS, PLANS, PRICE_DRIFT,
};
use super::series::Series;
use crate::domain::{RunCounts, RunStatus};
use metrics::{Counter, Histogram};
use std::time::Duration;

/// What is counted of one partner's feed.
pub struct FeedMetrics {
    runs: [Counter; RunStatus::ALL.len()],
    slots_missed: Counter,
    run_seconds: Histogram,
    records: [Counter; RECORD_OUTCOMES.len()],
    verdicts: [Counter; VERDICTS.len()],
    drift: Counter,
    plans: [Counter; PLAN_STATES.len()],
}

const RECORD_OUTCOMES: [&str; 6] = ["created", "updated", "unchanged", "deleted", "held", "quarantined"];

const VERDICTS: [&str; 8] = [
    "new",
    "agree",
    "feed_stale",
    "missed_push",
    "missed_delete",
    "phantom",
    "resurrected",
    "value_conflict",
];
const PLAN_STATES: [&str; 5] = ["held", "approved", "rejected", "cancelled", "expired"];

impl FeedMetrics {
    pub(super) fn new(series: &Series, partner: &str) -> FeedMetrics {
        let by = |metric, label, value| series.counter(metric, &[("partner", partner), (label, value)]);
        FeedMetrics {
            runs: RunStatus::ALL.map(|status| by(FEED_RUNS, "outcome", status.as_str())),
            slots_missed: series.counter(FEED_SLOTS_MISSED, &[("partner", partner)]),
            run_seconds: series.histogram(FEED_RUN_SECONDS),
            records: RECORD_OUTCOMES.map(|outcome| by(FEED_RECORDS, "outcome", outcome)),
            verdicts: VERDICTS.map(|verdict| by(FEED_VERDICTS, "verdict", verdict)),
            drift: series.counter(PRICE_DRIFT, &[("partner", partner)]),
            plans: PLAN_STATES.map(|state| by(PLANS, "outcome", state)),
        }
    }

    /// A run ended with these counts, `took` after its fetch began.
    pub fn run_finished(&self, status: RunStatus, counts: &RunCounts, took: Duration) {
        self.runs[status as usize].increment(1);
        self.run_seconds.record(took);
        let RunCounts { created, updated, unchanged, deleted, held, quarantined, .. } = *counts;
        let by_outcome = [created, updated, unchanged, deleted, held, quarantined];
        for (counter, count) in self.records.iter().zip(by_outcome) {
            counter.increment(count);
        }
        self.drift.increment(counts.drift);
        let RunCounts { new, agree, feed_stale, missed_push, missed_delete, .. } = *counts;
        let RunCounts { phantom, resurrected, value_conflict, .. } = *counts;
        let by_verdict =
            [new, agree, feed_stale, missed_push, missed_delete, phantom, resurrected, value_conflict];
        for (counter, count) in self.verdicts.iter().zip(by_verdict) {
            counter.increment(count);
        }
    }

    /// So many slots of the schedule have passed without a run of their own.
    pub fn slots_missed(&self, slots: u64) {
        self.slots_missed.increment(slots);
    }

    /// A plan has come to this state, `held` included.
    pub fn plan_came_to(&self, state: &str) {
        if let Some(place) = PLAN_STATES.iter().position(|known| *known == state) {
            self.plans[place].increment(1);
        }
    }
}

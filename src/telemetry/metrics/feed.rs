//! What is counted of a partner's feed: its runs, what they found, and the plans they opened.

use super::catalogue::{
    FEED_FAILURES, FEED_LAST_SUCCESS, FEED_RECORDS, FEED_RUN_SECONDS, FEED_RUN_SHARE, FEED_RUNNING,
    FEED_RUNS, FEED_SLOTS_MISSED, FEED_VERDICTS, PLANS, PLANS_HELD, PRICE_DRIFT, PUSH_LOSS,
};
use super::series::{new_counter, new_gauge, new_histogram};
use crate::domain::{Micros, RunCounts, RunStatus};
use metrics::{Counter, Gauge, Histogram};
use metrics_exporter_prometheus::PrometheusRecorder;
use std::time::Duration;

/// What is counted of one partner's feed.
pub struct FeedMetrics {
    runs: [Counter; RunStatus::ALL.len()],
    slots_missed: Counter,
    running: Gauge,
    run_share: Gauge,
    last_success: Gauge,
    failures_in_row: Gauge,
    run_seconds: Histogram,
    records: [Counter; RECORD_OUTCOMES.len()],
    verdicts: [Counter; VERDICTS.len()],
    push_loss: Gauge,
    drift: Counter,
    plans_held: Gauge,
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
    pub(super) fn new(recorder: &PrometheusRecorder, partner: &str) -> FeedMetrics {
        let by_outcome =
            |name, outcome| new_counter(recorder, name, &[("partner", partner), ("outcome", outcome)]);
        FeedMetrics {
            runs: RunStatus::ALL.map(|status| by_outcome(FEED_RUNS, status.as_str())),
            slots_missed: new_counter(recorder, FEED_SLOTS_MISSED, &[("partner", partner)]),
            running: new_gauge(recorder, FEED_RUNNING, &[("partner", partner)]),
            run_share: new_gauge(recorder, FEED_RUN_SHARE, &[("partner", partner)]),
            last_success: new_gauge(recorder, FEED_LAST_SUCCESS, &[("partner", partner)]),
            failures_in_row: new_gauge(recorder, FEED_FAILURES, &[("partner", partner)]),
            run_seconds: new_histogram(recorder, FEED_RUN_SECONDS),
            records: RECORD_OUTCOMES.map(|outcome| by_outcome(FEED_RECORDS, outcome)),
            verdicts: VERDICTS.map(|verdict| {
                new_counter(recorder, FEED_VERDICTS, &[("partner", partner), ("verdict", verdict)])
            }),
            push_loss: new_gauge(recorder, PUSH_LOSS, &[("partner", partner)]),
            drift: new_counter(recorder, PRICE_DRIFT, &[("partner", partner)]),
            plans_held: new_gauge(recorder, PLANS_HELD, &[("partner", partner)]),
            plans: PLAN_STATES.map(|state| by_outcome(PLANS, state)),
        }
    }

    /// A run ended at `now` with these counts, `took` after its fetch began.
    pub fn run_finished(&self, status: RunStatus, counts: &RunCounts, now: Micros, took: Duration) {
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
        if status.is_accepted() {
            self.succeeded_at(now);
        }
    }

    /// So many slots of the schedule have passed without a run of their own.
    pub fn slots_missed(&self, slots: u64) {
        self.slots_missed.increment(slots);
    }

    /// A run is under way, and so much of its records is applied.
    pub fn running(&self, share: f64) {
        self.running.set(1.0);
        self.run_share.set(share);
    }

    /// No run is under way.
    pub fn not_running(&self) {
        self.running.set(0.0);
        self.run_share.set(0.0);
    }

    /// The rate of lost pushes that the last applied run found; 0 for a partner that pushes nothing.
    pub fn push_loss(&self, rate: Option<f64>) {
        self.push_loss.set(rate.unwrap_or(0.0));
    }

    /// Since the last run that took the feed as true.
    pub fn failures_in_row(&self, failures: u32) {
        self.failures_in_row.set(f64::from(failures));
    }

    /// So many plans wait for an operator.
    pub fn plans_held(&self, plans: usize) {
        self.plans_held.set(plans as f64);
    }

    /// A plan has come to this state, `held` included.
    pub fn plan_came_to(&self, state: &str) {
        if let Some(place) = PLAN_STATES.iter().position(|known| *known == state) {
            self.plans[place].increment(1);
        }
    }

    /// Also at start, from what is kept of the last accepted run.
    pub fn succeeded_at(&self, at: Micros) {
        self.last_success.set(at.0 as f64 / Micros::SECOND as f64);
    }
}

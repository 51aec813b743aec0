//! What is counted of pushes beside their items: deliveries by id, and gaps in numbered streams.

use super::catalogue::{DELIVERIES, GAP_HEAL_SECONDS, GAPS_ABANDONED, GAPS_HEALED, GAPS_OPENED};
use super::series::Series;
use metrics::{Counter, Histogram};
use std::time::Duration;

/// What is counted of one partner's deliveries.
pub struct DeliveryMetrics {
    new: Counter,
    replayed: Counter,
    reused: Counter,
}

impl DeliveryMetrics {
    pub(super) fn new(series: &Series, partner: &str) -> DeliveryMetrics {
        let came = |outcome| series.counter(DELIVERIES, &[("partner", partner), ("outcome", outcome)]);
        DeliveryMetrics { new: came("new"), replayed: came("replayed"), reused: came("reused") }
    }

    /// A delivery under a new id.
    pub fn made(&self) {
        self.new.increment(1);
    }

    /// An id came again with its body.
    pub fn replayed(&self) {
        self.replayed.increment(1);
    }

    /// An id came again with another body.
    pub fn reused(&self) {
        self.reused.increment(1);
    }
}

/// What is counted of the gaps in one partner's numbered price streams.
pub struct GapMetrics {
    opened: Counter,
    healed_late: Counter,
    healed_by_feed: Counter,
    abandoned: Counter,
    heal_seconds: Histogram,
}

impl GapMetrics {
    pub(super) fn new(series: &Series, partner: &str) -> GapMetrics {
        let healed = |by| series.counter(GAPS_HEALED, &[("partner", partner), ("by", by)]);
        GapMetrics {
            opened: series.counter(GAPS_OPENED, &[("partner", partner)]),
            healed_late: healed("late"),
            healed_by_feed: healed("feed"),
            abandoned: series.counter(GAPS_ABANDONED, &[("partner", partner)]),
            heal_seconds: series.histogram(GAP_HEAL_SECONDS),
        }
    }

    /// A gap opened in a numbered stream.
    pub fn opened(&self) {
        self.opened.increment(1);
    }

    /// A late message closed a range that had been open for `open_for`.
    pub fn healed_late(&self, open_for: Duration) {
        self.healed_late.increment(1);
        self.heal_seconds.record(open_for);
    }

    /// A feed brought what a gap lacked, after this long.
    pub fn healed_by_feed(&self, open_for: Duration) {
        self.healed_by_feed.increment(1);
        self.heal_seconds.record(open_for);
    }

    /// So many gaps were given up.
    pub fn abandoned(&self, ranges: u64) {
        self.abandoned.increment(ranges);
    }
}

//! What is counted of pushes beside their items: deliveries by id, and gaps in numbered streams.

use super::catalogue::{
    DELIVERIES, DELIVERIES_OLDEST, GAP_HEAL_SECONDS, GAPS_ABANDONED, GAPS_HEALED, GAPS_OPEN, GAPS_OPENED,
};
use super::series::{new_counter, new_gauge, new_histogram};
use crate::domain::Micros;
use metrics::{Counter, Gauge, Histogram};
use metrics_exporter_prometheus::PrometheusRecorder;
use std::time::Duration;

/// What is counted of one partner's deliveries.
pub struct DeliveryMetrics {
    new: Counter,
    replayed: Counter,
    reused: Counter,
    oldest: Gauge,
}

impl DeliveryMetrics {
    pub(super) fn new(recorder: &PrometheusRecorder, partner: &str) -> DeliveryMetrics {
        let came = |outcome| new_counter(recorder, DELIVERIES, &[("partner", partner), ("outcome", outcome)]);
        DeliveryMetrics {
            new: came("new"),
            replayed: came("replayed"),
            reused: came("reused"),
            oldest: new_gauge(recorder, DELIVERIES_OLDEST, &[("partner", partner)]),
        }
    }

    /// A delivery under a new id.
    pub fn made(&self) {
        self.new.increment(1);
    }

    /// When the oldest still remembered was received.
    pub fn oldest_is_of(&self, oldest: Option<Micros>) {
        self.oldest.set(oldest.map_or(0.0, |at| at.0 as f64 / Micros::SECOND as f64));
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
    open: Gauge,
}

impl GapMetrics {
    pub(super) fn new(recorder: &PrometheusRecorder, partner: &str) -> GapMetrics {
        let healed = |by| new_counter(recorder, GAPS_HEALED, &[("partner", partner), ("by", by)]);
        GapMetrics {
            opened: new_counter(recorder, GAPS_OPENED, &[("partner", partner)]),
            healed_late: healed("late"),
            healed_by_feed: healed("feed"),
            abandoned: new_counter(recorder, GAPS_ABANDONED, &[("partner", partner)]),
            heal_seconds: new_histogram(recorder, GAP_HEAL_SECONDS),
            open: new_gauge(recorder, GAPS_OPEN, &[("partner", partner)]),
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

    /// So many gaps are open.
    pub fn stand_at(&self, open: usize) {
        self.open.set(open as f64);
    }

    /// So many gaps were given up.
    pub fn abandoned(&self, ranges: u64) {
        self.abandoned.increment(ranges);
    }
}

//! Telemetry: every metric's name, label and bucket in one file, as verbs; and the set-up of logs.
//!
//! No recorder is installed for the whole program: a daemon owns its own, so that several daemons
//! live beside each other in one test.

mod limit;
mod lines;
pub mod logs;
mod metrics;
mod panics;

pub use metrics::{
    CATALOGUE, FeedMetrics, GapMetrics, ItemKind, Metric, MetricKind, Metrics, NAMES, PartnerMetrics,
    RouteMetrics,
};
pub use panics::{caught, tell_in_the_log};

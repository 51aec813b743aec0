//! Telemetry: every metric's name, label and bucket in one file, as verbs; and the set-up of logs.
//!
//! No recorder is installed for the whole program: a daemon owns its own, so that several daemons
//! live beside each other in one test.

pub mod logs;
mod metrics;

pub use metrics::{
    CATALOGUE, FeedMetrics, GapMetrics, ItemKind, Kind, Metric, Metrics, NAMES, PartnerMetrics, RouteMetrics,
};

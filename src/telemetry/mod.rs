//! Telemetry: every metric's name, label and bucket in one file, as verbs; and the set-up of logs.
//!
//! Nothing is counted for the whole program: a daemon owns its series, so that several daemons live beside each
//! other in one test.

mod kernel;
mod limit;
mod lines;
pub mod logs;
mod metrics;
mod panics;

pub use metrics::{
    CATALOGUE, DaemonSample, FeedMetrics, FeedSample, GapMetrics, ItemKind, Metric, MetricKind, Metrics,
    NAMES, PartnerMetrics, PartnerSample, Refusal, RouteMetrics, RuntimeSample, Sampled,
};
pub use panics::{caught, tell_in_the_log};

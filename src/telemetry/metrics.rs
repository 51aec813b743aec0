//! Every metric: name, kind, help, labels and buckets in [`CATALOGUE`], and the verbs that move it.
//!
//! Handles are looked up once and held, because a look-up hashes and locks; counting is per batch,
//! never per row. Label values come from enums or from text in the program, and from the names of
//! configured partners: never from input. Series start at 0, so that a rate sees the first event.
//!
//! So many partners have series of their own; those beyond are counted together, as the partner `other`,
//! which no partner can be named. A partner that is removed takes its series along.

mod catalogue;
mod feed;
mod labels;
mod partner;
mod pushes;
mod sample;
mod series;
mod store;

pub use catalogue::{CATALOGUE, Metric, MetricKind, NAMES};
pub use feed::FeedMetrics;
pub use labels::ItemKind;
pub use partner::{PartnerMetrics, Refusal};
pub use pushes::GapMetrics;
pub use sample::{DaemonSample, FeedSample, PartnerSample, RuntimeSample, Sampled};

use crate::domain::{AuditAct, AuditOutcome, Micros, PartnerName};
use catalogue::{
    ACTOR_RESTARTS, AUTH_FAILURES, BACKUP_TIME, CERTIFICATE_EXPIRY, CERTIFICATE_RENEWALS, CHECKPOINT_SECONDS,
    CLOCK_BEHIND, COMMIT_CHANGES, COMMIT_FAILURES, COMMIT_SECONDS, COMMIT_SETS, CONNECTIONS, HTTP_REQUESTS,
    LOG_DROPPED, OPERATOR_ACTS, PUSH_DURABLE, PUSH_VISIBLE, QUARANTINE_TAKEN, READ_SECONDS, RECOVERY_CHANGES,
    RECOVERY_SECONDS, RELOAD_SOUND, RELOAD_TIME, RELOADS, SHED, SSE_DISCONNECTS, SSE_LAG_SECONDS, SSE_RESETS,
    SSE_STREAMS, STORE_DAMAGED,
};
use labels::{CODES, class_of};
use metrics::{Counter, Gauge, Histogram};
use series::{ByReason, OTHER, Series, locked, seconds};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Reasons known from the start. Others that the program names are added when they first occur.
const SHED_REASONS: [&str; 13] = [
    "partner_rate",
    "too_many_failures",
    "partner_bytes",
    "daemon_bytes",
    "beyond_burst",
    "beyond_byte_burst",
    "beyond_documents",
    "reads_busy",
    "storage",
    "connections",
    "request_head",
    "tls_handshake",
    "streams",
];
/// Partners with series of their own, unless the configuration says otherwise.
const PARTNERS_MAX: usize = 200;
const COMMIT_FAILURE_REASONS: [&str; 1] = ["store"];
const SSE_REASONS: [&str; 5] = ["client", "slow_consumer", "failed", "shutdown", "key_revoked"];
const ACTORS: [&str; 1] = ["partner"];
const RELOAD_OUTCOMES: [&str; 4] = ["applied", "unchanged", "refused", "in_part"];

/// The metrics of one daemon. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    series: Arc<Series>,
    partners: Mutex<Partners>,
    partners_max: AtomicUsize,
    push_durable: Histogram,
    push_visible: Histogram,
    commit_seconds: Histogram,
    commit_changes: Histogram,
    commit_sets: Histogram,
    commit_failures: ByReason,
    quarantine_taken: Arc<ByReason>,
    checkpoint_seconds: Histogram,
    recovery_seconds: Gauge,
    recovery_changes: Gauge,
    clock_behind: Gauge,
    actor_restarts: ByReason,
    shed: ByReason,
    auth_failures: ByReason,
    read_seconds: Histogram,
    connections: Gauge,
    sse_streams: Gauge,
    sse_lag: Histogram,
    sse_disconnects: ByReason,
    sse_resets: Counter,
    store_damaged: ByReason,
    log_dropped: Counter,
    certificate_renewals: ByReason,
    reloads: ByReason,
    reload_sound: Gauge,
    reload_time: Gauge,
}

/// The partners that are counted, and those without series of their own together.
#[derive(Default)]
struct Partners {
    own: BTreeMap<PartnerName, Arc<PartnerMetrics>>,
    other: Option<Arc<PartnerMetrics>>,
}

impl Metrics {
    /// All series that need no partner and no route at 0.
    pub fn install() -> Metrics {
        let series = Arc::new(Series::new());
        let by = |name, label, known: &[&'static str]| ByReason::new(&series, name, label, known);
        let gauge = |name| series.gauge(name);
        let histogram = |name| series.histogram(name);
        for act in AuditAct::ALL {
            for outcome in AuditOutcome::ENDS {
                series
                    .counter(OPERATOR_ACTS, &[("act", act.as_str()), ("outcome", outcome.as_str())])
                    .increment(0);
            }
        }
        Metrics(Arc::new(Inner {
            partners: Mutex::default(),
            partners_max: AtomicUsize::new(PARTNERS_MAX),
            push_durable: histogram(PUSH_DURABLE),
            push_visible: histogram(PUSH_VISIBLE),
            commit_seconds: histogram(COMMIT_SECONDS),
            commit_changes: histogram(COMMIT_CHANGES),
            commit_sets: histogram(COMMIT_SETS),
            commit_failures: by(COMMIT_FAILURES, "reason", &COMMIT_FAILURE_REASONS),
            quarantine_taken: Arc::new(by(QUARANTINE_TAKEN, "reason", &[])),
            checkpoint_seconds: histogram(CHECKPOINT_SECONDS),
            recovery_seconds: gauge(RECOVERY_SECONDS),
            recovery_changes: gauge(RECOVERY_CHANGES),
            clock_behind: gauge(CLOCK_BEHIND),
            actor_restarts: by(ACTOR_RESTARTS, "actor", &ACTORS),
            shed: by(SHED, "reason", &SHED_REASONS),
            auth_failures: by(AUTH_FAILURES, "reason", &["key", "hook", "operator"]),
            read_seconds: histogram(READ_SECONDS),
            connections: gauge(CONNECTIONS),
            sse_streams: gauge(SSE_STREAMS),
            sse_lag: histogram(SSE_LAG_SECONDS),
            sse_disconnects: by(SSE_DISCONNECTS, "reason", &SSE_REASONS),
            sse_resets: series.counter(SSE_RESETS, &[]),
            store_damaged: by(STORE_DAMAGED, "table", &["log", "documents", "assets", "prices", "records"]),
            log_dropped: series.counter(LOG_DROPPED, &[]),
            certificate_renewals: by(CERTIFICATE_RENEWALS, "outcome", &["renewed", "failed"]),
            reloads: by(RELOADS, "outcome", &RELOAD_OUTCOMES),
            reload_sound: gauge(RELOAD_SOUND),
            reload_time: gauge(RELOAD_TIME),
            series,
        }))
    }

    /// So many partners have series of their own. It says what holds for those that are counted from now on.
    pub fn with_partners_max(self, partners: usize) -> Metrics {
        self.0.partners_max.store(partners, Ordering::Relaxed);
        self
    }

    /// What is measured now, to be filled by those who know it, and rendered.
    pub fn sample(&self) -> Sampled {
        Sampled::new(locked(&self.0.partners).own.keys().cloned().collect())
    }

    /// The text that Prometheus reads: what has been counted, and what was measured now.
    pub fn render(&self, sampled: Sampled) -> String {
        let (counted, measured) = (self.0.series.lines(), sampled.finish());
        let mut text = String::with_capacity(64 << 10);
        for metric in &CATALOGUE {
            let (counted, measured) = (counted.get(metric.name), measured.get(metric.name));
            if counted.or(measured).is_some() {
                series::write_head(&mut text, metric);
                counted.into_iter().chain(measured).for_each(|lines| text.push_str(lines));
            }
        }
        text
    }

    /// The metrics of one partner: the same handles each time.
    pub fn partner(&self, name: &PartnerName) -> Arc<PartnerMetrics> {
        let mut partners = locked(&self.0.partners);
        if let Some(own) = partners.own.get(name) {
            return Arc::clone(own);
        }
        let new = |name: &str| Arc::new(PartnerMetrics::new(&self.0.series, name, &self.0.quarantine_taken));
        let has_room = partners.own.len() < self.0.partners_max.load(Ordering::Relaxed);
        if has_room && name.as_str() != OTHER {
            let own = new(name.as_str());
            partners.own.insert(name.clone(), Arc::clone(&own));
            return own;
        }
        Arc::clone(partners.other.get_or_insert_with(|| new(OTHER)))
    }

    /// Takes the series of a partner away that is no longer configured. What others have counted together
    /// with it stays.
    pub fn partner_has_gone(&self, name: &PartnerName) {
        let mut partners = locked(&self.0.partners);
        if partners.own.remove(name).is_some() {
            self.0.series.end("partner", name.as_str());
        }
    }

    /// The metrics of one route, by its pattern and method. Take it once, at start.
    pub fn route(&self, route: &'static str, method: &'static str) -> RouteMetrics {
        RouteMetrics(CODES.map(|code| {
            self.0.series.counter(HTTP_REQUESTS, &[("route", route), ("method", method), ("code", code)])
        }))
    }

    /// A push became durable, `took` after its last byte had come.
    pub fn push_durable(&self, took: Duration) {
        self.0.push_durable.record(took);
    }

    /// A push can be read, so long after the newest time that it states.
    pub fn push_visible(&self, after: Duration) {
        self.0.push_visible.record(after);
    }

    /// A read was answered, `took` after its head had come.
    pub fn read_answered(&self, took: Duration) {
        self.0.read_seconds.record(took);
    }

    /// The wall clock stands this far behind times that it gave before; zero once it has caught up.
    pub fn clock_is_behind(&self, behind: Duration) {
        self.0.clock_behind.set(behind.as_secs_f64());
    }

    /// An actor ended and was started again.
    pub fn actor_restarted(&self, actor: &'static str) {
        self.0.actor_restarts.of(actor).increment(1);
    }

    /// A request was refused before its body was read, e.g. by `Shed::as_str`.
    pub fn shed(&self, reason: &'static str) {
        self.0.shed.of(reason).increment(1);
    }

    /// A caller was not known, e.g. by `Failure::as_str`.
    pub fn caller_not_known(&self, reason: &'static str) {
        self.0.auth_failures.of(reason).increment(1);
    }

    /// The certificate that is shown expires then. Without TLS there is no such series: one that says 0
    /// would alarm.
    pub fn certificate_expires(&self, at: Micros) {
        self.0.series.gauge(CERTIFICATE_EXPIRY).set(seconds(at));
    }

    /// A backup has been taken to its end at that time. Before the first there is no such series.
    pub fn backed_up(&self, at: Micros) {
        self.0.series.gauge(BACKUP_TIME).set(seconds(at));
    }

    /// The certificate's files have been read again, and are shown from now on or were at fault.
    pub fn certificate_renewed(&self, renewed: bool) {
        self.0.certificate_renewals.of(if renewed { "renewed" } else { "failed" }).increment(1);
    }

    /// The daemon runs with its configuration since then.
    pub fn started_at(&self, at: Micros) {
        self.0.reload_time.set(seconds(at));
        self.0.reload_sound.set(1.0);
    }

    /// A reload has ended at that time; `sound` where the configuration as it was read is in force.
    pub fn reloaded(&self, outcome: &'static str, is_sound: bool, at: Micros) {
        self.0.reloads.of(outcome).increment(1);
        self.0.reload_sound.set(f64::from(u8::from(is_sound)));
        self.0.reload_time.set(seconds(at));
    }

    /// An operator's act has ended.
    pub fn operator_acted(&self, act: AuditAct, outcome: AuditOutcome) {
        let labels = [("act", act.as_str()), ("outcome", outcome.as_str())];
        self.0.series.counter(OPERATOR_ACTS, &labels).increment(1);
    }

    /// A connection of the partner listener was taken in.
    pub fn connection_opened(&self) {
        self.0.connections.increment(1.0);
    }

    /// Such a connection has ended.
    pub fn connection_closed(&self) {
        self.0.connections.decrement(1.0);
    }

    /// A reader began to follow the changes.
    pub fn stream_opened(&self) {
        self.0.sse_streams.increment(1.0);
    }

    /// A frame was taken by a stream's connection, so long after its newest change was durable.
    pub fn frame_taken(&self, after: Duration) {
        self.0.sse_lag.record(after);
    }

    /// A follower was told to read the catalogue again.
    pub fn stream_reset(&self) {
        self.0.sse_resets.increment(1);
    }

    /// A stream of changes ended, for this reason.
    pub fn stream_ended(&self, reason: &'static str) {
        self.0.sse_streams.decrement(1.0);
        self.0.sse_disconnects.of(reason).increment(1);
    }
}

/// What is counted of one route.
#[derive(Clone)]
pub struct RouteMetrics([Counter; CODES.len()]);

impl RouteMetrics {
    /// A request was answered with this status.
    pub fn answered(&self, status: u16) {
        self.0[class_of(status)].increment(1);
    }
}

#[cfg(test)]
mod tests;

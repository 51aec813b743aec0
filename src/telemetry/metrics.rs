//! Every metric: name, kind, help, labels and buckets in [`CATALOGUE`], and the verbs that move it.
//!
//! Handles are looked up once and held, because a look-up hashes and locks; counting is per batch,
//! never per row. Label values come from enums or from text in the program, and from the names of
//! configured partners: never from input. Series start at 0, so that a rate sees the first event.

mod catalogue;
mod feed;
mod pushes;
mod series;
mod store;

pub use catalogue::{CATALOGUE, Metric, MetricKind, NAMES};
pub use feed::FeedMetrics;
pub use pushes::{DeliveryMetrics, GapMetrics};

use crate::domain::{Micros, Outcome, PartnerName};
use catalogue::{
    ACTOR_RESTARTS, AMBIGUOUS, AUTH_FAILURES, BACKUP_TIME, BUILD_INFO, CERTIFICATE_EXPIRY,
    CERTIFICATE_RENEWALS, CHECKPOINT_SECONDS, CLOCK_BEHIND, COMMIT_CHANGES, COMMIT_FAILURES, COMMIT_SECONDS,
    COMMIT_SETS, HTTP_REQUESTS, LOG_DROPPED, OVERLAY_BYTES, PARKED_PRICES, PARTNER_UP, PUSH_DURABLE,
    PUSH_ITEMS, PUSH_REQUESTS, QUARANTINE_CLOSED, QUARANTINE_DROPPED, QUARANTINE_ROWS, QUEUE_BYTES,
    RECOVERY_CHANGES, RECOVERY_SECONDS, SHED, SSE_DISCONNECTS, SSE_RESETS, SSE_STREAMS, STORE_DAMAGED,
};
use metrics::{Counter, Gauge, Histogram, Recorder};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusRecorder};
use series::{new_counter, new_gauge, new_histogram};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// Classes of status codes, from 1xx.
const CODES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
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
const COMMIT_FAILURE_REASONS: [&str; 1] = ["store"];
const SSE_REASONS: [&str; 5] = ["client", "slow_consumer", "failed", "shutdown", "key_revoked"];
const ACTORS: [&str; 1] = ["partner"];

/// What an item of a push speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// Assets.
    Asset,
    /// Prices.
    Price,
}

/// The metrics of one daemon. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    recorder: Arc<PrometheusRecorder>,
    partners: Mutex<BTreeMap<PartnerName, Arc<PartnerMetrics>>>,
    push_durable: Histogram,
    commit_seconds: Histogram,
    commit_changes: Histogram,
    commit_sets: Histogram,
    commit_failures: ByReason,
    queue_bytes: Gauge,
    overlay_bytes: Gauge,
    checkpoint_seconds: Histogram,
    recovery_seconds: Gauge,
    recovery_changes: Gauge,
    clock_behind: Gauge,
    actor_restarts: ByReason,
    shed: ByReason,
    auth_failures: ByReason,
    sse_streams: Gauge,
    sse_disconnects: ByReason,
    sse_resets: Counter,
    store_damaged: ByReason,
    log_dropped: Counter,
    certificate_renewals: ByReason,
}

impl Metrics {
    /// A recorder of its own, with all series that need no partner and no route at 0.
    pub fn install() -> Metrics {
        let recorder = Arc::new(recorder().expect("no metric of the catalogue has an empty list of buckets"));
        for metric in &CATALOGUE {
            describe(&recorder, metric);
        }
        let by = |name, label, known: &[&'static str]| ByReason::new(&recorder, name, label, known);
        let inner = Inner {
            partners: Mutex::default(),
            push_durable: new_histogram(&recorder, PUSH_DURABLE),
            commit_seconds: new_histogram(&recorder, COMMIT_SECONDS),
            commit_changes: new_histogram(&recorder, COMMIT_CHANGES),
            commit_sets: new_histogram(&recorder, COMMIT_SETS),
            commit_failures: by(COMMIT_FAILURES, "reason", &COMMIT_FAILURE_REASONS),
            queue_bytes: new_gauge(&recorder, QUEUE_BYTES, &[]),
            overlay_bytes: new_gauge(&recorder, OVERLAY_BYTES, &[]),
            checkpoint_seconds: new_histogram(&recorder, CHECKPOINT_SECONDS),
            recovery_seconds: new_gauge(&recorder, RECOVERY_SECONDS, &[]),
            recovery_changes: new_gauge(&recorder, RECOVERY_CHANGES, &[]),
            clock_behind: new_gauge(&recorder, CLOCK_BEHIND, &[]),
            actor_restarts: by(ACTOR_RESTARTS, "actor", &ACTORS),
            shed: by(SHED, "reason", &SHED_REASONS),
            auth_failures: by(AUTH_FAILURES, "reason", &["key", "hook", "operator"]),
            sse_streams: new_gauge(&recorder, SSE_STREAMS, &[]),
            sse_disconnects: by(SSE_DISCONNECTS, "reason", &SSE_REASONS),
            sse_resets: new_counter(&recorder, SSE_RESETS, &[]),
            store_damaged: by(STORE_DAMAGED, "table", &["log", "documents", "assets", "prices", "records"]),
            log_dropped: new_counter(&recorder, LOG_DROPPED, &[]),
            certificate_renewals: by(CERTIFICATE_RENEWALS, "outcome", &["renewed", "failed"]),
            recorder,
        };
        new_gauge(&inner.recorder, BUILD_INFO, &[("version", env!("CARGO_PKG_VERSION"))]).set(1.0);
        Metrics(Arc::new(inner))
    }

    /// The text that Prometheus reads.
    pub fn render(&self) -> String {
        self.0.recorder.handle().render()
    }

    /// Folds the samples of histograms together; without it they pile up. Call it every 5 s.
    pub fn run_upkeep(&self) {
        self.0.recorder.handle().run_upkeep();
    }

    /// The metrics of one partner: the same handles each time.
    pub fn partner(&self, name: &PartnerName) -> Arc<PartnerMetrics> {
        let mut partners = locked(&self.0.partners);
        let new = || Arc::new(PartnerMetrics::new(Arc::clone(&self.0.recorder), name.clone()));
        Arc::clone(partners.entry(name.clone()).or_insert_with(new))
    }

    /// The metrics of one route, by its pattern and method. Take it once, at start.
    pub fn route(&self, route: &'static str, method: &'static str) -> RouteMetrics {
        RouteMetrics(CODES.map(|code| {
            let labels = [("route", route), ("method", method), ("code", code)];
            new_counter(&self.0.recorder, HTTP_REQUESTS, &labels)
        }))
    }

    /// A push became durable, `took` after its last byte had come.
    pub fn push_durable(&self, took: Duration) {
        self.0.push_durable.record(took);
    }

    /// Bytes admitted and not yet answered are now this many.
    pub fn queue_stands_at(&self, bytes: usize) {
        self.0.queue_bytes.set(bytes as f64);
    }

    /// The wall clock stands this far behind times that it gave before; zero once it has caught up.
    pub fn clock_is_behind(&self, behind: Duration) {
        self.0.clock_behind.set(behind.as_secs_f64());
    }

    /// An actor ended and was started again.
    pub fn actor_restarted(&self, actor: &'static str) {
        self.0.actor_restarts.of(&self.0.recorder, actor).increment(1);
    }

    /// A request was refused before its body was read, e.g. by `Shed::as_str`.
    pub fn shed(&self, reason: &'static str) {
        self.0.shed.of(&self.0.recorder, reason).increment(1);
    }

    /// A caller was not known, e.g. by `Failure::as_str`.
    pub fn caller_not_known(&self, reason: &'static str) {
        self.0.auth_failures.of(&self.0.recorder, reason).increment(1);
    }

    /// The certificate that is shown expires then. Without TLS there is no such series: one that says 0
    /// would alarm.
    pub fn certificate_expires(&self, at: Micros) {
        new_gauge(&self.0.recorder, CERTIFICATE_EXPIRY, &[]).set((at.0 / Micros::SECOND) as f64);
    }

    /// A backup has been taken to its end at that time. Before the first there is no such series.
    pub fn backed_up(&self, at: Micros) {
        new_gauge(&self.0.recorder, BACKUP_TIME, &[]).set((at.0 / Micros::SECOND) as f64);
    }

    /// The certificate's files have been read again, and are shown from now on or were at fault.
    pub fn certificate_renewed(&self, renewed: bool) {
        let outcome = if renewed { "renewed" } else { "failed" };
        self.0.certificate_renewals.of(&self.0.recorder, outcome).increment(1);
    }

    /// A reader began to follow the changes.
    pub fn stream_opened(&self) {
        self.0.sse_streams.increment(1.0);
    }

    /// A follower was told to read the catalogue again.
    pub fn stream_reset(&self) {
        self.0.sse_resets.increment(1);
    }

    /// A stream of changes ended, for this reason.
    pub fn stream_ended(&self, reason: &'static str) {
        self.0.sse_streams.decrement(1.0);
        self.0.sse_disconnects.of(&self.0.recorder, reason).increment(1);
    }
}

/// What is counted of one partner.
pub struct PartnerMetrics {
    recorder: Arc<PrometheusRecorder>,
    name: PartnerName,
    assets: [Counter; Outcome::ALL.len()],
    prices: [Counter; Outcome::ALL.len()],
    requests: [Counter; CODES.len()],
    up: Gauge,
    quarantine_rows: Gauge,
    quarantine_dropped: Counter,
    quarantine_closed: Counter,
    parked_prices: Gauge,
    ambiguous: Counter,
    deliveries: DeliveryMetrics,
    gaps: GapMetrics,
    feed: OnceLock<FeedMetrics>,
}

impl PartnerMetrics {
    fn new(recorder: Arc<PrometheusRecorder>, name: PartnerName) -> PartnerMetrics {
        let items = |kind| {
            Outcome::ALL.map(|outcome| {
                let labels = [("partner", name.as_str()), ("kind", kind), ("outcome", outcome.as_str())];
                new_counter(&recorder, PUSH_ITEMS, &labels)
            })
        };
        let (assets, prices) = (items("asset"), items("price"));
        let requests = CODES
            .map(|code| new_counter(&recorder, PUSH_REQUESTS, &[("partner", name.as_str()), ("code", code)]));
        let own = [("partner", name.as_str())];
        PartnerMetrics {
            assets,
            prices,
            requests,
            up: new_gauge(&recorder, PARTNER_UP, &own),
            quarantine_rows: new_gauge(&recorder, QUARANTINE_ROWS, &own),
            quarantine_dropped: new_counter(&recorder, QUARANTINE_DROPPED, &own),
            quarantine_closed: new_counter(&recorder, QUARANTINE_CLOSED, &own),
            parked_prices: new_gauge(&recorder, PARKED_PRICES, &own),
            ambiguous: new_counter(&recorder, AMBIGUOUS, &own),
            deliveries: DeliveryMetrics::new(&recorder, name.as_str()),
            gaps: GapMetrics::new(&recorder, name.as_str()),
            feed: OnceLock::new(),
            recorder,
            name,
        }
    }

    /// `count` items of a push came to `outcome`.
    pub fn items_decided(&self, kind: ItemKind, outcome: Outcome, count: u64) {
        let counters = match kind {
            ItemKind::Asset => &self.assets,
            ItemKind::Price => &self.prices,
        };
        counters[outcome as usize].increment(count);
    }

    /// A push was answered with this status code.
    pub fn push_answered(&self, status: u16) {
        self.requests[class_of(status)].increment(1);
    }

    /// Whether its actor runs; `None` once it is no longer configured, which is no alarm.
    pub fn is_up(&self, up: Option<bool>) {
        self.up.set(up.map_or(f64::NAN, |up| f64::from(u8::from(up))));
    }

    /// The quarantine now holds `rows`, and has dropped so many since it was counted last.
    pub fn quarantine_stands_at(&self, rows: usize, dropped: u64) {
        self.quarantine_rows.set(rows as f64);
        self.quarantine_dropped.increment(dropped);
    }

    /// So many rows closed themselves, since what they hold was taken later.
    pub fn quarantine_rows_closed(&self, rows: u64) {
        self.quarantine_closed.increment(rows);
    }

    /// So many prices wait for their assets.
    pub fn parked_stand_at(&self, prices: usize) {
        self.parked_prices.set(prices as f64);
    }

    /// So many writes that only their order of arrival put before others (D3, P1).
    pub fn ambiguous_order(&self, writes: u64) {
        if writes > 0 {
            self.ambiguous.increment(writes);
        }
    }

    /// What is counted of deliveries.
    pub fn deliveries(&self) -> &DeliveryMetrics {
        &self.deliveries
    }

    /// What is counted of gaps in numbered streams.
    pub fn gaps(&self) -> &GapMetrics {
        &self.gaps
    }

    /// What is counted of its feed. Partners that are never asked for it have no such series: a
    /// feed that was never read would alarm for a partner that has none.
    pub fn feed(&self) -> &FeedMetrics {
        self.feed.get_or_init(|| FeedMetrics::new(&self.recorder, self.name.as_str()))
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

/// Counters that differ in one label whose values are texts of the program.
struct ByReason {
    name: &'static str,
    label: &'static str,
    counters: Mutex<BTreeMap<&'static str, Counter>>,
}

impl ByReason {
    fn new(
        recorder: &PrometheusRecorder,
        name: &'static str,
        label: &'static str,
        known: &[&'static str],
    ) -> ByReason {
        let by_reason = ByReason { name, label, counters: Mutex::default() };
        for reason in known {
            by_reason.of(recorder, reason).increment(0);
        }
        by_reason
    }

    fn of(&self, recorder: &PrometheusRecorder, reason: &'static str) -> Counter {
        let mut counters = locked(&self.counters);
        let new = || new_counter(recorder, self.name, &[(self.label, reason)]);
        counters.entry(reason).or_insert_with(new).clone()
    }
}

/// A thread that panicked while it held one of these maps left it whole: entries are only added.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn class_of(status: u16) -> usize {
    usize::from(status / 100).clamp(1, CODES.len()) - 1
}

fn recorder() -> Result<PrometheusRecorder, BuildError> {
    let mut builder = PrometheusBuilder::new();
    for metric in &CATALOGUE {
        if let MetricKind::Histogram(buckets) = metric.kind {
            builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.into()), buckets)?;
        }
    }
    Ok(builder.build_recorder())
}

fn describe(recorder: &PrometheusRecorder, metric: &Metric) {
    match metric.kind {
        MetricKind::Counter => recorder.describe_counter(metric.name.into(), None, metric.help.into()),
        MetricKind::Gauge => recorder.describe_gauge(metric.name.into(), None, metric.help.into()),
        MetricKind::Histogram(_) => recorder.describe_histogram(metric.name.into(), None, metric.help.into()),
    }
}

#[cfg(test)]
mod tests;

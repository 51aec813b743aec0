//! Every metric: name, kind, help, labels and buckets in [`CATALOGUE`], and the verbs that move it.
//!
//! Handles are looked up once and held, because a look-up hashes and locks; counting is per batch,
//! never per row. Label values come from enums or from text in the program, and from the names of
//! configured partners: never from input. Series start at 0, so that a rate sees the first event.

mod feed;
mod pushes;
mod store;

pub use feed::FeedMetrics;
pub use pushes::{DeliveryMetrics, GapMetrics};

use crate::domain::{Outcome, PartnerName};
use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusRecorder};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Counter,
    Gauge,
    /// With the upper bounds of its buckets, which stay the same across versions.
    Histogram(&'static [f64]),
}

/// One metric as it is published.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

/// Commits and pushes: from a tenth of a millisecond.
const QUICK: Kind = Kind::Histogram(&[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
]);
/// Checkpoints and feed runs: up to an hour.
const SLOW: Kind = Kind::Histogram(&[0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0]);
const GROUP: Kind = Kind::Histogram(&[1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0]);

const PUSH_ITEMS: &str = "tidegate_push_items_total";
const PUSH_REQUESTS: &str = "tidegate_push_requests_total";
const PUSH_DURABLE: &str = "tidegate_push_durable_seconds";
const COMMIT_SECONDS: &str = "tidegate_commit_seconds";
const COMMIT_CHANGES: &str = "tidegate_commit_changes";
const COMMIT_FAILURES: &str = "tidegate_commit_failures_total";
const QUEUE_BYTES: &str = "tidegate_queue_bytes";
const OVERLAY_BYTES: &str = "tidegate_overlay_bytes";
const CHECKPOINT_SECONDS: &str = "tidegate_checkpoint_seconds";
const RECOVERY_SECONDS: &str = "tidegate_recovery_seconds";
const RECOVERY_CHANGES: &str = "tidegate_recovery_changes";
const FEED_RUNS: &str = "tidegate_feed_runs_total";
const FEED_FAILURES: &str = "tidegate_feed_failures_in_row";
const FEED_LAST_SUCCESS: &str = "tidegate_feed_last_success_timestamp_seconds";
const FEED_RUN_SECONDS: &str = "tidegate_feed_run_seconds";
const FEED_RECORDS: &str = "tidegate_feed_records_total";
const QUARANTINE_ROWS: &str = "tidegate_quarantine_rows";
const QUARANTINE_DROPPED: &str = "tidegate_quarantine_dropped_total";
const PARKED_PRICES: &str = "tidegate_parked_prices";
const FEED_VERDICTS: &str = "tidegate_feed_verdicts_total";
const PUSH_LOSS: &str = "tidegate_push_loss_ratio";
const PLANS_HELD: &str = "tidegate_plans_held";
const PLANS: &str = "tidegate_plans_total";
const PARTNER_UP: &str = "tidegate_partner_up";
const ACTOR_RESTARTS: &str = "tidegate_actor_restarts_total";
const SHED: &str = "tidegate_shed_total";
const HTTP_REQUESTS: &str = "tidegate_http_requests_total";
const SSE_STREAMS: &str = "tidegate_sse_streams";
const SSE_DISCONNECTS: &str = "tidegate_sse_disconnects_total";
const DELIVERIES: &str = "tidegate_deliveries_total";
const DELIVERIES_OLDEST: &str = "tidegate_deliveries_oldest_timestamp_seconds";
const GAPS_OPENED: &str = "tidegate_gaps_opened_total";
const GAPS_HEALED: &str = "tidegate_gaps_healed_total";
const GAPS_ABANDONED: &str = "tidegate_gaps_abandoned_total";
const GAP_HEAL_SECONDS: &str = "tidegate_gap_heal_seconds";
const GAPS_OPEN: &str = "tidegate_gaps_open";
const AMBIGUOUS: &str = "tidegate_ambiguous_order_total";
const PRICE_DRIFT: &str = "tidegate_price_drift_total";
const CLOCK_BEHIND: &str = "tidegate_clock_behind_seconds";
const STORE_DAMAGED: &str = "tidegate_store_damaged_total";
const LOG_DROPPED: &str = "tidegate_log_dropped_total";
const BUILD_INFO: &str = "tidegate_build_info";

#[rustfmt::skip]
pub const CATALOGUE: [Metric; 42] = [
    counter(PUSH_ITEMS, &["partner", "kind", "outcome"], "Items of pushes by what became of them."),
    counter(PUSH_REQUESTS, &["partner", "code"], "Pushes answered, by class of status code."),
    metric(PUSH_DURABLE, QUICK, "Time from a push's last byte to the commit that it rests on being durable."),
    metric(COMMIT_SECONDS, QUICK, "Duration of group commits, sync included."),
    metric(COMMIT_CHANGES, GROUP, "Changes in one group commit."),
    counter(COMMIT_FAILURES, &["reason"], "Group commits that failed; nothing of them was acknowledged."),
    metric(QUEUE_BYTES, Kind::Gauge, "Bytes of requests taken in and not yet answered."),
    metric(OVERLAY_BYTES, Kind::Gauge, "Bytes of changes that are durable but not yet checkpointed."),
    metric(CHECKPOINT_SECONDS, SLOW, "Duration of checkpoints, from first slice to last."),
    metric(RECOVERY_SECONDS, Kind::Gauge, "Duration of the last start's recovery."),
    metric(RECOVERY_CHANGES, Kind::Gauge, "Changes re-applied from the log at the last start."),
    counter(FEED_RUNS, &["partner", "outcome"], "Feed runs by how they ended."),
    gauge(FEED_FAILURES, &["partner"], "Failed feed runs since the last one that was taken as true."),
    gauge(FEED_LAST_SUCCESS, &["partner"], "When the partner's feed was last taken as true; 0 for never."),
    metric(FEED_RUN_SECONDS, SLOW, "Duration of feed runs, from the start of the fetch."),
    counter(FEED_RECORDS, &["partner", "outcome"], "Assets that feed runs decided on, by what became of them."),
    gauge(QUARANTINE_ROWS, &["partner"], "Refused writes and records that are kept."),
    counter(QUARANTINE_DROPPED, &["partner"], "Rows of the quarantine that newer ones pushed out."),
    gauge(PARKED_PRICES, &["partner"], "Prices that wait for their asset."),
    counter(FEED_VERDICTS, &["partner", "verdict"], "Records and absences of applied runs by what they say of the pushes."),
    gauge(PUSH_LOSS, &["partner"], "Share of pushes that never arrived, as the last applied run found."),
    gauge(PLANS_HELD, &["partner"], "Plans of held deletes that wait for a decision."),
    counter(PLANS, &["partner", "outcome"], "Plans of held deletes by the state that they came to."),
    gauge(PARTNER_UP, &["partner"], "1 while the partner's actor runs, 0 while it is down, NaN for one no longer configured."),
    counter(ACTOR_RESTARTS, &["actor"], "Actors that died and were started again."),
    counter(SHED, &["reason"], "Requests refused before their body was read."),
    counter(HTTP_REQUESTS, &["route", "method", "code"], "Requests answered, by class of status code."),
    metric(SSE_STREAMS, Kind::Gauge, "Change streams open now."),
    counter(SSE_DISCONNECTS, &["reason"], "Change streams that ended, by reason."),
    counter(DELIVERIES, &["partner", "outcome"], "Pushes with a delivery id: new, replayed, or reused for another body."),
    gauge(DELIVERIES_OLDEST, &["partner"], "When the oldest delivery still remembered was received; 0 for none."),
    counter(GAPS_OPENED, &["partner"], "Missing ranges of numbered price streams; one that a late message splits counts once more."),
    counter(GAPS_HEALED, &["partner", "by"], "Missing ranges that were closed, by a late message or by the feed."),
    counter(GAPS_ABANDONED, &["partner"], "Missing ranges given up: too many, or their stream began anew."),
    metric(GAP_HEAL_SECONDS, SLOW, "Time for which missing ranges were open until they were closed."),
    gauge(GAPS_OPEN, &["partner"], "Missing ranges of numbered price streams that are open now."),
    counter(AMBIGUOUS, &["partner"], "Writes that only their order of arrival put before others of the same stamp."),
    counter(PRICE_DRIFT, &["partner"], "Undated prices of feeds that differed from the dated ones."),
    metric(CLOCK_BEHIND, Kind::Gauge, "How far our clock is behind a time that it has shown before; 0 where it was not set back."),
    counter(STORE_DAMAGED, &["table"], "Damaged rows, blocks and records of the database that were met, and not shown."),
    metric(LOG_DROPPED, Kind::Counter, "Lines of the log that nobody took in time."),
    gauge(BUILD_INFO, &["version"], "Always 1; the labels say what runs."),
];

/// The names alone, for what checks dashboards and alerts against them.
pub const NAMES: [&str; CATALOGUE.len()] = {
    let mut names = [""; CATALOGUE.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = CATALOGUE[i].name;
        i += 1;
    }
    names
};

const fn metric(name: &'static str, kind: Kind, help: &'static str) -> Metric {
    Metric { name, kind, labels: &[], help }
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, labels, help }
}

/// Classes of status codes, from 1xx.
const CODES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// Reasons known from the start. Others that the program names are added when they first occur.
const SHED_REASONS: [&str; 9] = [
    "partner_rate",
    "partner_bytes",
    "daemon_bytes",
    "beyond_burst",
    "beyond_documents",
    "reads_busy",
    "storage",
    "connections",
    "streams",
];
const COMMIT_FAILURE_REASONS: [&str; 1] = ["store"];
const SSE_REASONS: [&str; 6] = ["client", "slow_consumer", "reset", "failed", "shutdown", "key_revoked"];
const ACTORS: [&str; 1] = ["partner"];

/// What an item of a push speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    Asset,
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
    commit_failures: ByReason,
    queue_bytes: Gauge,
    overlay_bytes: Gauge,
    checkpoint_seconds: Histogram,
    recovery_seconds: Gauge,
    recovery_changes: Gauge,
    clock_behind: Gauge,
    actor_restarts: ByReason,
    shed: ByReason,
    sse_streams: Gauge,
    sse_disconnects: ByReason,
    store_damaged: ByReason,
    log_dropped: Counter,
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
            commit_failures: by(COMMIT_FAILURES, "reason", &COMMIT_FAILURE_REASONS),
            queue_bytes: new_gauge(&recorder, QUEUE_BYTES, &[]),
            overlay_bytes: new_gauge(&recorder, OVERLAY_BYTES, &[]),
            checkpoint_seconds: new_histogram(&recorder, CHECKPOINT_SECONDS),
            recovery_seconds: new_gauge(&recorder, RECOVERY_SECONDS, &[]),
            recovery_changes: new_gauge(&recorder, RECOVERY_CHANGES, &[]),
            clock_behind: new_gauge(&recorder, CLOCK_BEHIND, &[]),
            actor_restarts: by(ACTOR_RESTARTS, "actor", &ACTORS),
            shed: by(SHED, "reason", &SHED_REASONS),
            sse_streams: new_gauge(&recorder, SSE_STREAMS, &[]),
            sse_disconnects: by(SSE_DISCONNECTS, "reason", &SSE_REASONS),
            store_damaged: by(STORE_DAMAGED, "table", &["log", "documents", "assets", "prices", "records"]),
            log_dropped: new_counter(&recorder, LOG_DROPPED, &[]),
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

    pub fn clock_is_behind(&self, behind: Duration) {
        self.0.clock_behind.set(behind.as_secs_f64());
    }

    pub fn actor_restarted(&self, actor: &'static str) {
        self.0.actor_restarts.of(&self.0.recorder, actor).increment(1);
    }

    /// A request was refused before its body was read, e.g. by `Shed::as_str`.
    pub fn shed(&self, reason: &'static str) {
        self.0.shed.of(&self.0.recorder, reason).increment(1);
    }

    pub fn stream_opened(&self) {
        self.0.sse_streams.increment(1.0);
    }

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

    pub fn parked_stand_at(&self, prices: usize) {
        self.parked_prices.set(prices as f64);
    }

    /// So many writes that only their order of arrival put before others (D3, P1).
    pub fn ambiguous_order(&self, writes: u64) {
        if writes > 0 {
            self.ambiguous.increment(writes);
        }
    }

    pub fn deliveries(&self) -> &DeliveryMetrics {
        &self.deliveries
    }

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
        if let Kind::Histogram(buckets) = metric.kind {
            builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.into()), buckets)?;
        }
    }
    Ok(builder.build_recorder())
}

fn describe(recorder: &PrometheusRecorder, metric: &Metric) {
    match metric.kind {
        Kind::Counter => recorder.describe_counter(metric.name.into(), None, metric.help.into()),
        Kind::Gauge => recorder.describe_gauge(metric.name.into(), None, metric.help.into()),
        Kind::Histogram(_) => recorder.describe_histogram(metric.name.into(), None, metric.help.into()),
    }
}

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

fn key(name: &'static str, labels: &[(&'static str, &str)]) -> Key {
    let labels: Vec<_> = labels.iter().map(|&(key, value)| Label::new(key, value.to_owned())).collect();
    Key::from_parts(name, labels)
}

fn new_counter(
    recorder: &PrometheusRecorder,
    name: &'static str,
    labels: &[(&'static str, &str)],
) -> Counter {
    recorder.register_counter(&key(name, labels), &METADATA)
}

fn new_gauge(recorder: &PrometheusRecorder, name: &'static str, labels: &[(&'static str, &str)]) -> Gauge {
    recorder.register_gauge(&key(name, labels), &METADATA)
}

fn new_histogram(recorder: &PrometheusRecorder, name: &'static str) -> Histogram {
    recorder.register_histogram(&key(name, &[]), &METADATA)
}

#[cfg(test)]
mod tests;

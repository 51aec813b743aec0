//! The metrics as they are published: name, kind, help, labels and buckets of each.

/// How a metric counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MetricKind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// With the upper bounds of its buckets, which stay the same across versions.
    Histogram(&'static [f64]),
}

/// One metric as it is published.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// As Prometheus shows it, its unit at the end.
    pub name: &'static str,
    /// How it counts.
    pub kind: MetricKind,
    /// The names of its labels, all of bounded values.
    pub labels: &'static [&'static str],
    /// One sentence for those who read it in a dashboard.
    pub help: &'static str,
}

/// Commits and pushes: from a tenth of a millisecond.
const QUICK: MetricKind = MetricKind::Histogram(&[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
]);
/// Checkpoints and feed runs: up to an hour.
const SLOW: MetricKind =
    MetricKind::Histogram(&[0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0]);
const GROUP: MetricKind =
    MetricKind::Histogram(&[1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0]);

pub(super) const PUSH_ITEMS: &str = "tidegate_push_items_total";
pub(super) const PUSH_REQUESTS: &str = "tidegate_push_requests_total";
pub(super) const PUSH_DURABLE: &str = "tidegate_push_durable_seconds";
pub(super) const COMMIT_SECONDS: &str = "tidegate_commit_seconds";
pub(super) const COMMIT_CHANGES: &str = "tidegate_commit_changes";
pub(super) const COMMIT_SETS: &str = "tidegate_commit_sets";
pub(super) const COMMIT_FAILURES: &str = "tidegate_commit_failures_total";
pub(super) const QUEUE_BYTES: &str = "tidegate_queue_bytes";
pub(super) const OVERLAY_BYTES: &str = "tidegate_overlay_bytes";
pub(super) const CHECKPOINT_SECONDS: &str = "tidegate_checkpoint_seconds";
pub(super) const RECOVERY_SECONDS: &str = "tidegate_recovery_seconds";
pub(super) const BACKUP_TIME: &str = "tidegate_backup_last_timestamp_seconds";
pub(super) const RECOVERY_CHANGES: &str = "tidegate_recovery_changes";
pub(super) const FEED_RUNS: &str = "tidegate_feed_runs_total";
pub(super) const FEED_SLOTS_MISSED: &str = "tidegate_feed_slots_missed_total";
pub(super) const FEED_RUNNING: &str = "tidegate_feed_running";
pub(super) const FEED_RUN_SHARE: &str = "tidegate_feed_run_share";
pub(super) const FEED_FAILURES: &str = "tidegate_feed_failures_in_row";
pub(super) const FEED_LAST_SUCCESS: &str = "tidegate_feed_last_success_timestamp_seconds";
pub(super) const FEED_RUN_SECONDS: &str = "tidegate_feed_run_seconds";
pub(super) const FEED_RECORDS: &str = "tidegate_feed_records_total";
pub(super) const QUARANTINE_ROWS: &str = "tidegate_quarantine_rows";
pub(super) const QUARANTINE_DROPPED: &str = "tidegate_quarantine_dropped_total";
pub(super) const QUARANTINE_CLOSED: &str = "tidegate_quarantine_closed_total";
pub(super) const PARKED_PRICES: &str = "tidegate_parked_prices";
pub(super) const FEED_VERDICTS: &str = "tidegate_feed_verdicts_total";
pub(super) const PUSH_LOSS: &str = "tidegate_push_loss_ratio";
pub(super) const PLANS_HELD: &str = "tidegate_plans_held";
pub(super) const PLANS: &str = "tidegate_plans_total";
pub(super) const PARTNER_UP: &str = "tidegate_partner_up";
pub(super) const ACTOR_RESTARTS: &str = "tidegate_actor_restarts_total";
pub(super) const SHED: &str = "tidegate_shed_total";
pub(super) const AUTH_FAILURES: &str = "tidegate_auth_failures_total";
pub(super) const HTTP_REQUESTS: &str = "tidegate_http_requests_total";
pub(super) const SSE_STREAMS: &str = "tidegate_sse_streams";
pub(super) const SSE_DISCONNECTS: &str = "tidegate_sse_disconnects_total";
pub(super) const SSE_RESETS: &str = "tidegate_sse_resets_total";
pub(super) const DELIVERIES: &str = "tidegate_deliveries_total";
pub(super) const DELIVERIES_OLDEST: &str = "tidegate_deliveries_oldest_timestamp_seconds";
pub(super) const GAPS_OPENED: &str = "tidegate_gaps_opened_total";
pub(super) const GAPS_HEALED: &str = "tidegate_gaps_healed_total";
pub(super) const GAPS_ABANDONED: &str = "tidegate_gaps_abandoned_total";
pub(super) const GAP_HEAL_SECONDS: &str = "tidegate_gap_heal_seconds";
pub(super) const GAPS_OPEN: &str = "tidegate_gaps_open";
pub(super) const AMBIGUOUS: &str = "tidegate_ambiguous_order_total";
pub(super) const PRICE_DRIFT: &str = "tidegate_price_drift_total";
pub(super) const CLOCK_BEHIND: &str = "tidegate_clock_behind_seconds";
pub(super) const STORE_DAMAGED: &str = "tidegate_store_damaged_total";
pub(super) const LOG_DROPPED: &str = "tidegate_log_dropped_total";
pub(super) const CERTIFICATE_EXPIRY: &str = "tidegate_certificate_expiry_timestamp_seconds";
pub(super) const CERTIFICATE_RENEWALS: &str = "tidegate_certificate_renewals_total";
pub(super) const BUILD_INFO: &str = "tidegate_build_info";

/// Every metric of the daemon.
#[rustfmt::skip]
pub const CATALOGUE: [Metric; 52] = [
    counter(PUSH_ITEMS, &["partner", "kind", "outcome"], "Items of pushes by what became of them."),
    counter(PUSH_REQUESTS, &["partner", "code"], "Pushes answered, by class of status code."),
    metric(PUSH_DURABLE, QUICK, "Time from a push's last byte to the commit that it rests on being durable."),
    metric(COMMIT_SECONDS, QUICK, "Duration of group commits, sync included."),
    metric(COMMIT_CHANGES, GROUP, "Changes in one group commit."),
    metric(COMMIT_SETS, GROUP, "Write sets in one group commit: pushes, parts of runs, orders."),
    counter(COMMIT_FAILURES, &["reason"], "Group commits that failed; nothing of them was acknowledged."),
    metric(QUEUE_BYTES, MetricKind::Gauge, "Bytes of requests taken in and not yet answered."),
    metric(OVERLAY_BYTES, MetricKind::Gauge, "Bytes of changes that are durable but not yet checkpointed."),
    metric(CHECKPOINT_SECONDS, SLOW, "Duration of checkpoints, from first slice to last."),
    metric(RECOVERY_SECONDS, MetricKind::Gauge, "Duration of the last start's recovery."),
    metric(BACKUP_TIME, MetricKind::Gauge, "When the last backup was taken whole, since the start; none before."),
    metric(RECOVERY_CHANGES, MetricKind::Gauge, "Changes re-applied from the log at the last start."),
    counter(FEED_RUNS, &["partner", "outcome"], "Feed runs by how they ended."),
    counter(FEED_SLOTS_MISSED, &["partner"], "Times of a feed's cron expression that passed without a run of their own: one run made up for several."),
    gauge(FEED_RUNNING, &["partner"], "Whether a run of the partner's feed is under way."),
    gauge(FEED_RUN_SHARE, &["partner"], "Share of the records that the run under way has applied."),
    gauge(FEED_FAILURES, &["partner"], "Failed feed runs since the last one that was taken as true."),
    gauge(FEED_LAST_SUCCESS, &["partner"], "When the partner's feed was last taken as true; 0 for never."),
    metric(FEED_RUN_SECONDS, SLOW, "Duration of feed runs, from the start of the fetch."),
    counter(FEED_RECORDS, &["partner", "outcome"], "Assets that feed runs decided on, by what became of them."),
    gauge(QUARANTINE_ROWS, &["partner"], "Refused writes and records that are kept."),
    counter(QUARANTINE_DROPPED, &["partner"], "Rows of the quarantine that newer ones pushed out."),
    counter(QUARANTINE_CLOSED, &["partner"], "Rows of the quarantine that closed themselves, since what they hold was taken later."),
    gauge(PARKED_PRICES, &["partner"], "Prices that wait for their asset."),
    counter(FEED_VERDICTS, &["partner", "verdict"], "Records and absences of applied runs by what they say of the pushes."),
    gauge(PUSH_LOSS, &["partner"], "Share of pushes that never arrived, as the last applied run found."),
    gauge(PLANS_HELD, &["partner"], "Plans of held deletes that wait for a decision."),
    counter(PLANS, &["partner", "outcome"], "Plans of held deletes by the state that they came to."),
    gauge(PARTNER_UP, &["partner"], "1 while the partner's actor runs, 0 while it is down, NaN for one no longer configured."),
    counter(ACTOR_RESTARTS, &["actor"], "Actors that died and were started again."),
    counter(SHED, &["reason"], "Requests refused before their body was read."),
    counter(AUTH_FAILURES, &["reason"], "Calls whose callers were not known, by what they did not prove."),
    counter(HTTP_REQUESTS, &["route", "method", "code"], "Requests answered, by class of status code."),
    metric(SSE_STREAMS, MetricKind::Gauge, "Change streams open now."),
    counter(SSE_DISCONNECTS, &["reason"], "Change streams that ended, by reason."),
    metric(SSE_RESETS, MetricKind::Counter, "Followers that were told to read the catalogue again, since changes after their cursor are gone."),
    counter(DELIVERIES, &["partner", "outcome"], "Pushes with a delivery id: new, replayed, or reused for another body."),
    gauge(DELIVERIES_OLDEST, &["partner"], "When the oldest delivery still remembered was received; 0 for none."),
    counter(GAPS_OPENED, &["partner"], "Missing ranges of numbered price streams; one that a late message splits counts once more."),
    counter(GAPS_HEALED, &["partner", "by"], "Missing ranges that were closed, by a late message or by the feed."),
    counter(GAPS_ABANDONED, &["partner"], "Missing ranges given up: too many, or their stream began again."),
    metric(GAP_HEAL_SECONDS, SLOW, "Time for which missing ranges were open until they were closed."),
    gauge(GAPS_OPEN, &["partner"], "Missing ranges of numbered price streams that are open now."),
    counter(AMBIGUOUS, &["partner"], "Writes that only their order of arrival put before others of the same stamp."),
    counter(PRICE_DRIFT, &["partner"], "Undated prices of feeds that differed from the dated ones."),
    metric(CLOCK_BEHIND, MetricKind::Gauge, "How far our clock is behind a time that it has shown before; 0 where it was not set back."),
    counter(STORE_DAMAGED, &["table"], "Damaged rows, blocks and records of the database that were met, and not shown."),
    metric(LOG_DROPPED, MetricKind::Counter, "Lines of the log that nobody took in time."),
    metric(CERTIFICATE_EXPIRY, MetricKind::Gauge, "When the certificate of the partner listener expires; none without TLS."),
    counter(CERTIFICATE_RENEWALS, &["outcome"], "Changed files of the certificate that were read again: renewed, or failed and the one before kept."),
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

const fn metric(name: &'static str, kind: MetricKind, help: &'static str) -> Metric {
    Metric { name, kind, labels: &[], help }
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Gauge, labels, help }
}

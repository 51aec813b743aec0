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
/// From the source of a price to its readers: from a millisecond to a day.
const WIDE: MetricKind = MetricKind::Histogram(&[
    0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 300.0, 3600.0, 21600.0, 86400.0,
]);
const GROUP: MetricKind =
    MetricKind::Histogram(&[1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0]);

pub(super) const PUSH_ITEMS: &str = "tidegate_push_items_total";
pub(super) const PUSH_REQUESTS: &str = "tidegate_push_requests_total";
pub(super) const PUSH_REFUSALS: &str = "tidegate_push_refusals_total";
pub(super) const PUSH_LAST: &str = "tidegate_push_last_timestamp_seconds";
pub(super) const PUSH_DURABLE: &str = "tidegate_push_durable_seconds";
pub(super) const PUSH_VISIBLE: &str = "tidegate_push_visible_seconds";
pub(super) const DELIVERIES: &str = "tidegate_deliveries_total";
pub(super) const DELIVERIES_OLDEST: &str = "tidegate_deliveries_oldest_timestamp_seconds";
pub(super) const GAPS_OPENED: &str = "tidegate_gaps_opened_total";
pub(super) const GAPS_HEALED: &str = "tidegate_gaps_healed_total";
pub(super) const GAPS_ABANDONED: &str = "tidegate_gaps_abandoned_total";
pub(super) const GAP_HEAL_SECONDS: &str = "tidegate_gap_heal_seconds";
pub(super) const GAPS_OPEN: &str = "tidegate_gaps_open";
pub(super) const AMBIGUOUS: &str = "tidegate_ambiguous_order_total";
pub(super) const ASSETS: &str = "tidegate_assets";
pub(super) const PRICES: &str = "tidegate_prices";
pub(super) const PARKED_PRICES: &str = "tidegate_parked_prices";
pub(super) const QUARANTINE_ROWS: &str = "tidegate_quarantine_rows";
pub(super) const QUARANTINE_TAKEN: &str = "tidegate_quarantine_taken_total";
pub(super) const QUARANTINE_DROPPED: &str = "tidegate_quarantine_dropped_total";
pub(super) const QUARANTINE_CLOSED: &str = "tidegate_quarantine_closed_total";
pub(super) const FEED_RUNS: &str = "tidegate_feed_runs_total";
pub(super) const FEED_RUN_SECONDS: &str = "tidegate_feed_run_seconds";
pub(super) const FEED_RUNNING: &str = "tidegate_feed_running";
pub(super) const FEED_RUN_SHARE: &str = "tidegate_feed_run_share";
pub(super) const FEED_PAUSED: &str = "tidegate_feed_paused";
pub(super) const FEED_INTERVAL: &str = "tidegate_feed_interval_seconds";
pub(super) const FEED_SCHEDULE_LAG: &str = "tidegate_feed_schedule_lag_seconds";
pub(super) const FEED_FAILURES: &str = "tidegate_feed_failures_in_row";
pub(super) const FEED_LAST_SUCCESS: &str = "tidegate_feed_last_success_timestamp_seconds";
pub(super) const FEED_SLOTS_MISSED: &str = "tidegate_feed_slots_missed_total";
pub(super) const FEED_RECORDS: &str = "tidegate_feed_records_total";
pub(super) const FEED_VERDICTS: &str = "tidegate_feed_verdicts_total";
pub(super) const PRICE_DRIFT: &str = "tidegate_price_drift_total";
pub(super) const PUSH_LOSS: &str = "tidegate_push_loss_ratio";
pub(super) const PLANS_HELD: &str = "tidegate_plans_held";
pub(super) const PLAN_OLDEST: &str = "tidegate_plan_oldest_timestamp_seconds";
pub(super) const DELETES_HELD: &str = "tidegate_deletes_held";
pub(super) const PLANS: &str = "tidegate_plans_total";
pub(super) const PARTNER_UP: &str = "tidegate_partner_up";
pub(super) const PARTNER_QUEUE: &str = "tidegate_partner_queue_bytes";
pub(super) const PARTNERS: &str = "tidegate_partners";
pub(super) const PARTNERS_FOLDED: &str = "tidegate_partners_folded";
pub(super) const ACTOR_RESTARTS: &str = "tidegate_actor_restarts_total";
pub(super) const COMMIT_SECONDS: &str = "tidegate_commit_seconds";
pub(super) const COMMIT_CHANGES: &str = "tidegate_commit_changes";
pub(super) const COMMIT_SETS: &str = "tidegate_commit_sets";
pub(super) const COMMIT_FAILURES: &str = "tidegate_commit_failures_total";
pub(super) const QUEUE_BYTES: &str = "tidegate_queue_bytes";
pub(super) const QUEUE_BYTES_MAX: &str = "tidegate_queue_bytes_max";
pub(super) const OVERLAY_BYTES: &str = "tidegate_overlay_bytes";
pub(super) const OVERLAY_BYTES_MAX: &str = "tidegate_overlay_bytes_max";
pub(super) const CHECKPOINT_SECONDS: &str = "tidegate_checkpoint_seconds";
pub(super) const LOG_CHANGES: &str = "tidegate_log_changes";
pub(super) const LOG_OLDEST: &str = "tidegate_log_oldest_timestamp_seconds";
pub(super) const LOG_BYTES: &str = "tidegate_log_bytes";
pub(super) const STORE_FILE_BYTES: &str = "tidegate_store_file_bytes";
pub(super) const DISK_FREE_BYTES: &str = "tidegate_disk_free_bytes";
pub(super) const DISK_FREE_BYTES_MIN: &str = "tidegate_disk_free_bytes_min";
pub(super) const WRITES_OPEN: &str = "tidegate_writes_open";
pub(super) const RECOVERY_SECONDS: &str = "tidegate_recovery_seconds";
pub(super) const RECOVERY_CHANGES: &str = "tidegate_recovery_changes";
pub(super) const BACKUP_TIME: &str = "tidegate_backup_last_timestamp_seconds";
pub(super) const STORE_DAMAGED: &str = "tidegate_store_damaged_total";
pub(super) const SHED: &str = "tidegate_shed_total";
pub(super) const AUTH_FAILURES: &str = "tidegate_auth_failures_total";
pub(super) const HTTP_REQUESTS: &str = "tidegate_http_requests_total";
pub(super) const READ_SECONDS: &str = "tidegate_read_seconds";
pub(super) const CONNECTIONS: &str = "tidegate_connections";
pub(super) const SSE_STREAMS: &str = "tidegate_sse_streams";
pub(super) const SSE_STREAMS_MAX: &str = "tidegate_sse_streams_max";
pub(super) const SSE_LAG_SECONDS: &str = "tidegate_sse_lag_seconds";
pub(super) const SSE_DISCONNECTS: &str = "tidegate_sse_disconnects_total";
pub(super) const SSE_RESETS: &str = "tidegate_sse_resets_total";
pub(super) const RELOADS: &str = "tidegate_reloads_total";
pub(super) const RELOAD_SOUND: &str = "tidegate_reload_sound";
pub(super) const RELOAD_TIME: &str = "tidegate_reload_last_timestamp_seconds";
pub(super) const OPERATOR_ACTS: &str = "tidegate_operator_acts_total";
pub(super) const CLOCK_BEHIND: &str = "tidegate_clock_behind_seconds";
pub(super) const LOG_DROPPED: &str = "tidegate_log_dropped_total";
pub(super) const CERTIFICATE_EXPIRY: &str = "tidegate_certificate_expiry_timestamp_seconds";
pub(super) const CERTIFICATE_RENEWALS: &str = "tidegate_certificate_renewals_total";
pub(super) const SCRAPE_SECONDS: &str = "tidegate_scrape_seconds";
pub(super) const RUNTIME_WORKERS: &str = "tidegate_runtime_workers";
pub(super) const RUNTIME_TASKS: &str = "tidegate_runtime_tasks";
pub(super) const RUNTIME_QUEUE: &str = "tidegate_runtime_queue_depth";
pub(super) const RUNTIME_BUSY: &str = "tidegate_runtime_busy_seconds_total";
pub(super) const BUILD_INFO: &str = "tidegate_build_info";
pub(super) const PROCESS_CPU: &str = "process_cpu_seconds_total";
pub(super) const PROCESS_RESIDENT: &str = "process_resident_memory_bytes";
pub(super) const PROCESS_VIRTUAL: &str = "process_virtual_memory_bytes";
pub(super) const PROCESS_THREADS: &str = "process_threads";
pub(super) const PROCESS_OPEN_FDS: &str = "process_open_fds";
pub(super) const PROCESS_MAX_FDS: &str = "process_max_fds";
pub(super) const PROCESS_START: &str = "process_start_time_seconds";

/// Every metric of the daemon.
#[rustfmt::skip]
pub const CATALOGUE: [Metric; 95] = [
    counter(PUSH_ITEMS, &["partner", "kind", "outcome"], "Items of pushes by what became of them."),
    counter(PUSH_REQUESTS, &["partner", "code"], "Pushes answered, by class of status code."),
    counter(PUSH_REFUSALS, &["partner", "reason"], "Calls of a known partner that were refused, by reason: a 401 is `credentials`, a 413 `too_large`, a 429 `too_many`."),
    gauge(PUSH_LAST, &["partner"], "When the partner's last push became durable, since the start of the daemon; none before."),
    histogram(PUSH_DURABLE, QUICK, "Time from a push's last byte to the commit that it rests on being durable."),
    histogram(PUSH_VISIBLE, WIDE, "Time from the newest source time that a push states to its being durable and read; one sample a push."),
    counter(DELIVERIES, &["partner", "outcome"], "Pushes with a delivery id: new, replayed, or reused for another body."),
    gauge(DELIVERIES_OLDEST, &["partner"], "When the oldest delivery still remembered was received; none where none is."),
    counter(GAPS_OPENED, &["partner"], "Missing ranges of numbered price streams; one that a late message splits counts once more."),
    counter(GAPS_HEALED, &["partner", "by"], "Missing ranges that were closed, by a late message or by the feed."),
    counter(GAPS_ABANDONED, &["partner"], "Missing ranges given up: too many, or their stream began again."),
    histogram(GAP_HEAL_SECONDS, SLOW, "Time for which missing ranges were open until they were closed."),
    gauge(GAPS_OPEN, &["partner"], "Missing ranges of numbered price streams that are open now."),
    counter(AMBIGUOUS, &["partner"], "Writes that only their order of arrival put before others of the same stamp."),
    gauge(ASSETS, &["partner", "state"], "Assets that live, and those that are remembered as gone."),
    gauge(PRICES, &["partner", "state"], "Prices by how far they can be relied on, as the last look at all of them found: one a minute, or as often as a small share of a processor allows."),
    gauge(PARKED_PRICES, &["partner"], "Prices that wait for their asset."),
    gauge(QUARANTINE_ROWS, &["partner"], "Refused writes and records that are kept."),
    counter(QUARANTINE_TAKEN, &["reason"], "Rows that the quarantine took, by the code of what was wrong."),
    counter(QUARANTINE_DROPPED, &["partner"], "Rows of the quarantine that newer ones pushed out."),
    counter(QUARANTINE_CLOSED, &["partner"], "Rows of the quarantine that closed themselves, since what they hold was taken later."),
    counter(FEED_RUNS, &["partner", "outcome"], "Feed runs by how they ended."),
    histogram(FEED_RUN_SECONDS, SLOW, "Duration of feed runs, from the start of the fetch."),
    gauge(FEED_RUNNING, &["partner"], "Whether a run of the partner's feed is under way."),
    gauge(FEED_RUN_SHARE, &["partner"], "Share of the records that the run under way has applied."),
    gauge(FEED_PAUSED, &["partner"], "Whether an operator has stopped the schedule of the partner's feed."),
    gauge(FEED_INTERVAL, &["partner"], "Time between two runs of the partner's feed by its schedule; of a cron expression, the longest wait between two of its times."),
    gauge(FEED_SCHEDULE_LAG, &["partner"], "How long the next run of the partner's feed has been due; 0 while it is not."),
    gauge(FEED_FAILURES, &["partner"], "Failed feed runs since the last one that was taken as true."),
    gauge(FEED_LAST_SUCCESS, &["partner"], "When the partner's feed was last taken as true; 0 for never."),
    counter(FEED_SLOTS_MISSED, &["partner"], "Times of a feed's cron expression that passed without a run of their own: one run made up for several."),
    counter(FEED_RECORDS, &["partner", "outcome"], "Assets that feed runs decided on, by what became of them."),
    counter(FEED_VERDICTS, &["partner", "verdict"], "Records and absences of applied runs by what they say of the pushes."),
    counter(PRICE_DRIFT, &["partner"], "Undated prices of feeds that differed from the dated ones."),
    gauge(PUSH_LOSS, &["partner"], "Share of pushes that never arrived, as the last applied run found; none where nothing was pushed."),
    gauge(PLANS_HELD, &["partner"], "Plans of held deletes that wait for a decision."),
    gauge(PLAN_OLDEST, &["partner"], "When the oldest plan that waits for a decision was opened; none where none waits."),
    gauge(DELETES_HELD, &["partner"], "Deletes of all plans that wait for a decision."),
    counter(PLANS, &["partner", "outcome"], "Plans of held deletes by the state that they came to."),
    gauge(PARTNER_UP, &["partner"], "1 while the partner's actor runs, 0 while it is down."),
    gauge(PARTNER_QUEUE, &["partner"], "Bytes of the partner's requests taken in and not yet answered."),
    gauge(PARTNERS, &["health"], "Partners by the worst that is true of them; all of them, those without series of their own included."),
    gauge(PARTNERS_FOLDED, &[], "Partners without series of their own: they are counted together, as the partner `other`."),
    counter(ACTOR_RESTARTS, &["actor"], "Actors that died and were started again."),
    histogram(COMMIT_SECONDS, QUICK, "Duration of group commits, sync included."),
    histogram(COMMIT_CHANGES, GROUP, "Changes in one group commit."),
    histogram(COMMIT_SETS, GROUP, "Write sets in one group commit: pushes, parts of runs, orders."),
    counter(COMMIT_FAILURES, &["reason"], "Group commits that failed; nothing of them was acknowledged."),
    gauge(QUEUE_BYTES, &[], "Bytes of requests taken in and not yet answered."),
    gauge(QUEUE_BYTES_MAX, &[], "Bytes of requests that may be taken in and not yet answered; beyond them 503."),
    gauge(OVERLAY_BYTES, &[], "Bytes of changes that are durable but not yet checkpointed."),
    gauge(OVERLAY_BYTES_MAX, &[], "Bytes of changes that may wait for a checkpoint; beyond them pushes wait."),
    histogram(CHECKPOINT_SECONDS, SLOW, "Duration of checkpoints, from first slice to last."),
    gauge(LOG_CHANGES, &[], "Changes that the log holds, which followers can still ask for."),
    gauge(LOG_OLDEST, &[], "When the oldest change of the log was committed; none while it is empty."),
    gauge(LOG_BYTES, &[], "Bytes of the records that the log holds."),
    gauge(STORE_FILE_BYTES, &[], "Size of the database's file."),
    gauge(DISK_FREE_BYTES, &[], "Free space where the database lies."),
    gauge(DISK_FREE_BYTES_MIN, &[], "Free space below which writes are refused."),
    gauge(WRITES_OPEN, &[], "1 while writes may come, 0 while the store has failed or the disk is nearly full."),
    gauge(RECOVERY_SECONDS, &[], "Duration of the last start's recovery."),
    gauge(RECOVERY_CHANGES, &[], "Changes re-applied from the log at the last start."),
    gauge(BACKUP_TIME, &[], "When the last backup was taken whole, since the start; none before."),
    counter(STORE_DAMAGED, &["table"], "Damaged rows, blocks and records of the database that were met, and not shown."),
    counter(SHED, &["reason"], "Requests refused before their body was read."),
    counter(AUTH_FAILURES, &["reason"], "Calls whose callers were not known, by what they did not prove."),
    counter(HTTP_REQUESTS, &["route", "method", "code"], "Requests answered, by class of status code."),
    histogram(READ_SECONDS, QUICK, "Time from a read's head to the beginning of its answer; streams and waits for changes are not counted."),
    gauge(CONNECTIONS, &[], "Connections of partners and readers that are open now."),
    gauge(SSE_STREAMS, &[], "Change streams open now."),
    gauge(SSE_STREAMS_MAX, &[], "Change streams that may be open at once."),
    histogram(SSE_LAG_SECONDS, QUICK, "Time from a change being durable to its frame being taken by the connection of a stream that follows; one sample a frame."),
    counter(SSE_DISCONNECTS, &["reason"], "Change streams that ended, by reason."),
    counter(SSE_RESETS, &[], "Followers that were told to read the catalogue again, since changes after their cursor are gone."),
    counter(RELOADS, &["outcome"], "Reloads of the configuration by how they ended."),
    gauge(RELOAD_SOUND, &[], "1 while the configuration as it was last read is in force whole, 0 after a reload that was refused or failed in part."),
    gauge(RELOAD_TIME, &[], "When the configuration was last read; the start counts."),
    counter(OPERATOR_ACTS, &["act", "outcome"], "Acts of operators by what became of them."),
    gauge(CLOCK_BEHIND, &[], "How far our clock is behind a time that it has shown before; 0 where it was not set back."),
    counter(LOG_DROPPED, &[], "Lines of the log that nobody took in time."),
    gauge(CERTIFICATE_EXPIRY, &[], "When the certificate of the partner listener expires; none without TLS."),
    counter(CERTIFICATE_RENEWALS, &["outcome"], "Changed files of the certificate that were read again: renewed, or failed and the one before kept."),
    gauge(SCRAPE_SECONDS, &[], "Time that it took to gather the figures of this answer."),
    gauge(RUNTIME_WORKERS, &[], "Threads that run tasks."),
    gauge(RUNTIME_TASKS, &[], "Tasks that live now."),
    gauge(RUNTIME_QUEUE, &[], "Tasks that wait for a thread in the queue that all share."),
    counter(RUNTIME_BUSY, &[], "Time for which the threads have run tasks, all together."),
    gauge(BUILD_INFO, &["version", "commit"], "Always 1; the labels say what runs."),
    counter(PROCESS_CPU, &[], "Processor time of the process, in its own code and in the kernel's."),
    gauge(PROCESS_RESIDENT, &[], "Memory of the process that is in use as the kernel sees it."),
    gauge(PROCESS_VIRTUAL, &[], "Address space of the process."),
    gauge(PROCESS_THREADS, &[], "Threads of the process."),
    gauge(PROCESS_OPEN_FDS, &[], "Files and sockets that the process has open."),
    gauge(PROCESS_MAX_FDS, &[], "Files and sockets that the process may have open."),
    gauge(PROCESS_START, &[], "When the process started."),
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

const fn histogram(name: &'static str, kind: MetricKind, help: &'static str) -> Metric {
    Metric { name, kind, labels: &[], help }
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Gauge, labels, help }
}

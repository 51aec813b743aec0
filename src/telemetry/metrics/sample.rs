//! What is measured when somebody asks, at the moment at which he does: the figures of partners and of the
//! daemon, as those know them who gather them. Nothing of it is kept, so that what has gone leaves no line.

use super::catalogue::{
    ASSETS, BUILD_INFO, DELETES_HELD, DELIVERIES_OLDEST, DISK_FREE_BYTES, DISK_FREE_BYTES_MIN, FEED_FAILURES,
    FEED_INTERVAL, FEED_LAST_SUCCESS, FEED_PAUSED, FEED_RUN_SHARE, FEED_RUNNING, FEED_SCHEDULE_LAG,
    GAPS_OPEN, LOG_BYTES, LOG_CHANGES, LOG_OLDEST, OVERLAY_BYTES, OVERLAY_BYTES_MAX, PARKED_PRICES,
    PARTNER_QUEUE, PARTNER_UP, PARTNERS, PARTNERS_FOLDED, PLAN_OLDEST, PLANS_HELD, PRICES, PROCESS_CPU,
    PROCESS_MAX_FDS, PROCESS_OPEN_FDS, PROCESS_RESIDENT, PROCESS_START, PROCESS_THREADS, PROCESS_VIRTUAL,
    PUSH_LAST, PUSH_LOSS, QUARANTINE_ROWS, QUEUE_BYTES, QUEUE_BYTES_MAX, RUNTIME_BUSY, RUNTIME_QUEUE,
    RUNTIME_TASKS, RUNTIME_WORKERS, SCRAPE_SECONDS, SSE_STREAMS_MAX, STORE_FILE_BYTES, WRITES_OPEN,
};
use super::series::{OTHER, seconds, write_line, written};
use crate::domain::{Micros, PartnerName};
use crate::telemetry::kernel::KernelFigures;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// One partner at this moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartnerSample {
    /// Whether its actor runs.
    pub is_up: bool,
    /// Assets that live …
    pub living: u64,
    /// … and those that are remembered as gone.
    pub gone: u64,
    /// Prices by their state, with its word.
    pub prices: Vec<(&'static str, u64)>,
    /// Rows of its quarantine.
    pub quarantined: u64,
    /// Prices that wait for their assets.
    pub parked: u64,
    /// Missing ranges of its streams.
    pub gaps_open: u64,
    /// Plans that wait for an operator …
    pub plans_held: u64,
    /// … with so many deletes …
    pub deletes_held: u64,
    /// … and when the oldest was opened.
    pub oldest_plan_at: Option<Micros>,
    /// When the oldest remembered delivery was received.
    pub oldest_delivery_at: Option<Micros>,
    /// When its last push was durable.
    pub last_push_at: Option<Micros>,
    /// Bytes of its requests in flight.
    pub queue_bytes: usize,
    /// Its feed; `None` where it has none.
    pub feed: Option<FeedSample>,
}

/// A partner's feed at this moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeedSample {
    /// The share of the run under way; `None` where none is.
    pub running: Option<f64>,
    /// Whether its schedule is stopped.
    pub is_paused: bool,
    /// Between two runs.
    pub interval: Duration,
    /// Since the next run has been due.
    pub lag: Duration,
    /// Since the last good run.
    pub failures_in_row: u64,
    /// When a run was last good; `None`: never.
    pub last_success_at: Option<Micros>,
    /// The share of pushes that were lost; `None` where nothing was pushed.
    pub push_loss: Option<f64>,
}

/// The daemon by itself at this moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DaemonSample {
    /// Partners by the word for how they stand.
    pub partners: Vec<(&'static str, u64)>,
    /// Bytes of requests in flight …
    pub queue_bytes: usize,
    /// … of so many.
    pub queue_bytes_max: usize,
    /// Bytes before the tables …
    pub overlay_bytes: usize,
    /// … of so many.
    pub overlay_bytes_max: usize,
    /// Changes in the log, and the bytes of its records.
    pub log: (u64, u64),
    /// When the oldest of them was committed.
    pub log_oldest_at: Option<Micros>,
    /// Of the database.
    pub file_bytes: Option<u64>,
    /// Where the database lies.
    pub disk_free_bytes: Option<u64>,
    /// Below it no writes are taken.
    pub disk_free_bytes_min: u64,
    /// Whether writes are taken.
    pub writes_open: bool,
    /// Change streams that may be open.
    pub streams_max: usize,
    /// Of the tasks' threads.
    pub runtime: RuntimeSample,
    /// What it took to gather all this.
    pub took: Duration,
}

/// The threads that run tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RuntimeSample {
    /// How many there are.
    pub workers: usize,
    /// Tasks that live.
    pub tasks: usize,
    /// Tasks in the queue that all share.
    pub queued: usize,
    /// What all have worked.
    pub busy: Duration,
}

/// The lines of one answer.
pub struct Sampled {
    /// Partners with series of their own.
    own: HashSet<PartnerName>,
    lines: HashMap<&'static str, String>,
    /// What the partners without series of their own have together.
    other: Option<PartnerSample>,
    folded: u64,
}

impl Sampled {
    pub(super) fn new(own: HashSet<PartnerName>) -> Sampled {
        Sampled { own, lines: HashMap::new(), other: None, folded: 0 }
    }

    /// Adds a partner: lines of its own, or its part in those of `other`.
    pub fn partner(&mut self, name: &PartnerName, sample: PartnerSample) {
        if !self.own.contains(name) {
            self.folded += 1;
            self.other.get_or_insert_default().add(sample);
            return;
        }
        let name = name.as_str();
        self.sums(name, &sample);
        self.flag(PARTNER_UP, name, sample.is_up);
        self.time(PLAN_OLDEST, name, sample.oldest_plan_at);
        self.time(DELIVERIES_OLDEST, name, sample.oldest_delivery_at);
        self.time(PUSH_LAST, name, sample.last_push_at);
        let Some(feed) = sample.feed else { return };
        self.flag(FEED_RUNNING, name, feed.running.is_some());
        self.of(FEED_RUN_SHARE, name, feed.running.unwrap_or(0.0));
        self.flag(FEED_PAUSED, name, feed.is_paused);
        self.of(FEED_INTERVAL, name, feed.interval.as_secs_f64());
        self.of(FEED_SCHEDULE_LAG, name, feed.lag.as_secs_f64());
        self.of(FEED_FAILURES, name, feed.failures_in_row as f64);
        self.time(FEED_LAST_SUCCESS, name, Some(feed.last_success_at.unwrap_or(Micros(0))));
        if let Some(loss) = feed.push_loss {
            self.of(PUSH_LOSS, name, loss);
        }
    }

    /// Adds the daemon itself.
    pub fn daemon(&mut self, sample: &DaemonSample) {
        for &(health, partners) in &sample.partners {
            self.line(PARTNERS, &[("health", health)], partners as f64);
        }
        let bytes = |bytes: usize| bytes as f64;
        let known = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64);
        let (changes, log_bytes) = sample.log;
        for (name, value) in [
            (QUEUE_BYTES, Some(bytes(sample.queue_bytes))),
            (QUEUE_BYTES_MAX, Some(bytes(sample.queue_bytes_max))),
            (OVERLAY_BYTES, Some(bytes(sample.overlay_bytes))),
            (OVERLAY_BYTES_MAX, Some(bytes(sample.overlay_bytes_max))),
            (LOG_CHANGES, Some(changes as f64)),
            (LOG_BYTES, Some(log_bytes as f64)),
            (LOG_OLDEST, sample.log_oldest_at.map(seconds)),
            (STORE_FILE_BYTES, known(sample.file_bytes)),
            (DISK_FREE_BYTES, known(sample.disk_free_bytes)),
            (DISK_FREE_BYTES_MIN, Some(sample.disk_free_bytes_min as f64)),
            (WRITES_OPEN, Some(f64::from(u8::from(sample.writes_open)))),
            (SSE_STREAMS_MAX, Some(bytes(sample.streams_max))),
            (RUNTIME_WORKERS, Some(bytes(sample.runtime.workers))),
            (RUNTIME_TASKS, Some(bytes(sample.runtime.tasks))),
            (RUNTIME_QUEUE, Some(bytes(sample.runtime.queued))),
            (RUNTIME_BUSY, Some(sample.runtime.busy.as_secs_f64())),
            (SCRAPE_SECONDS, Some(sample.took.as_secs_f64())),
        ] {
            value.into_iter().for_each(|value| self.line(name, &[], value));
        }
        let build = [("version", env!("CARGO_PKG_VERSION")), ("commit", env!("TIDEGATE_BUILT_FROM"))];
        self.line(BUILD_INFO, &build, 1.0);
        self.kernel(&KernelFigures::read());
    }

    /// What was gathered, by metric.
    pub(super) fn finish(mut self) -> HashMap<&'static str, String> {
        if let Some(other) = self.other.take() {
            self.sums(OTHER, &other);
        }
        self.line(PARTNERS_FOLDED, &[], self.folded as f64);
        self.lines
    }

    fn kernel(&mut self, seen: &KernelFigures) {
        for (name, value) in [
            (PROCESS_CPU, seen.cpu_seconds),
            (PROCESS_RESIDENT, seen.resident_bytes),
            (PROCESS_VIRTUAL, seen.virtual_bytes),
            (PROCESS_THREADS, seen.threads),
            (PROCESS_OPEN_FDS, seen.open_files),
            (PROCESS_MAX_FDS, seen.open_files_max),
            (PROCESS_START, seen.started_at),
        ] {
            value.into_iter().for_each(|value| self.line(name, &[], value));
        }
    }

    /// What adds up over partners.
    fn sums(&mut self, name: &str, sample: &PartnerSample) {
        for (state, count) in [("live", sample.living), ("gone", sample.gone)] {
            self.line(ASSETS, &[("partner", name), ("state", state)], count as f64);
        }
        for &(state, count) in &sample.prices {
            self.line(PRICES, &[("partner", name), ("state", state)], count as f64);
        }
        self.of(QUARANTINE_ROWS, name, sample.quarantined as f64);
        self.of(PARKED_PRICES, name, sample.parked as f64);
        self.of(GAPS_OPEN, name, sample.gaps_open as f64);
        self.of(PLANS_HELD, name, sample.plans_held as f64);
        self.of(DELETES_HELD, name, sample.deletes_held as f64);
        self.of(PARTNER_QUEUE, name, sample.queue_bytes as f64);
    }

    fn flag(&mut self, metric: &'static str, partner: &str, holds: bool) {
        self.of(metric, partner, f64::from(u8::from(holds)));
    }

    fn time(&mut self, metric: &'static str, partner: &str, at: Option<Micros>) {
        at.into_iter().for_each(|at| self.of(metric, partner, seconds(at)));
    }

    fn of(&mut self, metric: &'static str, partner: &str, value: f64) {
        self.line(metric, &[("partner", partner)], value);
    }

    fn line(&mut self, metric: &'static str, labels: &[(&str, &str)], value: f64) {
        write_line(self.lines.entry(metric).or_default(), metric, &written(labels), value);
    }
}

impl PartnerSample {
    /// Adds another's share; what does not add up is left out.
    fn add(&mut self, more: PartnerSample) {
        self.living += more.living;
        self.gone += more.gone;
        self.quarantined += more.quarantined;
        self.parked += more.parked;
        self.gaps_open += more.gaps_open;
        self.plans_held += more.plans_held;
        self.deletes_held += more.deletes_held;
        self.queue_bytes += more.queue_bytes;
        for (state, count) in more.prices {
            match self.prices.iter_mut().find(|(known, _)| *known == state) {
                Some((_, sum)) => *sum += count,
                None => self.prices.push((state, count)),
            }
        }
    }
}

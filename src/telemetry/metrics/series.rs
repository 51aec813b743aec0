//! The series that are counted as things happen: kept by the registry of `metrics-util`, because that of the
//! exporter lets no counter end, and a removed partner must leave. What is measured when somebody asks is in
//! [`super::sample`].

use super::catalogue::{CATALOGUE, Metric, MetricKind};
use crate::domain::Micros;
use metrics::atomics::AtomicU64;
use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, Label};
use metrics_exporter_prometheus::formatting;
use metrics_util::registry::{Registry, Storage};
use std::collections::{BTreeMap, HashMap};
use std::fmt::{Display, Write};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The partner of those without series of their own. One that is called so has none.
pub(super) const OTHER: &str = "other";

/// All counters and histograms of one daemon.
pub(super) struct Series(Registry<Key, FixedStorage>);

/// Numbers alone: nothing piles up between two scrapes.
struct FixedStorage;

impl Storage<Key> for FixedStorage {
    type Counter = Arc<AtomicU64>;
    type Gauge = Arc<AtomicU64>;
    type Histogram = Arc<Buckets>;

    fn counter(&self, _: &Key) -> Self::Counter {
        Arc::default()
    }

    fn gauge(&self, _: &Key) -> Self::Gauge {
        Arc::default()
    }

    fn histogram(&self, key: &Key) -> Self::Histogram {
        let metric = CATALOGUE.iter().find(|metric| metric.name == key.name());
        let bounds = match metric.map(|metric| metric.kind) {
            Some(MetricKind::Histogram(bounds)) => bounds,
            _ => &[],
        };
        Arc::new(Buckets::new(bounds))
    }
}

/// A histogram with fixed buckets, each of which counts its own samples alone.
struct Buckets {
    bounds: &'static [f64],
    counts: Box<[AtomicU64]>,
    /// The bits of a float.
    sum: AtomicU64,
}

impl Buckets {
    fn new(bounds: &'static [f64]) -> Buckets {
        // one more for what is above all bounds
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Buckets { bounds, counts, sum: AtomicU64::new(0) }
    }

    /// Lines of `name`, whose labels are `labels`.
    fn write(&self, text: &mut String, name: &str, labels: &str) {
        let comma = if labels.is_empty() { "" } else { "," };
        let mut count = 0;
        for (at, own) in self.counts.iter().enumerate() {
            count += own.load(Ordering::Relaxed);
            let _ = match self.bounds.get(at) {
                Some(bound) => writeln!(text, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}"),
                None => writeln!(text, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {count}"),
            };
        }
        write_line(text, &format!("{name}_sum"), labels, f64::from_bits(self.sum.load(Ordering::Relaxed)));
        write_line(text, &format!("{name}_count"), labels, count);
    }
}

impl HistogramFn for Buckets {
    fn record(&self, value: f64) {
        let place = self.bounds.iter().position(|bound| value <= *bound).unwrap_or(self.bounds.len());
        self.counts[place].fetch_add(1, Ordering::Relaxed);
        let add = |sum| Some((f64::from_bits(sum) + value).to_bits());
        let _ = self.sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

impl Series {
    pub fn new() -> Series {
        Series(Registry::new(FixedStorage))
    }

    /// The counter of these labels: the same each time.
    pub fn counter(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Counter {
        self.0.get_or_create_counter(&key(name, labels), |counter| Counter::from_arc(Arc::clone(counter)))
    }

    /// The gauge of that name: of what is known when it happens, and not when somebody asks.
    pub fn gauge(&self, name: &'static str) -> Gauge {
        self.0.get_or_create_gauge(&key(name, &[]), |gauge| Gauge::from_arc(Arc::clone(gauge)))
    }

    /// The histogram of that name, with the buckets of the catalogue.
    pub fn histogram(&self, name: &'static str) -> Histogram {
        self.0.get_or_create_histogram(&key(name, &[]), |buckets| Histogram::from_arc(Arc::clone(buckets)))
    }

    /// Takes away all series of which a label `name` has this value. Who still holds one counts into nothing.
    pub fn end(&self, name: &str, value: &str) {
        let is_other = |key: &Key| !key.labels().any(|label| label.key() == name && label.value() == value);
        self.0.retain_counters(|key, _| is_other(key));
        self.0.retain_histograms(|key, _| is_other(key));
    }

    /// The lines of each metric, in the order of their labels.
    pub fn lines(&self) -> HashMap<&'static str, String> {
        let mut blocks: Vec<(String, String, String)> = Vec::new();
        self.0.visit_counters(|key, counter| {
            let (labels, mut text) = (labels_of(key), String::new());
            write_line(&mut text, key.name(), &labels, counter.load(Ordering::Relaxed));
            blocks.push((key.name().to_owned(), labels, text));
        });
        self.0.visit_gauges(|key, gauge| {
            let mut text = String::new();
            write_line(&mut text, key.name(), "", f64::from_bits(gauge.load(Ordering::Relaxed)));
            blocks.push((key.name().to_owned(), String::new(), text));
        });
        self.0.visit_histograms(|key, buckets| {
            let (labels, mut text) = (labels_of(key), String::new());
            buckets.write(&mut text, key.name(), &labels);
            blocks.push((key.name().to_owned(), labels, text));
        });
        blocks.sort_unstable();
        let mut lines: HashMap<&'static str, String> = HashMap::new();
        for (name, _, text) in blocks {
            if let Some(metric) = CATALOGUE.iter().find(|metric| metric.name == name) {
                lines.entry(metric.name).or_default().push_str(&text);
            }
        }
        lines
    }
}

/// Counters that differ in one label whose values are texts of the program.
pub(super) struct ByReason {
    series: Arc<Series>,
    name: &'static str,
    label: &'static str,
    counters: Mutex<BTreeMap<Box<str>, Counter>>,
}

impl ByReason {
    /// With those that are known at 0.
    pub fn new(
        series: &Arc<Series>,
        name: &'static str,
        label: &'static str,
        known: &[&'static str],
    ) -> ByReason {
        let by_reason = ByReason { series: Arc::clone(series), name, label, counters: Mutex::default() };
        for reason in known {
            by_reason.of(reason).increment(0);
        }
        by_reason
    }

    /// The counter of this reason.
    pub fn of(&self, reason: &str) -> Counter {
        let mut counters = locked(&self.counters);
        if let Some(counter) = counters.get(reason) {
            return counter.clone();
        }
        let counter = self.series.counter(self.name, &[(self.label, reason)]);
        counters.insert(reason.into(), counter.clone());
        counter
    }
}

/// A thread that panicked while it held one of these maps left it whole: entries are only added, or taken out whole.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn key(name: &'static str, labels: &[(&'static str, &str)]) -> Key {
    let labels: Vec<_> = labels.iter().map(|&(key, value)| Label::new(key, value.to_owned())).collect();
    Key::from_parts(name, labels)
}

fn labels_of(key: &Key) -> String {
    let pairs: Vec<(&str, &str)> = key.labels().map(|label| (label.key(), label.value())).collect();
    written(&pairs)
}

/// Labels as they stand between the braces.
pub(super) fn written(labels: &[(&str, &str)]) -> String {
    let pairs = labels.iter().map(|(key, value)| {
        let value = formatting::sanitize_label_value(value);
        format!("{key}=\"{value}\"")
    });
    pairs.collect::<Vec<_>>().join(",")
}

/// One line of the text that Prometheus reads.
pub(super) fn write_line(text: &mut String, name: &str, labels: &str, value: impl Display) {
    let _ = match labels {
        "" => writeln!(text, "{name} {value}"),
        labels => writeln!(text, "{name}{{{labels}}} {value}"),
    };
}

/// What stands before the lines of a metric.
pub(super) fn write_head(text: &mut String, metric: &Metric) {
    let kind = match metric.kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
        MetricKind::Histogram(_) => "histogram",
    };
    formatting::write_help_line(text, metric.name, None, None, metric.help);
    formatting::write_type_line(text, metric.name, None, None, kind);
}

/// Seconds since 1970.
pub(super) fn seconds(at: Micros) -> f64 {
    at.0 as f64 / Micros::SECOND as f64
}

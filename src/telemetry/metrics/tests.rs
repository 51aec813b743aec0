//! What the daemon publishes is what the catalogue says, and what Prometheus wants.

use super::*;
use crate::domain::{Micros, RunCounts, RunStatus};
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

#[path = "../../../tests/it/support/skipped.rs"]
mod skipped;

/// A daemon's metrics in which every series exists.
fn published() -> (Metrics, String) {
    let metrics = Metrics::install();
    let acme = metrics.partner(&PartnerName::new("acme").unwrap());
    acme.items_decided(ItemKind::Price, Outcome::Updated, 998);
    acme.push_answered(200);
    acme.is_up(Some(true));
    acme.deliveries().made();
    acme.deliveries().oldest_is_of(Some(Micros(2_500_000)));
    acme.deliveries().reused();
    acme.gaps().opened();
    acme.gaps().healed_late(Duration::from_secs(3));
    let counts = RunCounts { created: 3, ..RunCounts::default() };
    acme.feed().run_finished(RunStatus::Applied, &counts, Micros(1_500_000), Duration::from_secs(2));
    metrics.route("/api/prices", "POST").answered(200);
    metrics.push_durable(Duration::from_micros(700));
    metrics.commit_finished(Duration::from_micros(400), (3, 64));
    metrics.checkpoint_finished(Duration::from_millis(80));
    metrics.commit_failed("store");
    metrics.shed("partner_rate");
    metrics.stream_opened();
    metrics.certificate_expires(Micros(2_000_000_000_000_000));
    metrics.backed_up(Micros(1));
    metrics.recovered(12, Duration::from_millis(250));
    let text = metrics.render();
    (metrics, text)
}

/// What breaks the conventions of Prometheus in a metric; empty where nothing does.
fn breaches(metric: &Metric) -> Vec<&'static str> {
    let name = metric.name;
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    let total = name.ends_with("_total");
    let unit_of_its_own = ["_milliseconds", "_ms", "_minutes", "_hours", "_kb", "_mb", "_kilobytes"]
        .iter()
        .any(|u| name.contains(u));
    let reserved = ["_count", "_sum", "_bucket"].iter().any(|suffix| name.ends_with(suffix));
    let mut breaches = Vec::new();
    for (broken, what) in [
        (!plain || !name.starts_with("tidegate_"), "not snake_case behind our own prefix"),
        ((metric.kind == MetricKind::Counter) != total, "_total is for counters, and for all of them"),
        (unit_of_its_own, "not in base units"),
        (reserved, "ends like a part of a histogram"),
        (!metric.help.ends_with('.') || metric.help.len() < 15, "no sentence of help"),
    ] {
        if broken {
            breaches.push(what);
        }
    }
    breaches
}

#[test]
fn every_metric_is_published_with_help_and_type() {
    let (_metrics, text) = published();
    for metric in &CATALOGUE {
        let kind = match metric.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram(_) => "histogram",
        };
        assert!(text.contains(&format!("# HELP {} {}\n", metric.name, metric.help)), "{}", metric.name);
        assert!(text.contains(&format!("# TYPE {} {kind}\n", metric.name)), "{}", metric.name);
    }
    let typed: BTreeSet<_> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert_eq!(typed, NAMES.into_iter().collect(), "published and listed are the same");
}

#[test]
fn every_series_bears_the_labels_of_the_catalogue() {
    let (_metrics, text) = published();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let series = line.rsplit_once(' ').unwrap().0;
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let metric = CATALOGUE.iter().find(|metric| match metric.kind {
            MetricKind::Histogram(_) => name.starts_with(metric.name),
            _ => name == metric.name,
        });
        let metric = metric.unwrap_or_else(|| panic!("{name} is not in the catalogue"));
        let found: Vec<_> = labels.split(',').filter_map(|label| Some(label.split_once('=')?.0)).collect();
        let found: Vec<_> = found.into_iter().filter(|&label| label != "le").collect();
        assert_eq!(found, metric.labels, "{line}");
    }
}

#[test]
fn names_follow_the_conventions_of_prometheus() {
    for metric in &CATALOGUE {
        assert!(breaches(metric).is_empty(), "{}: {:?}", metric.name, breaches(metric));
    }
    let odd = |name, kind, help| breaches(&Metric { name, kind, labels: &[], help });
    assert_eq!(odd("tidegate_pushes", MetricKind::Counter, "How many pushes came.").len(), 1);
    assert_eq!(odd("tidegate_size_total", MetricKind::Gauge, "How large it stands.").len(), 1);
    assert_eq!(odd("tidegate_lag_ms", MetricKind::Gauge, "How far we are behind.").len(), 1);
    assert_eq!(odd("tidegate_rowCount", MetricKind::Gauge, "How many rows there are.").len(), 1);
    assert_eq!(odd("tidegate_bytes", MetricKind::Gauge, "").len(), 1);
}

#[test]
fn counts_land_in_their_series_and_others_stand_at_zero() {
    let (metrics, text) = published();
    for line in [
        r#"tidegate_push_items_total{partner="acme",kind="price",outcome="updated"} 998"#,
        r#"tidegate_push_items_total{partner="acme",kind="asset",outcome="updated"} 0"#,
        r#"tidegate_push_requests_total{partner="acme",code="2xx"} 1"#,
        r#"tidegate_feed_runs_total{partner="acme",outcome="applied"} 1"#,
        r#"tidegate_feed_last_success_timestamp_seconds{partner="acme"} 1.5"#,
        r#"tidegate_deliveries_total{partner="acme",outcome="new"} 1"#,
        r#"tidegate_deliveries_total{partner="acme",outcome="replayed"} 0"#,
        r#"tidegate_deliveries_total{partner="acme",outcome="reused"} 1"#,
        r#"tidegate_deliveries_oldest_timestamp_seconds{partner="acme"} 2.5"#,
        r#"tidegate_gaps_opened_total{partner="acme"} 1"#,
        r#"tidegate_gaps_healed_total{partner="acme",by="late"} 1"#,
        r#"tidegate_gaps_healed_total{partner="acme",by="feed"} 0"#,
        r#"tidegate_gaps_abandoned_total{partner="acme"} 0"#,
        r#"tidegate_gap_heal_seconds_bucket{le="5"} 1"#,
        r#"tidegate_feed_records_total{partner="acme",outcome="created"} 3"#,
        r#"tidegate_http_requests_total{route="/api/prices",method="POST",code="2xx"} 1"#,
        r#"tidegate_commit_seconds_bucket{le="0.0005"} 1"#,
        r#"tidegate_shed_total{reason="partner_rate"} 1"#,
        "tidegate_sse_streams 1",
        r#"tidegate_partner_up{partner="acme"} 1"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\nis not in\n{text}");
    }
    metrics.stream_ended("client");
    assert!(metrics.render().lines().any(|line| line == "tidegate_sse_streams 0"));
}

#[test]
fn outcomes_stand_at_their_own_places() {
    assert!(Outcome::ALL.iter().enumerate().all(|(place, outcome)| *outcome as usize == place));
    assert!(RunStatus::ALL.iter().enumerate().all(|(place, status)| *status as usize == place));
}

#[test]
fn two_daemons_count_apart_and_a_partner_without_feed_has_no_feed_series() {
    let (one, other) = (Metrics::install(), Metrics::install());
    let name = PartnerName::new("acme").unwrap();
    one.partner(&name).items_decided(ItemKind::Asset, Outcome::Created, 5);
    other.partner(&name);
    let created = r#"tidegate_push_items_total{partner="acme",kind="asset",outcome="created"}"#;
    assert!(one.render().contains(&format!("{created} 5\n")));
    assert!(other.render().contains(&format!("{created} 0\n")));
    assert!(!one.render().contains("tidegate_feed_runs_total{"));
    assert!(Arc::ptr_eq(&one.partner(&name), &one.partner(&name)));
}

#[test]
fn promtool_finds_nothing_to_complain_about() {
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut promtool = match promtool {
        Ok(child) => child,
        Err(error) => return skipped::without_tool("promtool", &error),
    };
    let (_metrics, text) = published();
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

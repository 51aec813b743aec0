//! What the daemon publishes is what the catalogue says, and what Prometheus wants.

use super::*;
use crate::domain::{Micros, Outcome, RunCounts, RunStatus};
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

#[path = "../../../tests/it/support/skipped.rs"]
mod skipped;

fn name(text: &str) -> PartnerName {
    PartnerName::new(text).unwrap()
}

/// What is so of a partner of which something can be said everywhere.
fn standing() -> PartnerSample {
    let feed = FeedSample {
        running: Some(0.5),
        interval: Duration::from_secs(3_600),
        last_success_at: Some(Micros(1_500_000)),
        push_loss: Some(0.125),
        ..FeedSample::default()
    };
    PartnerSample {
        is_up: true,
        living: 7,
        gone: 2,
        prices: vec![("live", 6), ("stale", 1)],
        plans_held: 1,
        oldest_plan_at: Some(Micros(3_000_000)),
        oldest_delivery_at: Some(Micros(2_500_000)),
        last_push_at: Some(Micros(4_000_000)),
        feed: Some(feed),
        ..PartnerSample::default()
    }
}

fn text_of(metrics: &Metrics, partners: &[(&str, PartnerSample)]) -> String {
    let mut sampled = metrics.sample();
    for (partner, sample) in partners {
        sampled.partner(&name(partner), sample.clone());
    }
    let daemon = DaemonSample {
        partners: vec![("fine", partners.len() as u64)],
        log_oldest_at: Some(Micros(1)),
        file_bytes: Some(1 << 20),
        disk_free_bytes: Some(1 << 30),
        ..DaemonSample::default()
    };
    sampled.daemon(&daemon);
    metrics.render(sampled)
}

fn has(text: &str, line: &str) -> bool {
    text.lines().any(|found| found == line)
}

/// A daemon's metrics in which every series exists.
fn published() -> (Metrics, String) {
    let metrics = Metrics::install();
    let acme = metrics.partner(&name("acme"));
    acme.items_decided(ItemKind::Price, Outcome::Updated, 998);
    acme.push_answered(200);
    acme.answered(429);
    acme.quarantined("price_malformed");
    acme.deliveries().made();
    acme.deliveries().reused();
    acme.gaps().opened();
    acme.gaps().healed_late(Duration::from_secs(3));
    let counts = RunCounts { created: 3, ..RunCounts::default() };
    acme.feed().run_finished(RunStatus::Applied, &counts, Duration::from_secs(2));
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
    metrics.reloaded("refused", false, Micros(5_000_000));
    metrics.operator_acted(AuditAct::Reload, AuditOutcome::Refused);
    let text = text_of(&metrics, &[("acme", standing())]);
    (metrics, text)
}

/// What breaks the conventions of Prometheus in a metric; empty where nothing does.
fn breaches(metric: &Metric) -> Vec<&'static str> {
    let name = metric.name;
    // those of the process bear the names that Prometheus's own libraries give them
    let prefixed = name.starts_with("tidegate_") || name.starts_with("process_");
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    let total = name.ends_with("_total");
    let unit_of_its_own = ["_milliseconds", "_ms", "_minutes", "_hours", "_kb", "_mb", "_kilobytes"]
        .iter()
        .any(|u| name.contains(u));
    let reserved = ["_count", "_sum", "_bucket"].iter().any(|suffix| name.ends_with(suffix));
    let mut breaches = Vec::new();
    for (broken, what) in [
        (!plain || !prefixed, "not snake_case behind our own prefix"),
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
        let labels = labels.trim_end_matches('}');
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
        r#"tidegate_push_last_timestamp_seconds{partner="acme"} 4"#,
        r#"tidegate_plan_oldest_timestamp_seconds{partner="acme"} 3"#,
        r#"tidegate_push_refusals_total{partner="acme",reason="too_many"} 1"#,
        r#"tidegate_push_refusals_total{partner="acme",reason="credentials"} 0"#,
        r#"tidegate_quarantine_taken_total{reason="price_malformed"} 1"#,
        r#"tidegate_assets{partner="acme",state="live"} 7"#,
        r#"tidegate_prices{partner="acme",state="stale"} 1"#,
        r#"tidegate_push_loss_ratio{partner="acme"} 0.125"#,
        r#"tidegate_feed_run_share{partner="acme"} 0.5"#,
        r#"tidegate_partners{health="fine"} 1"#,
        r#"tidegate_reloads_total{outcome="refused"} 1"#,
        "tidegate_reload_sound 0",
        r#"tidegate_operator_acts_total{act="reload",outcome="refused"} 1"#,
        r#"tidegate_gap_heal_seconds_bucket{le="+Inf"} 1"#,
        "tidegate_gap_heal_seconds_sum 3",
        "tidegate_gap_heal_seconds_count 1",
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
        assert!(has(&text, line), "{line}\nis not in\n{text}");
    }
    metrics.stream_ended("client");
    assert!(has(&text_of(&metrics, &[]), "tidegate_sse_streams 0"));
}

#[test]
fn outcomes_stand_at_their_own_places() {
    assert!(Outcome::ALL.iter().enumerate().all(|(place, outcome)| *outcome as usize == place));
    assert!(RunStatus::ALL.iter().enumerate().all(|(place, status)| *status as usize == place));
}

#[test]
fn two_daemons_count_apart_and_a_partner_without_feed_shows_no_state_of_one() {
    let (one, other) = (Metrics::install(), Metrics::install());
    let acme = name("acme");
    one.partner(&acme).items_decided(ItemKind::Asset, Outcome::Created, 5);
    other.partner(&acme);
    let created = r#"tidegate_push_items_total{partner="acme",kind="asset",outcome="created"}"#;
    let text = text_of(&one, &[("acme", PartnerSample { feed: None, ..standing() })]);
    assert!(has(&text, &format!("{created} 5")));
    assert!(!text.contains("tidegate_feed_last_success_timestamp_seconds{"), "it would alarm");
    assert!(has(&text_of(&other, &[]), &format!("{created} 0")));
    assert!(Arc::ptr_eq(&one.partner(&acme), &one.partner(&acme)));
}

#[test]
fn partners_beyond_the_bound_are_counted_together_and_the_sums_are_right() {
    let metrics = Metrics::install().with_partners_max(1);
    metrics.partner(&name("acme")).push_answered(200);
    for partner in ["bolt", "cora"] {
        metrics.partner(&name(partner)).items_decided(ItemKind::Price, Outcome::Updated, 3);
    }
    let partners = [("acme", standing()), ("bolt", standing()), ("cora", standing())];
    let text = text_of(&metrics, &partners);
    for line in [
        r#"tidegate_push_items_total{partner="other",kind="price",outcome="updated"} 6"#,
        r#"tidegate_push_requests_total{partner="acme",code="2xx"} 1"#,
        r#"tidegate_assets{partner="acme",state="live"} 7"#,
        r#"tidegate_assets{partner="other",state="live"} 14"#,
        r#"tidegate_prices{partner="other",state="live"} 12"#,
        r#"tidegate_plans_held{partner="other"} 2"#,
        "tidegate_partners_folded 2",
    ] {
        assert!(has(&text, line), "{line}\nis not in\n{text}");
    }
    assert!(!text.contains("bolt") && !text.contains("cora"));
    // a time or a share of several partners says nothing
    assert!(!text.contains(r#"tidegate_feed_last_success_timestamp_seconds{partner="other"}"#));
}

#[test]
fn a_partner_that_is_called_like_the_others_is_one_of_them() {
    let metrics = Metrics::install();
    metrics.partner(&name("other")).push_answered(200);
    let text = text_of(&metrics, &[("other", standing())]);
    assert!(has(&text, r#"tidegate_push_requests_total{partner="other",code="2xx"} 1"#), "{text}");
    assert_eq!(text.matches(r#"tidegate_assets{partner="other",state="live"}"#).count(), 1);
}

#[test]
fn the_series_of_a_removed_partner_end_and_its_place_is_free() {
    let metrics = Metrics::install().with_partners_max(1);
    let gone = metrics.partner(&name("acme"));
    gone.push_answered(200);
    metrics.partner_has_gone(&name("acme"));
    gone.push_answered(200);
    gone.feed().slots_missed(1);
    assert!(!text_of(&metrics, &[]).contains("acme"), "what still counts, counts into nothing");
    metrics.partner(&name("bolt")).push_answered(200);
    assert!(text_of(&metrics, &[]).contains(r#"{partner="bolt""#), "not folded");
    metrics.partner_has_gone(&name("bolt"));
    metrics.partner(&name("acme"));
    let again = text_of(&metrics, &[]);
    assert!(has(&again, r#"tidegate_push_requests_total{partner="acme",code="2xx"} 0"#), "it begins anew");
}

#[test]
fn a_histogram_counts_each_sample_in_all_buckets_that_hold_it() {
    let metrics = Metrics::install();
    for micros in [50, 100, 101, 20_000_000] {
        metrics.push_durable(Duration::from_micros(micros));
    }
    let text = text_of(&metrics, &[]);
    for (le, count) in [("0.0001", 2), ("0.00025", 3), ("10", 3), ("+Inf", 4)] {
        let line = format!("tidegate_push_durable_seconds_bucket{{le=\"{le}\"}} {count}");
        assert!(has(&text, &line), "{line}");
    }
    assert!(has(&text, "tidegate_push_durable_seconds_count 4"));
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

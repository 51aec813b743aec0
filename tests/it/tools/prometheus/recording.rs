//! What a live Prometheus has seen of daemons, held for hours in promtool's time.

use super::server::{Prometheus, Sample};
use crate::tools::dashboards;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use tempfile::TempDir;

/// Seconds between the two looks from which the pace of a counter is taken.
const PACE: f64 = 10.0;

/// Series of daemons with their values at one moment, and how they went on then.
pub struct Recording {
    series: Vec<(String, f64, f64)>,
}

/// How long something is held, and how often it is looked at meanwhile.
pub struct Held {
    pub minutes: u32,
    pub every_minutes: u32,
}

impl Recording {
    /// Of what the daemons in trouble publish. Times are moved such that it is made at 0.
    pub async fn take(prometheus: &Prometheus) -> Recording {
        // alerts ask for the buckets of one metric alone
        let all = [
            r#"{job="tidegate", instance!="demo", __name__!~"scrape_.*|.*:.*|ALERTS.*|.*_bucket"}"#,
            r#"tidegate_push_durable_seconds_bucket{job="tidegate", instance!="demo", le="0.05"}"#,
        ];
        let before = prometheus.query(&all.map(|part| format!("{part} offset {PACE}s")).join(" or ")).await;
        let before: BTreeMap<_, _> =
            before.into_iter().map(|sample| (series_of(&sample), sample.value)).collect();
        let now = prometheus.query("vector(time())").await[0].value;
        let mut series = Vec::new();
        for sample in prometheus.query(&all.join(" or ")).await {
            let name = sample.labels["__name__"].clone();
            let is_time = name.ends_with("_timestamp_seconds") || name == "process_start_time_seconds";
            let counts = ["_total", "_count", "_sum", "_bucket"].iter().any(|end| name.ends_with(end));
            let key = series_of(&sample);
            let pace = match before.get(&key) {
                Some(before) if counts => (sample.value - before).max(0.0) / PACE,
                _ => 0.0,
            };
            if sample.value.is_finite() {
                let value = if is_time { sample.value - now } else { sample.value };
                series.push((key, value, pace));
            }
        }
        Recording { series }
    }

    /// Says that a daemon is not reached.
    pub fn without(mut self, instance: &str) -> Recording {
        for (series, value, _) in &mut self.series {
            if series.starts_with("up{") && series.contains(&format!("instance=\"{instance}\"")) {
                *value = 0.0;
            }
        }
        self
    }

    /// Which of these alerts do not fire where all goes on as recorded; what promtool says where it finds none.
    pub fn silent(&self, held: &Held, alerts: &[&str]) -> BTreeSet<String> {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("recorded.yaml");
        std::fs::write(&path, self.test(held, alerts).to_string()).unwrap();
        let tested = Command::new("promtool").args(["test", "rules"]).arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&tested.stdout) + String::from_utf8_lossy(&tested.stderr);
        if tested.status.success() {
            return BTreeSet::new();
        }
        let got = said.split("got:").nth(1).unwrap_or_else(|| panic!("{said}"));
        let fires = |alert: &&&str| got.contains(&format!("alertname=\"{alert}\""));
        let silent: BTreeSet<_> =
            alerts.iter().filter(|alert| !fires(alert)).map(|alert| (*alert).to_owned()).collect();
        assert!(!silent.is_empty(), "{said}");
        silent
    }

    fn test(&self, held: &Held, alerts: &[&str]) -> Value {
        let (every, times) = (f64::from(held.every_minutes) * 60.0, held.minutes / held.every_minutes);
        let of_series = |(series, value, pace): &(String, f64, f64)| json!({"series": series, "values": format!("{value:.6}+{:.6}x{times}", pace * every)});
        let input: Vec<_> = self.series.iter().map(of_series).collect();
        let query = format!(
            "group by (alertname) (ALERTS{{alertstate=\"firing\", alertname=~\"{}\"}})",
            alerts.join("|")
        );
        let expected: Vec<_> = alerts
            .iter()
            .map(|alert| json!({"labels": format!("{{alertname=\"{alert}\"}}"), "value": 1}))
            .collect();
        let rules =
            ["recording", "alerts"].map(|name| dashboards::folder().join(format!("rules/{name}.yaml")));
        let groups = ["pushes", "feeds", "promises", "daemon", "store", "partners", "edge"];
        json!({
            "rule_files": rules,
            "evaluation_interval": format!("{}m", held.every_minutes),
            "group_eval_order": groups.map(|name| format!("tidegate-{name}")),
            "tests": [{
                "interval": format!("{}m", held.every_minutes),
                "input_series": input,
                "promql_expr_test": [
                    {"expr": query, "eval_time": format!("{}m", held.minutes), "exp_samples": expected},
                ],
            }],
        })
    }
}

/// A series as promtool writes it.
fn series_of(sample: &Sample) -> String {
    let labels = sample.labels.iter().filter(|(name, _)| *name != "__name__");
    let labels: Vec<_> = labels.map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{}{{{}}}", sample.labels["__name__"], labels.join(", "))
}

//! A Prometheus with the project's rules, which scrapes daemons on loopback every two seconds.

use crate::support::house::wait_for;
use crate::support::skipped;
use crate::tools::dashboards;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Client;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// One series of an answer, with its value. A metric's name is the label `__name__`.
#[derive(Clone, Debug)]
pub struct Sample {
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// Ends when it is dropped.
pub struct Prometheus {
    child: Child,
    client: Client,
    url: String,
    _directory: TempDir,
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Prometheus {
    /// Of daemons by the name that their instance is to have. `None` where it is not installed, which is said.
    pub async fn start(daemons: &[(&str, SocketAddr)]) -> Option<Prometheus> {
        let directory = TempDir::new().unwrap();
        let targets: Vec<_> = daemons
            .iter()
            .map(|(name, address)| json!({"targets": [address.to_string()], "labels": {"instance": name}}))
            .collect();
        let configuration = json!({
            "global": {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "1s"},
            "rule_files": [dashboards::folder().join("rules/*.yaml")],
            "scrape_configs": [{"job_name": "tidegate", "static_configs": targets}],
        });
        let path = directory.path().join("prometheus.yml");
        std::fs::write(&path, configuration.to_string()).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", path.display()))
            .arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .args(["--log.level=error"])
            .stdout(Stdio::null());
        let child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                skipped::without_tool("prometheus", &error);
                return None;
            }
        };
        let client = Client::builder().no_proxy().build().unwrap();
        let prometheus =
            Prometheus { child, client, url: format!("http://{address}"), _directory: directory };
        wait_for("Prometheus", async || {
            let ready = prometheus.client.get(format!("{}/-/ready", prometheus.url)).send().await.ok()?;
            ready.status().is_success().then_some(())
        })
        .await;
        Some(prometheus)
    }

    /// What an expression comes to now; one that is faulty ends the test.
    pub async fn query(&self, expression: &str) -> Vec<Sample> {
        let body = format!("query={}", utf8_percent_encode(expression, NON_ALPHANUMERIC));
        let request = self.client.post(format!("{}/api/v1/query", self.url)).body(body);
        let reply = request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
        let answer: Value = serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap();
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        let result = answer["data"]["result"].as_array().expect("a vector").iter();
        let labels = |series: &Value| {
            let labels = series["metric"].as_object().unwrap().iter();
            labels.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
        };
        let value = |series: &Value| series["value"][1].as_str().unwrap().parse().unwrap();
        result.map(|series| Sample { labels: labels(series), value: value(series) }).collect()
    }

    /// Names of the alerts for which an expression has series.
    pub async fn alerts(&self, expression: &str) -> std::collections::BTreeSet<String> {
        let series = self.query(&format!("group by (alertname) ({expression})")).await;
        series.into_iter().map(|sample| sample.labels["alertname"].clone()).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

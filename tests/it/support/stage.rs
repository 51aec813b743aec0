//! A daemon with one partner and its feed, fetched when the test asks under a clock that the test
//! moves.

use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, PATIENCE, answer, feed, json, partner, wait_for};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tidegate::clock::Clock;
use tidegate::codec::time;
use tidegate::config::PartnerSettings;
use tidegate::domain::Micros;

pub const START: Micros = Micros(1_780_000_000 * Micros::SECOND);
const HOUR: i64 = Micros::HOUR;
pub const PATH: &str = "/feed.json";

/// A daemon with one partner `acme`, its feed's server, and the number of its last run.
pub struct Stage {
    pub house: House,
    pub server: FeedServer,
    pub runs: u64,
}

/// Our own shape, with these ids; dated where `at` is given.
pub fn document(at: Option<Micros>, ids: impl IntoIterator<Item = usize>) -> String {
    let assets: Vec<String> = ids.into_iter().map(|n| format!(r#"{{"id":"a{n}","name":"n{n}"}}"#)).collect();
    let dated = at.map_or(String::new(), |at| format!(r#""generated_at":"{}","#, time::format(at)));
    format!(r#"{{{dated}"assets":[{}]}}"#, assets.join(","))
}

impl Stage {
    /// Serves a document; the daemon fetches it at its start.
    pub async fn open(first: String, change: impl FnOnce(&mut PartnerSettings)) -> Stage {
        Stage::open_at(START, Some(Served::json(first)), change).await
    }

    /// The same at another time; without a document the first fetch finds nothing.
    pub async fn open_at(
        now: Micros,
        first: Option<Served>,
        change: impl FnOnce(&mut PartnerSettings),
    ) -> Stage {
        let server = FeedServer::start().await;
        let mut feed = feed(&server.url(PATH));
        match first {
            Some(first) => server.put(PATH, first),
            None => feed.retries.clear(),
        }
        let mut settings = partner("acme").with_feed(feed);
        change(&mut settings);
        let house = House::start(vec![settings], Clock::manual(now)).await;
        house.run_report("acme", 1).await;
        Stage { house, server, runs: 1 }
    }

    pub fn now(&self) -> Micros {
        self.house.now()
    }

    pub fn wait(&self, micros: i64) {
        self.house.clock.set(self.now().plus(micros));
    }

    /// Fetches what is served now, and gives the run's report.
    pub async fn fetch_now(&mut self) -> Value {
        self.runs += 1;
        let run = self.runs;
        let asked = || {
            let answered = self.server.answered(PATH);
            answered.whole + answered.not_modified + answered.refused
        };
        let before = asked();
        wait_for(format!("run {run}"), async || {
            if asked() == before {
                // the run before has been reported, but may not be closed yet: it drops the call; and an actor
                // that has just died takes none until it is there again
                let entry = self.house.daemon().registry().by_name("acme").expect("it is configured");
                let _is_up = entry.fetch_now();
            }
            let (_, report) = self.house.get("acme", &format!("/api/feed/runs/{run}")).await;
            (report["run"] == run).then_some(report)
        })
        .await
    }

    /// The same an hour later.
    pub async fn fetch(&mut self) -> Value {
        self.wait(HOUR);
        self.fetch_now().await
    }

    /// Serves another document and fetches it at once.
    pub async fn serve(&mut self, served: Served) -> Value {
        self.server.put(PATH, served);
        self.fetch_now().await
    }

    /// Serves these ids and fetches them an hour later; dated then where `is_dated`.
    pub async fn publish(&mut self, is_dated: bool, ids: impl IntoIterator<Item = usize>) -> Value {
        let at = is_dated.then(|| self.now().plus(HOUR));
        self.server.put(PATH, Served::json(document(at, ids)));
        self.fetch().await
    }

    pub async fn plans(&self) -> Vec<Value> {
        let (status, list) = answer(self.house.admin(Method::GET, "/admin/partners/acme/plans")).await;
        assert_eq!(status, StatusCode::OK, "{list}");
        list["items"].as_array().cloned().unwrap()
    }

    /// States of all plans, the newest first.
    pub async fn states(&self) -> Vec<String> {
        self.plans().await.iter().map(|plan| plan["state"].as_str().unwrap().to_owned()).collect()
    }

    pub async fn decide(&self, plan: u64, verdict: &str) -> (StatusCode, Value) {
        let path = format!("/admin/partners/acme/plans/{plan}/{verdict}");
        let request = self.house.admin(Method::POST, &path).timeout(PATIENCE);
        answer(json(request, &json!({ "reason": "seen" }))).await
    }

    pub async fn living(&self) -> usize {
        self.house.catalogue("acme").await.len()
    }

    pub async fn metric(&self, series: &str) -> f64 {
        let text = self.house.admin(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series} in {text}")).parse().unwrap()
    }
}

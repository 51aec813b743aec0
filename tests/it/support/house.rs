//! A daemon in this process, on loopback ports of its own, in a directory of its own, with a clock
//! that the test moves or the system's; and the calls that tests make of it.

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tidegate::clock::{self, Clock, Mark};
use tidegate::config::{FeedSettings, PartnerSettings, ReaderSettings, Settings};
use tidegate::daemon::{Daemon, StartError};
use tidegate::domain::Micros;
use tidegate::store::StoreError;

/// 2026-01-01T00:00:00Z: where the clock stands at first in tests of single pushes.
pub const NEW_YEAR: Micros = Micros(1_767_225_600 * Micros::SECOND);
pub const READER: &str = "reader-token";
/// How long a test waits for a state before it gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct House {
    pub daemon: Option<Daemon>,
    pub settings: Settings,
    pub clock: Clock,
    pub client: Client,
    _directory: Option<TempDir>,
}

/// A partner with a key made of its name, and limits that no test meets by accident.
pub fn partner(name: &str) -> PartnerSettings {
    let mut settings = PartnerSettings::named(name, &key(name));
    settings.limits.prices_per_second = 10_000_000;
    settings.limits.asset_writes_per_second = 10_000_000;
    settings.limits.reads_per_second = 10_000_000;
    for bytes in [
        &mut settings.limits.price_bytes_per_second,
        &mut settings.limits.asset_write_bytes_per_second,
        &mut settings.limits.read_bytes_per_second,
    ] {
        *bytes = 4 << 30;
    }
    settings.policy.default_currency = tidegate::domain::Currency::new("EUR").ok();
    settings
}

pub fn key(partner: &str) -> String {
    format!("key-of-{partner}")
}

/// A feed on loopback that is fetched at the start, and then when the test asks.
pub fn feed(url: &str) -> FeedSettings {
    let mut feed = FeedSettings::at(url);
    feed.allow_private = true;
    feed
}

impl House {
    /// With partners of these names, and nothing set about them.
    pub async fn with(names: &[&str], clock: Clock) -> House {
        House::start(names.iter().map(|name| partner(name)).collect(), clock).await
    }

    pub async fn start(partners: Vec<PartnerSettings>, clock: Clock) -> House {
        let directory = TempDir::new().expect("a directory for the store");
        let mut house = House::start_in(directory.path().to_owned(), partners, clock).await;
        house._directory = Some(directory);
        house
    }

    /// On a directory that outlives the house.
    pub async fn start_in(directory: PathBuf, partners: Vec<PartnerSettings>, clock: Clock) -> House {
        House::start_as(directory, clock, |settings| settings.partners = partners).await
    }

    /// With settings that the test changes.
    pub async fn start_as(directory: PathBuf, clock: Clock, change: impl FnOnce(&mut Settings)) -> House {
        let mut settings = Settings::minimal(directory);
        settings.store.disk_free_bytes_min = 0;
        settings.server.failed_calls_per_minute = 1_000_000_000;
        let mut reader = ReaderSettings::named("test", READER);
        reader.limits.reads_per_second = 10_000_000;
        reader.limits.read_bytes_per_second = 4 << 30;
        settings.readers = vec![reader];
        change(&mut settings);
        let daemon = Daemon::start(settings.clone(), clock.clone()).await.expect("the daemon starts");
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
        House { daemon: Some(daemon), settings, clock, client, _directory: None }
    }

    /// Around a daemon that the test has started itself.
    pub fn of(daemon: Daemon, settings: Settings, client: Client) -> House {
        House { daemon: Some(daemon), settings, clock: Clock::system(), client, _directory: None }
    }

    pub fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().expect("the daemon runs")
    }

    /// Stops in stages and starts again on the same file.
    pub async fn restart(&mut self) {
        self.stop_daemon().await;
        self.start_again().await;
    }

    /// Stops in stages and starts again after something has happened to the file.
    pub async fn restart_over(&mut self, happens: impl FnOnce(&Path)) {
        self.stop_daemon().await;
        happens(&self.store_file());
        self.start_again().await;
    }

    /// Starts again on the file as it is now, as after `kill -9`: what a stop in stages writes to it
    /// is undone.
    pub async fn restart_as_killed(&mut self) {
        // the mark beside it too: it would tell that an older file stands here
        let mark = self.store_file().with_file_name("tidegate.reached");
        let reached = std::fs::read(&mark).expect("the mark can be read");
        let image = self.store_image().await;
        self.stop_daemon().await;
        std::fs::write(self.store_file(), image).expect("the file can be written");
        std::fs::write(mark, reached).expect("the mark can be written");
        self.start_again().await;
    }

    /// The store's file as it was at one moment: it is read until two readings are the same.
    pub async fn store_image(&self) -> Vec<u8> {
        let read = || std::fs::read(self.store_file()).expect("the file can be read");
        wait_for("the store's file to stand still", async || {
            let image = read();
            (read() == image).then_some(image)
        })
        .await
    }

    fn store_file(&self) -> PathBuf {
        self.settings.store.directory.join("tidegate.redb")
    }

    async fn stop_daemon(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.stop().await.expect("the daemon stops");
        }
    }

    async fn start_again(&mut self) {
        let (settings, clock) = (self.settings.clone(), self.clock.clone());
        let started = wait_for("the file to be let go", async || {
            match Daemon::start(settings.clone(), clock.clone()).await {
                // a task that was cut off may hold it for a moment longer
                Err(StartError::Store(StoreError::AlreadyOpen { .. })) => None,
                started => Some(started),
            }
        });
        self.daemon = Some(started.await.expect("the daemon starts again"));
    }

    pub async fn stop(mut self) {
        self.stop_daemon().await;
    }

    pub fn now(&self) -> Micros {
        self.clock.now()
    }

    /// A request as `partner`.
    pub fn call(&self, partner: &str, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.daemon().address());
        self.client.request(method, url).bearer_auth(key(partner))
    }

    /// A request with the reader's token.
    pub fn read(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("http://{}{path}", self.daemon().address())).bearer_auth(READER)
    }

    pub fn admin(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.daemon().admin_address()))
    }

    pub async fn post(&self, partner: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        answer(json(self.call(partner, Method::POST, path), body)).await
    }

    pub async fn put(&self, partner: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        answer(json(self.call(partner, Method::PUT, path), body)).await
    }

    pub async fn get(&self, partner: &str, path: &str) -> (StatusCode, Value) {
        answer(self.call(partner, Method::GET, path)).await
    }

    pub async fn delete(&self, partner: &str, path: &str) -> (StatusCode, Value) {
        answer(self.call(partner, Method::DELETE, path)).await
    }

    /// Asks for a run of the partner's feed, as often as a test likes.
    pub fn fetch_now(&self, partner: &str) {
        let entry = self.daemon().registry().by_name(partner).expect("it is configured");
        assert!(entry.fetch_now(), "it has a feed and an actor");
    }

    /// The partner's runs, newest first.
    pub async fn runs(&self, partner: &str) -> Vec<Value> {
        let (status, body) = self.get(partner, "/api/feed/runs").await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body["items"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until the partner has a report of run `run` and gives it.
    pub async fn run_report(&self, partner: &str, run: u64) -> Value {
        wait_for(format!("run {run} of {partner}"), async || {
            let runs = self.runs(partner).await;
            runs.into_iter().find(|report| report["run"] == run)
        })
        .await
    }

    /// All assets that the reader sees of a partner, whatever their status, by id.
    pub async fn catalogue(&self, partner: &str) -> std::collections::BTreeMap<String, Value> {
        let mut assets = std::collections::BTreeMap::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/api/partners/{partner}/assets?limit=1000&status=any{cursor}");
            let (status, page) = answer(self.read(&path)).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            for item in page["items"].as_array().expect("items") {
                assets.insert(item["id"].as_str().expect("an id").to_owned(), item.clone());
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return assets,
            }
        }
    }
}

pub fn json(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request.header("content-type", "application/json").body(body.to_string())
}

pub async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.expect("an answer");
    let status = response.status();
    let body = response.bytes().await.expect("a body");
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// Asks again and again until there is an answer; fails the test after `PATIENCE`.
pub async fn wait_for<T>(what: impl std::fmt::Display, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Mark::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "waited too long for {what}");
        clock::sleep(Duration::from_millis(5)).await;
    }
}

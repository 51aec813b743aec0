//! Daemons of which a test can reach the clock, the disk and the actors, and two programs that live on in trouble.

use super::server::{Prometheus, free_port};
use crate::operate::damage::{Stored, damage};
use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, PATIENCE, feed, json as with_json, key, partner, wait_for};
use crate::support::program::{Program, configure};
use crate::support::simdisk::SimDisk;
use crate::support::small_store::KEEP_ALL;
use reqwest::{Client, Method};
use serde_json::json;
use std::fs;
use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ChildStderr;
use std::time::Duration;
use tempfile::TempDir;
use tidegate::clock::{self, Clock};
use tidegate::config::Settings;
use tidegate::daemon::Daemon;
use tidegate::domain::{Micros, RecordKind};
use tidegate::store::open_backend;

/// More than a push may take.
const SLOW: Duration = Duration::from_millis(60);
/// Deaths of an actor that are more than may be.
const DEATHS: usize = 4;
const ROOM: usize = 1 << 20;
/// Of a request that takes nearly all of it, what has come.
const COME: usize = 400_000;

/// Each by the name of its instance.
pub struct Within {
    /// A record of one partner is damaged, so that it is down; the actor of another dies.
    damaged: House,
    /// Its clock leaps ahead of the time at which its feed was due.
    ahead: House,
    /// Its clock is set back.
    behind: House,
    /// One request takes nearly all of its room.
    full: House,
    /// Its disk fails.
    failing: (House, SimDisk),
    /// Its disk takes long to sync.
    slow: House,
    /// Nobody reads its log.
    unread: (Program, BufReader<ChildStderr>),
    /// It is killed and started again.
    restarted: Option<Program>,
    /// What they stand on, and what they wait for.
    directories: Vec<TempDir>,
    held: Option<TcpStream>,
}

fn now() -> Micros {
    Clock::system().now()
}

async fn with_a_feed(path: &str) -> (House, FeedServer) {
    let server = FeedServer::start().await;
    let document = json!({"generated_at": "2026-01-01T00:00:00Z", "assets": [{"id": "a"}]});
    server.put(path, Served::json(document.to_string()));
    let acme = partner("acme").with_feed(feed(&server.url(path)));
    let house = House::start(vec![acme, partner("bolt")], Clock::manual(now())).await;
    house.run_report("acme", 1).await;
    (house, server)
}

async fn on(disk: &SimDisk, directory: &TempDir) -> House {
    let mut settings = Settings::minimal(directory.path().to_owned());
    settings.store.disk_free_bytes_min = 0;
    settings.partners = vec![partner("acme")];
    let opened = open_backend(disk.clone(), &KEEP_ALL).unwrap();
    let daemon = Daemon::start_on(opened, settings.clone(), Clock::system()).await.unwrap();
    House::of(daemon, settings, Client::builder().no_proxy().timeout(PATIENCE).build().unwrap())
}

async fn figure(house: &House, series: &str) -> Option<f64> {
    let text = house.admin(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

async fn until(house: &House, series: &str, holds: impl Fn(f64) -> bool) {
    wait_for(series, async || figure(house, series).await.filter(|value| holds(*value))).await;
}

impl Within {
    pub async fn start() -> Within {
        let directories: Vec<TempDir> = (0..5).map(|_| TempDir::new().unwrap()).collect();
        let (mut damaged, _) = with_a_feed("/damaged.json").await;
        damaged.restart_over(|file| damage(file, Stored::Record(RecordKind::Feed, &[]))).await;
        let (ahead, _) = with_a_feed("/ahead.json").await;
        let behind = House::with(&["acme"], Clock::manual(now())).await;
        let full = House::start_as(directories[0].path().to_owned(), Clock::system(), |settings| {
            settings.partners = vec![partner("acme")];
            settings.server.bytes_in_flight_max = ROOM;
            settings.server.body_timeout = Duration::from_secs(600);
            settings.server.body_idle_timeout = Duration::from_secs(600);
        })
        .await;
        let (failing, slow) = (SimDisk::default(), SimDisk::default());
        slow.sync_takes(SLOW);
        configure(directories[3].path(), "acme");
        configure(directories[4].path(), "acme");
        let file = directories[4].path().join("tidegate.toml");
        let fixed = format!("admin_listen = '127.0.0.1:{}'", free_port());
        let text = fs::read_to_string(&file).unwrap().replace("admin_listen = '127.0.0.1:0'", &fixed);
        fs::write(&file, text).unwrap();
        Within {
            damaged,
            ahead,
            behind,
            full,
            failing: (on(&failing, &directories[1]).await, failing),
            slow: on(&slow, &directories[2]).await,
            unread: Program::start_with_an_unread_log(directories[3].path()).await,
            restarted: Some(Program::start(directories[4].path()).await),
            directories,
            held: None,
        }
    }

    pub fn addresses(&self) -> [(&'static str, SocketAddr); 8] {
        let of = |house: &House| house.daemon().admin_address();
        [
            ("damaged", of(&self.damaged)),
            ("ahead", of(&self.ahead)),
            ("behind", of(&self.behind)),
            ("full", of(&self.full)),
            ("failing", of(&self.failing.0)),
            ("slow", of(&self.slow)),
            ("unread", self.unread.0.admin_address),
            ("restarted", self.restarted.as_ref().expect("it runs").admin_address),
        ]
    }

    /// Brings it all about, once Prometheus has seen how it was before.
    pub async fn come_about(&mut self, prometheus: &Prometheus) {
        for death in 0..DEATHS {
            self.damaged.daemon().registry().by_name("bolt").expect("it is configured").panic_for_test();
            let series = r#"tidegate_actor_restarts_total{actor="partner"}"#;
            until(&self.damaged, series, |restarts| restarts > death as f64).await;
        }
        self.ahead.clock.set(now().plus(40 * Micros::DAY));
        self.behind.clock.set(now().plus(-Micros::HOUR));
        until(&self.behind, "tidegate_clock_behind_seconds", |behind| behind > 0.0).await;
        self.take_the_room().await;
        let (failing, disk) = &self.failing;
        disk.fail_at(disk.calls() + 1);
        let refused = with_json(failing.call("acme", Method::POST, "/api/assets"), &json!({"id": "a"}));
        assert!(refused.send().await.unwrap().status().is_server_error());
        let faulty: String = (0..400).map(|n| format!("nonsense_{n} = '{}'\n", "x".repeat(100))).collect();
        fs::write(self.directories[3].path().join("partners/faulty.toml"), faulty).unwrap();
        let (unread, plain) = (&self.unread.0, Client::builder().no_proxy().build().unwrap());
        wait_for("lines to be dropped", async || {
            unread.hang_up();
            let text = plain.get(unread.admin_url("/metrics")).send().await.unwrap().text().await.unwrap();
            let dropped = text.lines().find_map(|line| line.strip_prefix("tidegate_log_dropped_total "));
            (dropped.expect("it is published") != "0").then_some(())
        })
        .await;
        for times in 1..=2 {
            self.restarted.take().expect("it runs").kill();
            self.restarted = Some(Program::start(self.directories[4].path()).await);
            let starts = r#"changes(process_start_time_seconds{instance="restarted"}[10m])"#;
            wait_for("a start to be seen", async || {
                let seen = prometheus.query(starts).await;
                seen.first().is_some_and(|sample| sample.value >= f64::from(times)).then_some(())
            })
            .await;
        }
    }

    /// A request whose body does not end.
    async fn take_the_room(&mut self) {
        let mut held = TcpStream::connect(self.full.daemon().address()).unwrap();
        let head = format!(
            "POST /api/assets HTTP/1.1\r\nhost: tidegate\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            key("acme"),
            ROOM / 10 * 9
        );
        held.write_all(head.as_bytes()).unwrap();
        held.write_all(&vec![b' '; COME]).unwrap();
        self.held = Some(held);
        until(&self.full, "tidegate_queue_bytes", |bytes| bytes > 0.8 * ROOM as f64).await;
    }

    /// Pushes that take long, as many as there is time for.
    pub async fn push_slowly(&self, seconds: u64) {
        let began = clock::Mark::now();
        for n in 0.. {
            let asset =
                with_json(self.slow.call("acme", Method::POST, "/api/assets"), &json!({"id": n.to_string()}));
            assert!(asset.send().await.unwrap().status().is_success());
            if began.elapsed() > Duration::from_secs(seconds) {
                return;
            }
        }
    }

    pub fn end(self) {
        self.unread.0.kill();
        self.restarted.expect("it runs").kill();
    }
}

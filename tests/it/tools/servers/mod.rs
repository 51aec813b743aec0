//! Feeds from real web servers, whose file is rewritten again and again (F1, A11): whatever the server
//! makes of it, the catalogue is always that of one version that was published.

mod holding;
mod running;

use crate::support::house::{House, PATIENCE, feed, partner, wait_for};
use crate::support::stage::START;
use futures_util::future::join_all;
use holding::HoldingRelay;
use running::{Endpoint, Running};
use serde_json::Value;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};
use tidegate::clock::{Clock, Mark};
use tidegate::codec::time;
use tidegate::domain::Micros;

/// Over all ways in which all servers serve; fewer servers have more each.
const REWRITES: usize = 1_008;
const ASSETS: usize = 12;
/// Of a version that is long enough to be held in the middle.
const LONG_NOTE: usize = 24 * 1024;
const SHORT_NOTE: usize = 24;

/// How a file comes to hold another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rewrite {
    /// Written over, byte by byte of the same length where the versions have it.
    InPlace,
    /// Emptied and written.
    Truncated,
    /// Written beside and renamed.
    Renamed,
}

/// What the file's time says afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stamped {
    /// The truth: most rewrites are within one second of the last.
    Now,
    /// A second of its own, long ago, and later than the last one of its kind.
    Later,
    /// The same, and earlier: a file that was made before and is put back.
    Earlier,
}

/// The file of one endpoint, and all that it ever held.
struct Publisher {
    path: PathBuf,
    random: fastrand::Rng,
    newest: u64,
    /// The length of each version's notes.
    notes: HashMap<u64, usize>,
    stamps: u64,
}

impl Publisher {
    fn new(path: PathBuf, seed: u64) -> Publisher {
        let random = fastrand::Rng::with_seed(seed);
        let mut publisher = Publisher { path, random, newest: 100_000, notes: HashMap::new(), stamps: 0 };
        publisher.publish(Rewrite::Renamed, Stamped::Later, SHORT_NOTE);
        publisher
    }

    fn publish(&mut self, rewrite: Rewrite, stamped: Stamped, note_length: usize) {
        self.newest += 1;
        let mut ids: Vec<usize> = (0..ASSETS).collect();
        self.random.shuffle(&mut ids);
        let version = self.newest;
        let record = |id| {
            let note = note_of(version, id, note_length);
            format!(r#"{{"id":"a{id:02}","version":{version},"note":"{note}"}}"#)
        };
        let records: Vec<String> = ids.into_iter().map(record).collect();
        let at = time::format(START.plus(self.newest as i64 * Micros::SECOND));
        let text = format!(r#"{{"generated_at":"{at}","count":{ASSETS},"assets":[{}]}}"#, records.join(","));
        self.notes.insert(version, note_length);
        self.write(text.as_bytes(), rewrite, stamped);
    }

    fn write(&mut self, text: &[u8], rewrite: Rewrite, stamped: Stamped) {
        let beside = self.path.with_extension("new");
        let mut file = match rewrite {
            Rewrite::Renamed => File::create(&beside).unwrap(),
            Rewrite::Truncated => File::create(&self.path).unwrap(),
            Rewrite::InPlace => File::options().write(true).open(&self.path).unwrap(),
        };
        file.seek(SeekFrom::Start(0)).unwrap();
        // in two pieces, as most programs write
        let (head, tail) = text.split_at(text.len() / 2);
        file.write_all(head).unwrap();
        file.write_all(tail).unwrap();
        file.set_len(text.len() as u64).unwrap();
        self.stamps += 1;
        let day = 86_400;
        let at = match stamped {
            Stamped::Now => None,
            Stamped::Later => Some(START.0 as u64 / 1_000_000 + self.stamps),
            Stamped::Earlier => Some(START.0 as u64 / 1_000_000 - 30 * day - self.stamps),
        };
        if let Some(seconds) = at {
            file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
        }
        drop(file);
        if rewrite == Rewrite::Renamed {
            std::fs::rename(&beside, &self.path).unwrap();
        }
    }

    fn any_rewrite(&mut self) -> Rewrite {
        [Rewrite::InPlace, Rewrite::Truncated, Rewrite::Renamed][self.random.usize(..3)]
    }

    fn any_stamp(&mut self) -> Stamped {
        [Stamped::Now, Stamped::Now, Stamped::Later, Stamped::Earlier][self.random.usize(..4)]
    }
}

/// Another noise for each record: no compression makes a file of them short.
fn note_of(version: u64, id: usize, length: usize) -> String {
    let mut random = fastrand::Rng::with_seed(version * 100 + id as u64);
    (0..length).map(|_| random.alphanumeric()).collect()
}

/// One endpoint, its partner, and what was done to its file.
struct Trial<'a> {
    house: &'a House,
    name: &'static str,
    relay: HoldingRelay,
    publisher: Publisher,
    done: Vec<String>,
}

impl Trial<'_> {
    /// Begins a run, and gives its number: one that has just been reported is followed by another.
    async fn begin(&self) -> u64 {
        let entry = self.house.daemon().registry().by_name(self.name).expect("it is configured");
        entry.run_now().await.expect("it has an actor").0
    }

    async fn report(&self, run: u64) -> Value {
        wait_for(format!("run {run} of {}", self.name), async || {
            let (_, report) = self.house.get(self.name, &format!("/api/feed/runs/{run}")).await;
            (report["run"] == run).then_some(report)
        })
        .await
    }

    async fn fetch(&self) -> Value {
        let run = self.begin().await;
        self.report(run).await
    }

    /// The version that the catalogue holds, all of it.
    async fn version(&self) -> u64 {
        let catalogue = self.house.catalogue(self.name).await;
        let version = catalogue.values().next().map_or(0, |asset| asset["version"].as_u64().unwrap());
        let length = self.publisher.notes.get(&version).copied().unwrap_or_default();
        let is_whole = catalogue.len() == ASSETS
            && catalogue.values().enumerate().all(|(id, asset)| {
                asset["version"] == version && asset["note"] == note_of(version, id, length)
            });
        let found: Vec<String> =
            catalogue.iter().map(|(id, asset)| format!("{id}: {}", asset["version"])).collect();
        let (name, done) = (self.name, &self.done);
        assert!(is_whole, "{name} is no version that was published: {found:?} after {done:#?}");
        version
    }

    /// The newest version is there after at most two fetches; each one before is one that was published.
    async fn settle(&mut self) {
        for _ in 0..2 {
            let report = self.fetch().await;
            self.done.push(format!("{} {} {}", report["status"], report["code"], report["detail"]));
            if self.version().await == self.publisher.newest {
                return;
            }
        }
        panic!("{} does not see version {} after {:#?}", self.name, self.publisher.newest, self.done);
    }

    async fn rewrite_between_fetches(&mut self) {
        let (rewrite, stamped) = (self.publisher.any_rewrite(), self.publisher.any_stamp());
        let longer = self.publisher.random.usize(..3) / 2;
        self.done.push(format!("{rewrite:?} {stamped:?} longer by {longer}"));
        self.publisher.publish(rewrite, stamped, SHORT_NOTE + longer);
        self.settle().await;
        if self.publisher.random.u8(..4) == 0 {
            let report = self.fetch().await;
            assert_eq!(report["status"], "unchanged", "{} {report}", self.name);
        }
    }

    /// While its body is held in the middle.
    async fn rewrite_while_sent(&mut self) {
        let before = self.publisher.any_stamp();
        self.publisher.publish(Rewrite::Renamed, before, LONG_NOTE);
        self.relay.arm();
        let run = self.begin().await;
        let is_held = tokio::select! {
            () = self.relay.held() => true,
            report = self.report(run) => panic!("{} was not held: {report}", self.name),
        };
        let rewrite = self.publisher.any_rewrite();
        let length = if rewrite == Rewrite::Truncated { LONG_NOTE / 2 } else { LONG_NOTE };
        self.done.push(format!("{before:?}, {rewrite:?} while sent ({is_held})"));
        self.publisher.publish(rewrite, Stamped::Now, length);
        self.relay.disarm();
        self.relay.release();
        let report = self.report(run).await;
        self.done.push(format!("{} {}", report["status"], report["code"]));
        self.version().await;
        if self.version().await != self.publisher.newest {
            self.settle().await;
        }
    }

    async fn run(mut self, rewrites: usize) -> (&'static str, Duration) {
        let began = Mark::now();
        self.report(1).await;
        self.settle_first().await;
        let mut left = rewrites;
        while left > 0 {
            match self.publisher.random.u8(..16) {
                0 if left > 1 => {
                    self.rewrite_while_sent().await;
                    left -= 2;
                }
                _ => {
                    self.rewrite_between_fetches().await;
                    left -= 1;
                }
            }
            let kept = self.done.len().saturating_sub(8);
            self.done.drain(..kept);
        }
        (self.name, began.elapsed())
    }

    async fn settle_first(&mut self) {
        assert_eq!(self.version().await, self.publisher.newest, "{}", self.name);
    }
}

/// A directory that a server which gives up its rights can read.
fn open_directory(path: &Path) {
    std::fs::create_dir_all(path).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f1_a_thousand_rewrites_behind_real_servers_never_show_a_version_that_was_not_published() {
    let seed = std::env::var("TIDEGATE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("TIDEGATE_SEED={seed}");
    let directory = tempfile::tempdir().unwrap();
    open_directory(directory.path());
    let (root, own) = (directory.path().join("root"), directory.path().join("own"));
    open_directory(&root);
    let place = |name: &str| {
        let place = own.join(name);
        open_directory(&place);
        place
    };
    let servers: Vec<Running> = [
        running::nginx(&root, &place("nginx")).await,
        running::apache(&root, &place("apache")).await,
        running::lighttpd(&root, &place("lighttpd")).await,
        running::caddy(&root, &place("caddy")).await,
        running::node(&root, &place("node")).await,
        running::starlette(&root, &place("starlette")).await,
    ]
    .into_iter()
    .flatten()
    .collect();
    let endpoints: Vec<&Endpoint> = servers.iter().flat_map(|server| &server.endpoints).collect();
    if endpoints.is_empty() {
        return; // said aloud by each of them
    }
    let (mut partners, mut ready) = (Vec::new(), Vec::new());
    for (n, endpoint) in endpoints.iter().enumerate() {
        let file = format!("{}.json", endpoint.name);
        let publisher = Publisher::new(root.join(&file), seed.wrapping_add(n as u64));
        let relay = HoldingRelay::start(endpoint.address).await;
        let mut feed = feed(&format!("http://{}/{file}", relay.address));
        (feed.retries, feed.whole_timeout) = (Vec::new(), PATIENCE);
        partners.push(partner(endpoint.name).with_feed(feed));
        ready.push((endpoint.name, relay, publisher));
    }
    let house = House::start(partners, Clock::system()).await;
    let rewrites = REWRITES.div_ceil(endpoints.len());
    let trials = ready.into_iter().map(|(name, relay, publisher)| {
        let trial = Trial { house: &house, name, relay, publisher, done: Vec::new() };
        trial.run(rewrites)
    });
    for (name, took) in join_all(trials).await {
        println!("{name}: {rewrites} rewrites in {took:.1?}");
    }
    house.stop().await;
}

//! `kill -9` within runs of a large feed, again and again on one store: the next start takes the run up
//! from its spooled file, or fetches anew; the catalogue becomes that of the file, and nothing is
//! deleted twice.

use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{PATIENCE, key, wait_for};
use crate::support::program::{Program, configure};
use crate::support::random::Random;
use crate::support::small_store::KEEP_ALL;
use reqwest::{Client, StatusCode};
use serde_json::Value;
use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tidegate::clock::{self, Clock, Mark};
use tidegate::codec::time;
use tidegate::domain::{AssetEvent, ChangeKind, Seq};
use tidegate::store::{self, StoreOptions};

const RECORDS: u64 = 100_000;
const KILLS: u64 = 50;
const FEED: &str = "/f";
/// A version lacks one record in so many, another one each time.
const LACKING_EVERY: u64 = 1_000;
/// A version changes one record in so many.
const CHANGED_EVERY: u64 = 20;

/// The id's number and the version that its record says, of all that a version of the file has.
fn records_of(version: u64) -> impl Iterator<Item = (u64, u64)> {
    let lacking = version % LACKING_EVERY;
    (0..RECORDS).filter(move |n| n % LACKING_EVERY != lacking).map(move |n| {
        let back = (version + CHANGED_EVERY - n % CHANGED_EVERY) % CHANGED_EVERY;
        (n, version.saturating_sub(back))
    })
}

fn document(version: u64, at: &str) -> Served {
    let mut text = format!(r#"{{"generated_at":"{at}","version":{version},"assets":["#);
    for (place, (n, said)) in records_of(version).enumerate() {
        let comma = if place == 0 { "" } else { "," };
        write!(text, r#"{comma}{{"id":"a{n:06}","said":{said}}}"#).unwrap();
    }
    text.push_str("]}");
    Served::json(text)
}

/// A daemon whose partner has a large feed.
struct Kept {
    directory: TempDir,
    server: FeedServer,
    client: Client,
}

impl Kept {
    async fn new() -> Kept {
        let (directory, server) = (TempDir::new().unwrap(), FeedServer::start().await);
        configure(directory.path(), "acme");
        let file = directory.path().join("partners/acme.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let url = server.url(FEED);
        std::fs::write(file, format!("{text}[feed]\nurl = '{url}'\nallow_private = true\nretries = []\n"))
            .unwrap();
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Kept { directory, server, client }
    }

    async fn start(&self) -> Program {
        Program::start(self.directory.path()).await
    }

    async fn ask_for_run(&self, program: &Program) {
        let asked =
            self.client.post(program.admin_url("/admin/partners/acme/feed/run")).send().await.unwrap();
        assert_eq!(asked.status(), StatusCode::ACCEPTED);
    }

    /// What a run is applying just now has a note beside its file.
    fn note(&self) -> Option<PathBuf> {
        let spool = std::fs::read_dir(self.directory.path().join("store/spool")).unwrap();
        let mut files = spool.map(|entry| entry.unwrap().path());
        files.find(|path| path.to_str().is_some_and(|path| path.ends_with(".note.feed")))
    }

    /// Puts this version at the feed's address; gives the time that it says.
    fn publish(&self, version: u64) -> String {
        let at = time::format(Clock::system().now());
        self.server.put(FEED, document(version, &at));
        at
    }

    /// Waits until a run has applied the snapshot of this time, and is closed.
    async fn is_applied(&self, program: &Program, snapshot_at: &str) -> Value {
        wait_for(format!("the snapshot of {snapshot_at} to be applied"), async || {
            let page = program.read(&self.client, "acme", "/api/feed/runs?limit=5").await;
            let runs = page["items"].as_array().unwrap().iter();
            let mut runs = runs.filter(|run| run["status"] == "applied" && run["snapshot_at"] == snapshot_at);
            runs.next().filter(|_| self.note().is_none()).cloned()
        })
        .await
    }

    /// The catalogue is that of this version.
    async fn holds(&self, program: &Program, version: u64) {
        let export = self.client.get(program.url("/api/export")).bearer_auth(key("acme"));
        let text = export.send().await.unwrap().text().await.unwrap();
        let mut living = HashMap::new();
        for line in text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
            if let Some(id) = line["asset"]["id"].as_str() {
                living.insert(id[1..].parse::<u64>().unwrap(), line["asset"]["said"].as_u64().unwrap());
            }
        }
        assert_eq!(living.len() as u64, records_of(version).count() as u64, "version {version}");
        let wrong = records_of(version).find(|(n, said)| living.get(n) != Some(said));
        assert_eq!(wrong, None, "version {version}: {:?}", wrong.and_then(|(n, _)| living.get(&n)));
    }
}

/// How often each asset was deleted, by the store's own reader.
fn deletes_of(directory: &Path) -> HashMap<String, u32> {
    let options = StoreOptions { overlay_bytes_max: 64 << 20, ..KEEP_ALL };
    let opened = store::open(directory, &options).unwrap();
    let (mut last, mut deletes) = (Seq(0), HashMap::new());
    loop {
        let page = opened.reader.changes(last, 10_000).unwrap();
        let Some(newest) = page.changes.last() else { return deletes };
        last = newest.seq;
        for change in page.changes {
            match change.change.kind {
                ChangeKind::Asset(asset) if asset.event == AssetEvent::Deleted => {
                    *deletes.entry(asset.id.as_str().to_owned()).or_default() += 1;
                }
                _ => {}
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x3_fifty_kills_within_runs_of_a_large_feed_end_in_its_catalogue_and_delete_nothing_twice() {
    let seed = std::env::var("TIDEGATE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("TIDEGATE_SEED={seed}");
    let (mut random, began) = (Random(seed), Mark::now());
    let kept = Kept::new().await;
    let mut at = kept.publish(0);
    let mut program = kept.start().await;
    kept.is_applied(&program, &at).await;
    // how long a run takes from the call on: nothing kills this one
    at = kept.publish(1);
    let asked = Mark::now();
    kept.ask_for_run(&program).await;
    kept.is_applied(&program, &at).await;
    let whole = asked.elapsed();
    let mut within = 0;
    for version in 2..2 + KILLS {
        at = kept.publish(version);
        kept.ask_for_run(&program).await;
        clock::sleep(whole.mul_f64(random.below(1_000) as f64 / 1_000.0)).await;
        within += u64::from(kept.note().is_some());
        program.kill();
        program = kept.start().await;
        kept.is_applied(&program, &at).await;
        kept.holds(&program, version).await;
    }
    program.kill();
    println!(
        "{within} of {KILLS} kills while a file was applied; a run takes {whole:?}; all in {:?}",
        began.elapsed()
    );
    assert!(within >= KILLS / 10, "hardly a kill met a run that was applying");
    let deletes = deletes_of(&kept.directory.path().join("store"));
    // each version lacks what no other does, and the first had never had it
    assert_eq!(deletes.len() as u64, (1 + KILLS) * RECORDS / LACKING_EVERY);
    assert!(deletes.values().all(|times| *times == 1), "deleted more than once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_killed_while_it_applies_goes_on_from_its_file_though_the_server_is_gone() {
    let kept = Kept::new().await;
    let at = kept.publish(0);
    let program = kept.start().await;
    kept.is_applied(&program, &at).await;
    let (mut version, mut program) = (0, program);
    let at = loop {
        version += 1;
        let at = kept.publish(version);
        kept.ask_for_run(&program).await;
        wait_for("the run to apply its file", async || kept.note().map(drop)).await;
        program.kill();
        // it may have been on the point of its end
        if kept.note().is_some() {
            break at;
        }
        program = kept.start().await;
    };
    kept.server.remove(FEED);
    let program = kept.start().await;
    let run = kept.is_applied(&program, &at).await;
    assert_eq!(run["counts"]["records"], records_of(version).count());
    kept.holds(&program, version).await;
    program.kill();
}

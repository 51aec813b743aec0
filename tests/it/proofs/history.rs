//! The history of a feed, version by version, with the clock at each version's publication: every
//! run counts what the oracle counts, which reads RULES.md and not our code, and the catalogue is
//! the oracle's.

mod own;
mod plans;

use crate::oracle::{self, Members, Model, RunReport, RunStatus, SnapshotIn};
use crate::support::archive;
use crate::support::exact::{assert_same, catalogue, raw_records, records, repeats_a_name};
use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, feed, partner};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tidegate::clock::{Clock, Mark};
use tidegate::domain::{Field, Micros};

const NAME: &str = "osmosis";
const PATH: &str = "/assetlist.json";

/// How the file says of when it is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Dated {
    /// By `Last-Modified`, which the configuration declares to be the data's time.
    ByHeader,
    /// Not at all: there is an ETag only, so that absence counts at the second time (X3).
    Never,
}

struct Replay {
    house: House,
    server: FeedServer,
    clock: Clock,
    oracle: Model,
    began: Mark,
    oracle_took: Duration,
    dated: Dated,
    runs: u64,
}

impl Replay {
    /// Begins at the first version, which the daemon fetches as it starts.
    async fn begin(first: (Micros, &[u8]), dated: Dated) -> Replay {
        let began = Mark::now();
        let by_header = dated == Dated::ByHeader;
        let server = FeedServer::start().await;
        let clock = Clock::manual(first.0);
        server.put(PATH, served(first, dated));
        let mut settings = partner(NAME);
        settings.policy.last_modified_is_data_time = by_header;
        let mut feed = feed(&server.url(PATH));
        feed.mapping.id.parts = vec![Field::member("base")];
        let house = House::start(vec![settings.with_feed(feed)], clock.clone()).await;
        let policy = oracle::Policy { last_modified_is_data_time: by_header, ..oracle::Policy::default() };
        let oracle = Model::new(policy);
        Replay { house, server, clock, oracle, began, oracle_took: Duration::ZERO, dated, runs: 0 }
    }

    /// Two fetches of one version: the second is answered by 304. Gives what the oracle says of them.
    async fn play(&mut self, at: Micros, body: &[u8]) -> [RunReport; 2] {
        self.clock.set(at);
        self.server.put(PATH, served((at, body), self.dated));
        let first = snapshot(at, body, self.dated);
        let again = SnapshotIn {
            fetch_start: at.0,
            body_hash: first.body_hash,
            not_modified: true,
            ..SnapshotIn::default()
        };
        [self.run(first).await, self.run(again).await]
    }

    async fn run(&mut self, snapshot: SnapshotIn) -> RunReport {
        let found = self.next_run().await;
        let began = Mark::now();
        let expected = self.oracle.snapshot(self.clock.now().0, snapshot);
        self.oracle_took += began.elapsed();
        assert_eq!(counts_of(&found), expected_counts(&expected), "run {}: {found}", self.runs);
        expected
    }

    async fn next_run(&mut self) -> Value {
        self.runs += 1;
        if self.runs > 1 {
            self.house.fetch_now(NAME);
        }
        self.house.run_report(NAME, self.runs).await
    }

    /// The daemon's catalogue is the oracle's.
    async fn compare(&self) {
        let expected: BTreeMap<String, Members> =
            self.oracle.catalogue(self.clock.now().0).into_iter().map(|(id, a)| (id, a.members)).collect();
        let found = self.house.catalogue(NAME).await.into_iter().map(|(id, shown)| (id, members_of(shown)));
        assert_same(&format!("after run {}", self.runs), &found.collect(), &expected);
    }

    /// The oracle's numbers are floats: the last version is compared with its file once more, number by
    /// number, where nothing of an earlier version shows.
    async fn compare_with_file(&self, file: &[u8]) {
        let said = records(std::str::from_utf8(file).unwrap());
        let mut found = catalogue(&self.house).await.remove(NAME).unwrap_or_default();
        found.retain(|id, _| said.contains_key(id));
        assert_same("the last file", &found, &said);
    }
}

fn served((at, body): (Micros, &[u8]), dated: Dated) -> Served {
    let served = Served::json(body.to_vec());
    match dated {
        Dated::ByHeader => served.last_modified(at),
        Dated::Never => served.etag(&format!("\"{}\"", at.0)),
    }
}

fn members_of(shown: Value) -> Members {
    let Value::Object(members) = shown else { panic!("an asset is an object: {shown}") };
    let added = ["id", "partner", "updated_at", "cursor"];
    members.into_iter().filter(|(name, _)| !added.contains(&name.as_str())).collect()
}

/// As the oracle reads it; what only the text shows is told to it.
fn snapshot(at: Micros, body: &[u8], dated: Dated) -> SnapshotIn {
    let mut snapshot = oracle::osmosis::snapshot(at.0, body, dated == Dated::ByHeader);
    let texts = raw_records(std::str::from_utf8(body).unwrap());
    for (record, text) in snapshot.records.iter_mut().zip(texts) {
        record.valid &= !repeats_a_name(text);
    }
    snapshot
}

type Counts = (String, BTreeMap<&'static str, u64>);

const COUNTED: [&str; 7] =
    ["created", "updated", "unchanged", "deleted", "held", "quarantined", "absent_once"];

fn counts_of(report: &Value) -> Counts {
    let count = |name: &'static str| (name, report["counts"][name].as_u64().expect("a count"));
    (report["status"].as_str().expect("a status").to_owned(), COUNTED.map(count).into())
}

fn expected_counts(report: &RunReport) -> Counts {
    let status = match report.status {
        RunStatus::Applied => "applied",
        RunStatus::Unchanged => "unchanged",
        RunStatus::SkippedOlder => "skipped_older",
        RunStatus::Refused => "refused",
        RunStatus::Failed => "failed",
    };
    let counts = [
        report.created,
        report.updated,
        report.unchanged,
        report.deleted,
        report.held,
        report.quarantined,
        report.absent_once,
    ];
    let named = COUNTED.into_iter().zip(counts.map(|count| count as u64));
    (status.into(), named.collect())
}

/// Replays `versions`; after each of them the catalogues are compared.
async fn played(versions: &[(Micros, PathBuf)], dated: Dated) -> Replay {
    let first = std::fs::read(&versions[0].1).unwrap();
    let mut replay = Replay::begin((versions[0].0, &first), dated).await;
    for (at, path) in versions {
        replay.play(*at, &std::fs::read(path).unwrap()).await;
        replay.compare().await;
    }
    let last = &versions.last().expect("there are some").1;
    replay.compare_with_file(&std::fs::read(last).unwrap()).await;
    replay
}

impl Replay {
    async fn end(self) {
        let answered = self.server.answered(PATH);
        // each version once whole, once by 304
        let played = self.runs / 2;
        assert_eq!((answered.whole, answered.not_modified), (played, played));
        let (took, by_oracle) = (self.began.elapsed(), self.oracle_took);
        println!("{played} versions, {:?}: {took:?}, of them {by_oracle:?} the oracle's", self.dated);
        self.house.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x3_a_small_history_is_replayed_as_the_oracle_does_by_its_dates_and_undated() {
    for dated in [Dated::ByHeader, Dated::Never] {
        played(&archive::small_history(), dated).await.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f4_a_third_of_ninety_records_is_held_and_approved_and_held_again_and_cancelled() {
    let records: Vec<String> =
        (0..90).map(|n| format!(r#"{{"base":"asset-{n}","symbol":"S{n}"}}"#)).collect();
    let whole = plans::file(records.iter().map(String::as_str));
    for dated in [Dated::ByHeader, Dated::Never] {
        let began = archive::small_history()[0].0;
        let mut replay = Replay::begin((began, whole.as_bytes()), dated).await;
        replay.play(began, whole.as_bytes()).await;
        replay.lose_a_third_twice(&whole).await;
        replay.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x3_the_first_forty_versions_of_a_real_feed_are_replayed_as_the_oracle_does_by_their_dates() {
    let Some(versions) = archive::osmosis() else { return };
    played(&versions[..40], Dated::ByHeader).await.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x3_the_first_forty_versions_of_a_real_feed_are_replayed_as_the_oracle_does_undated() {
    let Some(versions) = archive::osmosis() else { return };
    played(&versions[..40], Dated::Never).await.end().await;
}

/// All versions, and then the losses of a third.
async fn play_whole(dated: Dated) {
    let Some(versions) = archive::osmosis() else { return };
    let mut replay = played(&versions, dated).await;
    let last = std::fs::read_to_string(&versions.last().expect("there are some").1).unwrap();
    replay.lose_a_third_twice(&last).await;
    replay.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x3_f4_five_years_of_a_real_feed_are_replayed_as_the_oracle_does_by_their_dates() {
    play_whole(Dated::ByHeader).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x3_f4_five_years_of_a_real_feed_are_replayed_as_the_oracle_does_undated() {
    play_whole(Dated::Never).await;
}

//! A disk that fails under the running daemon, or has no room: who waits is told to come back,
//! nothing is acknowledged that is not on the disk, and the next start has all that was.

use crate::support::house::{House, PATIENCE, json, partner, wait_for};
use crate::support::program::{Program, configure};
use crate::support::random::Random;
use crate::support::simdisk::{Keeps, SimDisk};
use crate::support::small_store::KEEP_ALL;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json as value};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use tidegate::clock::Clock;
use tidegate::config::Settings;
use tidegate::daemon::{Daemon, StopError};
use tidegate::store::{StoreOptions, open_backend};

const SENDERS: usize = 4;
const PARTNER: &str = "acme";
/// So small that checkpoints meet the failing disk as well.
const OPTIONS: StoreOptions =
    StoreOptions { overlay_bytes_max: 64 << 10, log_bytes_max: 16 << 10, ..KEEP_ALL };

fn settings(directory: &std::path::Path) -> Settings {
    let mut settings = Settings::minimal(directory.to_owned());
    settings.store.disk_free_bytes_min = 0;
    settings.partners = vec![partner(PARTNER)];
    settings
}

fn client() -> Client {
    Client::builder().no_proxy().timeout(PATIENCE).build().unwrap()
}

async fn house(settings: Settings) -> House {
    let daemon = Daemon::start(settings.clone(), Clock::system()).await.unwrap();
    House::of(daemon, settings, client())
}

async fn house_on(disk: &SimDisk, directory: &std::path::Path) -> House {
    let settings = settings(directory);
    let opened = open_backend(disk.clone(), &OPTIONS).unwrap();
    let daemon = Daemon::start_on(opened, settings.clone(), Clock::system()).await.unwrap();
    House::of(daemon, settings, client())
}

/// A refusal that says when to come back; gives its code.
async fn refusal(response: reqwest::Response) -> String {
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let waits = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    assert!(waits.and_then(|seconds| seconds.parse::<u32>().ok()).is_some(), "no hint when to retry");
    let problem: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    problem["code"].as_str().unwrap().to_owned()
}

/// Whether a probe finds the daemon ready.
async fn readiness(house: &House) -> (StatusCode, String) {
    let response = house.admin(Method::GET, "/readyz").send().await.unwrap();
    (response.status(), response.text().await.unwrap())
}

/// What a few senders were told, until each was refused.
#[derive(Default)]
struct Told {
    acknowledged: BTreeSet<String>,
    refused: BTreeSet<String>,
    codes: BTreeSet<String>,
}

async fn push_until_refused(house: &House) -> Told {
    let number = AtomicUsize::new(0);
    let send = async || {
        let mut told = Told::default();
        loop {
            let id = format!("asset-{}", number.fetch_add(1, Ordering::Relaxed));
            let asset = value!({"id": id, "text": "x".repeat(500)});
            let response =
                json(house.call(PARTNER, Method::POST, "/api/assets"), &asset).send().await.unwrap();
            if response.status() != StatusCode::CREATED {
                told.codes.insert(refusal(response).await);
                told.refused.insert(id);
                return told;
            }
            told.acknowledged.insert(id);
        }
    };
    let mut all = Told::default();
    for told in futures_util::future::join_all((0..SENDERS).map(|_| send())).await {
        all.acknowledged.extend(told.acknowledged);
        all.refused.extend(told.refused);
        all.codes.extend(told.codes);
    }
    all
}

async fn ids(house: &House) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut path = "/api/assets?limit=1000".to_owned();
    loop {
        let (status, page) = house.get(PARTNER, &path).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        ids.extend(
            page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => path = format!("/api/assets?limit=1000&cursor={next}"),
            None => return ids,
        }
    }
}

/// One call of the disk fails and all that come after would succeed again: they must not be trusted (C5).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_a_disk_that_fails_under_the_daemon_ends_it_and_loses_nothing_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let mut random = Random(4);
    let mut codes = BTreeSet::new();
    for (round, fails_after) in (1..=60).step_by(4).enumerate() {
        println!("fails at call {fails_after} from now, random {:?}", random.0);
        let disk = SimDisk::default();
        let house = house_on(&disk, directory.path()).await;
        assert_eq!(readiness(&house).await.0, StatusCode::OK);
        disk.fail_at(disk.calls() + fails_after);
        let told = push_until_refused(&house).await;
        codes.extend(told.codes);
        tokio::time::timeout(PATIENCE, house.daemon().failed()).await.expect("the daemon knows");
        wait_for("a probe to find it failed", async || {
            let (status, why) = readiness(&house).await;
            (status == StatusCode::SERVICE_UNAVAILABLE && why == "storage failed\n").then_some(())
        })
        .await;
        let late = json(house.call(PARTNER, Method::POST, "/api/assets"), &value!({"id": "late"}));
        assert_eq!(refusal(late.send().await.unwrap()).await, "storage");
        assert_eq!(house.admin(Method::GET, "/livez").send().await.unwrap().status(), StatusCode::OK);
        let mut house = house;
        let stopped = house.daemon.take().unwrap().stop().await;
        assert!(matches!(stopped, Err(StopError::Storage(_))), "{stopped:?}");

        let keeps = Keeps::ALL[round % Keeps::ALL.len()];
        let now = *disk.crash_points().last().unwrap();
        let left = SimDisk::holding(disk.after_crash(now, keeps, &mut random));
        let house = house_on(&left, directory.path()).await;
        let found = ids(&house).await;
        assert_eq!(told.acknowledged.difference(&found).next(), None, "acknowledged and lost, {keeps:?}");
        let mut sent = told.acknowledged;
        sent.extend(told.refused);
        assert_eq!(found.difference(&sent).next(), None, "never sent, {keeps:?}");
        house.stop().await;
    }
    assert!(codes.contains("outcome_unknown"), "nobody waited for a commit that failed: {codes:?}");
}

/// The file meets a bound on its size, as it would meet the end of the disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_c6_the_program_ends_with_an_error_when_its_file_cannot_grow_and_recovers_when_it_can() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), PARTNER);
    Program::start(directory.path()).await.kill();
    let bytes = std::fs::metadata(directory.path().join("store/tidegate.redb")).unwrap().len();
    let program = Program::start_with_files_up_to(directory.path(), bytes + (2 << 20)).await;
    let (url, client) = (program.url("/api/assets"), client());
    let send = async |sender: usize| {
        let (mut acknowledged, mut codes) = (Vec::new(), BTreeSet::new());
        for n in 0.. {
            let id = format!("{sender}-{n}");
            let asset = value!({"id": id, "text": "x".repeat(50_000)});
            let request = client.post(&url).bearer_auth(crate::support::house::key(PARTNER));
            match json(request, &asset).send().await {
                Ok(response) if response.status() == StatusCode::CREATED => acknowledged.push(id),
                // the overlay may be full for a moment
                Ok(response) => drop(codes.insert(refusal(response).await)),
                Err(error) => {
                    println!("sender {sender} after {n}: {error:?}");
                    break;
                }
            }
        }
        (acknowledged, codes)
    };
    let senders = futures_util::future::join_all((0..SENDERS).map(send)).await;
    let ended = program.ended().await;
    assert_eq!(ended.code(), Some(1), "{ended}");
    let codes: BTreeSet<&str> = senders.iter().flat_map(|(_, codes)| codes).map(String::as_str).collect();
    // which of them depends on what the writer was at; before it ends it answers whoever is connected
    assert!(!codes.is_empty(), "nobody was told to come back");
    let program = Program::start(directory.path()).await;
    for id in senders.iter().flat_map(|(acknowledged, _)| acknowledged) {
        let request = client.get(program.url(&format!("/api/assets/{id}")));
        let response = request.bearer_auth(crate::support::house::key(PARTNER)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "acknowledged and lost: {id}");
    }
    program.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c6_with_too_little_free_disk_writes_are_refused_and_reads_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let mut roomy = house(settings(directory.path())).await;
    assert_eq!(roomy.post(PARTNER, "/api/assets", &value!({"id": "a"})).await.0, StatusCode::CREATED);
    roomy.settings.store.disk_free_bytes_min = u64::MAX;
    roomy.restart().await;
    wait_for("the daemon to look at its disk", async || {
        (readiness(&roomy).await.0 == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await;
    for (method, path) in [(Method::POST, "/api/assets"), (Method::POST, "/api/prices")] {
        let request = json(roomy.call(PARTNER, method, path), &value!({"id": "a", "amount": "1"}));
        assert_eq!(refusal(request.send().await.unwrap()).await, "storage", "{path}");
    }
    let removal = roomy.call(PARTNER, Method::DELETE, "/api/assets/a").send().await.unwrap();
    assert_eq!(refusal(removal).await, "storage");
    assert_eq!(roomy.get(PARTNER, "/api/assets/a").await.0, StatusCode::OK);
    roomy.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c30_while_the_overlay_is_full_writes_are_refused_and_taken_again_behind_the_checkpoint() {
    let directory = tempfile::tempdir().unwrap();
    let mut small = settings(directory.path());
    small.store.overlay_bytes_max = 8 << 10;
    let house = house(small).await;
    let number = AtomicUsize::new(0);
    let refused = AtomicUsize::new(0);
    let send = async || {
        while refused.load(Ordering::Relaxed) < 3 {
            let first = number.fetch_add(100, Ordering::Relaxed);
            let batch: Vec<Value> =
                (first..first + 100).map(|n| value!({"id": n, "text": "x".repeat(1_000)})).collect();
            // until it is taken: the refusal does not last
            wait_for("the batch to be taken", async || {
                let request =
                    json(house.call(PARTNER, Method::POST, "/api/assets"), &Value::from(batch.clone()));
                let response = request.send().await.unwrap();
                if response.status() == StatusCode::OK {
                    return Some(());
                }
                assert_eq!(refusal(response).await, "storage");
                refused.fetch_add(1, Ordering::Relaxed);
                None
            })
            .await;
        }
    };
    let all = futures_util::future::join_all((0..SENDERS).map(|_| send()));
    tokio::time::timeout(PATIENCE, all).await.expect("the overlay is never full");
    assert_eq!(ids(&house).await.len(), number.load(Ordering::Relaxed));
    house.stop().await;
}

//! Supervision: what happens to one partner is not felt by another, and what was acknowledged
//! outlives its actor; a stop under load loses nothing; a feed that failed is tried again.

use crate::proofs::ledger::{Ledger, PARTNER};
use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, feed, json, partner, wait_for};
use crate::support::program::{Program, configure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json as value};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tidegate::actors::PushBody;
use tidegate::clock::Clock;
use tidegate::codec::request::again::Form;
use tidegate::domain::RefusedKind;
use tidegate::rules::restart::RESTARTS_MAX;
use tokio::sync::Semaphore;

const CALM: &str = "calm";
const WILD: &str = "wild";
/// The failing partner's assets before each of its deaths.
const ASSETS_PER_LIFE: usize = 20;
const DEATHS: u64 = 3;

/// Pushes single prices of one asset for as long as it is asked to; every one must succeed.
struct Calm {
    pushed: AtomicU64,
    over: AtomicBool,
}

impl Calm {
    async fn push(&self, house: &House) {
        let (status, reply) = house.post(CALM, "/api/assets", &value!({"id": "rock"})).await;
        assert_eq!(status, StatusCode::CREATED, "{reply}");
        while !self.over.load(Ordering::Relaxed) {
            let amount = self.pushed.load(Ordering::Relaxed) + 1;
            let price = value!({"id": "rock", "amount": amount.to_string()});
            let (status, reply) = house.post(CALM, "/api/prices", &price).await;
            assert_eq!(status, StatusCode::OK, "push {amount}: {reply}");
            assert_eq!(reply["outcome"], "updated", "push {amount}: {reply}");
            self.pushed.store(amount, Ordering::Relaxed);
        }
    }

    /// Waits until some more pushes have gone through.
    async fn goes_on(&self) {
        let goal = self.pushed.load(Ordering::Relaxed) + 10;
        wait_for("the calm partner", async || (self.pushed.load(Ordering::Relaxed) >= goal).then_some(()))
            .await;
    }
}

fn kill_actor(house: &House, name: &str) {
    house.daemon().registry().by_name(name).expect("it is configured").panic_for_test();
}

/// Pushes an asset until it is taken; each refusal must say that the outcome is not known, and when to
/// come back.
async fn push_until_taken(house: &House, name: &str, id: &str) {
    let body = value!({"id": id, "made": id});
    wait_for(format!("{name} to take {id}"), async || {
        let request = json(house.call(name, Method::POST, "/api/assets"), &body);
        let response = request.send().await.expect("an answer");
        let (status, retry_after) = (response.status(), response.headers().get("retry-after").cloned());
        let reply: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            assert_eq!(reply["code"], "outcome_unknown", "{reply}");
            assert!(retry_after.is_some(), "{reply}");
            return None;
        }
        // what was refused before may have been applied all the same
        assert!(status.is_success(), "{status} {reply}");
        Some(())
    })
    .await;
}

async fn metric(house: &House, series: &str) -> u64 {
    let text = house.admin(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(series)).expect("the series is published");
    line.trim().parse().unwrap()
}

const RESTARTS: &str = "tidegate_actor_restarts_total{actor=\"partner\"}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_panic_of_one_partner_is_not_felt_by_another() {
    let house = House::with(&[CALM, WILD], Clock::system()).await;
    let calm = Calm { pushed: AtomicU64::new(0), over: AtomicBool::new(false) };
    let wild = async {
        let mut acknowledged = Vec::new();
        for life in 0..DEATHS {
            for asset in 0..ASSETS_PER_LIFE {
                let id = format!("{life}/{asset}");
                push_until_taken(&house, WILD, &id).await;
                acknowledged.push(id);
            }
            calm.goes_on().await;
            kill_actor(&house, WILD);
        }
        push_until_taken(&house, WILD, "after").await;
        calm.goes_on().await;
        calm.over.store(true, Ordering::Relaxed);
        acknowledged
    };
    let (acknowledged, ()) = tokio::join!(wild, calm.push(&house));

    let catalogue = house.catalogue(WILD).await;
    assert_eq!(catalogue.len(), acknowledged.len() + 1);
    assert!(acknowledged.iter().all(|id| catalogue[id]["made"] == id.as_str()));
    let pushed = calm.pushed.load(Ordering::Relaxed).to_string();
    let (_, price) = house.get(CALM, "/api/assets/rock/price").await;
    assert_eq!(price["amount"], pushed.as_str());
    assert_eq!(metric(&house, RESTARTS).await, DEATHS);
    house.stop().await;
}

/// Its clock stands still, so that the budget does not fill up again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_that_dies_too_often_is_left_down_and_the_others_live_on() {
    let clock = Clock::manual(Clock::system().now());
    let mut house = House::with(&[CALM, WILD], clock).await;
    for death in 0..=RESTARTS_MAX {
        push_until_taken(&house, WILD, &format!("before/{death}")).await;
        kill_actor(&house, WILD);
    }
    for n in 0..20 {
        let (status, reply) = house.post(WILD, "/api/assets", &value!({"id": "late"})).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{reply}");
        let (status, reply) = house.post(CALM, "/api/assets", &value!({"id": format!("calm/{n}")})).await;
        assert_eq!(status, StatusCode::CREATED, "{reply}");
    }
    assert_eq!(metric(&house, RESTARTS).await, RESTARTS_MAX as u64);
    assert_eq!(house.catalogue(WILD).await.len(), RESTARTS_MAX + 1, "what was acknowledged is still read");

    house.restart().await;
    push_until_taken(&house, WILD, "late").await;
    assert_eq!(house.catalogue(WILD).await.len(), RESTARTS_MAX + 2);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_that_is_left_down_shows_as_down_and_is_up_again_once_it_is_configured() {
    let clock = Clock::manual(Clock::system().now());
    let house = House::with(&[CALM, WILD], clock).await;
    let up = |name: &str| format!("tidegate_partner_up{{partner=\"{name}\"}}");
    for death in 0..=RESTARTS_MAX {
        push_until_taken(&house, WILD, &format!("before/{death}")).await;
        kill_actor(&house, WILD);
    }
    wait_for("the partner to be left down", async || (metric(&house, &up(WILD)).await == 0).then_some(()))
        .await;
    assert_eq!(metric(&house, &up(CALM)).await, 1);
    house.daemon().reconfigure(house.settings.clone()).await.unwrap();
    assert_eq!(metric(&house, &up(WILD)).await, 1);
    let (status, reply) = house.post(WILD, "/api/assets", &value!({"id": "late"})).await;
    assert_eq!(status, StatusCode::CREATED, "{reply}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_that_cannot_start_is_tried_again_and_does_not_hold_up_the_others() {
    let house = House::with(&[WILD], Clock::system()).await;
    let mut settings = house.settings.clone();
    settings.partners = vec![];
    house.daemon().reconfigure(settings.clone()).await.unwrap();
    house.daemon().registry().by_name(WILD).unwrap().fail_starts_for_test(2);
    settings.partners = vec![partner(WILD), partner(CALM)];
    house.daemon().reconfigure(settings).await.expect("what cannot start is no reason to refuse the rest");
    let (status, reply) = house.post(CALM, "/api/assets", &value!({"id": "a"})).await;
    assert_eq!(status, StatusCode::CREATED, "{reply}");
    push_until_taken(&house, WILD, "b").await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c18_a_push_that_kills_its_actor_three_times_is_refused_as_poisoned_and_kept() {
    let house = House::with(&[WILD], Clock::system()).await;
    let text = value!({"id": "bad"});
    for death in 0..3 {
        push_until_taken(&house, WILD, &format!("before/{death}")).await;
        let body = PushBody {
            bytes: text.to_string().into(),
            form: Form { ndjson: false, kind: RefusedKind::Post },
            id: None,
            quote: None,
            hook: None,
        };
        house.daemon().registry().by_name(WILD).unwrap().panic_at_push_for_test(body);
    }
    push_until_taken(&house, WILD, "after").await;
    for _ in 0..2 {
        let (status, reply) = house.post(WILD, "/api/assets", &text).await;
        assert_eq!(
            (status, &reply["code"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &value!("poisoned")),
            "{reply}"
        );
    }
    assert!(!house.catalogue(WILD).await.contains_key("bad"));
    let (_, kept) = house.get(WILD, "/api/quarantine").await;
    let kept = kept["items"].as_array().unwrap();
    assert_eq!(kept.len(), 1, "it is kept once: {kept:?}");
    assert_eq!((&kept[0]["code"], &kept[0]["id"]), (&value!("poisoned"), &value!("bad")));
    let (status, reply) = house.post(WILD, "/api/assets", &value!({"id": "good"})).await;
    assert_eq!(status, StatusCode::CREATED, "{reply}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_partner_fetches_its_feed_again() {
    let server = FeedServer::start().await;
    server.put("/f", Served::json(r#"{"assets": [{"id": "a"}, {"id": "b"}]}"#).etag("\"1\""));
    let house = House::start(vec![partner(WILD).with_feed(feed(&server.url("/f")))], Clock::system()).await;
    assert_eq!(house.run_report(WILD, 1).await["counts"]["created"], 2);
    kill_actor(&house, WILD);
    let again = house.run_report(WILD, 2).await;
    assert_eq!(again["status"], "unchanged", "the validators are kept: {again}");
    assert_eq!(house.catalogue(WILD).await.len(), 2);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_that_failed_is_tried_again_and_then_heals() {
    let server = FeedServer::start().await;
    server.put("/f", Served::json("{\"assets\": [{\"id\": \"a\"}"));
    let mut feed = feed(&server.url("/f"));
    // else the test would wait a minute; what comes after how many failures is tested beside the rule
    feed.retries = vec![Duration::from_millis(20); 1000];
    let house = House::start(vec![partner(WILD).with_feed(feed)], Clock::system()).await;
    for run in 1..=2 {
        let failed = house.run_report(WILD, run).await;
        assert_eq!((&failed["status"], &failed["code"]), (&value!("failed"), &value!("truncated")));
    }
    let (_, state) = house.get(WILD, "/api/feed").await;
    assert!(state["failures_in_row"].as_u64() >= Some(2), "{state}");
    server.put("/f", Served::json(r#"{"assets": [{"id": "a"}]}"#));
    wait_for("the feed to heal", async || {
        house.runs(WILD).await.into_iter().find(|run| run["status"] == "applied")
    })
    .await;
    let (_, state) = house.get(WILD, "/api/feed").await;
    assert_eq!(state["failures_in_row"], 0, "{state}");
    assert_eq!(house.catalogue(WILD).await.len(), 1);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_is_not_fetched_onto_a_disk_that_is_nearly_full_and_is_tried_again_when_there_is_room() {
    let server = FeedServer::start().await;
    server.put("/f", Served::json(r#"{"assets": [{"id": "a"}]}"#));
    let mut house = House::with(&[WILD], Clock::system()).await;
    house.settings.store.disk_free_bytes_min = u64::MAX;
    house.settings.partners = vec![partner(WILD).with_feed(feed(&server.url("/f")))];
    house.restart().await;
    let failed = house.run_report(WILD, 1).await;
    assert_eq!((&failed["status"], &failed["code"]), (&value!("failed"), &value!("disk_full")), "{failed}");
    assert_eq!(server.answered("/f").whole, 0, "it was not even asked");
    house.settings.store.disk_free_bytes_min = 0;
    house.restart().await;
    assert_eq!(house.run_report(WILD, 2).await["counts"]["created"], 1);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c23_sigterm_under_load_ends_with_0_and_everything_acknowledged_durable() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), PARTNER);
    let ledger = Ledger::new();
    for round in 0..5 {
        let program = Program::start(directory.path()).await;
        if round == 0 {
            ledger.create_assets(&program).await;
        }
        ledger.judge(&program).await;
        let crew = ledger.push(&program);
        ledger.acknowledges(200).await;
        let ended = program.terminate().await;
        assert_eq!(ended.code(), Some(0), "round {round}");
        crew.join_all().await;
    }
    let program = Program::start(directory.path()).await;
    ledger.judge(&program).await;
    program.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b06_the_late_failure_of_a_replaced_actor_leaves_its_successor_alone() {
    let house = House::with(&[WILD], Clock::system()).await;
    push_until_taken(&house, WILD, "before").await;
    let fail = house.daemon().registry().by_name(WILD).unwrap().abandon_for_test();
    house.daemon().reconfigure(house.settings.clone()).await.unwrap();
    fail();
    for n in 0..50 {
        let (status, reply) = house.post(WILD, "/api/assets", &value!({"id": format!("after/{n}")})).await;
        assert_eq!(status, StatusCode::CREATED, "{reply}");
    }
    assert_eq!(metric(&house, RESTARTS).await, 0, "nobody had to be started again");
    kill_actor(&house, WILD);
    push_until_taken(&house, WILD, "again").await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b12_a_reload_that_adds_a_large_partner_holds_up_no_other() {
    let mut house = House::with(&[CALM, WILD], Clock::system()).await;
    let both = house.settings.clone();
    house.settings.partners = vec![partner(CALM)];
    house.daemon().reconfigure(house.settings.clone()).await.unwrap();
    let gate = Arc::new(Semaphore::new(0));
    let large = house.daemon().registry().by_name(WILD).unwrap();
    large.hold_starts_for_test(gate.clone());
    let adding = house.daemon().reconfigure(both.clone());
    let others = async {
        for death in 0..2 {
            push_until_taken(&house, CALM, &format!("before/{death}")).await;
            kill_actor(&house, CALM);
        }
        push_until_taken(&house, CALM, "after").await;
        let late = value!({"id": "late"});
        let (status, _) = house.post(WILD, "/api/assets", &late).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "it is still starting");
        gate.add_permits(1_000);
    };
    let (added, ()) = tokio::join!(adding, others);
    added.unwrap();
    let (status, reply) = house.post(WILD, "/api/assets", &value!({"id": "late"})).await;
    assert_eq!(status, StatusCode::CREATED, "a configuration is answered when all runs: {reply}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b12_a_partner_that_is_removed_while_it_starts_is_stopped_and_can_be_added_again() {
    let mut house = House::with(&[CALM, WILD], Clock::system()).await;
    let both = house.settings.clone();
    house.settings.partners = vec![partner(CALM)];
    let without = house.settings.clone();
    house.daemon().reconfigure(without.clone()).await.unwrap();
    let gate = Arc::new(Semaphore::new(0));
    house.daemon().registry().by_name(WILD).unwrap().hold_starts_for_test(gate.clone());
    let moves = async {
        let adding = house.daemon().reconfigure(both.clone());
        let removing = async {
            house.daemon().reconfigure(without.clone()).await.unwrap();
            gate.add_permits(1_000);
        };
        let (added, ()) = tokio::join!(adding, removing);
        added.unwrap();
    };
    moves.await;
    let (status, _) = house.get(WILD, "/api/me").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "it is removed");
    house.daemon().reconfigure(both).await.unwrap();
    push_until_taken(&house, WILD, "back").await;
    house.stop().await;
}

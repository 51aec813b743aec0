//! When a feed is fetched: beside the schedule, when it is asked for, reconfigured, or its actor dies.

use crate::support::fault_server::{FaultServer, Step, head, send};
use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, PATIENCE, answer, feed, partner, wait_for};
use crate::support::program::BINARY;
use crate::support::stage::{START, Stage, document};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use tidegate::clock::Clock;
use tidegate::codec::time;
use tidegate::domain::Micros;
use tidegate::rules::feed::cron::CronTimes;

const ACME: &str = "acme";

/// A server that begins a body, and never ends it.
async fn stalling() -> FaultServer {
    let half = head("200 OK", &["Content-Type: application/json", "Content-Length: 1000"]);
    FaultServer::start(vec![send(half), send(r#"{"assets": ["#), Step::Stall]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_that_is_reconfigured_during_a_run_is_fetched_from_its_new_url_behind_it() {
    let (slow, server) = (stalling().await, FeedServer::start().await);
    server.put("/f", Served::json(r#"{"assets": [{"id": "a"}]}"#));
    let mut old = feed(&slow.url("/f"));
    old.idle_timeout = Duration::from_secs(2);
    let house = House::start(vec![partner(ACME).with_feed(old)], Clock::system()).await;
    wait_for("the fetch to begin", async || (!slow.asked().is_empty()).then_some(())).await;
    let mut settings = house.settings.clone();
    settings.partners = vec![partner(ACME).with_feed(feed(&server.url("/f")))];
    house.daemon().reconfigure(settings).await.unwrap();
    assert_eq!(house.run_report(ACME, 1).await["code"], "timeout");
    assert_eq!(house.run_report(ACME, 2).await["counts"]["created"], 1);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_fetch_of_an_actor_that_has_died_ends_with_it_and_its_successor_has_a_file_of_its_own() {
    let slow = stalling().await;
    let house = House::start(vec![partner(ACME).with_feed(feed(&slow.url("/f")))], Clock::system()).await;
    let spool = house.settings.store.directory.join("spool");
    let files = || {
        let names = std::fs::read_dir(&spool).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.filter_map(|name| name.into_string().ok()).collect();
        names.retain(|name| name.ends_with(".feed"));
        names
    };
    wait_for("the first life's file", async || (files() == ["acme.1-1.feed"]).then_some(())).await;
    house.daemon().registry().by_name(ACME).unwrap().panic_for_test();
    wait_for("the second life's file alone", async || (files() == ["acme.2-1.feed"]).then_some(())).await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_may_be_asked_for_once_a_minute_and_costs_a_read() {
    let server = FeedServer::start().await;
    server.put("/f", Served::json(r#"{"assets": [{"id": "a"}]}"#));
    let mut acme = partner(ACME).with_feed(feed(&server.url("/f")));
    acme.limits.reads_per_second = 1;
    let mut house = House::start(vec![acme], Clock::manual(Micros(1_780_000_000 * Micros::SECOND))).await;
    let ask = async |house: &House| {
        let response = house.call(ACME, Method::POST, "/api/feed/run").send().await.unwrap();
        let wait = response.headers().get("retry-after").map(|wait| wait.to_str().unwrap().to_owned());
        let status = response.status();
        let body: serde_json::Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        (status, body["code"].clone(), wait)
    };
    assert_eq!(ask(&house).await.0, StatusCode::ACCEPTED);
    house.clock.set(house.now().plus(Micros::SECOND));
    assert_eq!(
        ask(&house).await,
        (StatusCode::TOO_MANY_REQUESTS, json!("run_asked_lately"), Some("59".into()))
    );
    let charged = wait_for("the reads to be used up", async || {
        let (status, code, _) = ask(&house).await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
        (code == "partner_rate").then_some(true)
    });
    assert!(tokio::time::timeout(PATIENCE, charged).await.unwrap());

    house.clock.set(house.now().plus(59 * Micros::SECOND));
    house.settings.partners[0].limits.reads_per_second = 10_000_000;
    house.daemon().reconfigure(house.settings.clone()).await.unwrap();
    assert_eq!(ask(&house).await.0, StatusCode::ACCEPTED, "a minute later it may be asked for again");
    house.settings.store.disk_free_bytes_min = u64::MAX;
    house.restart().await;
    wait_for("writes to be refused", async || {
        let (status, _) = answer(house.admin(Method::GET, "/readyz")).await;
        (!status.is_success()).then_some(())
    })
    .await;
    let (status, code, _) = ask(&house).await;
    assert_eq!((status, code), (StatusCode::SERVICE_UNAVAILABLE, json!("storage")));
    house.stop().await;
}

/// 2026-10-24 05:59:59 in Berlin, a Saturday before the clock is put back.
const BEFORE_SIX: Micros = Micros(1_792_814_399 * Micros::SECOND);

async fn fed_at_six(url: &str, clock: Clock, directory: std::path::PathBuf) -> House {
    let mut daily = feed(url);
    daily.cron = Some(CronTimes::parse("0 6 * * *", "Europe/Berlin").unwrap());
    daily.jitter = 0.0;
    House::start_in(directory, vec![partner(ACME).with_feed(daily)], clock).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a39_a40_a_cron_feed_is_fetched_once_at_each_slot_and_once_for_all_that_were_missed() {
    let server = FeedServer::start().await;
    server.put("/f", Served::json(r#"{"assets": [{"id": "a"}]}"#));
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(BEFORE_SIX);
    let mut house = fed_at_six(&server.url("/f"), clock, directory.path().into()).await;
    house.run_report(ACME, 1).await; // the first fetch of all comes at once
    let next = async |house: &House, text: &'static str| {
        wait_for(format!("the next fetch at {text}"), async || {
            let (_, feed) = house.get(ACME, "/api/feed").await;
            (feed["next_fetch_at"] == text).then_some(())
        })
        .await;
    };
    next(&house, "2026-10-24T04:00:00Z").await;
    let (_, state) = house.get(ACME, "/api/feed").await;
    assert_eq!((&state["cron"], &state["time_zone"]), (&json!("0 6 * * *"), &json!("Europe/Berlin")));
    house.clock.set(BEFORE_SIX.plus(Micros::SECOND));
    house.run_report(ACME, 2).await;
    next(&house, "2026-10-25T05:00:00Z").await; // the clock was put back in between

    house.restart().await;
    next(&house, "2026-10-25T05:00:00Z").await;
    assert_eq!(house.runs(ACME).await.len(), 2, "a restart is no slot");
    house.clock.set(BEFORE_SIX.plus(-3_600 * Micros::SECOND));
    house.restart().await;
    next(&house, "2026-10-25T05:00:00Z").await; // an hour back, and six comes a second time

    house.clock.set(BEFORE_SIX.plus(5 * Micros::DAY));
    house.restart().await;
    house.run_report(ACME, 3).await;
    next(&house, "2026-10-29T05:00:00Z").await;
    assert_eq!(house.runs(ACME).await.len(), 3, "one run for what was missed");
    let (_, metrics) = text_of(&house, "/metrics").await;
    assert!(metrics.contains("tidegate_feed_slots_missed_total{partner=\"acme\"} 3"), "four slots, one run");
    house.stop().await;
}

async fn text_of(house: &House, path: &str) -> (StatusCode, String) {
    let response = house.admin(Method::GET, path).send().await.unwrap();
    (response.status(), response.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_feed_is_fetched_by_operators_alone_until_it_goes_on_and_a_restart_does_not_forget() {
    let server = FeedServer::start().await;
    server.put("/f", Served::json(r#"{"assets": [{"id": "a"}]}"#));
    let acme = partner(ACME).with_feed(feed(&server.url("/f")));
    let mut house = House::start(vec![acme], Clock::manual(BEFORE_SIX)).await;
    house.run_report(ACME, 1).await;
    let pause = house.admin(Method::POST, "/admin/partners/acme/feed/pause");
    let (status, feed) = answer(crate::support::house::json(pause, &json!({"reason": "wrong export"}))).await;
    assert_eq!((status, &feed["paused"]["reason"]), (StatusCode::OK, &json!("wrong export")));
    house.restart().await;
    let (_, feed) = house.get(ACME, "/api/feed").await;
    assert_eq!((&feed["paused"]["reason"], &feed["next_fetch_at"]), (&json!("wrong export"), &json!(null)));
    let (status, problem) = house.post(ACME, "/api/feed/run", &json!({})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("feed_paused")));
    let (status, said) = answer(house.admin(Method::POST, "/admin/partners/acme/feed/run")).await;
    assert_eq!((status, &said["run"]), (StatusCode::ACCEPTED, &json!(2)));
    assert_eq!(house.run_report(ACME, 2).await["status"], "unchanged");
    let (_, feed) = house.get(ACME, "/api/feed").await;
    assert_eq!(feed["next_fetch_at"], json!(null), "a run by hand does not let the schedule go on");
    let (status, _) = answer(house.admin(Method::POST, "/admin/partners/acme/feed/resume")).await;
    assert_eq!(status, StatusCode::OK);
    wait_for("the schedule to go on", async || {
        let (_, feed) = house.get(ACME, "/api/feed").await;
        feed["next_fetch_at"].is_string().then_some(())
    })
    .await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_under_way_says_how_far_it_is_and_its_report_how_long_each_phase_took() {
    let slow = stalling().await;
    let mut acme = feed(&slow.url("/f"));
    acme.idle_timeout = Duration::from_secs(30);
    let house = House::start(vec![partner(ACME).with_feed(acme)], Clock::system()).await;
    let running = wait_for("the fetch to be shown", async || {
        let (_, feed) = house.get(ACME, "/api/feed").await;
        (feed["running"]["phase"] == "fetching").then_some(feed["running"].clone())
    })
    .await;
    assert_eq!(
        (&running["run"], &running["records"], &running["share"]),
        (&json!(1), &json!(0), &json!(null))
    );
    let (_, status) = answer(house.admin(Method::GET, "/admin/status")).await;
    assert_eq!(status["partners"][0]["feed"]["running"]["phase"], "fetching");
    let (_, metrics) = text_of(&house, "/metrics").await;
    assert!(metrics.contains("tidegate_feed_running{partner=\"acme\"} 1"));
    house.daemon().registry().by_name(ACME).unwrap().abort_run_for_test();
    let report = house.run_report(ACME, 1).await;
    assert!(report["timings"]["fetching_ms"].is_u64(), "{report}");
    wait_for("nothing to be shown any more", async || {
        let (_, feed) = house.get(ACME, "/api/feed").await;
        feed["running"].is_null().then_some(())
    })
    .await;
    let (_, metrics) = text_of(&house, "/metrics").await;
    assert!(metrics.contains("tidegate_feed_running{partner=\"acme\"} 0"));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn feed_run_follows_a_run_in_a_terminal_to_its_end() {
    let server = FeedServer::start().await;
    server.put("/f", Served::json(r#"{"assets": [{"id": "a"}]}"#));
    let acme = partner(ACME).with_feed(feed(&server.url("/f")));
    let house = House::start(vec![acme], Clock::system()).await;
    house.run_report(ACME, 1).await;
    let admin = format!("http://{}", house.daemon().admin_address());
    let run = |arguments: &'static [&'static str]| {
        let admin = admin.clone();
        tokio::task::spawn_blocking(move || {
            let mut command = std::process::Command::new(BINARY);
            command.args(["feed"]).args(arguments).args(["acme", "--admin", &admin]);
            let output = command.output().unwrap();
            (output.status.success(), String::from_utf8(output.stdout).unwrap())
        })
    };
    let (is_well, said) = run(&["run", "--follow"]).await.unwrap();
    assert!(
        is_well && said.ends_with("run 2 unchanged: 0 records, 0 created, 0 updated, 0 deleted, 0 held\n"),
        "{said}"
    );
    let (is_well, said) = run(&["pause", "--reason", "a test"]).await.unwrap();
    assert!(is_well && said.contains("is paused"), "{said}");
    let (is_well, said) = run(&["resume"]).await.unwrap();
    assert!(is_well && said.contains("goes on"), "{said}");
    server.put("/f", Served::json("<html>"));
    let (is_well, said) = run(&["run", "--follow"]).await.unwrap();
    assert!(!is_well && said.contains("run 3 failed ("), "{said}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_document_or_its_server_says_of_its_freshness_is_shown_and_moves_no_fetch() {
    let mut stage = Stage::open(document(Some(START), 0..1), |_| {}).await;
    let (_, state) = stage.house.get(ACME, "/api/feed").await;
    assert_eq!(state["fresh_until"], Value::Null);
    stage.wait(Micros::HOUR);
    stage.serve(Served::json(document(Some(stage.now()), 0..2)).max_age(60)).await;
    let shown = async |stage: &Stage, after: i64| {
        let (_, state) = stage.house.get(ACME, "/api/feed").await;
        assert_eq!(state["fresh_until"], time::format(stage.now().plus(after * Micros::SECOND)));
        let next = wait_for("the next fetch to be set", async || {
            let (_, state) = stage.house.get(ACME, "/api/feed").await;
            state["next_fetch_at"].as_str().map(str::to_owned)
        });
        assert!(next.await > time::format(stage.now().plus(12 * Micros::HOUR)), "a day, with some jitter");
    };
    shown(&stage, 60).await;
    // the document itself knows better
    stage.wait(Micros::HOUR);
    let until = time::format(stage.now().plus(300 * Micros::SECOND));
    let text = document(Some(stage.now()), 0..3);
    let text = text.replacen('{', &format!(r#"{{"valid_until":"{until}","#), 1);
    stage.serve(Served::json(text).max_age(60)).await;
    shown(&stage, 300).await;
    stage.house.stop().await;
}

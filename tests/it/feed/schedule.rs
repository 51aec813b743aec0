//! When a feed is fetched: beside the schedule, when it is asked for, reconfigured, or its actor dies.

use crate::support::fault_server::{FaultServer, Step, head, send};
use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, PATIENCE, answer, feed, partner, wait_for};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::time::Duration;
use tidegate::clock::Clock;
use tidegate::domain::Micros;

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
async fn a_run_may_be_asked_for_every_ten_seconds_and_costs_a_read() {
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
        (StatusCode::TOO_MANY_REQUESTS, json!("run_asked_lately"), Some("9".into()))
    );
    let charged = wait_for("the reads to be used up", async || {
        let (status, code, _) = ask(&house).await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
        (code == "partner_rate").then_some(true)
    });
    assert!(tokio::time::timeout(PATIENCE, charged).await.unwrap());

    house.clock.set(house.now().plus(9 * Micros::SECOND));
    house.settings.partners[0].limits.reads_per_second = 10_000_000;
    house.daemon().reconfigure(house.settings.clone()).await.unwrap();
    assert_eq!(ask(&house).await.0, StatusCode::ACCEPTED, "ten seconds later it may be asked for again");
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

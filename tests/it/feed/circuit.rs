//! What happens between the tries of a feed whose server fails, beside one whose server does not.

use crate::support::fault_server::{FaultServer, answer, send};
use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, feed, partner, wait_for};
use crate::support::stage::{PATH, START, Stage, document};
use serde_json::json;
use std::time::Duration;
use tidegate::clock::Clock;
use tidegate::config::{FeedSettings, PartnerSettings};

const OFTEN: Duration = Duration::from_millis(20);

async fn failing(status: &str) -> FaultServer {
    FaultServer::start(vec![send(answer(status, &[], b""))]).await
}

/// A feed at `url` that is due again and again.
fn restless(url: &str, change: impl FnOnce(&mut FeedSettings)) -> FeedSettings {
    let mut feed = FeedSettings { every: OFTEN, retries: Vec::new(), ..feed(url) };
    feed.fetching.circuit_failures = 1_000;
    change(&mut feed);
    feed
}

/// A house with this feed, and a healthy one that is due as often.
async fn house_beside(url: &str, change: impl FnOnce(&mut FeedSettings)) -> (House, FeedServer) {
    let healthy = FeedServer::start().await;
    healthy.put("/f", Served::json(document(Some(START), 0..3)).etag("\"1\""));
    let partners: Vec<PartnerSettings> = vec![
        partner("failing").with_feed(restless(url, change)),
        partner("healthy").with_feed(restless(&healthy.url("/f"), |_| {})),
    ];
    (House::start(partners, Clock::system()).await, healthy)
}

/// Until the healthy feed has been fetched so many times more.
async fn wait_for_healthy(healthy: &FeedServer, fetches: u64) {
    let count = || healthy.answered("/f").not_modified;
    let before = count();
    wait_for("the healthy feed", async || (count() >= before + fetches).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a15_a_server_that_fails_again_and_again_is_left_alone_and_other_feeds_are_on_time() {
    let server = failing("500 Internal Server Error").await;
    let (mut house, healthy) = house_beside(&server.url("/f"), |feed| {
        (feed.fetching.circuit_failures, feed.fetching.circuit_pause) = (3, Duration::from_secs(3_600));
    })
    .await;
    assert_eq!(house.run_report("failing", 3).await["code"], "server_error");
    wait_for_healthy(&healthy, 30).await;
    assert_eq!(server.connections(), 3, "the circuit is open");
    house.fetch_now("failing");
    house.run_report("failing", 4).await;
    wait_for_healthy(&healthy, 10).await;
    assert_eq!(server.connections(), 4, "whoever asks may try, and the circuit stays open");
    house.restart().await;
    house.run_report("failing", 5).await;
    wait_for_healthy(&healthy, 10).await;
    assert_eq!(server.connections(), 5, "a start tries once");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a15_the_try_of_an_open_circuit_closes_it_where_the_server_is_back() {
    let back = send(answer("200 OK", &["ETag: \"1\""], document(Some(START), 0..3).as_bytes()));
    let scripts = |_| {
        let bad = vec![send(answer("502 Bad Gateway", &[], b""))];
        vec![bad.clone(), bad.clone(), bad, vec![back]]
    };
    let server = FaultServer::start_with(scripts).await;
    let (house, _healthy) = house_beside(&server.url("/f"), |feed| {
        (feed.fetching.circuit_failures, feed.fetching.circuit_pause) = (1, OFTEN);
    })
    .await;
    assert_eq!(house.run_report("failing", 4).await["status"], "applied");
    house.run_report("failing", 12).await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a13_what_is_gone_three_times_is_asked_for_no_more_until_by_hand_or_at_another_address() {
    let server = failing("410 Gone").await;
    let (mut house, healthy) = house_beside(&server.url("/f"), |_| {}).await;
    assert_eq!(house.run_report("failing", 3).await["code"], "gone");
    wait_for_healthy(&healthy, 30).await;
    assert_eq!(server.connections(), 3);
    house.restart().await;
    wait_for_healthy(&healthy, 10).await;
    assert_eq!(server.connections(), 3, "a start changes nothing");
    house.fetch_now("failing");
    assert_eq!(house.run_report("failing", 4).await["code"], "gone");
    let mut settings = house.settings.clone();
    settings.partners[0].feed.as_mut().unwrap().url = healthy.url("/f");
    house.daemon().reconfigure(settings).await.unwrap();
    assert_eq!(house.run_report("failing", 5).await["status"], "applied");
    assert_eq!(server.connections(), 4);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a16_who_is_refused_does_not_knock_again_before_the_next_regular_fetch() {
    for (status, code) in [("401 Unauthorized", "auth_failed"), ("403 Forbidden", "auth_failed")] {
        let server = failing(status).await;
        let (house, healthy) = house_beside(&server.url("/f"), |feed| {
            (feed.every, feed.retries) = (Duration::from_secs(3_600), vec![OFTEN; 8]);
        })
        .await;
        assert_eq!(house.run_report("failing", 1).await["code"], code);
        wait_for_healthy(&healthy, 100).await;
        assert_eq!(server.connections(), 1, "{status}");
        house.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a12_a_document_that_is_not_found_deletes_nothing_and_is_looked_for_again() {
    let mut stage = Stage::open(document(Some(START), 0..5), |_| {}).await;
    stage.server.remove(PATH);
    for _ in 0..3 {
        let report = stage.fetch().await;
        assert_eq!((&report["status"], &report["code"]), (&json!("failed"), &json!("not_found")), "{report}");
    }
    assert_eq!(stage.living().await, 5);
    assert_eq!(stage.metric(r#"tidegate_feed_failures_in_row{partner="acme"}"#).await, 3.0);
    assert_eq!(stage.publish(true, 0..6).await["status"], "applied");
    assert_eq!(stage.living().await, 6);
}

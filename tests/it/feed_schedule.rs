//! When a feed is fetched: beside the schedule, when it is asked for, reconfigured, or its actor dies.

use crate::daemon::{House, PATIENCE, answer, feed, partner, wait_for};
use crate::feed_server::{FeedServer, Served};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tidegate::clock::Clock;
use tidegate::domain::Micros;

const ACME: &str = "acme";

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

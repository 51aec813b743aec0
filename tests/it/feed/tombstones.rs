//! X4 over the real daemon: tombstones live their time, and what is forgotten does not come back.

use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, feed, partner, wait_for};
use crate::support::quarantine::{START, at, rows};
use reqwest::StatusCode;
use serde_json::json as value;
use std::time::Duration;
use tidegate::clock::Clock;
use tidegate::config::PartnerSettings;
use tidegate::domain::Micros;

async fn status(house: &House, id: &str) -> StatusCode {
    house.get("acme", &format!("/api/assets/{id}")).await.0
}

/// A house with one asset that was deleted at the start.
async fn with_tombstone(acme: PartnerSettings) -> House {
    let house = House::start(vec![acme], Clock::manual(START)).await;
    house.put("acme", "/api/assets/a", &value!({"updated_at": at(-100)})).await;
    house.delete("acme", &format!("/api/assets/a?at={}", at(0))).await;
    assert_eq!(status(&house, "a").await, StatusCode::GONE);
    house
}

/// An actor sweeps when it starts.
async fn sweep_after(house: &mut House, days: i64) {
    house.clock.set(START.plus(days * Micros::DAY));
    house.restart().await;
}

async fn forgotten(house: &House) {
    wait_for("the tombstone to be collected", async || {
        (status(house, "a").await == StatusCode::NOT_FOUND).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn x4_a_tombstone_is_collected_after_thirty_days_and_nothing_as_old_comes_back() {
    let mut house = with_tombstone(partner("acme")).await;
    sweep_after(&mut house, 29).await;
    assert_eq!(status(&house, "a").await, StatusCode::GONE);
    sweep_after(&mut house, 30).await;
    forgotten(&house).await;
    for round in 0..2 {
        let (_, old) = house.put("acme", "/api/assets/a", &value!({"updated_at": at(0)})).await;
        assert_eq!(
            (&old["outcome"], &old["rule"], &old["code"]),
            (&value!("quarantined"), &value!("X4"), &value!("older_than_history"))
        );
        let (_, old) =
            house.post("acme", "/api/prices", &value!({"id": "a", "amount": "1", "as_of": at(0)})).await;
        assert_eq!((&old["outcome"], &old["code"]), (&value!("quarantined"), &value!("older_than_history")));
        assert_eq!(rows(&house, "acme").await.len(), 2 * (round + 1));
        house.restart().await; // the floor stays for ever
    }
    let (_, newer) = house.put("acme", "/api/assets/a", &value!({"updated_at": at(1)})).await;
    assert_eq!(newer["outcome"], "created");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn x4_a_tombstone_for_which_a_price_has_waited_too_long_is_collected_at_the_start() {
    let mut house = with_tombstone(partner("acme")).await;
    let (_, parked) =
        house.post("acme", "/api/prices", &value!({"id": "a", "amount": "1", "as_of": at(10)})).await;
    assert_eq!(parked["outcome"], "parked");
    sweep_after(&mut house, 30).await;
    forgotten(&house).await;
    assert_eq!(rows(&house, "acme").await[0]["code"], "parked_expired");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn x4_a_price_that_waits_does_not_let_an_older_write_create_its_asset() {
    let mut house = with_tombstone(partner("acme")).await;
    sweep_after(&mut house, 30).await;
    forgotten(&house).await;
    let (_, parked) =
        house.post("acme", "/api/prices", &value!({"id": "a", "amount": "1", "as_of": at(10)})).await;
    assert_eq!(parked["outcome"], "parked");
    let (_, old) = house.put("acme", "/api/assets/a", &value!({"updated_at": at(-1)})).await;
    assert_eq!(old["code"], "older_than_history");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn x4_a_slow_feed_keeps_tombstones_for_three_of_its_intervals() {
    let mut slow = feed("http://127.0.0.1:9/never");
    slow.every = Duration::from_secs(20 * 86_400);
    let mut house = with_tombstone(partner("acme").with_feed(slow)).await;
    sweep_after(&mut house, 59).await;
    assert_eq!(status(&house, "a").await, StatusCode::GONE);
    sweep_after(&mut house, 60).await;
    forgotten(&house).await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn x4_a_snapshot_from_before_the_floor_changes_nothing_and_is_kept_as_a_row() {
    let server = FeedServer::start().await;
    let document =
        |seconds| Served::json(value!({"generated_at": at(seconds), "assets": [{"id": "b"}]}).to_string());
    let mut house = with_tombstone(partner("acme").with_feed(feed(&server.url("/f")))).await;
    house.run_report("acme", 1).await;
    sweep_after(&mut house, 30).await;
    forgotten(&house).await;
    let last = house.run_report("acme", 2).await["run"].as_u64().unwrap();
    server.put("/f", document(0));
    house.fetch_now("acme");
    let report = house.run_report("acme", last + 1).await;
    assert_eq!(
        (&report["status"], &report["code"]),
        (&value!("skipped_older"), &value!("older_than_history"))
    );
    assert_eq!(status(&house, "b").await, StatusCode::NOT_FOUND);
    let row = rows(&house, "acme").await.remove(0);
    assert_eq!(
        (&row["kind"], &row["rule"], &row["at"]),
        (&value!("snapshot"), &value!("X4"), &value!(at(0)))
    );
    server.put("/f", document(1));
    house.fetch_now("acme");
    assert_eq!(house.run_report("acme", last + 2).await["status"], "applied");
    assert_eq!(status(&house, "b").await, StatusCode::OK);
    house.stop().await;
}

//! What one asset may hold, over the real daemon: a partner that adds to it write after
//! write is refused at the bound, by push and by feed, and loses nothing of what is there.

use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, answer, feed, json, partner};
use crate::support::quarantine::{START, at, rows};
use reqwest::Method;
use serde_json::{Map, Value, json as value};
use tidegate::clock::Clock;

async fn patch(house: &House, body: &Value) -> (u16, Value) {
    let (status, reply) = answer(json(house.call("acme", Method::PATCH, "/api/assets/a"), body)).await;
    (status.as_u16(), reply)
}

/// Members `from..to`, each with this value.
fn members(from: usize, to: usize, value: &Value) -> Map<String, Value> {
    (from..to).map(|n| (format!("m{n:04}"), value.clone())).collect()
}

async fn alone() -> House {
    let mut acme = partner("acme");
    acme.policy.document_bytes_max = 4 << 20;
    let house = House::start(vec![acme], Clock::manual(START)).await;
    house.put("acme", "/api/assets/a", &value!({"name": "A", "updated_at": at(-500)})).await;
    house
}

async fn seen(house: &House) -> Value {
    house.get("acme", "/api/assets/a").await.1
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asset_remembers_256_members_written_by_themselves_until_it_is_put_whole() {
    let house = alone().await;
    for from in [0, 64, 128, 192] {
        assert_eq!(patch(&house, &members(from, from + 64, &Value::Null).into()).await.0, 200);
    }
    let before = seen(&house).await;
    let (status, reply) =
        patch(&house, &value!({"name": "B", "m0256": null, "price": {"amount": "5"}})).await;
    assert_eq!((status, &reply["code"]), (422, &value!("too_many_members")), "{reply}");
    assert!(reply["hint"].as_str().unwrap().contains("PUT"), "{reply}");
    assert_eq!(seen(&house).await, before, "nothing of it applies, its price neither");
    assert_eq!(patch(&house, &value!({"m0003": "again"})).await.0, 200, "what is remembered may be written");
    house.put("acme", "/api/assets/a", &value!({"name": "C"})).await;
    assert_eq!(patch(&house, &value!({"m0256": null, "name": "D"})).await.0, 200);
    assert_eq!(seen(&house).await["name"], "D");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_come_in_parts_are_counted_together() {
    let house = alone().await;
    assert_eq!(patch(&house, &members(0, 200, &value!(1)).into()).await.0, 200);
    let mut full = members(0, 200, &value!(2));
    full.extend(members(200, 230, &value!(2)));
    house.put("acme", "/api/assets/a", &full.into()).await;
    let (status, reply) = patch(&house, &members(230, 257, &value!(3)).into()).await;
    assert_eq!((status, &reply["code"]), (422, &value!("too_many_members")), "{reply}");
    assert!(seen(&house).await["m0230"].is_null());
    assert_eq!(patch(&house, &members(230, 256, &value!(3)).into()).await.0, 200);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_of_members_that_come_in_parts_are_counted_together() {
    let house = alone().await;
    let part = value!(vec!["x".repeat(60_000); 25]); // 1.5 MB
    for name in ["one", "two"] {
        assert_eq!(patch(&house, &value!({name: part})).await.0, 200);
    }
    let (status, reply) = patch(&house, &value!({"three": part})).await;
    assert_eq!((status, &reply["code"]), (422, &value!("document_too_large")), "{reply}");
    assert!(seen(&house).await["three"].is_null());
    assert_eq!(patch(&house, &value!({"one": null, "three": part})).await.0, 200);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_record_that_would_overfill_an_asset_is_kept_aside_and_the_asset_stays() {
    let server = FeedServer::start().await;
    let document = |seconds: i64, members: Map<String, Value>| {
        let mut record = members;
        record.insert("id".into(), value!("a"));
        Served::json(value!({"generated_at": at(seconds), "assets": [record]}).to_string())
    };
    server.put("/f", document(-900, members(0, 1, &value!(0))));
    let house =
        House::start(vec![partner("acme").with_feed(feed(&server.url("/f")))], Clock::manual(START)).await;
    assert_eq!(house.run_report("acme", 1).await["status"], "applied");
    let mut pushed = members(0, 200, &value!(1));
    pushed.insert("updated_at".into(), value!(at(-100)));
    assert_eq!(patch(&house, &pushed.into()).await.0, 200);
    let before = seen(&house).await;

    server.put("/f", document(-600, members(300, 400, &value!(2))));
    answer(house.call("acme", Method::POST, "/api/feed/run")).await;
    let report = house.run_report("acme", 2).await;
    assert_eq!((&report["status"], &report["counts"]["quarantined"]), (&value!("applied"), &value!(1)));
    let kept = &rows(&house, "acme").await[0];
    assert_eq!(
        (&kept["code"], &kept["kind"], &kept["id"], &kept["outcome"]),
        (&value!("too_many_members"), &value!("feed_record"), &value!("a"), &value!("quarantined"))
    );
    assert_eq!(seen(&house).await, before);
    house.stop().await;
}

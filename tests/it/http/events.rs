//! `POST /api/events` over the real daemon: one URL for all that a sender has to say.

use crate::support::house::{House, NEW_YEAR, answer};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tidegate::clock::Clock;

/// 2026-01-01T00:00:00Z
const PATH: &str = "/api/events";

#[tokio::test]
async fn t1_each_event_is_the_write_that_it_names_at_its_own_time() {
    let house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    let upserted = json!({"type": "asset.upserted", "timestamp": "2025-12-01T00:00:00Z",
        "data": {"id": "a", "name": "A", "class": "nav"}});
    let (status, body) = house.post("acme", PATH, &upserted).await;
    assert_eq!(
        (status, &body["id"], &body["outcome"]),
        (StatusCode::CREATED, &json!("a"), &json!("created"))
    );
    let price = json!({"type": "price.updated", "timestamp": "2025-12-02T00:00:00Z",
        "data": {"id": "a", "amount": "7.50"}});
    assert_eq!(house.post("acme", PATH, &price).await.1["outcome"], "updated");
    let replaced = json!({"type": "asset.replaced", "timestamp": "2025-12-03T00:00:00Z",
        "data": {"id": "a", "name": "B"}});
    assert_eq!(house.post("acme", PATH, &replaced).await.1["outcome"], "updated");
    let asset = house.get("acme", "/api/assets/a").await.1;
    assert_eq!((&asset["name"], asset.get("class")), (&json!("B"), None), "{asset}");
    assert_eq!(
        (&asset["price"]["amount"], &asset["price"]["as_of"]),
        (&json!("7.5"), &json!("2025-12-02T00:00:00Z"))
    );
    let late = json!({"type": "asset.deleted", "timestamp": "2025-11-01T00:00:00Z", "data": {"id": "a"}});
    assert_eq!(house.post("acme", PATH, &late).await.1["outcome"], "superseded");
    let deleted = json!({"type": "asset.deleted", "timestamp": "2025-12-04T00:00:00Z", "data": {"id": "a"}});
    assert_eq!(house.post("acme", PATH, &deleted).await.1["outcome"], "deleted");
    assert_eq!(house.get("acme", "/api/assets/a").await.0, StatusCode::GONE);
    house.stop().await;
}

#[tokio::test]
async fn an_event_of_a_foreign_type_is_taken_with_200_counted_and_kept_nowhere() {
    let house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    let order = json!({"type": "order.created", "timestamp": "2026-01-01T00:00:00Z", "data": {"id": "o1"}});
    let (status, said) = house.post("acme", PATH, &order).await;
    assert_eq!(
        (status, &said["outcome"], &said["applied"]),
        (StatusCode::OK, &json!("ignored"), &json!(false)),
        "{said}"
    );
    let mixed = json!([
        {"type": "ping", "id": "evt_1", "data": {}},
        {"type": "asset.upserted", "data": {"id": "a"}},
    ]);
    let request =
        crate::support::house::json(house.call("acme", Method::POST, "/api/events?atomic=true"), &mixed);
    let (status, said) = answer(request.header("webhook-id", "msg_1")).await;
    assert_eq!((status, &said["counts"]), (StatusCode::OK, &json!({"created": 1, "ignored": 1})), "{said}");
    let receipt = house.get("acme", "/api/receipts/msg_1").await.1;
    assert_eq!(receipt["items"][0]["outcome"], "ignored", "{receipt}");
    assert_eq!(house.get("acme", "/api/quarantine").await.1["items"], json!([]));
    assert_eq!(house.get("acme", "/api/assets/o1").await.0, StatusCode::NOT_FOUND);
    let slip = json!({"type": "asset.updated", "data": {"id": "a"}});
    assert_eq!(house.post("acme", PATH, &slip).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(house.get("acme", "/api/quarantine").await.1["items"].as_array().unwrap().len(), 1);
    let scrape = house.admin(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    let line = r#"tidegate_push_items_total{partner="acme",kind="price",outcome="ignored"} 2"#;
    assert!(scrape.lines().any(|found| found == line), "{scrape}");
    house.stop().await;
}

#[tokio::test]
async fn b20_events_come_as_array_or_ndjson_and_a_bad_one_is_refused_in_its_place() {
    let house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    let batch = json!([
        {"type": "asset.upserted", "timestamp": "2025-12-01T00:00:00Z", "data": {"id": "a"}},
        {"type": "asset.renamed", "data": {"id": "b"}},
        {"type": "price.updated", "data": {"id": "a", "amount": "1"}},
    ]);
    let (status, body) = house.post("acme", PATH, &batch).await;
    assert_eq!(
        (status, &body["counts"]),
        (StatusCode::OK, &json!({"created": 1, "updated": 1, "rejected": 1}))
    );
    let refused = &body["items"][1];
    assert_eq!((&refused["id"], &refused["code"]), (&json!("b"), &json!("event_type_unknown")));
    let hint = refused["hint"].as_str().unwrap();
    assert!(
        ["asset.upserted", "asset.replaced", "asset.deleted", "price.updated"]
            .iter()
            .all(|t| hint.contains(t))
    );
    assert_eq!(body["items"][2]["undated"], true);
    let lines = "{\"type\":\"asset.upserted\",\"data\":{\"id\":\"c\"}}\n{\"type\":\"asset.upserted\",\"data\":{\"id\":\"d\"}}\n";
    let request = house.call("acme", Method::POST, PATH).header("content-type", "application/x-ndjson");
    let (status, body) = answer(request.header("webhook-id", "msg_1").body(lines)).await;
    assert_eq!((status, &body["counts"]), (StatusCode::OK, &json!({"created": 2})));
    assert_eq!(house.get("acme", "/api/receipts/msg_1").await.1["items"].as_array().unwrap().len(), 2);
    let scrape = house.admin(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    for line in [
        r#"tidegate_push_items_total{partner="acme",kind="asset",outcome="created"} 3"#,
        r#"tidegate_push_items_total{partner="acme",kind="price",outcome="updated"} 1"#,
    ] {
        assert!(scrape.lines().any(|found| found == line), "{line}");
    }
    house.stop().await;
}

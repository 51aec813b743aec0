//! Ties of stamps over the real daemon (D3): whoever decides one, the later commit wins, and it is
//! counted as `ambiguous_order`.

use crate::support::house::{House, answer, json};
use crate::support::quarantine::{START, at, release, rows};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tidegate::clock::Clock;
use tidegate::domain::Micros;

/// Ties of `acme` that have been counted.
async fn counted(house: &House) -> String {
    let text = house.admin(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    let count = |line: &str| {
        Some(line.strip_prefix(r#"tidegate_ambiguous_order_total{partner="acme"} "#)?.to_owned())
    };
    text.lines().find_map(count).unwrap_or_else(|| "0".into())
}

async fn patch(house: &House, title: &str) -> Value {
    let body = json!({ "reason": "by court order", "set": { "title": title } });
    let request = house.admin(Method::POST, "/admin/partners/acme/assets/a/patch");
    let (status, done) = answer(json(request, &body)).await;
    assert_eq!(status, StatusCode::OK, "{done}");
    done
}

#[tokio::test]
async fn d3_a_tie_of_two_operators_is_counted() {
    let house = House::with(&["acme"], Clock::manual(START)).await;
    house.put("acme", "/api/assets/a", &json!({ "updated_at": at(-60), "title": "pushed" })).await;
    patch(&house, "one").await;
    assert_eq!(counted(&house).await, "0");
    assert_eq!(patch(&house, "another").await["rule"], "D3");
    assert_eq!(counted(&house).await, "1");
    let (_, asset) = house.get("acme", "/api/assets/a").await;
    assert_eq!(asset["title"], "another", "the later commit wins");
    house.stop().await;
}

#[tokio::test]
async fn d3_a_tie_that_a_release_decides_is_counted() {
    let house = House::with(&["acme"], Clock::manual(START)).await;
    let asset = |title: &str| json!({ "id": "a", "title": title, "updated_at": at(3_600) });
    let mut ahead = asset("kept aside");
    // what the later push does not name keeps the row open
    ahead["more"] = json!("of it");
    house.post("acme", "/api/assets", &ahead).await;
    house.clock.set(START.plus(Micros::HOUR));
    house.post("acme", "/api/assets", &asset("pushed")).await;
    let (status, done) = release(&house, "acme", &rows(&house, "acme").await[0]).await;
    assert_eq!((status, &done["item"]["rule"]), (StatusCode::OK, &json!("D3")), "{done}");
    assert_eq!(counted(&house).await, "1");
    let (_, asset) = house.get("acme", "/api/assets/a").await;
    assert_eq!(asset["title"], "kept aside", "the later commit wins");
    house.stop().await;
}

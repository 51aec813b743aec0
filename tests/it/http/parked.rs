//! P3 over the real daemon: prices that wait for their asset.

use crate::support::house::{House, answer, partner};
use crate::support::quarantine::{START, at, release, rows};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json as value};
use tidegate::clock::Clock;
use tidegate::domain::Micros;

async fn parked(house: &House) -> Vec<Value> {
    let (status, page) = house.get("acme", "/api/quarantine?kind=parked&limit=1000").await;
    assert_eq!(status, StatusCode::OK, "{page}");
    page["items"].as_array().unwrap().clone()
}

fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["id"].as_str().unwrap()).collect()
}

/// Places that the store knows, living or not.
fn places(house: &House) -> usize {
    let entry = house.daemon().registry().by_name("acme").unwrap();
    let mut count = 0;
    house.daemon().reader().index(entry.no, &mut |_, _, _, _| count += 1).unwrap();
    count
}

async fn price(house: &House, id: &str, seconds: i64) -> Value {
    let price = value!({"id": id, "amount": "5", "as_of": at(seconds)});
    house.post("acme", "/api/prices", &price).await.1
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_parked_price_is_listed_and_joins_the_commit_that_brings_its_asset_to_life() {
    let mut house = House::with(&["acme"], Clock::manual(START)).await;
    assert_eq!(price(&house, "a", -10).await["outcome"], "parked");
    assert_eq!(price(&house, "a", -5).await["outcome"], "parked");
    assert_eq!(price(&house, "a", -7).await["outcome"], "superseded", "the newest one waits");
    let listed = parked(&house).await;
    assert_eq!(ids(&listed), ["a"]);
    assert_eq!((&listed[0]["as_of"], &listed[0]["asset"]), (&value!(at(-5)), &value!("unknown")));
    assert_eq!(listed[0]["expires_at"], at(86_400));
    house.restart().await;
    assert_eq!(parked(&house).await, listed, "a restart keeps the park");
    house.put("acme", "/api/assets/a", &value!({"updated_at": at(-3)})).await;
    assert!(parked(&house).await.is_empty());
    assert_eq!(house.get("acme", "/api/assets/a/price").await.1["as_of"], at(-5));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_price_that_has_waited_24_hours_joins_no_asset_also_where_nothing_came_since() {
    let house = House::with(&["acme"], Clock::manual(START)).await;
    price(&house, "a", -10).await;
    house.clock.set(START.plus(Micros::DAY));
    house.put("acme", "/api/assets/a", &value!({"name": "A"})).await;
    assert_eq!(house.get("acme", "/api/assets/a").await.1.get("price"), None);
    assert_eq!(rows(&house, "acme").await[0]["code"], "parked_expired");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_after_24_hours_a_parked_price_is_a_row_that_can_be_released() {
    let house = House::with(&["acme"], Clock::manual(START)).await;
    price(&house, "a", -10).await;
    let withdrawal = format!("/api/assets/b/price?quote=nav&at={}", at(-10));
    assert_eq!(house.delete("acme", &withdrawal).await.1["outcome"], "parked");
    assert_eq!(places(&house), 2);
    house.clock.set(START.plus(Micros::DAY - 1));
    price(&house, "c", 0).await;
    assert_eq!(ids(&parked(&house).await).len(), 3, "not before its time");
    house.clock.set(START.plus(Micros::DAY));
    price(&house, "d", 0).await;
    assert_eq!(ids(&parked(&house).await), ["c", "d"]);
    assert_eq!(places(&house), 2, "an id that nothing else names is forgotten");
    let listed = rows(&house, "acme").await;
    assert!(listed.iter().all(|row| row["code"] == "parked_expired" && row["rule"] == "P3"), "{listed:?}");
    let row = |id: &str| listed.iter().find(|row| row["id"] == id).unwrap().clone();
    assert_eq!((&row("a")["kind"], &row("b")["kind"]), (&value!("price"), &value!("withdrawal")));
    house.put("acme", "/api/assets/a", &value!({"name": "A"})).await;
    let (status, reply) = release(&house, "acme", &row("a")).await;
    assert_eq!((status.as_u16(), &reply["item"]["outcome"]), (200, &value!("updated")), "{reply}");
    assert_eq!(house.get("acme", "/api/assets/a/price").await.1["as_of"], at(-10));
    let (_, reply) = release(&house, "acme", &row("b")).await;
    assert_eq!(reply["item"]["outcome"], "parked", "its asset has still not come");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_beyond_the_cap_the_one_that_has_waited_longest_moves_to_the_quarantine() {
    let mut acme = partner("acme");
    acme.policy.parked_max = 2;
    let house = House::start(vec![acme], Clock::manual(START)).await;
    for (n, id) in ["a", "b", "c", "d"].into_iter().enumerate() {
        house.clock.set(START.plus(n as i64 * Micros::SECOND));
        assert_eq!(price(&house, id, 0).await["outcome"], "parked");
    }
    assert_eq!(ids(&parked(&house).await), ["c", "d"]);
    assert_eq!(ids(&rows(&house, "acme").await), ["b", "a"]);
    assert_eq!(rows(&house, "acme").await[0]["code"], "parked_overflow");
    assert_eq!(places(&house), 2);
    let (_, page) = house.get("acme", "/api/quarantine?kind=parked&limit=1").await;
    let next =
        format!("/api/quarantine?kind=parked&limit=1&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(house.get("acme", &next).await.1["items"][0]["id"], "d");
    let text = house.admin(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(text.contains("tidegate_parked_prices{partner=\"acme\"} 2"), "{text}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_quote_newer_than_the_death_waits_and_comes_back_with_the_asset() {
    let house = House::with(&["acme"], Clock::manual(START)).await;
    house.put("acme", "/api/assets/a", &value!({"updated_at": at(-100)})).await;
    price(&house, "a", -10).await;
    house.delete("acme", &format!("/api/assets/a?at={}", at(-50))).await;
    let listed = parked(&house).await;
    assert_eq!((ids(&listed), &listed[0]["asset"]), (vec!["a"], &value!("deleted")));
    house.put("acme", "/api/assets/a", &value!({"updated_at": at(-40)})).await;
    assert!(parked(&house).await.is_empty());
    assert_eq!(house.get("acme", "/api/assets/a/price").await.1["as_of"], at(-10));
    // and one that never comes back leaves its tombstone without the price
    house.delete("acme", &format!("/api/assets/a?at={}", at(-30))).await;
    house.clock.set(START.plus(Micros::DAY));
    price(&house, "b", 0).await;
    assert_eq!(ids(&parked(&house).await), ["b"]);
    assert_eq!(answer(house.call("acme", Method::GET, "/api/assets/a")).await.0, StatusCode::GONE);
    house.stop().await;
}

//! Source time (T1, T2, T4) over the real daemon: what the partner says of when it was true, and what
//! stands in where it says nothing, whatever our own clock did before.

use crate::support::house::{House, NEW_YEAR, answer, json as with_json};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tidegate::clock::Clock;
use tidegate::codec::time;
use tidegate::domain::Micros;

fn at(seconds: i64) -> String {
    time::format(NEW_YEAR.plus(seconds * Micros::SECOND))
}

async fn outcome(house: &House, path: &str, body: Value) -> Value {
    let said = house.post("acme", path, &body).await.1;
    let item = if said["items"].is_array() { &said["items"][0] } else { &said };
    item["outcome"].clone()
}

async fn explained(house: &House, id: &str) -> Value {
    house.get("acme", &format!("/api/assets/{id}/explain")).await.1
}

/// When the asset's member was true, as `explain` tells it.
async fn time_of(house: &House, id: &str, member: &str) -> Value {
    let told = explained(house, id).await;
    let members = told["members"].as_array().unwrap();
    let member = members.iter().find(|found| found["name"] == member);
    member.unwrap_or_else(|| panic!("{told}"))["source_time"].clone()
}

#[tokio::test]
async fn t1_an_items_own_time_goes_before_the_envelopes_and_that_before_the_receive_time() {
    let house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    let envelope = json!({"timestamp": at(-20), "assets": [
        {"id": "own", "updated_at": at(-10), "name": "x"},
        {"id": "enveloped", "name": "x", "price": {"amount": "1", "currency": "EUR"}},
    ]});
    let (_, said) = house.post("acme", "/api/assets", &envelope).await;
    assert_eq!(said["counts"], json!({"created": 2}), "{said}");
    assert!(said["items"][1].get("undated").is_none(), "{said}");
    let (_, said) = house.post("acme", "/api/assets", &json!([{"id": "b"}, {"id": "c"}])).await;
    assert_eq!((&said["items"][0]["undated"], &said["items"][1]["undated"]), (&json!(true), &json!(true)));
    assert_eq!(time_of(&house, "own", "name").await, json!(at(-10)));
    assert_eq!(time_of(&house, "enveloped", "name").await, json!(at(-20)));
    let price = house.get("acme", "/api/assets/enveloped/price").await.1;
    assert_eq!(price["as_of"], json!(at(-20)), "T2: a price has the time of what it came in");
    // unique and rising: the second of the two is a microsecond later
    for (id, created) in [("b", 0), ("c", 1)] {
        let (_, told) = house.get("acme", &format!("/api/assets/{id}/explain")).await;
        let life = time::format(NEW_YEAR.plus(created));
        assert!(told.to_string().contains(&format!("\"{life}\"")), "{id}: {told}");
    }
    house.stop().await;
}

#[tokio::test]
async fn t1_the_time_of_an_attempt_is_no_source_time() {
    let house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    house.post("acme", "/api/assets", &json!({"id": "a", "updated_at": at(-10), "name": "newer"})).await;
    let older = json!({"id": "a", "updated_at": at(-60), "name": "older"});
    let request = with_json(house.call("acme", Method::POST, "/api/assets"), &older);
    let request = request
        .header("webhook-id", "m")
        .header("webhook-timestamp", (NEW_YEAR.0 / Micros::SECOND).to_string());
    assert_eq!(answer(request).await.1["outcome"], "superseded");
    assert_eq!(house.get("acme", "/api/assets/a").await.1["name"], "newer");
    house.stop().await;
}

#[tokio::test]
async fn t1_a_delete_takes_its_time_from_the_query() {
    let house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    house.post("acme", "/api/assets", &json!({"id": "a", "updated_at": at(-10), "name": "x"})).await;
    let delete = async |seconds: i64| {
        house.delete("acme", &format!("/api/assets/a?at={}", at(seconds))).await.1["outcome"].clone()
    };
    assert_eq!(delete(-11).await, "superseded");
    assert_eq!(house.get("acme", "/api/assets/a").await.0, StatusCode::OK);
    assert_eq!(delete(-9).await, "deleted");
    house.stop().await;
}

#[tokio::test]
async fn t2_a_date_is_midnight_and_a_time_without_offset_is_rejected() {
    let house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    house.post("acme", "/api/assets", &json!({"id": "a"})).await;
    let price = |as_of: &str| json!({"id": "a", "amount": "1", "as_of": as_of});
    assert_eq!(outcome(&house, "/api/prices", price("2025-12-24")).await, "updated");
    assert_eq!(house.get("acme", "/api/assets/a/price").await.1["as_of"], "2025-12-24T00:00:00Z");
    let (status, said) = house.post("acme", "/api/prices", &price("2025-12-25T10:00:00")).await;
    assert_eq!((status, &said["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("time_format")), "{said}");
    assert!(said["hint"].as_str().unwrap().contains("Z"), "with an example: {said}");
    house.stop().await;
}

#[tokio::test]
async fn t4_what_the_partner_says_may_lie_so_far_ahead_and_no_further() {
    let house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    house.post("acme", "/api/assets", &json!({"id": "a", "updated_at": at(-100)})).await;
    let price = |seconds: i64| json!({"id": "a", "amount": "1", "as_of": at(seconds)});
    assert_eq!(outcome(&house, "/api/prices", price(30)).await, "updated");
    assert_eq!(outcome(&house, "/api/prices", price(31)).await, "quarantined");
    assert_eq!(outcome(&house, "/api/prices", price(365 * 86_400)).await, "quarantined", "as of next year");
    let named = json!({"timestamp": at(31), "prices": [{"id": "a", "amount": "2"}]});
    assert_eq!(outcome(&house, "/api/prices", named).await, "quarantined", "by its envelope");
    let asset = |seconds: i64| json!({"id": "a", "updated_at": at(seconds), "n": seconds});
    assert_eq!(outcome(&house, "/api/assets", asset(300)).await, "updated");
    assert_eq!(outcome(&house, "/api/assets", asset(301)).await, "quarantined");
    let priced = json!({"id": "b", "updated_at": at(31), "price": {"amount": "1", "currency": "EUR"}});
    assert_eq!(outcome(&house, "/api/assets", priced).await, "quarantined", "a price is as old as its item");
    let (_, rows) = house.get("acme", "/api/quarantine").await;
    let codes = rows["items"].as_array().unwrap().iter().map(|row| row["code"].as_str().unwrap());
    assert!(codes.clone().all(|code| code == "future_time") && codes.count() == 5, "{rows}");
    house.stop().await;
}

#[tokio::test]
async fn t4_a_released_row_is_judged_by_the_time_that_its_envelope_said() {
    let house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    house.post("acme", "/api/assets", &json!({"id": "a"})).await;
    let ahead = json!({"timestamp": at(60), "prices": [{"id": "a", "amount": "2"}]});
    assert_eq!(outcome(&house, "/api/prices", ahead).await, "quarantined");
    let row = house.get("acme", "/api/quarantine").await.1["items"][0]["row"].clone();
    let release = async || {
        answer(house.admin(Method::POST, &format!("/admin/partners/acme/quarantine/{row}/release"))).await.0
    };
    assert_eq!(release().await, StatusCode::UNPROCESSABLE_ENTITY, "it lies ahead still");
    house.clock.set(NEW_YEAR.plus(30 * Micros::SECOND));
    assert_eq!(release().await, StatusCode::OK);
    house.stop().await;
}

#[tokio::test]
async fn a6_after_our_clock_ran_a_day_ahead_undated_writes_apply_all_the_same() {
    let mut house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    house.clock.set(NEW_YEAR.plus(Micros::DAY));
    house.post("acme", "/api/assets", &json!([{"id": "a", "name": "of tomorrow"}, {"id": "b"}])).await;
    house.post("acme", "/api/prices", &json!({"id": "a", "amount": "1"})).await;
    house.clock.set(NEW_YEAR);
    for (n, name) in ["first", "second"].into_iter().enumerate() {
        let (status, said) = house.post("acme", "/api/assets", &json!({"id": "a", "name": name})).await;
        assert_eq!(
            (status, &said["outcome"], &said["undated"]),
            (StatusCode::OK, &json!("updated"), &json!(true))
        );
        let amount = (n + 2).to_string();
        let (_, said) = house.post("acme", "/api/prices", &json!({"id": "a", "amount": amount})).await;
        assert_eq!(said["outcome"], "updated", "{said}");
        let (_, said) = house.put("acme", "/api/assets/a/price?quote=nav", &json!({"amount": amount})).await;
        assert_eq!(said["outcome"], "updated", "{said}");
        let whole = json!({"id": "c", "name": name, "price": {"amount": amount, "currency": "EUR"}});
        let (_, said) = house.post("acme", "/api/assets", &whole).await;
        assert!(said["applied"].as_bool().unwrap(), "{said}");
        let asset = house.get("acme", "/api/assets/a").await.1;
        assert_eq!((&asset["name"], &asset["price"]["amount"]), (&json!(name), &json!(amount)), "{asset}");
        house.restart().await;
    }
    assert_eq!(house.delete("acme", "/api/assets/a/price").await.1["outcome"], "updated");
    assert_eq!(house.delete("acme", "/api/assets/a").await.1["outcome"], "deleted");
    assert_eq!(house.get("acme", "/api/quarantine").await.1["items"], json!([]));
    let ahead = json!({"id": "b", "updated_at": at(301)});
    assert_eq!(outcome(&house, "/api/assets", ahead).await, "quarantined", "what is said is judged as ever");
    house.stop().await;
}

#[tokio::test]
async fn a6_a_clock_behind_what_it_has_shown_is_told() {
    let mut house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    house.clock.set(NEW_YEAR.plus(Micros::DAY));
    house.post("acme", "/api/assets", &json!({"id": "a"})).await;
    house.clock.set(NEW_YEAR);
    house.restart().await;
    crate::support::house::wait_for("the status to tell of it", async || {
        let status = answer(house.admin(Method::GET, "/admin/status")).await.1;
        (status["clock_behind_seconds"] == 86_400).then_some(())
    })
    .await;
    let scrape = house.admin(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(scrape.lines().any(|line| line == "tidegate_clock_behind_seconds 86400"), "{scrape}");
    house.stop().await;
}

#[tokio::test]
async fn a6_a_gap_from_before_our_clock_went_back_is_named_at_once() {
    let house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    house.post("acme", "/api/assets", &json!({"id": "a"})).await;
    let numbered =
        |n: u64| json!({"id": "a", "amount": "1", "as_of": at(n as i64 - 100), "stream": "s", "sequence": n});
    house.clock.set(NEW_YEAR.plus(Micros::DAY));
    house.post("acme", "/api/prices", &numbered(3)).await;
    house.clock.set(NEW_YEAR);
    let (_, said) = house.post("acme", "/api/prices", &numbered(4)).await;
    assert_eq!(said["missing"], json!({"s": [[1, 2]]}), "{said}");
    house.stop().await;
}

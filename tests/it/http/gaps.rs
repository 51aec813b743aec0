//! Numbered price streams (G1, P5) over the real daemon: a gap holds nothing back, is named, and is
//! healed by a late message or by the feed.

use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, NEW_YEAR, answer, feed, json as with_json, partner, wait_for};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tidegate::clock::Clock;
use tidegate::codec::time;
use tidegate::domain::Micros;

async fn house() -> House {
    let house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    let assets = json!([{"id": "A"}, {"id": "B"}, {"id": "C"}]);
    assert_eq!(house.post("acme", "/api/assets", &assets).await.0, StatusCode::OK);
    house
}

fn numbered(id: &str, number: u64, as_of: &str) -> Value {
    json!({"id": id, "amount": number.to_string(), "as_of": as_of, "stream": "s", "sequence": number})
}

async fn push(house: &House, price: &Value) -> Value {
    house.post("acme", "/api/prices", price).await.1
}

async fn state(house: &House, id: &str) -> Value {
    house.get("acme", &format!("/api/assets/{id}/price")).await.1["state"].clone()
}

async fn metric(house: &House, line: &str) -> bool {
    let scrape = house.admin(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    scrape.lines().any(|found| found == line)
}

#[tokio::test]
async fn g1_the_worked_example() {
    let house = house().await;
    let seen: Vec<Value> = (1..=41).map(|n| numbered("C", n, &format!("2025-12-31T00:00:{n:02}Z"))).collect();
    let (_, body) = house.post("acme", "/api/prices", &json!(seen)).await;
    assert_eq!(body["counts"], json!({"updated": 41}), "{body}");
    let newest = push(&house, &numbered("A", 43, "2025-12-31T00:01:02Z")).await;
    assert_eq!((&newest["outcome"], newest.get("missing")), (&json!("updated"), None), "not open for long");
    house.clock.set(NEW_YEAR.plus(2 * Micros::SECOND));
    let next = push(&house, &numbered("A", 44, "2025-12-31T00:01:03Z")).await;
    assert_eq!(
        (&next["outcome"], &next["missing"]),
        (&json!("updated"), &json!({"s": [[42, 42]]})),
        "{next}"
    );
    let unspoken = push(&house, &json!({"id": "A", "amount": "1", "stream": "t", "sequence": 1})).await;
    assert_eq!(unspoken["missing"], json!({"s": [[42, 42]]}), "an answer about another stream names it too");
    let late = numbered("B", 42, "2025-12-31T00:01:01Z");
    let healed = push(&house, &late).await;
    assert_eq!((&healed["outcome"], healed.get("missing")), (&json!("updated"), None), "{healed}");
    let again = push(&house, &late).await;
    assert_eq!((&again["outcome"], &again["rule"]), (&json!("duplicate"), &json!("P1")));
    assert!(metric(&house, r#"tidegate_gaps_opened_total{partner="acme"} 1"#).await);
    assert!(metric(&house, r#"tidegate_gaps_healed_total{partner="acme",by="late"} 1"#).await);
    house.stop().await;
}

#[tokio::test]
async fn b8_a_late_message_that_is_not_the_newest_is_superseded_and_closes_its_range() {
    let house = house().await;
    push(&house, &numbered("A", 1, "2025-12-31T00:00:01Z")).await;
    push(&house, &numbered("A", 3, "2025-12-31T00:00:03Z")).await;
    let batch = json!([numbered("A", 2, "2025-12-31T00:00:02Z"), numbered("B", 7, "2025-12-31T00:00:07Z")]);
    let (_, body) = house.post("acme", "/api/prices", &batch).await;
    assert_eq!(body["items"][0]["outcome"], "superseded");
    house.clock.set(NEW_YEAR.plus(3 * Micros::SECOND));
    let batch = json!([numbered("B", 8, "2025-12-31T00:00:08Z")]);
    let (_, body) = house.post("acme", "/api/prices", &batch).await;
    assert_eq!(body["missing"], json!({"s": [[4, 6]]}), "{body}");
    house.stop().await;
}

#[tokio::test]
async fn u10_what_is_missing_is_named_in_the_first_answer_after_two_seconds_whatever_it_is_about() {
    let house = house().await;
    for (number, as_of) in
        [(1, "2025-12-31T00:00:01Z"), (2, "2025-12-31T00:00:02Z"), (5, "2025-12-31T00:00:05Z")]
    {
        let said = push(&house, &numbered("A", number, as_of)).await;
        assert_eq!(said.get("missing"), None, "{said}");
    }
    let named = json!({"s": [[3, 4]]});
    for (wait, missing) in [(2 * Micros::SECOND - 1, None), (2 * Micros::SECOND, Some(&named))] {
        house.clock.set(NEW_YEAR.plus(wait));
        let plain = push(&house, &json!({"id": "A", "amount": "1"})).await;
        let (_, asset) = house.post("acme", "/api/assets", &json!([{"id": "B", "name": "B"}])).await;
        let event = json!({"type": "ping"});
        let (_, event) = house.post("acme", "/api/events", &event).await;
        let (_, tried) = house.post("acme", "/api/assets?dry_run=true", &json!({"id": "C"})).await;
        let (_, deleted) = house.delete("acme", "/api/assets/B?at=2025-01-01T00:00:00Z").await;
        for said in [plain, asset, event, tried, deleted] {
            assert_eq!(said.get("missing"), missing, "{said}");
        }
    }
    house.stop().await;
}

#[tokio::test]
async fn u10_numbers_begin_with_one() {
    let house = house().await;
    let mut zero = numbered("A", 0, "2025-12-31T00:00:00Z");
    zero["amount"] = json!("5");
    let (status, said) = house.post("acme", "/api/prices", &zero).await;
    assert_eq!(
        (status, &said["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("sequence_range")),
        "{said}"
    );
    let (_, batch) =
        house.post("acme", "/api/prices", &json!([zero, numbered("A", 1, "2025-12-31T00:00:01Z")])).await;
    assert_eq!(batch["counts"], json!({"updated": 1, "rejected": 1}), "{batch}");
    house.stop().await;
}

#[tokio::test]
async fn g1_what_was_only_tried_or_refused_as_a_whole_has_not_come() {
    let house = house().await;
    push(&house, &numbered("A", 1, "2025-12-31T00:00:01Z")).await;
    let tried = with_json(
        house.call("acme", Method::POST, "/api/prices?dry_run=true"),
        &numbered("A", 5, "2025-12-31T00:00:05Z"),
    );
    assert_eq!(answer(tried).await.1["outcome"], "updated");
    let refused = json!([numbered("A", 5, "2025-12-31T00:00:05Z"), {"id": "A", "amount": "x"}]);
    let refused = with_json(house.call("acme", Method::POST, "/api/prices?atomic=true"), &refused);
    assert_eq!(answer(refused).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(metric(&house, r#"tidegate_gaps_opened_total{partner="acme"} 0"#).await);
    house.stop().await;
}

#[tokio::test]
async fn p5_prices_from_before_a_gap_read_as_gap_until_it_is_closed_also_over_a_restart() {
    let mut house = house().await;
    push(&house, &numbered("A", 1, "2025-12-31T00:00:01Z")).await;
    house.clock.set(NEW_YEAR.plus(Micros::SECOND));
    push(&house, &numbered("B", 3, "2025-12-31T00:00:03Z")).await;
    for _ in 0..2 {
        assert_eq!((state(&house, "A").await, state(&house, "B").await), (json!("gap"), json!("live")));
        assert_eq!(house.get("acme", "/api/assets/A").await.1["price"]["state"], "gap");
        house.restart().await;
    }
    let page = house.get("acme", "/api/prices?id=A&id=B").await.1;
    assert_eq!((&page["items"][0]["state"], &page["items"][1]["state"]), (&json!("gap"), &json!("live")));
    push(&house, &numbered("C", 2, "2025-12-31T00:00:02Z")).await;
    assert_eq!(state(&house, "A").await, json!("live"));
    house.stop().await;
}

fn document(generated_at: &str) -> Served {
    let asset = |id: &str| json!({"id": id, "price": {"amount": "9", "currency": "EUR"}});
    let document = json!({"generated_at": generated_at, "assets": [asset("A"), asset("B"), asset("C")]});
    Served::json(document.to_string())
}

#[tokio::test]
async fn g1_a_gap_that_stays_open_has_the_feed_fetched_early_once_and_is_healed_by_it() {
    let server = FeedServer::start().await;
    server.put("/acme", document("2025-12-31T00:00:00Z"));
    let settings = partner("acme").with_feed(feed(&server.url("/acme")));
    let house = House::start(vec![settings], Clock::manual(NEW_YEAR)).await;
    house.run_report("acme", 1).await;
    push(&house, &numbered("A", 1, "2025-12-31T00:00:01Z")).await;
    house.clock.set(NEW_YEAR.plus(Micros::SECOND));
    push(&house, &numbered("A", 3, "2025-12-31T00:00:03Z")).await;
    push(&house, &json!({"id": "B", "amount": "1"})).await;
    // a snapshot from before the gap heals nothing, and is not asked for again
    server.put("/acme", document("2026-01-01T00:00:00Z"));
    house.clock.set(NEW_YEAR.plus(11 * Micros::SECOND));
    push(&house, &json!({"id": "C", "amount": "2"})).await;
    // a run that had been asked for before, when the gap was young, would be the second
    let early = house.run_report("acme", 2).await;
    assert_eq!(early["started_at"], time::format(NEW_YEAR.plus(11 * Micros::SECOND)), "{early}");
    push(&house, &json!({"id": "C", "amount": "3"})).await;
    assert!(metric(&house, r#"tidegate_gaps_healed_total{partner="acme",by="feed"} 0"#).await);
    // another gap, and a snapshot that speaks of both
    house.clock.set(NEW_YEAR.plus(12 * Micros::SECOND));
    push(&house, &numbered("A", 5, "2025-12-31T00:00:05Z")).await;
    server.put("/acme", document("2026-01-01T00:00:20Z"));
    house.clock.set(NEW_YEAR.plus(22 * Micros::SECOND));
    push(&house, &json!({"id": "C", "amount": "4"})).await;
    let other = house.run_report("acme", 3).await;
    assert_eq!(other["started_at"], time::format(NEW_YEAR.plus(22 * Micros::SECOND)), "{other}");
    wait_for("the feed to heal the gaps", async || {
        let healed = metric(&house, r#"tidegate_gaps_healed_total{partner="acme",by="feed"} 2"#).await;
        healed.then_some(())
    })
    .await;
    assert_eq!(house.runs("acme").await.len(), 3);
    house.stop().await;
}

#[tokio::test]
async fn g1_gaps_and_streams_without_end_stay_under_their_caps() {
    let house = house().await;
    let prices: Vec<Value> =
        (1..=400).map(|n| numbered("A", 2 * n, &format!("2025-12-31T00:00:00.{n:03}Z"))).collect();
    house.post("acme", "/api/prices", &json!(prices)).await;
    assert!(metric(&house, r#"tidegate_gaps_abandoned_total{partner="acme"} 144"#).await);
    let streams: Vec<Value> = (0..200)
        .map(|n| json!({"id": "B", "amount": "1", "stream": format!("s{n}"), "sequence": 2}))
        .collect();
    let (_, body) = house.post("acme", "/api/prices", &json!(streams)).await;
    assert_eq!(body["counts"], json!({"updated": 200}), "the prices apply all the same");
    assert!(metric(&house, r#"tidegate_gaps_opened_total{partner="acme"} 463"#).await);
    house.stop().await;
}

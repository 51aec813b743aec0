//! Deliveries by id (G2, T1) over the real daemon: one effect, the first reply again, across a
//! restart, and under a cap.

use crate::support::house::{House, NEW_YEAR, json as with_json, partner};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tidegate::clock::Clock;
use tidegate::domain::Micros;

/// What came back: status, whether it says that it is a replay, body.
type Answered = (StatusCode, bool, Value);

async fn send(house: &House, method: Method, path: &str, id: (&str, &str), body: &Value) -> Answered {
    let request = with_json(house.call("acme", method, path), body).header(id.0, id.1);
    let response = request.send().await.unwrap();
    let replayed = response.headers().get("idempotent-replayed").is_some_and(|value| value == "true");
    let status = response.status();
    let body = response.bytes().await.unwrap();
    (status, replayed, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

async fn post(house: &House, path: &str, id: &str, body: &Value) -> Answered {
    send(house, Method::POST, path, ("webhook-id", id), body).await
}

fn asset(name: &str, updated_at: &str) -> Value {
    json!({"id": "a", "updated_at": updated_at, "name": name})
}

fn price(amount: &str, as_of: &str) -> Value {
    json!({"id": "a", "amount": amount, "as_of": as_of})
}

async fn changes(house: &House) -> usize {
    let (status, page) = house.get("acme", "/api/changes?limit=1000").await;
    assert_eq!(status, StatusCode::OK, "{page}");
    page["items"].as_array().unwrap().len()
}

fn metric(house: &House, line: &str) -> impl Future<Output = bool> {
    let scrape = house.admin(Method::GET, "/metrics").send();
    let line = line.to_owned();
    async move { scrape.await.unwrap().text().await.unwrap().lines().any(|found| found == line) }
}

#[tokio::test]
async fn b1_the_same_id_and_body_is_one_effect_and_the_first_reply_again() {
    let house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    let body = asset("A", "2025-12-01T00:00:00Z");
    let (status, replayed, first) = post(&house, "/api/assets", "msg_1", &body).await;
    assert_eq!((status, replayed), (StatusCode::CREATED, false), "{first}");
    house.post("acme", "/api/assets", &asset("B", "2025-12-02T00:00:00Z")).await;
    let before = changes(&house).await;
    for _ in 0..3 {
        let again = post(&house, "/api/assets", "msg_1", &body).await;
        assert_eq!(again, (StatusCode::CREATED, true, first.clone()));
    }
    let spelled =
        send(&house, Method::POST, "/api/partners/acme/assets", ("idempotency-key", "\"msg_1\""), &body);
    assert_eq!(spelled.await, (StatusCode::CREATED, true, first), "another spelling of path and header");
    assert_eq!(changes(&house).await, before, "a repeat changes nothing");
    assert_eq!(house.get("acme", "/api/assets/a").await.1["name"], "B");
    assert!(metric(&house, r#"tidegate_deliveries_total{partner="acme",outcome="replayed"} 4"#).await);
    house.stop().await;
}

#[tokio::test]
async fn b1_a_batch_is_answered_again_item_by_item() {
    let house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    house.post("acme", "/api/assets", &asset("A", "2025-12-01T00:00:00Z")).await;
    let batch = json!([
        price("1", "2025-12-01T00:00:01Z"),
        price("2", "2025-12-01T00:00:02Z"),
        price("2", "2025-12-01T00:00:02Z"),
        price("x", "2025-12-01T00:00:03Z"),
        {"id": "a", "amount": "5"},
        price("9", "2027-12-01T00:00:03Z"),
    ]);
    let (status, _, first) = post(&house, "/api/prices", "batch", &batch).await;
    assert_eq!(status, StatusCode::OK, "{first}");
    assert_eq!(first["counts"], json!({"updated": 3, "duplicate": 1, "rejected": 1, "quarantined": 1}));
    assert_eq!(first["items"][4]["undated"], true);
    house.post("acme", "/api/prices", &price("7", "2026-01-01T00:00:00.5Z")).await;
    assert_eq!(post(&house, "/api/prices", "batch", &batch).await, (StatusCode::OK, true, first));
    house.stop().await;
}

#[tokio::test]
async fn b2_a_hundred_at_once_under_one_id_are_one_effect() {
    let house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    let body = json!({"id": "a", "name": "undated"});
    let sent = (0..100).map(|_| post(&house, "/api/assets", "msg_1", &body));
    let replies = futures_util::future::join_all(sent).await;
    let first = replies.iter().find(|(_, replayed, _)| !replayed).expect("one is the first");
    assert_eq!(replies.iter().filter(|(_, replayed, _)| !replayed).count(), 1);
    assert!(replies.iter().all(|(status, _, body)| (*status, body) == (StatusCode::CREATED, &first.2)));
    assert_eq!(changes(&house).await, 1);
    house.stop().await;
}

#[tokio::test]
async fn b3_a_delivery_is_remembered_over_a_restart_with_its_cursors() {
    let mut house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    let body = json!([asset("A", "2025-12-01T00:00:00Z"), {"id": "b", "name": "B"}, {"id": ""}]);
    let (status, _, first) = post(&house, "/api/assets", "msg_1", &body).await;
    assert_eq!(status, StatusCode::OK, "{first}");
    house.restart().await;
    assert_eq!(post(&house, "/api/assets", "msg_1", &body).await, (StatusCode::OK, true, first));
    let key = ("idempotency-key", "msg_1");
    let (status, _, problem) = send(&house, Method::POST, "/api/assets", key, &json!([])).await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("key_reused")));
    house.stop().await;
}

#[tokio::test]
async fn b6_the_same_key_with_another_body_route_or_query_is_refused() {
    let house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    let body = asset("A", "2025-12-01T00:00:00Z");
    let key = ("idempotency-key", "msg_1");
    send(&house, Method::POST, "/api/assets", key, &body).await;
    let other = asset("B", "2025-12-02T00:00:00Z");
    for (method, path, body) in [
        (Method::POST, "/api/assets", &other),
        (Method::POST, "/api/assets?atomic=true", &body),
        (Method::PUT, "/api/assets", &body),
        (Method::PUT, "/api/assets/a", &body),
    ] {
        let (status, _, problem) = send(&house, method, path, key, body).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!("key_reused")),
            "{path}"
        );
    }
    assert_eq!(house.get("acme", "/api/assets/a").await.1["name"], "A");
    assert!(metric(&house, r#"tidegate_deliveries_total{partner="acme",outcome="reused"} 4"#).await);
    house.stop().await;
}

#[tokio::test]
async fn g2_a_webhook_id_with_another_body_is_decided_like_any_other_and_warned_of() {
    let mut house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    let (_, _, first) = post(&house, "/api/assets", "msg_1", &asset("A", "2025-12-02T00:00:00Z")).await;
    assert_eq!(first.get("warnings"), None, "{first}");
    for restarted in [false, true] {
        // the body is built anew at each attempt: with what is true by then, or with what was
        let newer = asset("B", if restarted { "2025-12-04T00:00:00Z" } else { "2025-12-03T00:00:00Z" });
        let (status, replayed, said) = post(&house, "/api/assets", "msg_1", &newer).await;
        assert_eq!((status, replayed), (StatusCode::OK, false), "{said}");
        assert_eq!(said["warnings"][0]["code"], "delivery_id_reused", "{said}");
        let (status, _, older) =
            post(&house, "/api/assets", "msg_1", &json!([asset("C", "2025-12-01T00:00:00Z")])).await;
        assert_eq!(
            (status, &older["items"][0]["outcome"]),
            (StatusCode::OK, &json!("superseded")),
            "{older}"
        );
        assert_eq!(older["warnings"][0]["code"], "delivery_id_reused", "{older}");
        assert_eq!(house.get("acme", "/api/assets/a").await.1["name"], "B");
        let again = post(&house, "/api/assets", "msg_1", &asset("A", "2025-12-02T00:00:00Z")).await;
        assert_eq!(again, (StatusCode::CREATED, true, first.clone()), "the first is remembered");
        let line = r#"tidegate_deliveries_total{partner="acme",outcome="reused"} 2"#;
        assert!(metric(&house, line).await);
        house.restart().await;
    }
    house.stop().await;
}

#[tokio::test]
async fn t1_a_body_built_anew_is_as_old_as_its_first_delivery_where_it_bears_no_time() {
    let house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    let undated = |name: &str| json!({"id": "a", "name": name});
    post(&house, "/api/assets", "msg_1", &undated("first")).await;
    let (_, _, price) = post(&house, "/api/prices", "msg_2", &json!({"id": "a", "amount": "1"})).await;
    assert_eq!(price["outcome"], "updated", "{price}");
    house.clock.set(NEW_YEAR.plus(Micros::SECOND));
    // nothing came in between: what was built anew says more than the first did
    let (_, _, anew) = post(&house, "/api/assets", "msg_1", &undated("second")).await;
    assert_eq!((&anew["outcome"], &anew["undated"]), (&json!("updated"), &json!(true)), "{anew}");
    for amount in ["2", "3"] {
        let anew = json!({"id": "a", "amount": amount});
        let (status, _, said) = post(&house, "/api/prices", "msg_2", &anew).await;
        assert_eq!((status, &said["outcome"]), (StatusCode::OK, &json!("updated")), "{said}");
    }
    house.clock.set(NEW_YEAR.plus(10 * Micros::SECOND));
    house.post("acme", "/api/assets", &asset("third", "2026-01-01T00:00:05Z")).await;
    house.post("acme", "/api/prices", &self::price("5", "2026-01-01T00:00:05Z")).await;
    house.clock.set(NEW_YEAR.plus(Micros::HOUR / 2));
    let (_, _, late) = post(&house, "/api/assets", "msg_1", &undated("fourth")).await;
    assert_eq!(late["outcome"], "superseded", "{late}");
    let (_, _, late) = post(&house, "/api/prices", "msg_2", &json!({"id": "a", "amount": "4"})).await;
    assert_eq!(late["outcome"], "superseded", "{late}");
    let asset = house.get("acme", "/api/assets/a").await.1;
    assert_eq!((&asset["name"], &asset["price"]["amount"]), (&json!("third"), &json!("5")), "{asset}");
    let (_, fresh) = house.post("acme", "/api/assets", &undated("fifth")).await;
    assert_eq!(fresh["outcome"], "updated", "the partner's own receive times are untouched: {fresh}");
    house.stop().await;
}

#[tokio::test]
async fn a7_an_expired_delivery_lets_no_conditional_write_through() {
    let mut house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    house.post("acme", "/api/assets", &asset("A", "2025-12-01T00:00:00Z")).await;
    let seen = house.call("acme", Method::GET, "/api/assets/a").send().await.unwrap();
    let tag = seen.headers()["etag"].to_str().unwrap().to_owned();
    let write = async |house: &House| {
        let request = with_json(house.call("acme", Method::PUT, "/api/assets/a"), &json!({"name": "mine"}));
        let request = request.header("if-match", &tag).header("idempotency-key", "K1");
        let response = request.send().await.unwrap();
        (response.status(), response.headers().contains_key("idempotent-replayed"))
    };
    assert_eq!(write(&house).await, (StatusCode::OK, false));
    house.clock.set(NEW_YEAR.plus(Micros::DAY));
    house.post("acme", "/api/assets", &json!({"id": "a", "name": "another's"})).await;
    assert_eq!(write(&house).await, (StatusCode::OK, true), "a repeat is answered as the first");
    for restarted in [false, true] {
        house.clock.set(NEW_YEAR.plus(20 * Micros::DAY));
        assert_eq!(write(&house).await, (StatusCode::PRECONDITION_FAILED, false), "restarted: {restarted}");
        assert_eq!(house.get("acme", "/api/assets/a").await.1["name"], "another's");
        house.restart().await;
    }
    house.stop().await;
}

#[tokio::test]
async fn a7_a_delivery_that_the_cap_pushed_out_lets_no_conditional_write_through() {
    let mut settings = partner("acme");
    settings.policy.deliveries_max = 2;
    let house = House::start(vec![settings], Clock::manual(NEW_YEAR)).await;
    let create = async || {
        let request = with_json(house.call("acme", Method::PUT, "/api/assets/a"), &json!({"name": "mine"}));
        request.header("if-none-match", "*").header("idempotency-key", "K1").send().await.unwrap().status()
    };
    assert_eq!(create().await, StatusCode::CREATED);
    assert_eq!(create().await, StatusCode::CREATED, "a repeat");
    for n in 0..5 {
        post(&house, "/api/assets", &format!("msg_{n}"), &json!({"id": format!("b{n}")})).await;
    }
    house.post("acme", "/api/assets", &json!({"id": "a", "name": "another's"})).await;
    assert_eq!(create().await, StatusCode::PRECONDITION_FAILED);
    assert_eq!(house.get("acme", "/api/assets/a").await.1["name"], "another's");
    house.stop().await;
}

#[tokio::test]
async fn b7_an_older_version_that_comes_late_is_superseded_and_no_error() {
    let house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    post(&house, "/api/assets", "v3", &asset("three", "2025-12-03T00:00:00Z")).await;
    let (status, _, late) = post(&house, "/api/assets", "v2", &asset("two", "2025-12-02T00:00:00Z")).await;
    assert_eq!(
        (status, &late["outcome"], &late["applied"]),
        (StatusCode::OK, &json!("superseded"), &json!(false))
    );
    let (_, replayed, again) = post(&house, "/api/assets", "v2", &asset("two", "2025-12-02T00:00:00Z")).await;
    assert_eq!((replayed, &again["rule"]), (true, &json!("D1")));
    assert_eq!(house.get("acme", "/api/assets/a").await.1["name"], "three");
    house.stop().await;
}

#[tokio::test]
async fn t1_a_repeat_of_an_undated_push_keeps_the_receive_time_of_the_first() {
    let mut house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    let undated = json!({"id": "a", "name": "first"});
    let (_, _, first) = post(&house, "/api/assets", "msg_1", &undated).await;
    assert_eq!(first["undated"], true);
    let undated_price = json!({"id": "a", "amount": "1"});
    post(&house, "/api/prices", "msg_2", &undated_price).await;
    house.clock.set(NEW_YEAR.plus(10 * Micros::SECOND));
    house.post("acme", "/api/assets", &asset("second", "2026-01-01T00:00:05Z")).await;
    house.post("acme", "/api/prices", &price("2", "2026-01-01T00:00:05Z")).await;
    // longer than dated prices are remembered: an undated one would come back as new
    for wait in [20 * Micros::SECOND, 2 * Micros::HOUR] {
        house.clock.set(NEW_YEAR.plus(wait));
        assert!(post(&house, "/api/assets", "msg_1", &undated).await.1);
        assert!(post(&house, "/api/prices", "msg_2", &undated_price).await.1);
        let asset = house.get("acme", "/api/assets/a").await.1;
        assert_eq!((&asset["name"], &asset["price"]["amount"]), (&json!("second"), &json!("2")), "{asset}");
        house.restart().await;
    }
    house.stop().await;
}

#[tokio::test]
async fn g2_a_repeat_is_not_judged_by_conditions_that_the_first_has_changed() {
    let house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    let body = asset("A", "2025-12-01T00:00:00Z");
    let create = async || {
        let request = with_json(house.call("acme", Method::PUT, "/api/assets/a"), &body);
        let response =
            request.header("if-none-match", "*").header("idempotency-key", "k").send().await.unwrap();
        response.status()
    };
    assert_eq!(create().await, StatusCode::CREATED);
    assert_eq!(create().await, StatusCode::CREATED, "the same request again");
    let other =
        with_json(house.call("acme", Method::PUT, "/api/assets/a"), &body).header("if-none-match", "*");
    assert_eq!(other.send().await.unwrap().status(), StatusCode::PRECONDITION_FAILED);
    house.stop().await;
}

#[tokio::test]
async fn g2_what_did_not_parse_was_only_tried_or_has_no_sound_id_is_not_remembered() {
    let house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    let body = asset("A", "2025-12-01T00:00:00Z");
    let broken = house.call("acme", Method::POST, "/api/assets").header("content-type", "application/json");
    let broken = broken.header("webhook-id", "msg_1").body("{\"id\":").send().await.unwrap();
    assert_eq!(broken.status(), StatusCode::BAD_REQUEST);
    let tried = post(&house, "/api/assets?dry_run=true", "msg_1", &body).await;
    assert_eq!((tried.0, tried.1), (StatusCode::CREATED, false));
    for id in ["undefined", "null", "msg.1", "msg 1", "", &"m".repeat(256)] {
        let (status, _, problem) = post(&house, "/api/assets", id, &body).await;
        assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("bad_header")), "{id}");
    }
    assert_eq!(changes(&house).await, 0);
    let (status, replayed, _) = post(&house, "/api/assets", "msg_1", &body).await;
    assert_eq!((status, replayed), (StatusCode::CREATED, false));
    house.stop().await;
}

#[tokio::test]
async fn g2_a_receipt_says_what_became_of_a_delivery() {
    let mut house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    let batch = json!([asset("A", "2025-12-01T00:00:00Z"), {"id": "b", "class": 7}]);
    let (_, _, first) = post(&house, "/api/assets", "msg_1", &batch).await;
    house.restart().await;
    let (status, receipt) = house.get("acme", "/api/receipts/msg_1").await;
    assert_eq!(status, StatusCode::OK, "{receipt}");
    assert_eq!((&receipt["delivery"], &receipt["cursor"]), (&json!("msg_1"), &first["cursor"]));
    assert_eq!(receipt["received_at"], "2026-01-01T00:00:00Z");
    for (place, item) in receipt["items"].as_array().unwrap().iter().enumerate() {
        for member in ["id", "outcome", "rule", "cursor", "code", "applied"] {
            assert_eq!(item[member], first["items"][place][member], "{member} of {item}");
        }
    }
    assert_eq!(receipt["items"].as_array().unwrap().len(), 2);
    let (status, problem) = house.get("acme", "/api/receipts/msg_2").await;
    assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("no_such_delivery")));
    house.clock.set(NEW_YEAR.plus(8 * Micros::DAY));
    assert_eq!(house.get("acme", "/api/receipts/msg_1").await.0, StatusCode::NOT_FOUND);
    house.stop().await;
}

#[tokio::test]
async fn g2_a_partner_that_sends_new_ids_without_end_stays_under_its_cap() {
    let mut settings = partner("acme");
    settings.policy.deliveries_max = 20;
    let mut house = House::start(vec![settings], Clock::manual(NEW_YEAR)).await;
    house.post("acme", "/api/assets", &asset("A", "2025-12-01T00:00:00Z")).await;
    for n in 0..200 {
        let as_of = format!("2025-12-01T00:00:00.{n:03}Z");
        post(&house, "/api/prices", &format!("msg_{n}"), &price("1", &as_of)).await;
    }
    let remembered = async |house: &House| {
        let mut known = 0;
        for n in 0..200 {
            let (status, _) = house.get("acme", &format!("/api/receipts/msg_{n}")).await;
            known += usize::from(status == StatusCode::OK);
        }
        known
    };
    assert_eq!(remembered(&house).await, 20);
    house.restart().await;
    assert_eq!(remembered(&house).await, 20);
    let (_, replayed, forgotten) =
        post(&house, "/api/prices", "msg_0", &price("1", "2025-12-01T00:00:00.000Z")).await;
    assert_eq!((replayed, &forgotten["outcome"]), (false, &json!("superseded")), "P1 makes it harmless");
    assert_eq!(remembered(&house).await, 20);
    house.stop().await;
}

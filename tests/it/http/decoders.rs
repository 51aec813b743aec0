//! What every decoder of outside input refuses: an array where an object belongs, and an id that
//! stands for none.

use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, answer, feed, json as with_json, partner};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tidegate::clock::Clock;

const PLACEHOLDERS: [&str; 4] = ["undefined", "null", "NaN", "[object Object]"];

async fn house() -> House {
    let house = House::with(&["acme"], Clock::system()).await;
    assert_eq!(house.put("acme", "/api/assets/a", &json!({"name": "A"})).await.0, StatusCode::CREATED);
    house
}

async fn lines(house: &House, path: &str, lines: &str) -> Value {
    let request = house.call("acme", Method::POST, path).header("content-type", "application/x-ndjson");
    answer(request.body(lines.to_owned())).await.1
}

async fn is_untouched(house: &House) {
    let asset = house.get("acme", "/api/assets/a").await.1;
    assert_eq!((&asset["name"], &asset["price"]), (&json!("A"), &Value::Null), "{asset}");
}

#[tokio::test]
async fn an_array_in_an_items_place_is_refused_by_every_push() {
    let house = house().await;
    let price = json!(["a", "5", "EUR"]);
    for (path, body) in [
        ("/api/prices", json!([price])),
        ("/api/prices", json!({"prices": [price]})),
        ("/api/prices", json!([{"id": "b", "amount": "1"}, price])),
        ("/api/assets", json!([["a", "B"]])),
        ("/api/assets", json!({"assets": [["a", "B"]]})),
        ("/api/events", json!([["asset.upserted", "2026-01-01T00:00:00Z", {"id": "a"}]])),
        ("/api/events", json!([{"type": "price.updated", "data": price}])),
        ("/api/events", json!([{"type": "asset.replaced", "data": ["a", "B"]}])),
        ("/api/events", json!([{"type": "asset.deleted", "data": ["a"]}])),
        ("/api/assets", json!([{"id": "a", "price": [price]}])),
    ] {
        let (status, said) = house.post("acme", path, &body).await;
        assert_eq!((status, &said["counts"]["rejected"]), (StatusCode::OK, &json!(1)), "{body}: {said}");
        let refused = said["items"].as_array().unwrap().last().unwrap();
        assert_eq!(refused["code"], "item_type", "{body}: {said}");
        assert!(refused["hint"].as_str().unwrap().contains("as a JSON object"), "{said}");
    }
    for (path, line) in [
        ("/api/prices", "[\"a\",\"5\",\"EUR\"]\n"),
        ("/api/assets", "[\"a\",\"B\"]\n"),
        ("/api/events", "[\"asset.deleted\",null,{\"id\":\"a\"}]\n"),
    ] {
        let said = lines(&house, path, line).await;
        assert_eq!(said["items"][0]["code"], "item_type", "{line}: {said}");
    }
    is_untouched(&house).await;
    house.stop().await;
}

#[tokio::test]
async fn an_array_in_a_bodys_place_is_refused_where_one_object_is_asked_for() {
    let house = house().await;
    for (method, path, body) in [
        (Method::PUT, "/api/assets/a", json!(["a", "B"])),
        (Method::PUT, "/api/assets", json!([["a", "B"]])),
        (Method::PATCH, "/api/assets/a", json!(["a", "B"])),
        (Method::PUT, "/api/assets/a/price", json!(["5", "EUR"])),
    ] {
        let (status, said) = answer(with_json(house.call("acme", method, path), &body)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}: {said}");
        assert!(said["code"].as_str().unwrap().ends_with("_needs_one"), "{path}: {said}");
    }
    let reason = json!(["seen"]);
    for path in [
        "/admin/partners/acme/plans/1/approve",
        "/admin/partners/acme/plans/1/reject",
        "/admin/partners/acme/assets/a/patch",
        "/admin/partners/acme/assets/a/hide",
    ] {
        for body in [&reason, &json!("seen"), &json!(7)] {
            let (status, said) = answer(with_json(house.admin(Method::POST, path), body)).await;
            assert_eq!(
                (status, &said["code"]),
                (StatusCode::BAD_REQUEST, &json!("body_type")),
                "{path}: {said}"
            );
        }
    }
    let patch = json!({"reason": "x", "set": [["name", "B"]]});
    let (status, said) =
        answer(with_json(house.admin(Method::POST, "/admin/partners/acme/assets/a/patch"), &patch)).await;
    assert_eq!((status, &said["code"]), (StatusCode::BAD_REQUEST, &json!("member_type")), "{said}");
    is_untouched(&house).await;
    house.stop().await;
}

#[tokio::test]
async fn an_array_in_a_records_place_is_none() {
    let server = FeedServer::start().await;
    let good = json!({"id": "good", "name": "G"});
    server.put("/feed.json", Served::json(json!({"assets": [good, ["a", "B"], {"id": ["a"]}]}).to_string()));
    let partners = vec![partner("acme").with_feed(feed(&server.url("/feed.json")))];
    let house = House::start(partners, Clock::system()).await;
    let report = house.run_report("acme", 1).await;
    let codes: Vec<_> = report["faults"].as_array().unwrap().iter().map(|fault| &fault["code"]).collect();
    assert!(codes.contains(&&json!("record_type")) && codes.contains(&&json!("id_type")), "{report}");
    assert_eq!(house.get("acme", "/api/assets/a").await.0, StatusCode::NOT_FOUND);
    house.stop().await;
}

#[tokio::test]
async fn an_id_that_stands_for_none_is_refused_in_every_push() {
    let house = house().await;
    for id in PLACEHOLDERS {
        for (path, body) in [
            ("/api/assets", json!([{"id": id, "name": "x"}])),
            ("/api/prices", json!([{"id": id, "amount": "1", "currency": "EUR"}])),
            ("/api/events", json!([{"type": "asset.upserted", "data": {"id": id}}])),
            ("/api/events", json!([{"type": "asset.deleted", "data": {"id": id}}])),
            ("/api/events", json!([{"type": "price.updated", "data": {"id": id, "amount": "1"}}])),
        ] {
            let (_, said) = house.post("acme", path, &body).await;
            let item = &said["items"][0];
            assert_eq!(
                (&item["outcome"], &item["code"]),
                (&json!("rejected"), &json!("id_placeholder")),
                "{said}"
            );
            assert!(item["pointer"].as_str().unwrap().ends_with("/id"), "{said}");
        }
    }
    house.stop().await;
}

#[tokio::test]
async fn an_id_that_stands_for_none_is_refused_in_every_path() {
    let house = house().await;
    let amount = json!({"amount": "1", "currency": "EUR"});
    for id in ["undefined", "null", "NaN", "%5Bobject%20Object%5D"] {
        let path = format!("/api/assets/{id}");
        for (method, path, body) in [
            (Method::PUT, path.clone(), json!({"name": "x"})),
            (Method::PATCH, path.clone(), json!({"name": "x"})),
            (Method::DELETE, path.clone(), Value::Null),
            (Method::GET, path.clone(), Value::Null),
            (Method::GET, format!("{path}/explain"), Value::Null),
            (Method::PUT, format!("{path}/price"), amount.clone()),
            (Method::DELETE, format!("{path}/price"), Value::Null),
            (Method::PUT, format!("/api/assets/~?id={id}"), json!({"name": "x"})),
            (Method::GET, format!("/api/prices?id={id}"), Value::Null),
        ] {
            let (status, said) = answer(with_json(house.call("acme", method.clone(), &path), &body)).await;
            let code = (status, &said["code"]);
            assert_eq!(code, (StatusCode::BAD_REQUEST, &json!("id_placeholder")), "{method} {path}: {said}");
            assert!(said["hint"].is_string(), "{said}");
        }
    }
    house.stop().await;
}

#[tokio::test]
async fn an_id_that_stands_for_none_is_refused_in_a_feed_and_proves_no_absence() {
    let server = FeedServer::start().await;
    let file = |extra: Value| Served::json(json!({"assets": [{"id": "a", "name": "A"}, extra]}).to_string());
    server.put("/feed.json", file(json!({"id": "NaN", "name": "x"})));
    let partners = vec![partner("acme").with_feed(feed(&server.url("/feed.json")))];
    let house = House::start(partners, Clock::system()).await;
    let report = house.run_report("acme", 1).await;
    assert_eq!(report["faults"][0]["code"], "id_placeholder", "{report}");
    assert_eq!(house.catalogue("acme").await.into_keys().collect::<Vec<_>>(), ["a"]);
    house.stop().await;
}

//! Conditional pushes, and words of a query that a push does not know: nothing is heeded by half.

use crate::support::house::{House, answer, json as with_json};
use futures_util::future::join_all;
use reqwest::header::{IF_MATCH, IF_NONE_MATCH};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tidegate::clock::Clock;

const AT_ONCE: usize = 20;

async fn house() -> House {
    let house = House::with(&["acme"], Clock::system()).await;
    let (status, _) = house.post("acme", "/api/assets", &json!({"id": "m", "currency": "EUR"})).await;
    assert_eq!(status, StatusCode::CREATED);
    house
}

async fn tag(house: &House) -> String {
    let reply = house.call("acme", Method::GET, "/api/assets/m").send().await.unwrap();
    reply.headers()["etag"].to_str().unwrap().to_owned()
}

fn statuses(replies: &[(StatusCode, Value)], wanted: StatusCode) -> usize {
    replies.iter().filter(|(status, _)| *status == wanted).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b22_of_many_patches_with_one_tag_exactly_one_applies() {
    let house = house().await;
    let tag = tag(&house).await;
    let patch = |n: usize| {
        let request = house.call("acme", Method::PATCH, "/api/assets/m").header(IF_MATCH, &tag);
        answer(with_json(request, &json!({ "n": n })))
    };
    let replies = join_all((0..AT_ONCE).map(patch)).await;
    assert_eq!(statuses(&replies, StatusCode::OK), 1, "{replies:?}");
    assert_eq!(statuses(&replies, StatusCode::PRECONDITION_FAILED), AT_ONCE - 1);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b22_of_many_that_may_only_create_exactly_one_does() {
    let house = house().await;
    let create = |n: usize| {
        let request = house.call("acme", Method::PUT, "/api/assets/new").header(IF_NONE_MATCH, "*");
        answer(with_json(request, &json!({ "n": n })))
    };
    let replies = join_all((0..AT_ONCE).map(create)).await;
    assert_eq!(statuses(&replies, StatusCode::CREATED), 1, "{replies:?}");
    assert_eq!(statuses(&replies, StatusCode::PRECONDITION_FAILED), AT_ONCE - 1);
    house.stop().await;
}

#[tokio::test]
async fn b22_a_stale_tag_fails_wherever_one_asset_is_meant_and_is_refused_elsewhere() {
    let house = house().await;
    let price = json!({"amount": "1", "currency": "EUR"});
    for (method, path, body) in [
        (Method::PUT, "/api/assets", json!({"id": "m", "x": 1})),
        (Method::PUT, "/api/assets/m", json!({"x": 1})),
        (Method::PATCH, "/api/assets/m", json!({"x": 1})),
        (Method::PUT, "/api/assets/m/price", price.clone()),
    ] {
        let request = house.call("acme", method, path).header(IF_MATCH, "\"9-00\"");
        let (status, said) = answer(with_json(request, &body)).await;
        assert_eq!(status, StatusCode::PRECONDITION_FAILED, "{path} {said}");
    }
    for (path, body) in [("/api/assets", json!([{"id": "m"}])), ("/api/prices", json!([price]))] {
        let request = house.call("acme", Method::POST, path).header(IF_MATCH, "*");
        let (status, said) = answer(with_json(request, &body)).await;
        assert_eq!((status, &said["code"]), (StatusCode::BAD_REQUEST, &json!("bad_header")), "{path} {said}");
    }
    house.stop().await;
}

#[tokio::test]
async fn the_quote_of_the_query_is_the_one_that_is_written() {
    let house = house().await;
    let price = |amount: &str| json!({"amount": amount, "currency": "EUR"});
    house.put("acme", "/api/assets/m/price", &price("5")).await;
    let (status, said) = house.put("acme", "/api/assets/m/price?quote=nav", &price("9")).await;
    assert_eq!(status, StatusCode::OK, "{said}");
    assert_eq!(house.get("acme", "/api/assets/m/price").await.1["amount"], "5");
    assert_eq!(house.get("acme", "/api/assets/m/price?quote=nav").await.1["amount"], "9");
    for path in ["/api/prices?quote=nav", "/api/assets?at=2026-01-01T00:00:00Z", "/api/assets?id=m"] {
        let (status, said) = house.post("acme", path, &json!([])).await;
        assert_eq!((status, &said["code"]), (StatusCode::BAD_REQUEST, &json!("bad_query")), "{path} {said}");
    }
    house.stop().await;
}

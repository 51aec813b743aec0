//! What the daemon says of itself: open to everybody, whole, and where problems point to.

use crate::support::house::{House, answer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tidegate::clock::Clock;

async fn page(house: &House, path: &str) -> (StatusCode, String) {
    let url = format!("http://{}{path}", house.daemon().address());
    let response = house.client.get(url).send().await.unwrap();
    let status = response.status();
    if status == StatusCode::OK && path != "/openapi.json" {
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8", "{path}");
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
    }
    (status, response.text().await.unwrap())
}

#[tokio::test]
async fn every_page_is_open_and_loads_nothing_from_elsewhere() {
    let house = House::with(&["acme"], Clock::system()).await;
    for (path, word) in [
        ("/docs", "The mapping"),
        ("/docs/quickstart", "Push an asset"),
        ("/docs/webhooks", "Sign your pushes"),
        ("/docs/reading", "insert or replace into asset"),
        ("/docs/mapping", "time_zone"),
        ("/docs/rules", "Source time"),
        ("/docs/rules/X3", "Absent from a complete snapshot"),
        ("/docs/problems", "cursor_gone"),
        ("/docs/problems/cursor_gone", "GET /api/export"),
        ("/docs/api", "POST /api/prices"),
    ] {
        let (status, text) = page(&house, path).await;
        assert!(status == StatusCode::OK && text.contains(word), "{path}: {status} {text}");
        let links = text.split("href=\"").skip(1).chain(text.split("src=\"").skip(1));
        for link in links.map(|rest| rest.split('"').next().unwrap()) {
            let is_inside = link.starts_with('/') || link.starts_with('#');
            assert!(is_inside, "{path} leads to {link}");
            if link.starts_with('/') {
                assert_eq!(page(&house, link).await.0, StatusCode::OK, "{path} leads to {link}");
            }
        }
        assert!(!text.contains("<script"), "{path}");
    }
    for path in ["/docs/", "/docs/nothing", "/docs/problems/nothing", "/docs/rules/Z9"] {
        assert_eq!(page(&house, path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    house.stop().await;
}

#[tokio::test]
async fn the_type_of_a_problem_is_a_page_about_it() {
    let house = House::with(&["acme"], Clock::system()).await;
    let refused = [
        answer(house.call("acme", Method::GET, "/api/assets/nobody")).await.1,
        answer(house.call("acme", Method::GET, "/api/changes?since=x")).await.1,
        answer(house.call("acme", Method::GET, "/api/assets?colour=red")).await.1,
        answer(
            house
                .call("acme", Method::POST, "/api/prices")
                .header("content-type", "application/json")
                .body("{"),
        )
        .await
        .1,
    ];
    for problem in refused {
        let kind = problem["type"].as_str().unwrap();
        assert_eq!(kind, format!("/docs/problems/{}", problem["code"].as_str().unwrap()));
        let (status, text) = page(&house, kind).await;
        assert_eq!(status, StatusCode::OK, "{problem}: {text}");
    }
    house.stop().await;
}

#[tokio::test]
async fn u22_a_path_that_is_nearly_one_says_how_an_id_is_written() {
    let house = House::with(&["acme"], Clock::system()).await;
    for path in ["/api/assets/ibc/27394", "/api/assets/", "/API/ME"] {
        let (status, problem) = answer(house.call("acme", Method::GET, path)).await;
        assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("no_such_path")), "{path}");
        assert!(problem["hint"].as_str().unwrap().contains("ibc%2F27394"), "{problem}");
    }
    house.stop().await;
}

#[tokio::test]
async fn the_description_for_programs_is_whole() {
    let house = House::with(&["acme"], Clock::system()).await;
    let (status, text) = page(&house, "/openapi.json").await;
    let api: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &api["openapi"]), (StatusCode::OK, &json!("3.1.0")));
    let mut rest = vec![&api];
    while let Some(value) = rest.pop() {
        if let Some(target) = value["$ref"].as_str() {
            assert!(api.pointer(target.trim_start_matches('#')).is_some(), "{target} leads nowhere");
        }
        rest.extend(value.as_object().into_iter().flat_map(|object| object.values()));
        rest.extend(value.as_array().into_iter().flatten());
    }
    house.stop().await;
}

#[tokio::test]
async fn every_answer_bears_the_id_of_its_request_and_every_problem_says_it() {
    let house = House::with(&["acme"], Clock::system()).await;
    let sent = house.call("acme", Method::GET, "/api/assets/nobody").header("x-request-id", "req-7");
    let response = sent.send().await.unwrap();
    assert_eq!(
        (response.status(), &response.headers()["x-request-id"]),
        (StatusCode::NOT_FOUND, &"req-7".parse().unwrap())
    );
    let length = response.content_length();
    let text = response.text().await.unwrap();
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&problem["request_id"], length), (&json!("req-7"), Some(text.len() as u64)));
    let mut ids = std::collections::BTreeSet::new();
    for path in ["/api/me", "/api/me", "/docs", "/nothing"] {
        let response =
            house.call("acme", Method::GET, path).header("x-request-id", "no id\"").send().await.unwrap();
        ids.insert(response.headers()["x-request-id"].to_str().unwrap().to_owned());
    }
    assert!(ids.len() == 4 && ids.iter().all(|id| id.len() == 16), "{ids:?}");
    house.stop().await;
}

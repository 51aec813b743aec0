//! A document that is shown before it is published: what is said of it is what a run then does, and
//! nothing is changed by the look.

use crate::support::feed_server::Served;
use crate::support::house::answer;
use crate::support::stage::{START, Stage, document};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tidegate::domain::Micros;

async fn look(stage: &Stage, document: &str) -> (StatusCode, Value) {
    let request = stage.house.call("acme", Method::POST, "/api/feed/preview");
    answer(request.header("content-type", "application/json").body(document.to_owned())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn f4_a_preview_says_what_the_run_then_does_and_changes_nothing() {
    let mut stage = Stage::open(document(Some(START), 0..30), |_| {}).await;
    stage.wait(Micros::HOUR);
    let next =
        document(Some(stage.now()), (1..30).chain([77])).replace("\"name\":\"n7\"", "\"name\":\"other\"");
    let before = stage.house.catalogue("acme").await;
    let (status, shown) = look(&stage, &next).await;
    assert_eq!(status, StatusCode::OK, "{shown}");
    let effect = &shown["effect"];
    let numbers = ["created", "updated", "unchanged", "deleted"].map(|name| effect[name].as_u64());
    assert_eq!(numbers, [1, 1, 28, 1].map(Some), "{shown}");
    assert_eq!((&effect["held"], &shown["first"][0]["id"]), (&json!(false), &json!("a1")), "{shown}");
    assert_eq!(look(&stage, &next).await.1, shown, "a second look sees the same");
    assert_eq!(stage.house.catalogue("acme").await, before);
    let (_, runs) = stage.house.get("acme", "/api/feed/runs").await;
    assert_eq!(runs["items"].as_array().map(Vec::len), Some(1), "a look is no run: {runs}");

    let report = stage.serve(Served::json(next)).await;
    let counts = ["created", "updated", "unchanged", "deleted"].map(|name| report["counts"][name].as_u64());
    assert_eq!(counts, numbers, "{report}");
    stage.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f4_a_preview_says_that_the_guard_would_hold_and_holds_nothing() {
    let stage = Stage::open(document(Some(START), 0..30), |_| {}).await;
    stage.wait(Micros::HOUR);
    let (_, shown) = look(&stage, &document(Some(stage.now()), 0..5)).await;
    let effect = &shown["effect"];
    assert_eq!(
        (&effect["held"], &effect["deleted"], &effect["allowed"]),
        (&json!(true), &json!(25), &json!(3))
    );
    assert!(stage.plans().await.is_empty());
    let (_, shown) = look(&stage, &document(Some(START.plus(-Micros::HOUR)), 0..30)).await;
    assert_eq!(shown["effect"]["skipped"], "snapshot_older", "{shown}");
    stage.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f3_a_preview_names_every_fault_and_refuses_what_cannot_be_read() {
    let stage = Stage::open(document(Some(START), 0..3), |_| {}).await;
    let text = r#"{"assets":[{"id":"a0"},{"id":"a1"},{"id":"x","status":5},{"id":"y","price":{"amount":"1","currency":"XYZ"}}]}"#;
    let (_, shown) = look(&stage, text).await;
    assert_eq!((&shown["records"], &shown["quarantined"]), (&json!(4), &json!(1)), "{shown}");
    let faults: Vec<(&str, &str)> = shown["faults"]
        .as_array()
        .expect("faults")
        .iter()
        .map(|fault| (fault["id"].as_str().unwrap_or_default(), fault["code"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(faults, [("x", "member_type"), ("y", "currency_unknown")], "{shown}");
    for (text, code) in [("<html>", "html"), ("{\"assets\":[", "truncated"), ("{}", "no_records")] {
        let (status, fault) = look(&stage, text).await;
        assert_eq!((status, &fault["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(code)), "{fault}");
    }
    let (status, fault) = look(&stage, &format!("[{}]", " ".repeat(40 << 20))).await;
    assert_eq!((status, &fault["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("document_too_large")));
    stage.house.stop().await;
}

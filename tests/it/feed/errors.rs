//! What was kept aside of a run, as a list and as a file that can be sent again once it is mended.

use crate::support::feed_server::Served;
use crate::support::house::answer;
use crate::support::stage::{START, Stage, document};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Two records of five are invalid; each is written over several lines.
async fn stage() -> (Stage, u64) {
    let mut stage = Stage::open(document(Some(START), 0..5), |_| {}).await;
    stage.wait(3_600_000_000);
    let records: Vec<String> = (0..5)
        .map(|n| {
            let status = if n % 3 == 1 { "7" } else { "\"active\"" };
            format!("{{\n  \"id\": \"a{n}\",\r\n  \"name\": \"line\\nline\",\n \"yield\": 1.50,\n  \"status\": {status} }}")
        })
        .collect();
    let report = stage.serve(Served::json(format!("[{}]", records.join(",")))).await;
    assert_eq!((&report["status"], &report["quarantined"]), (&json!("applied"), &json!(2)), "{report}");
    (stage, report["run"].as_u64().unwrap())
}

async fn lines(stage: &Stage, query: &str) -> (StatusCode, Vec<String>, Option<String>) {
    let response = stage
        .house
        .call("acme", Method::GET, &format!("/api/feed/runs/2/errors{query}"))
        .send()
        .await
        .unwrap();
    let next = response.headers().get("next-cursor").map(|next| next.to_str().unwrap().to_owned());
    (response.status(), response.text().await.unwrap().lines().map(str::to_owned).collect(), next)
}

#[tokio::test]
async fn the_failing_records_of_a_run_are_a_file_that_is_mended_and_sent_back() {
    let (mut stage, run) = stage().await;
    let (status, list) = stage.house.get("acme", &format!("/api/feed/runs/{run}/errors")).await;
    assert_eq!((status, &list["run"]), (StatusCode::OK, &json!(run)), "{list}");
    let items = list["items"].as_array().unwrap();
    let told: Vec<&Value> = items.iter().map(|item| &item["id"]).collect();
    assert_eq!(told, ["a4", "a1"], "the newest row first");
    assert_eq!(
        (&items[0]["origin"]["record"], &items[0]["pointer"]),
        (&json!(4), &json!("/status")),
        "{list}"
    );

    let (status, records, next) = lines(&stage, "?format=records").await;
    assert_eq!((status, records.len(), next), (StatusCode::OK, 2, None), "{records:?}");
    let first: Value = serde_json::from_str(&records[0]).unwrap();
    assert_eq!((&first["id"], &first["name"]), (&json!("a4"), &json!("line\nline")));
    assert!(records[0].contains("1.50"), "as it came: {}", records[0]);

    let mended = records.join("\n").replace("\"status\": 7", "\"status\": \"active\"");
    let request =
        stage.house.call("acme", Method::POST, "/api/assets").header("content-type", "application/x-ndjson");
    let (status, answered) = answer(request.body(mended)).await;
    assert_eq!((status, &answered["items"][0]["applied"]), (StatusCode::OK, &json!(true)), "{answered}");
    for id in ["a1", "a4"] {
        assert_eq!(stage.house.get("acme", &format!("/api/assets/{id}")).await.1["name"], "line\nline");
    }
    // the feed itself still has them wrong: they stay until it is right (RULES, rows of the quarantine)
    let (_, records, _) = lines(&stage, "?format=records").await;
    assert_eq!(records.len(), 2, "{records:?}");
    stage.publish(true, 0..5).await;
    let (_, records, _) = lines(&stage, "?format=records").await;
    assert_eq!(records, Vec::<String>::new(), "nothing is left to be mended");
}

#[tokio::test]
async fn the_errors_of_a_run_come_in_pages_and_of_that_run_alone() {
    let (mut stage, _) = stage().await;
    let (_, first, next) = lines(&stage, "?format=records&limit=1").await;
    let next = next.expect("there is another page");
    let (_, second, last) = lines(&stage, &format!("?format=records&limit=1&cursor={next}")).await;
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first, second);
    assert!(
        last.is_none()
            || lines(&stage, &format!("?format=records&cursor={}", last.unwrap())).await.1.is_empty()
    );
    let path = "/admin/partners/acme/feed/runs/2/errors";
    let (status, list) = answer(stage.house.admin(Method::GET, path)).await;
    assert_eq!((status, list["items"].as_array().unwrap().len()), (StatusCode::OK, 2));
    stage.publish(true, 0..5).await;
    let (_, list) = stage.house.get("acme", "/api/feed/runs/3/errors").await;
    assert_eq!(list["items"], json!([]));
    for (path, status) in [
        ("/api/feed/runs/77/errors", StatusCode::NOT_FOUND),
        ("/api/feed/runs/x/errors", StatusCode::NOT_FOUND),
        ("/api/feed/runs/2/errors?format=xml", StatusCode::BAD_REQUEST),
        ("/api/feed/runs/2/errors?cursor=x", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(stage.house.get("acme", path).await.0, status, "{path}");
    }
    let (status, runs) =
        answer(stage.house.admin(Method::GET, "/admin/partners/acme/feed/runs?limit=2")).await;
    assert_eq!(
        (status, &runs["items"][0]["run"], &runs["items"][1]["run"]),
        (StatusCode::OK, &json!(3), &json!(2))
    );
}

//! Lints: what a document gives away of its exporter, told in the run's report with numbers and an example,
//! while what is applied stays as the rules say.

use crate::support::feed_server::Served;
use crate::support::stage::{START, Stage, document};
use serde_json::{Value, json};
use tidegate::codec::time;
use tidegate::domain::Micros;

const HOUR: i64 = Micros::HOUR;

/// The lint of this code in a report; `None` where there is none.
fn lint(report: &Value, code: &str) -> Option<Value> {
    report["faults"].as_array()?.iter().find(|fault| fault["code"] == code).cloned()
}

fn told(report: &Value, code: &str) -> String {
    let lint = lint(report, code).unwrap_or_else(|| panic!("no {code} in {report}"));
    lint["detail"].as_str().unwrap().to_owned()
}

fn records(at: Micros, records: Value) -> Served {
    Served::json(json!({"generated_at": time::format(at), "assets": records}).to_string())
}

#[tokio::test]
async fn a_document_whose_time_goes_back_is_skipped_with_both_times_told() {
    let mut stage = Stage::open(document(Some(START), 0..3), |_| {}).await;
    stage.wait(HOUR);
    let report = stage.serve(Served::json(document(Some(START.plus(-HOUR)), 0..4))).await;
    assert_eq!(report["status"], "skipped_older");
    let said = told(&report, "time_went_back");
    assert!(said.contains("3600 s before") && said.contains(&time::format(START)), "{said}");
}

#[tokio::test]
async fn other_content_under_the_same_time_is_told_and_applied() {
    let mut stage = Stage::open(document(Some(START), 0..3), |_| {}).await;
    stage.wait(HOUR);
    let report = stage.serve(Served::json(document(Some(START), 0..4))).await;
    assert_eq!((&report["status"], &report["counts"]["created"]), (&json!("applied"), &json!(1)));
    assert!(told(&report, "time_unchanged").contains(&time::format(START)));
    let report = stage.publish(true, 0..5).await;
    assert_eq!(lint(&report, "time_unchanged"), None, "it has moved again");
}

#[tokio::test]
async fn records_that_are_newer_than_their_document_are_counted_with_the_first_of_them() {
    let mut stage = Stage::open(document(Some(START), 0..3), |_| {}).await;
    stage.wait(2 * HOUR);
    let at = |hours: i64| time::format(START.plus(hours * HOUR));
    let served = json!([{"id": "a0", "updated_at": at(1)}, {"id": "a1", "updated_at": at(2)},
        {"id": "a2", "updated_at": at(2)}]);
    let report = stage.serve(records(START.plus(HOUR), served)).await;
    let found = lint(&report, "record_newer_than_document").unwrap();
    assert_eq!((&found["count"], &found["id"]), (&json!(2), &json!("a1")), "{found}");
    assert!(found["detail"].as_str().unwrap().contains(&at(2)));
}

#[tokio::test]
async fn records_that_change_under_the_same_time_of_their_own_are_told() {
    let mut stage = Stage::open(document(None, 0..1), |_| {}).await;
    let at = time::format(START);
    let file = |name: &str, other: &str| {
        json!([{"id": "a0", "name": name, "updated_at": at}, {"id": "a1", "name": "n", "updated_at": other},
            {"id": "a2", "name": "n"}])
    };
    stage.wait(HOUR);
    let report = stage.serve(records(stage.now(), file("one", &at))).await;
    assert_eq!(lint(&report, "changed_without_time"), None, "{report}");
    stage.wait(HOUR);
    let report = stage.serve(records(stage.now(), file("two", &time::format(stage.now())))).await;
    let found = lint(&report, "changed_without_time").unwrap();
    assert_eq!((&found["count"], &found["id"]), (&json!(1), &json!("a0")), "{found}");
    assert_eq!(
        stage.house.get("acme", "/api/assets/a0").await.1["name"],
        "two",
        "the document is the newer one"
    );
}

#[tokio::test]
async fn a_feed_that_shrinks_with_each_document_is_told_from_the_fifth_on() {
    let mut stage = Stage::open(document(Some(START), 0..104), |_| {}).await;
    for count in [103, 102, 101] {
        let report = stage.publish(true, 0..count).await;
        assert_eq!(lint(&report, "feed_shrinks"), None, "{report}");
    }
    let report = stage.publish(true, 0..100).await;
    assert!(told(&report, "feed_shrinks").contains("104, 103, 102, 101, 100"));
    let report = stage.publish(true, 0..100).await;
    assert_eq!(lint(&report, "feed_shrinks"), None, "{report}");
}

#[tokio::test]
async fn a_document_that_holds_another_number_of_records_than_it_says_fails_with_both_numbers() {
    let mut stage = Stage::open(document(Some(START), 0..3), |_| {}).await;
    let miscounted = document(Some(START.plus(HOUR)), 0..3).replacen('{', r#"{"count": 5,"#, 1);
    stage.wait(HOUR);
    let report = stage.serve(Served::json(miscounted)).await;
    assert_eq!(
        (&report["status"], &report["code"]),
        (&json!("failed"), &json!("count_mismatch")),
        "{report}"
    );
    let said = report["detail"].as_str().unwrap();
    assert!(said.contains('5') && said.contains('3'), "{said}");
}

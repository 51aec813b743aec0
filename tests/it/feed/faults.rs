//! What is wrong with a document as a whole, by the numbers of the faults that are known of feeds: each as
//! it comes over the wire, and what the catalogue is afterwards. The rules have tests of their own.

use crate::support::feed_server::Served;
use crate::support::stage::{START, Stage, document};
use serde_json::{Value, json};
use tidegate::codec::time;
use tidegate::domain::Micros;

const HOUR: i64 = Micros::HOUR;

async fn name(stage: &Stage, id: &str) -> Value {
    stage.house.get("acme", &format!("/api/assets/{id}")).await.1["name"].clone()
}

/// Dated an hour after the stage's clock, and served when it has come.
async fn serve_records(stage: &mut Stage, records: Value) -> Value {
    let at = time::format(stage.now().plus(HOUR));
    stage.wait(HOUR);
    stage.serve(Served::json(json!({"generated_at": at, "assets": records}).to_string())).await
}

#[tokio::test]
async fn a29_an_id_that_stands_twice_is_kept_aside_where_nothing_says_which_is_newer() {
    let mut stage = Stage::open(document(Some(START), 0..3), |_| {}).await;
    let report = serve_records(
        &mut stage,
        json!([{"id": "a0", "name": "one"}, {"id": "a0", "name": "two"}, {"id": "a1", "name": "n1"},
            {"id": "a2", "name": "new", "updated_at": "2026-05-28T20:26:41Z"},
            {"id": "a2", "name": "old", "updated_at": "2026-05-28T20:26:40Z"}]),
    )
    .await;
    assert_eq!(
        (&report["status"], &report["counts"]["quarantined"]),
        (&json!("applied"), &json!(2)),
        "{report}"
    );
    assert_eq!((name(&stage, "a0").await, name(&stage, "a2").await), (json!("n0"), json!("new")));
    assert_eq!(stage.living().await, 3);
}

#[tokio::test]
async fn a31_an_empty_array_deletes_nothing_and_holds_a_plan() {
    let mut stage = Stage::open(document(Some(START), 0..30), |_| {}).await;
    for document in [r#"[]"#, r#"{"assets": []}"#] {
        stage.wait(HOUR);
        let report = stage.serve(Served::json(document)).await;
        assert_eq!(report["counts"]["deleted"], 0, "{report}");
    }
    assert_eq!((stage.living().await, stage.states().await), (30, vec!["held".to_owned()]));
}

#[tokio::test]
async fn a32_deletes_just_below_the_guard_pass_and_just_above_it_are_held() {
    let mut stage = Stage::open(document(Some(START), 0..400), |_| {}).await;
    let report = stage.publish(true, 0..380).await;
    assert_eq!(
        (&report["counts"]["deleted"], &report["counts"]["held"]),
        (&json!(20), &json!(0)),
        "{report}"
    );
    let report = stage.publish(true, 0..359).await;
    assert_eq!(
        (&report["counts"]["deleted"], &report["counts"]["held"]),
        (&json!(0), &json!(21)),
        "{report}"
    );
    let report = stage.publish(true, 0..4).await;
    assert_eq!(
        (&report["counts"]["deleted"], &report["counts"]["held"]),
        (&json!(0), &json!(355)),
        "{report}"
    );
    assert_eq!(stage.living().await, 380);
    assert_eq!(stage.metric(r#"tidegate_plans_held{partner="acme"}"#).await, 2.0, "the alert's gauge");
}

#[tokio::test]
async fn a33_invalid_records_keep_their_assets_and_too_many_refuse_the_file() {
    let mut stage = Stage::open(document(Some(START), 0..3), |_| {}).await;
    let report = serve_records(
        &mut stage,
        json!([{"id": "a0", "name": "x"}, {"id": "a1", "price": {"amount": "1"}, "name": {"deep": [1]}, "status": 7},
            {"id": "a2", "name": "x"}]),
    )
    .await;
    assert_eq!((&report["status"], &report["quarantined"]), (&json!("applied"), &json!(1)), "{report}");
    assert_eq!((name(&stage, "a0").await, name(&stage, "a1").await), (json!("x"), json!("n1")));
    let bad: Vec<Value> = (0..3).map(|n| json!({"id": format!("a{n}"), "name": "y", "status": 7})).collect();
    let report = serve_records(&mut stage, json!(bad)).await;
    assert_eq!((&report["status"], &report["code"]), (&json!("refused"), &json!("too_many_invalid")));
    assert_eq!((name(&stage, "a0").await, stage.living().await), (json!("x"), 3));
}

#[tokio::test]
async fn a34_records_that_change_their_shape_are_kept_aside_one_by_one_and_unknown_members_are_taken() {
    let mut stage = Stage::open(document(Some(START), 0..5), |_| {}).await;
    let report = serve_records(
        &mut stage,
        json!([{"id": "a0", "name": "x", "unheard_of": {"a": [1, 2]}}, {"id": "a1", "name": "x"},
            {"id": "a2", "name": 5}, {"id": "a3", "name": "x"}, {"name": "without an id"}]),
    )
    .await;
    assert_eq!(
        (&report["status"], &report["counts"]["quarantined"]),
        (&json!("applied"), &json!(2)),
        "{report}"
    );
    let (_, asset) = stage.house.get("acme", "/api/assets/a0").await;
    assert_eq!((&asset["name"], &asset["unheard_of"]), (&json!("x"), &json!({"a": [1, 2]})));
    assert_eq!(name(&stage, "a2").await, "n2", "its type has changed");
    assert_eq!(stage.living().await, 5, "a record without an id bars deletes (F2)");
}

#[tokio::test]
async fn a35_a_document_that_is_older_than_the_last_is_skipped() {
    let mut stage = Stage::open(document(Some(START), 0..3), |_| {}).await;
    stage.wait(HOUR);
    let report = stage.serve(Served::json(document(Some(START.plus(-HOUR)), 0..1))).await;
    assert_eq!((&report["status"], &report["code"]), (&json!("skipped_older"), &json!("snapshot_older")));
    assert_eq!(stage.living().await, 3);
}

#[tokio::test]
async fn a36_a_document_that_is_older_than_a_push_turns_nothing_of_it_back() {
    let mut stage = Stage::open(document(Some(START), 0..3), |_| {}).await;
    let at = |hours: i64| time::format(START.plus(hours * HOUR));
    stage.wait(3 * HOUR);
    stage.house.put("acme", "/api/assets/a0", &json!({"name": "pushed", "updated_at": at(2)})).await;
    stage.house.put("acme", "/api/assets/p", &json!({"name": "pushed", "updated_at": at(2)})).await;
    stage.house.delete("acme", &format!("/api/assets/a1?at={}", at(2))).await;
    let report = stage.serve(Served::json(document(Some(START.plus(HOUR)), 0..3))).await;
    assert_eq!(report["status"], "applied", "{report}");
    assert_eq!(
        (&report["counts"]["phantom"], &report["counts"]["feed_stale"]),
        (&json!(1), &json!(2)),
        "{report}"
    );
    assert_eq!(name(&stage, "a0").await, "pushed");
    let mut left: Vec<String> = stage.house.catalogue("acme").await.into_keys().collect();
    left.sort();
    assert_eq!(left, ["a0", "a2", "p"]);
}

#[tokio::test]
async fn a38_a_document_that_lies_a_day_ahead_counts_as_undated_and_one_a_day_behind_as_of_its_time() {
    for (skew, is_dated) in [(24 * HOUR, false), (-24 * HOUR, true)] {
        let mut stage = Stage::open(document(None, 0..3), |_| {}).await;
        stage.wait(HOUR);
        let skewed = document(Some(stage.now().plus(skew)), 0..4);
        let report = stage.serve(Served::json(skewed)).await;
        assert_eq!((&report["status"], &report["dated"]), (&json!("applied"), &json!(is_dated)), "{report}");
        let lints: Vec<&str> = report["faults"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|lint| lint["code"].as_str())
            .collect();
        assert_eq!(lints.contains(&"future_time"), !is_dated, "{lints:?}");
        assert_eq!(stage.living().await, 4);
    }
}

#[tokio::test]
async fn u08_an_envelope_time_that_cannot_be_used_is_named_with_its_text_and_the_distance() {
    let mut stage = Stage::open(document(None, 0..3), |_| {}).await;
    let lint = |report: &Value, code: &str| {
        let faults = report["faults"].as_array().cloned().unwrap_or_default();
        let found = faults.into_iter().find(|fault| fault["code"] == code);
        found.unwrap_or_else(|| panic!("no {code} in {report}"))["detail"].as_str().unwrap().to_owned()
    };
    let file = |at: &str, ids| document(None, ids).replacen('{', &format!(r#"{{"generated_at":"{at}","#), 1);
    stage.wait(HOUR);
    let ahead = time::format(stage.now().plus(4 * 60 * Micros::SECOND));
    let report = stage.serve(Served::json(file(&ahead, 0..4))).await;
    let said = lint(&report, "future_time");
    assert!(said.contains(&ahead) && said.contains("240 s ahead of our clock"), "{said}");
    assert_eq!(report["dated"], false);
    stage.wait(HOUR);
    let report = stage.serve(Served::json(file("2026-11-28 18:22", 0..5))).await;
    let said = lint(&report, "time_format");
    assert!(said.contains("2026-11-28 18:22"), "{said}");
    assert_eq!(report["dated"], false);
}

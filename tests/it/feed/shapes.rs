//! Documents in the shapes that public feeds really have, each read by a mapping of a few lines and
//! shown as the catalogue holds it. `support::shapes` has the documents.

use crate::support::feed_server::Served;
use crate::support::shapes::{self, Shape};
use crate::support::stage::{PATH, Stage};
use crate::support::written::with_mapping;
use serde_json::{Value, json};

/// A daemon whose feed has this mapping.
async fn stage(mapping: &str) -> Stage {
    let written = with_mapping(mapping).unwrap_or_else(|faults| panic!("{faults:?}\n{mapping}"));
    assert!(mapping.lines().count() <= 15, "fifteen lines must do");
    let mapping = written.feed.expect("a feed").mapping;
    // no document of any shape, so that the first run changes nothing
    Stage::open("5".to_owned(), |partner| {
        partner.policy =
            tidegate::rules::policy::Policy { feed_interval: partner.policy.feed_interval, ..written.policy };
        partner.feed.as_mut().expect("a feed").mapping = mapping;
    })
    .await
}

/// The run's report for this document, and the stage.
async fn run(mapping: &str, document: &str) -> (Stage, Value) {
    let mut stage = stage(mapping).await;
    stage.server.put(PATH, Served::json(document.to_owned()));
    let report = stage.fetch().await;
    (stage, report)
}

/// Applies a document and holds that these members of its assets are shown so.
async fn reads(shape: &Shape, wanted: Value) {
    let (stage, report) = run(shape.mapping.trim(), shape.document).await;
    assert_eq!((&report["status"], &report["faults"]), (&json!("applied"), &Value::Null), "{report}");
    let shown = stage.house.catalogue("acme").await;
    let wanted = wanted.as_object().expect("assets by id");
    assert_eq!(shown.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>(), "{report}");
    for (id, members) in wanted {
        for (pointer, value) in members.as_object().expect("pointers") {
            let found = shown[id].pointer(pointer).unwrap_or(&Value::Null);
            assert_eq!(found, value, "{id} {pointer} of {}", shown[id]);
        }
    }
    stage.house.stop().await;
}

/// The codes of a run's faults and lints, with their pointers and numbers.
fn told(report: &Value) -> Vec<(String, String, u64)> {
    let text = |fault: &Value, name: &str| fault[name].as_str().unwrap_or_default().to_owned();
    let faults = report["faults"].as_array().expect("faults").iter();
    faults
        .map(|fault| (text(fault, "code"), text(fault, "pointer"), fault["count"].as_u64().unwrap_or(0)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_tokens_whose_key_is_two_members() {
    reads(
        &shapes::TOKENS,
        json!({"10:0xab01": {"/symbol": "T2", "/chainId": 10}, "1:0xab01": {"/symbol": "T1"}}),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_array_with_ids() {
    reads(&shapes::BARE_ARRAY, json!({"gold": {"/name": "Gold", "/symbol": "xau"}})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_by_id_with_several_quotes_and_unix_seconds() {
    reads(
        &shapes::RATES_BY_ID,
        json!({
            "gold": {"/price/amount": "64210.5", "/price/as_of": "2026-05-28T20:25:00Z", "/quotes/eur/amount": "59000"},
            "silver": {"/price/amount": "31.25", "/price/currency": "USD", "/quotes/eur": null}
        }),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_by_id_with_several_prices_per_unit() {
    reads(
        &shapes::PRICES_PER_UNIT,
        json!({"model-x": {
            "/quotes/input/amount": "0.00003", "/quotes/input/per": "token", "/quotes/output/amount": "0.00006",
            "/mode": "chat", "/input_cost_per_token": null
        }}),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_by_id_whose_value_is_the_price() {
    reads(
        &shapes::BARE_PRICES,
        json!({
            "5447a9cd4bdc2dbd208b4567": {"/price/amount": "41235", "/price/currency": "RUB"},
            "5447b5cf4bdc2d65278b4567": {"/price/amount": "12"}
        }),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nested_records_whose_price_is_a_number_or_an_object() {
    reads(
        &shapes::NESTED,
        json!({
            "maker/m1": {"/price/amount": "3"}, "maker/m2": {"/price/amount": "2.5"}, "other/m1": {"/price": null}
        }),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn zero_means_no_price_and_the_last_sample_is_the_newest() {
    reads(
        &shapes::SAMPLES,
        json!({
            "a": {"/price/amount": "10", "/price/as_of": "2026-05-28T20:25:00Z"},
            "b": {"/price/amount": "7", "/price/as_of": null}, "c": {"/price": null}
        }),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_integer_and_its_exponent() {
    reads(
        &shapes::EXPONENT,
        json!({"e1": {"/price/amount": "2752.45", "/price/as_of": "2026-05-28T20:25:00Z"}}),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shops_products_whose_times_have_no_offset() {
    reads(&shapes::SHOP, json!({"7": {"/price/amount": "15", "/sku": "A-1"}, "8": {"/price": null}})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchants_texts() {
    reads(
        &shapes::MERCHANT,
        json!({
            "A1": {"/price/amount": "15", "/price/currency": "USD", "/status": "inactive"},
            "A2": {"/price/currency": "EUR", "/status": "active", "/availability": "in stock"}
        }),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn phps_dates() {
    reads(&shapes::PHP_DATES, json!({"a": {"/lastUpdate/timezone_type": 3}})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_also_where_only_one_is_left() {
    let (mut stage, report) = run(shapes::LINES.mapping, shapes::LINES.document).await;
    assert_eq!(report["status"], "applied");
    stage.server.put(PATH, Served::json("{\"id\":\"x\",\"name\":\"one\"}\n"));
    let report = stage.fetch().await;
    assert_eq!((&report["status"], &report["counts"]["records"]), (&json!("applied"), &json!(1)), "{report}");
    assert_eq!(stage.living().await, 2, "absence from lines counts at the second file in a row");
    stage.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyed_document_that_is_an_error_fails_as_one() {
    let mapping = "records = { at = \"/data\", by_key = true }";
    let (stage, report) =
        run("records = { at = \"\", by_key = true }", r#"{"error":"no such key","code":401}"#).await;
    assert_eq!(
        (&report["status"], &report["code"]),
        (&json!("refused"), &json!("too_many_invalid")),
        "{report}"
    );
    stage.house.stop().await;
    for document in [r#"{"error":"no such key"}"#, r#"{"data":[]}"#, r#"{"data":"none"}"#] {
        let (stage, report) = run(mapping, document).await;
        assert_eq!(
            (&report["status"], &report["code"]),
            (&json!("failed"), &json!("no_records")),
            "{report}"
        );
        stage.house.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_mapping_should_have_found_and_did_not_is_named_with_its_number() {
    let (stage, report) = run(
        "name = \"/title\"\nstatus = { at = \"/state\", map = { \"on\" = \"active\" } }\ntime_zone = \"Europe/Berlin\"",
        r#"{"assets":[{"id":"a","state":"odd","price":{"amount":1,"currency":"EUR","vlaue":2}},
                      {"id":"A","state":"odd","updated_at":"2026-03-29 02:30:00"},{"id":"b","state":"on"}]}"#,
    )
    .await;
    assert_eq!(report["status"], "applied", "{report}");
    let told = told(&report);
    let expected = |code: &str, pointer: &str, count| (code.to_owned(), pointer.to_owned(), count);
    for lint in [
        expected("ids_alike", "", 2),
        expected("word_unknown", "/state", 2),
        expected("nothing_found", "/title", 3),
        expected("unknown_member", "/price/vlaue", 1),
        expected("time_skipped", "/updated_at", 1),
    ] {
        assert!(told.contains(&lint), "{lint:?} of {told:?}");
    }
    stage.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_without_meaning_keeps_the_member_as_it_is_stored() {
    let mapping = "status = { at = \"/state\", map = { \"on\" = \"active\", \"off\" = \"inactive\" }, else = \"keep\" }";
    let (mut stage, _) =
        run(mapping, r#"{"assets":[{"id":"a","state":"off"},{"id":"b","state":"on"}]}"#).await;
    let next = r#"{"assets":[{"id":"a","state":"?"},{"id":"b","state":"?"},{"id":"c","state":"?"}]}"#;
    stage.server.put(PATH, Served::json(next));
    let report = stage.fetch().await;
    let shown = stage.house.catalogue("acme").await;
    assert_eq!(
        (&shown["a"]["status"], &shown["b"]["status"]),
        (&json!("inactive"), &json!("active")),
        "{report}"
    );
    assert_eq!(shown["c"]["status"], Value::Null, "nothing is stored");
    stage.house.stop().await;
}

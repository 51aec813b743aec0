//! Examples of feeds that meet pushes: D1, T3, P2, X2, X3, X5, F2, F5, F7.

use super::{at, dated, is, micros, undated};
use crate::support::feed_server::Served;
use crate::support::stage::Stage;
use serde_json::{Value, json};

async fn title(stage: &Stage, id: &str) -> Value {
    stage.asset(id).await["title"].clone()
}

async fn push_title(stage: &Stage, when: &str) {
    let (outcome, _) = stage.post("a", json!({ "updated_at": at(when), "title": "pushed" })).await;
    assert!(outcome == "updated" || outcome == "created", "{outcome}");
}

#[tokio::test]
async fn d1_a_title_pushed_after_the_feed_was_generated_is_kept() {
    let mut stage = Stage::at("12 02:00").await;
    stage.put("a", json!({ "updated_at": at("12 00:30"), "title": "old", "city": "old" })).await;
    push_title(&stage, "12 01:20").await;
    let file = dated("12 01:00", json!([{ "id": "a", "title": "feed", "city": "feed" }]));
    let run = stage.publish_file(&file).await;
    assert_eq!((&run["counts"]["updated"], &run["counts"]["feed_stale"]), (&json!(1), &json!(1)), "{run}");
    let asset = stage.asset("a").await;
    assert_eq!((&asset["title"], &asset["city"]), (&json!("pushed"), &json!("feed")));
}

#[tokio::test]
async fn t3_an_undated_file_cannot_beat_a_push_made_since_the_previous_fetch() {
    let mut stage = Stage::at("11 02:00").await;
    stage.publish_file(&undated(json!([{ "id": "a", "title": "yesterday" }]))).await;
    stage.set_clock("12 02:00");
    push_title(&stage, "12 01:20").await;
    let run = stage.publish_file(&undated(json!([{ "id": "a", "title": "feed" }]))).await;
    assert_eq!((&run["snapshot_at"], &run["dated"]), (&json!(at("11 02:00")), &json!(false)));
    assert_eq!(title(&stage, "a").await, "pushed");
}

#[tokio::test]
async fn t3_an_undated_file_that_changes_daily_beats_a_push_of_two_days_ago() {
    let mut stage = Stage::at("10 03:00").await;
    push_title(&stage, "10 02:00").await;
    for day in ["10", "11", "12"] {
        stage.set_clock(&format!("{day} 03:00"));
        stage.publish_file(&undated(json!([{ "id": "a", "title": format!("feed of {day}") }]))).await;
    }
    assert_eq!(title(&stage, "a").await, "feed of 12");
}

#[tokio::test]
async fn t3_last_modified_counts_only_where_it_is_declared_as_the_datas_time() {
    for (declared, kept) in [(false, "pushed"), (true, "export of 01:00")] {
        let mut stage =
            Stage::with("11 02:00", |partner| partner.policy.last_modified_is_data_time = declared).await;
        stage.publish_file(&undated(json!([{ "id": "a", "title": "old" }]))).await;
        stage.set_clock("12 02:00");
        push_title(&stage, "12 01:20").await;
        let file = undated(json!([{ "id": "a", "title": "export of 01:00" }]));
        let served = Served::json(file.to_string()).last_modified(micros(&at("12 01:30")));
        stage.serve(served).await;
        assert_eq!(title(&stage, "a").await, kept);
    }
}

fn priced(id: &str, amount: &str) -> Value {
    json!({ "id": id, "class": "market", "price": { "amount": amount, "currency": "USD" } })
}

async fn push_price(stage: &Stage, amount: &str, as_of: String) {
    let price = json!({ "id": "a", "amount": amount, "currency": "USD", "as_of": as_of });
    assert_eq!(stage.price(price).await, is("updated", "P1"));
}

#[tokio::test]
async fn p2_a_fresh_pushed_price_is_kept_against_a_feeds_undated_one() {
    let mut stage = Stage::at("12 10:00").await;
    stage.put("a", json!({ "updated_at": at("12 09:00"), "class": "market" })).await;
    push_price(&stage, "101.5", at("12 09:59:58")).await;
    let run = stage.publish_file(&dated("12 10:00", json!([priced("a", "99")]))).await;
    assert_eq!(stage.amount("a").await.as_deref(), Some("101.5"));
    assert_eq!(run["counts"]["drift"], 1, "{run}");
}

#[tokio::test]
async fn p2_a_price_that_was_never_pushed_follows_the_feed() {
    let mut stage = Stage::at("12 01:00").await;
    stage.publish_file(&dated("12 01:00", json!([priced("a", "100")]))).await;
    assert_eq!(stage.amount("a").await.as_deref(), Some("100"));
    stage.set_clock("12 02:00");
    stage.publish_file(&dated("12 02:00", json!([priced("a", "101")]))).await;
    stage.set_clock("12 03:00");
    let price = stage.asset("a").await["price"].clone();
    assert_eq!((&price["amount"], &price["as_of"]), (&json!("101"), &json!(null)));
    assert_eq!(price["age_seconds"], 3_600, "counted from the first fetch that held it");
}

#[tokio::test]
async fn p2_a_price_that_is_stale_since_days_yields_to_the_feed() {
    let mut stage = Stage::at("12 01:00").await;
    stage.put("a", json!({ "updated_at": at("01 00:00"), "class": "market" })).await;
    push_price(&stage, "101.5", at("01 00:00")).await;
    stage.publish_file(&dated("12 01:00", json!([priced("a", "99")]))).await;
    assert_eq!(stage.amount("a").await.as_deref(), Some("99"));
}

#[tokio::test]
async fn x2_a_snapshot_from_before_the_delete_is_suppressed() {
    let mut stage = Stage::at("12 11:00").await;
    stage.put("a", json!({ "updated_at": at("12 01:00") })).await;
    stage.delete("a", "12 10:00").await;
    let run = stage.publish_file(&dated("12 02:00", json!([{ "id": "a" }]))).await;
    assert_eq!((&run["counts"]["feed_stale"], &run["counts"]["unchanged"]), (&json!(1), &json!(1)), "{run}");
    assert_eq!(stage.status_of("a").await, 410);
}

#[tokio::test]
async fn x2_the_next_days_snapshot_revives_with_all_members_whatever_its_records_say() {
    let mut stage = Stage::at("13 03:00").await;
    stage.put("a", json!({ "updated_at": at("12 01:00"), "old": 1 })).await;
    stage.delete("a", "12 10:00").await;
    let record = json!({ "id": "a", "updated_at": "2019-06-01T00:00:00Z", "t": 1, "u": 2 });
    let run = stage.publish_file(&dated("13 02:00", json!([record]))).await;
    assert_eq!((&run["counts"]["created"], &run["counts"]["resurrected"]), (&json!(1), &json!(1)));
    let asset = stage.asset("a").await;
    assert_eq!((&asset["t"], &asset["u"], asset.get("old")), (&json!(1), &json!(2), None));
}

#[tokio::test]
async fn x3_an_asset_created_by_a_push_after_s_is_kept_as_a_phantom() {
    let mut stage = Stage::at("12 10:00").await;
    stage.put("new", json!({ "updated_at": at("12 09:00") })).await;
    let run = stage.publish_file(&dated("12 02:00", json!([{ "id": "a" }]))).await;
    assert_eq!((&run["counts"]["phantom"], &run["counts"]["deleted"]), (&json!(1), &json!(0)));
    assert_eq!(stage.status_of("new").await, 200);
}

#[tokio::test]
async fn x5_an_asset_marked_inactive_by_a_push_is_kept() {
    let mut stage = Stage::at("12 03:00").await;
    stage.publish_file(&dated("12 01:00", json!([{ "id": "a" }, { "id": "b" }]))).await;
    stage.post("b", json!({ "updated_at": at("12 01:30"), "status": "inactive" })).await;
    let run = stage.publish_file(&dated("12 02:00", json!([{ "id": "a" }]))).await;
    assert_eq!(
        (&run["counts"]["deleted"], &run["counts"]["held"], &run["counts"]["agree"]),
        (&json!(0), &json!(0), &json!(2))
    );
    assert_eq!(stage.asset("b").await["status"], "inactive");
}

/// Enough others that the guard lets one go.
fn eight_with(others: Value) -> Value {
    let mut assets: Vec<Value> = (0..8).map(|n| json!({ "id": format!("a-{n}") })).collect();
    assets.extend(others.as_array().cloned().unwrap_or_default());
    assets.into()
}

#[tokio::test]
async fn x3_f7_what_an_undated_file_lacks_is_deleted_at_the_second_absence() {
    let mut stage = Stage::at("10 02:00").await;
    stage.publish_file(&undated(eight_with(json!([{ "id": "b" }])))).await;
    stage.set_clock("11 02:00");
    let first = stage.publish_file(&undated(eight_with(json!([])))).await;
    assert_eq!((&first["counts"]["absent_once"], &first["counts"]["deleted"]), (&json!(1), &json!(0)));
    assert_eq!(stage.status_of("b").await, 200);
    stage.set_clock("12 02:00");
    let second = stage.fetch_now().await;
    assert_eq!((&second["status"], &second["counts"]["deleted"]), (&json!("unchanged"), &json!(1)));
    assert_eq!(stage.status_of("b").await, 410);
}

#[tokio::test]
async fn f7_a_file_that_stands_still_never_turns_a_push_back() {
    let mut stage = Stage::at("10 02:00").await;
    stage.publish_file(&undated(json!([{ "id": "a", "title": "feed" }]))).await;
    stage.set_clock("10 03:00");
    push_title(&stage, "10 03:00").await;
    for day in ["11", "12", "13"] {
        stage.set_clock(&format!("{day} 02:00"));
        assert_eq!(stage.fetch_now().await["status"], "unchanged");
        assert_eq!(title(&stage, "a").await, "pushed");
    }
}

#[tokio::test]
async fn f8_f7_a_partial_file_that_stands_still_deletes_nothing() {
    let mut stage = Stage::at("09 02:00").await;
    stage.publish_file(&undated(eight_with(json!([{ "id": "b" }])))).await;
    stage.set_clock("10 02:00");
    assert_eq!(stage.publish_file(&undated(eight_with(json!([])))).await["counts"]["absent_once"], 1);
    stage.set_clock("11 02:00");
    let part = json!({ "complete": false, "assets": [{ "id": "a-1", "title": "feed" }] });
    assert_eq!(stage.publish_file(&part).await["status"], "applied");
    stage.set_clock("12 02:00");
    let still = stage.fetch_now().await;
    assert_eq!((&still["status"], &still["counts"]["deleted"]), (&json!("unchanged"), &json!(0)), "{still}");
    assert_eq!(stage.status_of("b").await, 200);
}

#[tokio::test]
async fn f2_a_record_with_a_bad_currency_leaves_its_asset_untouched() {
    let mut stage = Stage::at("12 03:00").await;
    stage.publish_file(&dated("12 01:00", json!([{ "id": "a", "title": "old" }, { "id": "b" }]))).await;
    let bad = json!({ "id": "a", "title": "new", "currency": "XQX" });
    let run = stage.publish_file(&dated("12 02:00", json!([bad, { "id": "b" }]))).await;
    assert_eq!((&run["counts"]["quarantined"], &run["counts"]["deleted"]), (&json!(1), &json!(0)), "{run}");
    assert_eq!(title(&stage, "a").await, "old");
}

#[tokio::test]
async fn p1_a_feeds_price_of_another_quote_is_not_the_market_price() {
    let mut stage = Stage::at("12 03:00").await;
    let nav = json!({ "amount": "101.25", "currency": "EUR", "quote": "nav" });
    stage.publish_file(&dated("12 02:00", json!([{ "id": "fund", "price": nav }]))).await;
    let fund = stage.asset("fund").await;
    assert_eq!(
        (&fund["quotes"]["nav"]["amount"], &fund["price"]),
        (&json!("101.25"), &Value::Null),
        "{fund}"
    );
}

#[tokio::test]
async fn f2_a_record_that_redeems_its_asset_at_a_price_of_zero_is_taken_without_the_price() {
    let mut stage = Stage::at("12 03:00").await;
    let record = |status: &str, legal: &str, amount: &str| {
        let price = json!({ "amount": amount, "currency": "EUR" });
        json!([{ "id": "a", "status": status, "legal_status": legal, "price": price }])
    };
    stage.publish_file(&dated("12 01:00", record("active", "registered", "10"))).await;
    let run = stage.publish_file(&dated("12 02:00", record("inactive", "redeemed", "0"))).await;
    assert_eq!((&run["status"], &run["counts"]["quarantined"]), (&json!("applied"), &json!(0)), "{run}");
    let asset = stage.asset("a").await;
    assert_eq!((&asset["status"], &asset["legal_status"]), (&json!("inactive"), &json!("redeemed")));
    assert_eq!(stage.amount("a").await.as_deref(), Some("10"), "the zero is kept aside");
}

#[tokio::test]
async fn f5_yesterdays_file_from_a_cache_is_skipped() {
    let mut stage = Stage::at("12 03:00").await;
    stage.publish_file(&dated("12 02:00", json!([{ "id": "a" }, { "id": "b" }]))).await;
    let run = stage.publish_file(&dated("11 02:00", json!([{ "id": "a", "title": "old" }]))).await;
    assert_eq!(run["status"], "skipped_older");
    assert_eq!((stage.status_of("b").await, title(&stage, "a").await), (200, Value::Null));
}

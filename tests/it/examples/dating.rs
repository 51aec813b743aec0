//! Examples of files whose times or prices are dated anew: P2, T3.

use super::{dated, is, undated};
use crate::support::stage::Stage;
use serde_json::{Value, json};

fn priced(amount: &str, as_of: Option<String>) -> Value {
    let mut price = json!({ "amount": amount, "currency": "USD" });
    if let Some(as_of) = as_of {
        price["as_of"] = as_of.into();
    }
    json!([{ "id": "a", "price": price }])
}

#[tokio::test]
async fn p2_a_feed_that_begins_to_date_its_prices_shows_them_at_once() {
    let mut stage = Stage::at("01 02:00").await;
    stage.publish_file(&undated(priced("101", None))).await;
    assert_eq!(stage.amount("a").await.as_deref(), Some("101"));
    stage.set_clock("03 02:00");
    let before = "2026-02-28T00:00:00Z".to_owned();
    stage.publish_file(&dated("03 01:00", priced("120", Some(before.clone())))).await;
    let price = stage.asset("a").await["price"].clone();
    assert_eq!((&price["amount"], &price["as_of"]), (&json!("120"), &json!(before)), "{price}");
}

#[tokio::test]
async fn p2_one_test_push_of_last_year_without_a_class_is_outlived_by_the_feed() {
    let mut stage = Stage::at("12 02:00").await;
    let long_ago = "2025-03-01T00:00:00Z";
    stage.put("a", json!({ "updated_at": long_ago, "price": { "amount": "1", "currency": "USD" } })).await;
    assert_eq!(stage.amount("a").await.as_deref(), Some("1"));
    stage.publish_file(&dated("12 01:00", priced("99", None))).await;
    assert_eq!(stage.amount("a").await.as_deref(), Some("99"));
}

#[tokio::test]
async fn t3_a_stated_time_that_stands_still_for_months_is_applied_file_after_file() {
    let mut stage = Stage::at("10 02:00").await;
    let file = |title: &str| {
        dated("01 00:00", json!([{ "id": "a", "title": title }, { "id": "b", "title": title }]))
    };
    for (day, title) in [("10", "one"), ("11", "two"), ("12", "three"), ("13", "four")] {
        stage.set_clock(&format!("{day} 02:00"));
        if day == "12" {
            assert_eq!(stage.delete("b", "11 12:00").await, is("deleted", "X1"));
        }
        let run = stage.publish_file(&file(title)).await;
        assert_eq!((&run["status"], &run["dated"]), (&json!("applied"), &json!(true)), "{run}");
        assert_eq!(stage.asset("a").await["title"], title);
        let deleted = ["12", "13"].contains(&day);
        assert_eq!(stage.status_of("b").await, if deleted { 410 } else { 200 }, "{day}");
    }
}

//! Examples of pushes: D1, X1, P1, G1, T4.

use super::{at, is};
use crate::support::stage::Stage;
use serde_json::json;

#[tokio::test]
async fn d1_a_post_of_one_member_changes_that_member_only() {
    let stage = Stage::at("12 12:00").await;
    let all = json!({ "updated_at": at("12 01:00"), "title": "t", "legal_status": "free", "images": ["i"] });
    assert_eq!(stage.put("a", all).await, is("created", "D1"));
    assert_eq!(stage.post("a", json!({ "legal_status": "frozen" })).await, is("updated", "D1"));
    let asset = stage.asset("a").await;
    assert_eq!((&asset["title"], &asset["images"]), (&json!("t"), &json!(["i"])));
    assert_eq!(asset["legal_status"], "frozen");
}

#[tokio::test]
async fn d3_a_late_repeat_of_what_has_lost_a_tie_is_a_duplicate_also_after_a_restart() {
    let mut stage = Stage::at("12 12:00").await;
    let put = |t: u64| json!({ "updated_at": at("12 01:00"), "t": t });
    let post = |x: u64| json!({ "updated_at": at("12 02:00"), "x": x });
    for n in [1, 2] {
        stage.put("a", put(n)).await;
        stage.post("a", post(n)).await;
    }
    for restarted in [false, true] {
        if restarted {
            stage.restart().await;
        }
        let version = stage.house.call("acme", reqwest::Method::GET, "/api/assets/a").send().await.unwrap();
        let tag = version.headers()["etag"].clone();
        assert_eq!(stage.put("a", put(1)).await, is("duplicate", "D3"));
        assert_eq!(stage.post("a", post(1)).await, is("duplicate", "D2"));
        let asset = stage.asset("a").await;
        assert_eq!((&asset["t"], &asset["x"]), (&json!(2), &json!(2)));
        let again = stage.house.call("acme", reqwest::Method::GET, "/api/assets/a").send().await.unwrap();
        assert_eq!(again.headers()["etag"], tag, "nothing has changed");
    }
}

#[tokio::test]
async fn x1_a_put_a_post_and_a_delete_in_any_of_the_six_orders_leave_the_posts_member_only() {
    let stage = Stage::at("12 12:00").await;
    for (n, order) in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]].iter().enumerate() {
        let id = format!("a{n}");
        for step in order {
            match step {
                0 => stage.put(&id, json!({ "updated_at": at("12 00:01"), "t": 1, "x": 1 })).await,
                1 => stage.post(&id, json!({ "updated_at": at("12 00:15"), "x": 15 })).await,
                _ => stage.delete(&id, "12 00:10").await,
            };
        }
        let asset = stage.asset(&id).await;
        assert_eq!((asset.get("t"), &asset["x"]), (None, &json!(15)), "{order:?}");
    }
}

#[tokio::test]
async fn x1_a_price_from_before_the_delete_shows_neither_before_nor_after_the_post() {
    let stage = Stage::at("12 12:00").await;
    let price = |id: &str| json!({ "id": id, "amount": "5", "currency": "EUR", "as_of": at("12 01:00") });
    for (id, price_first) in [("a", true), ("b", false)] {
        stage.delete(id, "12 06:00").await;
        if price_first {
            assert_eq!(stage.price(price(id)).await, is("superseded", "X1"));
        }
        assert_eq!(stage.post(id, json!({ "updated_at": at("12 07:00") })).await, is("created", "X1"));
        if !price_first {
            assert_eq!(stage.price(price(id)).await, is("superseded", "X1"));
        }
        assert_eq!(stage.amount(id).await, None);
    }
}

#[tokio::test]
async fn x1_a_late_push_from_before_the_delete_is_superseded_with_200() {
    let stage = Stage::at("12 12:00").await;
    stage.put("a", json!({ "updated_at": at("12 09:00"), "t": 1 })).await;
    assert_eq!(stage.delete("a", "12 10:00").await, is("deleted", "X1"));
    let late = json!({ "id": "a", "updated_at": at("12 09:30"), "t": 2 });
    let (status, reply) = stage.house.put("acme", "/api/assets/a", &late).await;
    assert_eq!(
        (status.as_u16(), &reply["outcome"], &reply["rule"]),
        (200, &json!("superseded"), &json!("X1"))
    );
    assert_eq!(stage.status_of("a").await, 410);
}

#[tokio::test]
async fn x1_a_late_delete_that_takes_a_living_assets_price_is_updated_and_told_in_the_change_stream() {
    let stage = Stage::at("12 12:00").await;
    stage.post("a", json!({ "updated_at": at("12 09:00"), "t": 1 })).await;
    let price = json!({ "id": "a", "amount": "5", "currency": "EUR", "as_of": at("12 07:00") });
    assert_eq!(stage.price(price).await, is("updated", "P1"));
    assert_eq!(stage.delete("a", "12 08:00").await, is("updated", "X1"));
    assert_eq!(stage.amount("a").await, None);
    let (_, page) = stage.house.get("acme", "/api/changes").await;
    let last = page["items"].as_array().and_then(|items| items.last()).expect("changes").clone();
    assert_eq!((&last["type"], &last["price"]["amount"]), (&json!("price.updated"), &json!(null)), "{last}");
    assert_eq!(stage.delete("a", "12 08:30").await, is("superseded", "X1"));
}

#[tokio::test]
async fn g1_a_gap_holds_nothing_back_and_its_late_message_applies() {
    let stage = Stage::at("12 12:00").await;
    for id in ["a", "b", "c"] {
        stage.put(id, json!({ "updated_at": at("12 01:00") })).await;
    }
    let numbered = |id: &str, n: u32| {
        let as_of = format!("2026-03-12T02:00:{n:02}Z");
        json!({ "id": id, "amount": n.to_string(), "currency": "EUR", "as_of": as_of, "stream": "s", "sequence": n })
    };
    for n in 1..=41 {
        stage.price(numbered("c", n)).await;
    }
    assert_eq!(stage.price(numbered("a", 43)).await, is("updated", "P1"));
    assert_eq!(stage.price(numbered("b", 42)).await, is("updated", "P1"));
    assert_eq!(stage.price(numbered("b", 42)).await, is("duplicate", "P1"));
    assert_eq!(stage.amount("a").await.as_deref(), Some("43"));
    assert_eq!(stage.amount("b").await.as_deref(), Some("42"));
}

#[tokio::test]
async fn p1_of_two_prices_of_one_whole_second_the_first_never_comes_back() {
    let stage = Stage::at("12 12:00").await;
    stage.put("a", json!({ "updated_at": at("12 01:00") })).await;
    let price =
        |amount: &str| json!({ "id": "a", "amount": amount, "currency": "EUR", "as_of": at("12 02:00") });
    assert_eq!(stage.price(price("101")).await, is("updated", "P1"));
    assert_eq!(stage.price(price("102")).await, is("updated", "P1"));
    assert_eq!(stage.price(price("101")).await, is("duplicate", "P1"));
    assert_eq!(stage.amount("a").await.as_deref(), Some("102"));
}

#[tokio::test]
async fn t4_a_price_as_of_next_year_is_quarantined() {
    let stage = Stage::at("12 12:00").await;
    stage.put("a", json!({ "updated_at": at("12 01:00") })).await;
    let price = json!({ "id": "a", "amount": "5", "currency": "EUR", "as_of": "2027-03-12T12:00:00Z" });
    assert_eq!(stage.price(price).await, is("quarantined", "T4"));
    assert_eq!(stage.amount("a").await, None);
}

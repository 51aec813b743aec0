//! The operator's lane over the real daemon: patch, hide, unhide, each with its reason.

use crate::support::explain::{NOON, at, fetch_again, member};
use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, answer, feed, json, partner, wait_for};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tidegate::clock::Clock;
use tidegate::domain::Micros;

impl House {
    async fn operate(&self, id: &str, deed: &str, body: &Value) -> (StatusCode, Value) {
        let path = format!("/admin/partners/acme/assets/{id}/{deed}");
        answer(json(self.admin(Method::POST, &path), body)).await
    }

    async fn changes(&self, partner: bool) -> Vec<(String, Value)> {
        let request = match partner {
            true => self.call("acme", Method::GET, "/api/changes?limit=1000"),
            false => self.read("/api/changes?limit=1000"),
        };
        let (status, page) = answer(request).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let items = page["items"].as_array().expect("items");
        items.iter().map(|item| (item["type"].as_str().unwrap().to_owned(), item.clone())).collect()
    }
}

fn snapshot(generated: i64, title: &str) -> Served {
    let body = json!({ "generated_at": at(generated), "assets": [{ "id": "a", "title": title }] });
    Served::json(body.to_string())
}

#[tokio::test]
async fn d3_a_feed_of_an_equal_time_does_not_undo_a_patch_and_a_newer_one_does() {
    let server = FeedServer::start().await;
    server.put("/feed.json", snapshot(-60, "fed"));
    let mut acme = partner("acme");
    acme.feed = Some(feed(&server.url("/feed.json")));
    let mut house = House::start(vec![acme], Clock::manual(NOON)).await;
    house.run_report("acme", 1).await;
    let patch = json!({ "reason": "by court order", "set": { "title": "patched" } });
    let (status, done) = house.operate("a", "patch", &patch).await;
    assert_eq!((status, &done["outcome"], &done["rule"]), (StatusCode::OK, &json!("updated"), &json!("D1")));

    server.put("/feed.json", snapshot(0, "fed at the same time"));
    fetch_again(&house).await;
    house.restart().await;
    let (_, asset) = house.get("acme", "/api/assets/a").await;
    assert_eq!(asset["title"], "patched", "a tie goes to the higher lane, across a restart");
    let (_, told) = house.get("acme", "/api/assets/a/explain").await;
    assert_eq!(member(&told, "title")["by"]["reason"], "by court order");
    assert_eq!((&told["lost"][0]["rule"], &told["lost"][0]["by"]["kind"]), (&json!("D1"), &json!("feed")));
    assert_eq!((&told["actions"][0]["kind"], &told["actions"][0]["at"]), (&json!("patch"), &json!(at(0))));

    house.clock.set(NOON.plus(10 * Micros::SECOND));
    server.put("/feed.json", snapshot(5, "fed later"));
    wait_for_title(&house, "fed later").await;
    let (_, told) = house.get("acme", "/api/assets/a/explain").await;
    assert_eq!(member(&told, "title")["by"]["kind"], "feed");
    assert_eq!(told["actions"][0]["reason"], "by court order", "what was done stays on record");
    house.stop().await;
}

/// Asks for runs until one brings the title: the one that a start makes may still be under way.
async fn wait_for_title(house: &House, title: &str) {
    wait_for(format!("the title {title}"), async || {
        house.fetch_now("acme");
        let (_, asset) = house.get("acme", "/api/assets/a").await;
        (asset["title"] == title).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_hidden_asset_is_found_by_its_partner_only() {
    let mut house = House::with(&["acme"], Clock::manual(NOON)).await;
    house.put("acme", "/api/assets/a", &json!({ "updated_at": at(-60), "title": "t" })).await;
    house.put("acme", "/api/assets/a/price", &json!({ "amount": "1", "as_of": at(-60) })).await;
    let (status, done) = house.operate("a", "hide", &json!({ "reason": "disputed" })).await;
    assert_eq!((status, &done["outcome"], &done["action"]), (StatusCode::OK, &json!("updated"), &json!(1)));
    let (_, again) = house.operate("a", "hide", &json!({ "reason": "disputed" })).await;
    assert_eq!((&again["outcome"], &again["action"]), (&json!("unchanged"), &Value::Null));
    house.restart().await;

    let (status, asset) = house.get("acme", "/api/assets/a").await;
    assert_eq!((status, &asset["hidden"], &asset["title"]), (StatusCode::OK, &json!(true), &json!("t")));
    for path in ["assets/a", "assets/a/price", "assets/a/explain"] {
        let (status, _) = answer(house.read(&format!("/api/partners/acme/{path}"))).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        let (status, _) = house.get("acme", &format!("/api/{path}")).await;
        assert_eq!(status, StatusCode::OK, "{path}");
    }
    let (_, prices) = answer(house.read("/api/partners/acme/prices?id=a")).await;
    assert_eq!((&prices["items"], &prices["missing"]), (&json!([]), &json!(["a"])));
    assert!(house.catalogue("acme").await.is_empty(), "lists leave it out");

    let (_, reply) =
        house.put("acme", "/api/assets/a/price", &json!({ "amount": "2", "as_of": at(-1) })).await;
    assert_eq!(reply["outcome"], "updated", "what the partner writes still counts");
    let patch = json!({ "updated_at": at(-1), "title": "mended" });
    let (_, reply) = answer(json(house.call("acme", Method::PATCH, "/api/assets/a"), &patch)).await;
    assert_eq!(reply["outcome"], "updated");
    let (status, _) = house.operate("a", "unhide", &json!({ "reason": "settled" })).await;
    assert_eq!(status, StatusCode::OK);
    let shown = &house.catalogue("acme").await["a"];
    assert_eq!((&shown["title"], &shown["price"]["amount"]), (&json!("mended"), &json!("2")));
    assert_eq!(shown["hidden"], Value::Null);
    let (_, told) = house.get("acme", "/api/assets/a/explain").await;
    let actions: Vec<_> = told["actions"].as_array().expect("actions").iter().map(|a| &a["reason"]).collect();
    assert_eq!(actions, ["settled", "disputed"]);
    house.stop().await;
}

#[tokio::test]
async fn readers_streams_delete_an_asset_that_is_hidden_and_create_it_when_it_is_shown() {
    let house = House::with(&["acme"], Clock::manual(NOON)).await;
    house.put("acme", "/api/assets/a", &json!({ "updated_at": at(-60), "title": "t" })).await;
    house.operate("a", "hide", &json!({ "reason": "disputed" })).await;
    house.put("acme", "/api/assets/a/price", &json!({ "amount": "2", "as_of": at(-1) })).await;
    house.put("acme", "/api/assets/a", &json!({ "updated_at": at(-1), "title": "u" })).await;
    house.operate("a", "unhide", &json!({ "reason": "settled" })).await;
    let types =
        |changes: &[(String, Value)]| changes.iter().map(|(kind, _)| kind.clone()).collect::<Vec<_>>();
    let readers = house.changes(false).await;
    assert_eq!(types(&readers), ["asset.created", "asset.deleted", "asset.created", "price.updated"]);
    assert_eq!(readers[2].1["set"], json!({ "title": "u" }), "whole");
    assert_eq!(readers[3].1["price"]["amount"], "2");
    let own = house.changes(true).await;
    let expected = ["asset.created", "asset.updated", "asset.updated", "asset.created", "price.updated"];
    assert_eq!(types(&own), expected);
    assert_eq!((&own[1].1["hidden"], &own[3].1["hidden"]), (&json!(true), &Value::Null));
    house.stop().await;
}

#[tokio::test]
async fn an_operator_needs_a_reason_a_token_and_an_asset() {
    let mut settings = vec![partner("acme")];
    settings[0].policy.assets_max = 10;
    let house = House::start(settings, Clock::manual(NOON)).await;
    house.put("acme", "/api/assets/a", &json!({ "updated_at": at(-60), "title": "t" })).await;
    for (deed, body, code) in [
        ("hide", json!({}), "reason_missing"),
        ("hide", json!({ "reason": " " }), "reason_missing"),
        ("hide", json!({ "reason": "r", "set": {} }), "unknown_member"),
        ("patch", json!({ "reason": "r", "set": { "price": { "amount": "1" } } }), "member_reserved"),
        ("patch", json!({ "reason": "r", "set": { "x": 1 }, "remove": ["x"] }), "member_type"),
    ] {
        let (status, problem) = house.operate("a", deed, &body).await;
        assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!(code)), "{problem}");
    }
    for (body, code) in [
        (json!({ "reason": "r" }), "nothing_named"),
        (json!({ "reason": "r", "set": { "status": "odd" } }), "status_unknown"),
    ] {
        let (status, refused) = house.operate("a", "patch", &body).await;
        assert_eq!((status, &refused["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(code)));
    }
    let patch = json!({ "reason": "r", "set": { "x": 1 }, "remove": ["title"] });
    assert_eq!(house.operate("b", "patch", &patch).await.0, StatusCode::NOT_FOUND);
    assert_eq!(house.operate("b", "hide", &json!({ "reason": "r" })).await.0, StatusCode::NOT_FOUND);
    let (status, _) = house.operate("a", "patch", &patch).await;
    assert_eq!(status, StatusCode::OK);
    let (_, asset) = house.get("acme", "/api/assets/a").await;
    assert_eq!((&asset["x"], &asset["title"]), (&json!(1), &Value::Null));
    house.delete("acme", "/api/assets/a").await;
    assert_eq!(house.operate("a", "patch", &patch).await.0, StatusCode::GONE);
    let get = answer(house.admin(Method::GET, "/admin/partners/acme/assets/a/hide")).await;
    assert_eq!(get.0, StatusCode::METHOD_NOT_ALLOWED);
    let form = house.admin(Method::POST, "/admin/partners/acme/assets/a/hide").body("{\"reason\":\"r\"}");
    assert_eq!(
        answer(form).await.0,
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "a web page's form cannot send this"
    );
    let (_, told) = house.get("acme", "/api/assets/a/explain").await;
    assert_eq!(told["actions"].as_array().map(Vec::len), Some(1), "refusals leave no record");
    house.stop().await;
}

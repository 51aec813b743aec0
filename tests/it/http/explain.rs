//! `explain` over the real daemon: each kind of writer is named, and what lost stands with its rule.

use crate::support::explain::{NOON, at, fetch_again, member};
use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, PATIENCE, READER, answer, feed, json, partner};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::process::Command;
use tidegate::clock::Clock;

async fn explained(house: &House, path: &str) -> Value {
    let (status, told) = house.get("acme", path).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    told
}

fn document(generated: i64, assets: Value) -> Served {
    let count = assets.as_array().expect("a list").len();
    Served::json(json!({ "generated_at": at(generated), "count": count, "assets": assets }).to_string())
}

/// A house whose partner has a feed with one asset, as of an hour ago, already applied.
async fn fed() -> (House, FeedServer) {
    let server = FeedServer::start().await;
    let asset = json!({ "id": "a", "updated_at": at(-3600), "title": "fed", "size": 1, "price": { "amount": "7", "currency": "EUR" } });
    server.put("/feed.json", document(-3600, json!([{ "id": "z", "title": "first" }, asset])));
    let mut acme = partner("acme");
    acme.feed = Some(feed(&server.url("/feed.json")));
    let house = House::start(vec![acme, partner("other")], Clock::manual(NOON)).await;
    house.run_report("acme", 1).await;
    (house, server)
}

#[tokio::test]
async fn d1_each_kind_of_writer_is_named_with_its_time_and_when_we_learned_of_it() {
    let (house, _server) = fed().await;
    let (status, _) = house
        .post("acme", "/api/assets", &json!({ "id": "a", "updated_at": at(-60), "size": 2, "big": 1 }))
        .await;
    assert_eq!(status, StatusCode::OK);
    let body = json!({ "reason": "a slip of the pen", "set": { "note": "checked" } });
    let patch = house.admin(Method::POST, "/admin/partners/acme/assets/a/patch");
    let (status, done) = answer(json(patch, &body)).await;
    assert_eq!((status, &done["outcome"], &done["action"]), (StatusCode::OK, &json!("updated"), &json!(1)));

    let told = explained(&house, "/api/assets/a/explain").await;
    assert_eq!(
        (&told["alive"], &told["hidden"], &told["status"]),
        (&json!(true), &json!(false), &json!("active"))
    );
    let title = member(&told, "title");
    assert_eq!(title["by"], json!({ "kind": "feed", "run": 1, "record": 1 }));
    assert_eq!((&title["value"], &title["from"]), (&json!("fed"), &json!("base")));
    assert_eq!((&title["source_time"], &title["learned_at"]), (&json!(at(-3600)), &json!(at(0))));
    let size = member(&told, "size");
    assert_eq!((&size["by"], &size["from"]), (&json!({ "kind": "push" }), &json!("exception")));
    assert_eq!((&size["value"], &size["source_time"]), (&json!(2), &json!(at(-60))));
    let note = member(&told, "note");
    assert_eq!(
        note["by"],
        json!({ "kind": "operator", "action": 1, "reason": "a slip of the pen", "who": "local" })
    );
    assert_eq!((&note["lane"], &note["source_time"]), (&json!("admin"), &json!(at(0))));
    assert_eq!(told["existence"]["base"]["by"]["kind"], "feed");
    assert_eq!(told["existence"]["life"]["by"]["kind"], "push", "the POST was the newest sign of life");
    assert_eq!(told["existence"]["death"], Value::Null);

    let told = explained(&house, "/api/partners/acme/assets/~/explain?id=a&member=size").await;
    assert_eq!(told["members"].as_array().map(Vec::len), Some(1));
    let (status, _) = answer(house.read("/api/partners/acme/assets/a/explain")).await;
    assert_eq!(status, StatusCode::OK, "a reader may ask as well");
    let (status, _) = answer(house.call("other", Method::GET, "/api/partners/acme/assets/a/explain")).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "another partner may not");
    house.stop().await;
}

#[tokio::test]
async fn p2_a_quote_says_which_of_its_prices_shows_and_why() {
    let (house, _server) = fed().await;
    let told = explained(&house, "/api/assets/a/explain?member=price").await;
    let quote = &told["quotes"][0];
    assert_eq!((&quote["shows"], &quote["dated"]), (&json!("undated"), &Value::Null));
    assert_eq!(
        (&quote["undated"]["amount"], &quote["undated"]["snapshot_at"]),
        (&json!("7"), &json!(at(-3600)))
    );
    house.post("acme", "/api/prices", &json!({ "id": "a", "amount": "8", "as_of": at(-10) })).await;
    let told = explained(&house, "/api/assets/a/explain?member=price").await;
    let quote = &told["quotes"][0];
    assert_eq!((&quote["shows"], &quote["dated"]["lane"]), (&json!("dated"), &json!("price")));
    assert_eq!(
        (&quote["dated"]["source_time"], &quote["dated"]["received_at"]),
        (&json!(at(-10)), &json!(at(0)))
    );
    house.stop().await;
}

#[tokio::test]
async fn what_lost_is_kept_with_its_rule_across_a_restart_and_once() {
    let (mut house, server) = fed().await;
    house.post("acme", "/api/prices", &json!({ "id": "a", "amount": "8", "as_of": at(-10) })).await;
    let late = json!({ "id": "a", "amount": "9", "as_of": at(-20) });
    for _ in 0..3 {
        let (_, reply) = house.post("acme", "/api/prices", &late).await;
        assert_eq!(reply["outcome"], "superseded");
    }
    house.post("acme", "/api/assets", &json!({ "id": "a", "updated_at": at(-60), "title": "pushed" })).await;
    let mixed = json!({ "id": "a", "updated_at": at(-90), "title": "older", "more": true });
    let (_, reply) = house.post("acme", "/api/assets", &mixed).await;
    assert_eq!((&reply["outcome"], &reply["superseded"]), (&json!("updated"), &json!(["title"])));
    let (_, reply) =
        house.put("acme", "/api/assets/a", &json!({ "updated_at": at(-7200), "x": 1, "y": 2 })).await;
    assert_eq!((&reply["outcome"], &reply["rule"]), (&json!("superseded"), &json!("D1")));
    server.put("/feed.json", document(-1800, json!([{ "id": "a", "title": "newer feed" }, { "id": "z" }])));
    fetch_again(&house).await;
    house.restart().await;

    let told = explained(&house, "/api/assets/a/explain").await;
    let lost: Vec<_> = told["lost"].as_array().expect("lost").iter().collect();
    let in_short: Vec<_> = lost
        .iter()
        .map(|l| {
            (l["verb"].as_str().unwrap(), l["rule"].as_str().unwrap(), l["by"]["kind"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        in_short,
        [("put", "D1", "feed"), ("put", "D1", "push"), ("post", "D1", "push"), ("price", "P1", "push")],
        "{told}"
    );
    assert_eq!((&lost[0]["by"]["run"], &lost[0]["members"]), (&json!(2), &json!(["more", "title"])));
    assert_eq!(lost[1]["members"], json!(["x", "y"]));
    assert_eq!((&lost[3]["amount"], &lost[3]["source_time"]), (&json!("9"), &json!(at(-20))));
    assert_eq!(member(&told, "title")["value"], "pushed");
    house.stop().await;
}

#[tokio::test]
async fn of_an_asset_the_last_eight_losses_are_kept_and_a_dry_run_leaves_none() {
    let house = House::with(&["acme"], Clock::manual(NOON)).await;
    house.post("acme", "/api/prices", &json!({ "id": "a", "amount": "8", "as_of": at(-10) })).await;
    house.post("acme", "/api/assets", &json!({ "id": "a", "updated_at": at(-100) })).await;
    let late = |n: i64| json!({ "id": "a", "amount": n.to_string(), "as_of": at(-50 + n) });
    house.post("acme", "/api/prices?dry_run=true", &late(1)).await;
    assert_eq!(explained(&house, "/api/assets/a/explain").await["lost"], json!([]));
    house.post("acme", "/api/prices", &(1..=5).map(late).collect()).await;
    house.post("acme", "/api/prices", &(6..=10).map(late).collect()).await;
    let told = explained(&house, "/api/assets/a/explain").await;
    let amounts: Vec<_> =
        told["lost"].as_array().expect("lost").iter().map(|l| l["amount"].as_str()).collect();
    let newest_first: Vec<String> = (3..=10).rev().map(|n: i64| n.to_string()).collect();
    assert_eq!(amounts, newest_first.iter().map(|n| Some(n.as_str())).collect::<Vec<_>>());
    house.stop().await;
}

#[tokio::test]
async fn x1_a_dead_asset_is_explained_and_an_unknown_one_is_not() {
    let house = House::with(&["acme"], Clock::manual(NOON)).await;
    house.put("acme", "/api/assets/a", &json!({ "updated_at": at(-100), "title": "t" })).await;
    house.delete("acme", &format!("/api/assets/a?at={}", at(-50))).await;
    let (_, reply) =
        house.put("acme", "/api/assets/a", &json!({ "updated_at": at(-60), "title": "late" })).await;
    assert_eq!((&reply["outcome"], &reply["rule"]), (&json!("superseded"), &json!("X1")));
    let told = explained(&house, "/api/assets/a/explain").await;
    assert_eq!(
        (&told["alive"], &told["members"], &told["status"]),
        (&json!(false), &json!([]), &Value::Null)
    );
    assert_eq!(told["existence"]["death"]["source_time"], json!(at(-50)));
    assert_eq!(told["existence"]["death"]["by"], json!({ "kind": "push" }));
    assert_eq!((&told["lost"][0]["rule"], &told["lost"][0]["verb"]), (&json!("X1"), &json!("put")));
    let (status, _) = house.get("acme", "/api/assets/b/explain").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verb_tells_an_asset_whose_id_holds_slashes() {
    let house = House::with(&["acme"], Clock::manual(NOON)).await;
    let asset = json!({ "id": "ibc/27/x", "updated_at": at(-100), "title": "t", "supply": 1 });
    house.post("acme", "/api/assets", &asset).await;
    let url = format!("http://{}", house.daemon().address());
    let ask = move |arguments: Vec<&'static str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.arg("explain").args(arguments).args(["--url", &url]).env("TIDEGATE_TOKEN", READER);
        tokio::task::spawn_blocking(move || command.output().expect("the program runs"))
    };
    let told = tokio::time::timeout(PATIENCE, ask(vec!["acme/ibc/27/x", "title"])).await.unwrap().unwrap();
    let said = String::from_utf8(told.stdout).unwrap();
    assert!(said.starts_with("acme/ibc/27/x: alive, active\n"), "{said}");
    assert!(said.contains("title") && said.contains("push") && !said.contains("supply"), "{said}");
    let raw = ask(vec!["acme/ibc/27/x", "--json"]).await.unwrap();
    let raw: Value = serde_json::from_slice(&raw.stdout).unwrap();
    assert_eq!(member(&raw, "supply")["value"], 1);
    let unknown = ask(vec!["acme/nothing"]).await.unwrap();
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("There is no such asset"));
    house.stop().await;
}

#[tokio::test]
async fn d3_a_partial_write_as_of_the_bases_time_does_not_pass_for_its_writer() {
    let house = House::with(&["acme"], Clock::manual(NOON)).await;
    let push = |id: &str, method, body: Value| {
        let request =
            house.call("acme", method, "/api/assets").header("idempotency-key", format!("\"{id}\""));
        answer(json(request, &body))
    };
    push("full", Method::PUT, json!({ "id": "a", "updated_at": at(-60), "title": "t" })).await;
    push("part", Method::POST, json!({ "id": "a", "updated_at": at(-60), "size": 1 })).await;
    let told = explained(&house, "/api/assets/a/explain").await;
    let (title, size) = (&member(&told, "title")["by"], &member(&told, "size")["by"]);
    assert_eq!(title, &told["existence"]["base"]["by"]);
    assert!(title["delivery_hash"].is_string() && title != size, "{told}");
    house.stop().await;
}

#[tokio::test]
async fn d1_a_merge_patch_that_would_need_recursion_is_refused() {
    let house = House::with(&["acme"], Clock::manual(NOON)).await;
    house.put("acme", "/api/assets/a", &json!({ "updated_at": at(-60), "place": { "street": "x" } })).await;
    let patch = json!({ "place": { "city": "y" } });
    let request = house.call("acme", Method::PATCH, "/api/assets/a");
    let merge = request.header("content-type", "application/merge-patch+json").body(patch.to_string());
    let (status, refused) = answer(merge).await;
    assert_eq!((status, &refused["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("nested_patch")));
    let (status, _) = answer(json(house.call("acme", Method::PATCH, "/api/assets/a"), &patch)).await;
    assert_eq!(status, StatusCode::OK, "as JSON it replaces the member whole");
    house.stop().await;
}

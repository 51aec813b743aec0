//! Bits that change in a stored document while the daemon is down: each asset by itself is an error, all others are
//! written and read, and what the head alone decides is decided.

use crate::store::damage::{all_places, flipped};
use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, PATIENCE, answer, feed, json as body, partner};
use crate::support::quarantine::{release, rows};
use crate::support::stage::{PATH, START, Stage, document};
use redb::{Database, ReadableDatabase, TableDefinition};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use tidegate::clock::Clock;
use tidegate::codec::time;
use tidegate::domain::{Micros, RecordKind};

/// The first partner that is configured.
pub const ACME: u32 = 1;
pub const DAMAGED: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;

/// A value of the file.
#[derive(Clone, Copy)]
pub enum Stored<'a> {
    Document(&'a str),
    /// By the number of the block.
    Heads(u32),
    Prices(u32),
    /// By kind and key.
    Record(RecordKind, &'a [u8]),
}

/// Flips a bit in the middle of the value, wherever it lies in the file.
pub fn damage(file: &Path, stored: Stored<'_>) {
    let value = value_of(file, stored);
    let mut image = std::fs::read(file).unwrap();
    let places = all_places(&image, &value);
    assert!(!places.is_empty());
    for place in places {
        image = flipped(&image, (place + value.len() / 2) * 8 + 3);
    }
    std::fs::write(file, image).unwrap();
}

fn value_of(file: &Path, stored: Stored<'_>) -> Vec<u8> {
    let db = Database::open(file).unwrap();
    let txn = db.begin_read().unwrap();
    let block = |name: &str, number: u32| {
        let table = txn.open_table(TableDefinition::<(u32, u32), &[u8]>::new(name)).unwrap();
        table.get((ACME, number)).unwrap().unwrap().value().to_vec()
    };
    match stored {
        Stored::Heads(number) => block("assets", number),
        Stored::Prices(number) => block("prices", number),
        Stored::Record(kind, key) => {
            let table = txn.open_table(TableDefinition::<(u8, u32, &[u8]), &[u8]>::new("records")).unwrap();
            table.get((kind as u8, ACME, key)).unwrap().unwrap().value().to_vec()
        }
        Stored::Document(id) => {
            let table = txn.open_table(TableDefinition::<(u32, &[u8]), &[u8]>::new("documents")).unwrap();
            table.get((ACME, id.as_bytes())).unwrap().unwrap().value().to_vec()
        }
    }
}

pub fn code_of(told: &(StatusCode, Value)) -> (StatusCode, &str) {
    (told.0, told.1["code"].as_str().unwrap_or_default())
}

async fn restarts(house: &House) -> String {
    let text = house.admin(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    let line = text.lines().find(|line| line.starts_with("tidegate_partner_restarts_total"));
    line.map(str::to_owned).unwrap_or_default()
}

/// Assets `a` and `b` of `acme`; then the document of `a` is damaged.
async fn damaged_a() -> House {
    let mut house = House::with(&["acme"], Clock::manual(START)).await;
    let filler = "x".repeat(500);
    for id in ["a", "b"] {
        let asset = json!({"name": filler, "price": {"amount": "5", "currency": "EUR"}});
        assert_eq!(house.put("acme", &format!("/api/assets/{id}"), &asset).await.0, StatusCode::CREATED);
    }
    house.restart_over(|file| damage(file, Stored::Document("a"))).await;
    assert_eq!(code_of(&house.get("acme", "/api/assets/a").await), (DAMAGED, "damaged"));
    house
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_meets_a_damaged_document_is_told_so_and_the_others_of_its_batch_apply() {
    let house = damaged_a().await;
    let before = restarts(&house).await;
    let part = json!({"id": "a", "n": 1});
    for _ in 0..3 {
        assert_eq!(code_of(&house.post("acme", "/api/assets", &part).await), (DAMAGED, "damaged"));
    }
    let patched = answer(body(house.call("acme", Method::PATCH, "/api/assets/a"), &json!({"n": 1}))).await;
    assert_eq!(code_of(&patched), (DAMAGED, "damaged"), "{}", patched.1);
    assert!(patched.1["hint"].as_str().unwrap().contains("PUT"), "{}", patched.1);

    let batch = json!([{"id": "a", "n": 2}, {"id": "b", "n": 2}]);
    let (status, told) = house.post("acme", "/api/assets", &batch).await;
    let items = told["items"].as_array().unwrap();
    assert_eq!(
        (status, &items[0]["code"], &items[0]["outcome"]),
        (StatusCode::OK, &json!("damaged"), &json!("rejected"))
    );
    assert_eq!((&items[1]["outcome"], &items[1]["applied"]), (&json!("updated"), &json!(true)), "{told}");
    let atomic = json!([{"id": "a", "n": 3}, {"id": "b", "n": 3}]);
    assert_eq!(house.post("acme", "/api/assets?atomic=true", &atomic).await.0, DAMAGED);
    assert_eq!(house.get("acme", "/api/assets/b").await.1["n"], 2, "nothing of an atomic batch applies");
    let price = json!({"id": "a", "amount": "7", "as_of": time::format(START)});
    assert_eq!(house.post("acme", "/api/prices", &price).await.0, StatusCode::OK, "its quotes are whole");
    let kept = rows(&house, "acme").await;
    let kept: Vec<_> =
        kept.iter().map(|row| (row["code"].as_str().unwrap(), row["kind"].as_str().unwrap())).collect();
    assert_eq!(
        kept.iter().filter(|(code, _)| *code == "damaged").count(),
        4,
        "a repeat stands once: {kept:?}"
    );
    assert_eq!(restarts(&house).await, before, "nobody was started again for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn g2_a_delivery_that_damage_has_stopped_is_decided_again_under_its_id() {
    let house = damaged_a().await;
    let send = async |asset: &Value| {
        let call = house.call("acme", Method::POST, "/api/assets").header("idempotency-key", "one");
        answer(body(call, asset)).await
    };
    let part = json!({"id": "a", "n": 1, "updated_at": time::format(START.plus(10))});
    assert_eq!(code_of(&send(&part).await), (DAMAGED, "damaged"));
    assert_eq!(house.put("acme", "/api/assets/a", &json!({"name": "new"})).await.0, StatusCode::OK);
    let (status, told) = send(&part).await;
    assert_eq!((status, &told["outcome"]), (StatusCode::OK, &json!("updated")), "{told}");
    assert_eq!(house.get("acme", "/api/assets/a").await.1["n"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn d1_a_newer_full_write_brings_a_damaged_document_back_for_good() {
    let mut house = damaged_a().await;
    let part = json!({"id": "a", "n": 1, "updated_at": time::format(START.plus(Micros::SECOND))});
    assert_eq!(code_of(&house.post("acme", "/api/assets", &part).await), (DAMAGED, "damaged"));
    let me = house.get("acme", "/api/me").await.1;
    let old = json!({"name": "old", "updated_at": time::format(START.plus(-Micros::HOUR))});
    let (status, told) = house.put("acme", "/api/assets/a", &old).await;
    assert_eq!(
        (status, &told["outcome"]),
        (StatusCode::OK, &json!("superseded")),
        "the head says so: {told}"
    );
    let (status, told) = house.put("acme", "/api/assets/a", &json!({"name": "new"})).await;
    assert_eq!((status, &told["outcome"]), (StatusCode::OK, &json!("updated")), "{told}");
    let changes =
        house.get("acme", &format!("/api/changes?since={}", me["cursor"].as_str().unwrap())).await.1;
    let first = &changes["items"][0];
    assert_eq!(
        (&first["type"], &first["set"]["name"]),
        (&json!("asset.created"), &json!("new")),
        "{changes}"
    );
    for place in ["overlay", "tables"] {
        let (status, shown) = house.get("acme", "/api/assets/a").await;
        assert_eq!(
            (status, &shown["name"], &shown["price"]["amount"]),
            (StatusCode::OK, &json!("new"), &json!("5")),
            "{place}"
        );
        assert!(shown.get("n").is_none());
        let (_, list) = house.get("acme", "/api/assets").await;
        assert_eq!(
            (list["items"].as_array().unwrap().len(), list.get("damaged")),
            (2, None),
            "{place}: {list}"
        );
        house.restart().await;
    }
    let row = rows(&house, "acme").await.remove(0);
    let (status, told) = release(&house, "acme", &row).await;
    assert_eq!(status, StatusCode::OK, "what was kept aside can be released now: {told}");
    assert_eq!(house.get("acme", "/api/assets/a").await.1["n"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn x1_a_delete_needs_only_the_head_and_the_asset_can_live_again() {
    let mut house = damaged_a().await;
    house.clock.set(START.plus(Micros::HOUR));
    let (status, told) = house.delete("acme", "/api/assets/a").await;
    assert_eq!((status, &told["outcome"]), (StatusCode::OK, &json!("deleted")), "{told}");
    for _ in 0..2 {
        assert_eq!(house.get("acme", "/api/assets/a").await.0, StatusCode::GONE);
        house.restart().await;
    }
    assert_eq!(house.post("acme", "/api/assets", &json!({"id": "a", "n": 1})).await.0, StatusCode::CREATED);
    assert_eq!(house.get("acme", "/api/assets/a").await.1["n"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_shows_the_other_rows_and_names_the_damaged_one() {
    let house = damaged_a().await;
    let named = json!([{"partner": "acme", "id": "a", "code": "damaged"}]);
    for path in ["/api/assets", "/api/prices", "/api/prices?id=a&id=b", "/api/assets?status=any&fields=name"]
    {
        let (status, list) = house.get("acme", path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {list}");
        let ids: Vec<_> = list["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
        assert_eq!((ids, &list["damaged"]), (vec![json!("b")], &named), "{path}");
    }
    let (_, first) = house.get("acme", "/api/assets?limit=1").await;
    assert_eq!((first["items"].as_array().unwrap().len(), &first["damaged"]), (0, &named), "{first}");
    let path = format!("/api/assets?limit=1&cursor={}", first["next_cursor"].as_str().unwrap());
    let (_, second) = house.get("acme", &path).await;
    assert_eq!((&second["items"][0]["id"], second.get("damaged")), (&json!("b"), None), "{second}");
    let text = house.admin(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    let line =
        text.lines().find(|line| line.starts_with("tidegate_store_damaged_total{table=\"documents\"}"));
    assert!(!line.unwrap().ends_with(" 0"), "{line:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_hides_a_damaged_asset_and_is_told_why_it_cannot_be_shown_or_patched() {
    let house = damaged_a().await;
    let order = async |deed: &str, order: Value| {
        let path = format!("/admin/partners/acme/assets/a/{deed}");
        answer(body(house.admin(Method::POST, &path).timeout(PATIENCE), &order)).await
    };
    let patch = json!({"reason": "r", "set": {"n": 1}});
    assert_eq!(code_of(&order("patch", patch).await), (DAMAGED, "damaged"));
    assert_eq!(order("hide", json!({"reason": "r"})).await.0, StatusCode::OK);
    assert_eq!(code_of(&order("unhide", json!({"reason": "r"})).await), (DAMAGED, "damaged"));
    assert_eq!(house.put("acme", "/api/assets/a", &json!({"name": "new"})).await.0, StatusCode::OK);
    assert_eq!(order("unhide", json!({"reason": "r"})).await.0, StatusCode::OK);
    let read = answer(house.read("/api/partners/acme/assets/a")).await;
    assert_eq!((read.0, &read.1["name"]), (StatusCode::OK, &json!("new")), "{}", read.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn f2_a_run_keeps_a_damaged_asset_s_record_aside_and_applies_all_others() {
    let mut stage = Stage::open(document(Some(START), 0..4), |_| {}).await;
    let newer = time::format(stage.now().plus(240 * Micros::SECOND));
    for id in ["a0", "a1"] {
        let part = json!({"id": id, "pushed": 1, "updated_at": newer});
        assert_eq!(stage.house.post("acme", "/api/assets", &part).await.0, StatusCode::OK);
    }
    stage
        .house
        .restart_over(|file| ["a0", "a2"].map(|id| damage(file, Stored::Document(id))).into_iter().collect())
        .await;
    stage.runs += 1;
    stage.house.run_report("acme", stage.runs).await;
    let at = time::format(START.plus(120 * Micros::SECOND));
    let file = json!({"generated_at": at, "assets": [
        {"id": "a0", "name": "m0"}, {"id": "a1", "name": "m1"}, {"id": "a2", "name": "m2"}, {"id": "a3", "name": "m3"}
    ]});
    stage.server.put(PATH, Served::json(file.to_string()));
    let report = stage.fetch().await;
    assert_eq!((&report["status"], &report["quarantined"]), (&json!("applied"), &json!(1)), "{report}");
    let counts = ["updated", "deleted", "held", "absent_once"].map(|name| report["counts"][name].clone());
    assert_eq!(counts, [json!(3), json!(0), json!(0), json!(0)], "{report}");
    let fault = &report["faults"][0];
    assert_eq!(
        (&fault["code"], &fault["id"], &fault["record"]),
        (&json!("damaged"), &json!("a0"), &json!(0))
    );
    let kept = rows(&stage.house, "acme").await;
    assert_eq!(
        (kept.len(), &kept[0]["code"], &kept[0]["id"]),
        (1, &json!("damaged"), &json!("a0")),
        "{kept:?}"
    );
    assert_eq!(code_of(&stage.house.get("acme", "/api/assets/a0").await), (DAMAGED, "damaged"));
    for id in ["a1", "a2", "a3"] {
        let shown = stage.house.get("acme", &format!("/api/assets/{id}")).await.1;
        assert_eq!(shown["name"], id.replace('a', "m"), "{shown}");
    }
    assert_eq!(
        code_of(&release(&stage.house, "acme", &kept[0]).await).0,
        DAMAGED,
        "it stays until that is mended"
    );
    let file = file.to_string().replace(&at, &time::format(stage.now().plus(Micros::HOUR)));
    stage.server.put(PATH, Served::json(file));
    let report = stage.fetch().await;
    assert_eq!(
        (&report["counts"]["quarantined"], &report["counts"]["updated"]),
        (&json!(0), &json!(2)),
        "a0, and what was pushed of a1: {report}"
    );
    assert_eq!(
        stage.house.get("acme", "/api/assets/a0").await.1["name"],
        "m0",
        "a complete newer record brings it back"
    );
}

/// Assets `a0` to `a299` of a feed: three blocks of heads, two of quotes.
async fn three_blocks() -> Stage {
    let stage = Stage::open(document(Some(START), 0..300), |_| {}).await;
    let priced: Vec<Value> = (0..300).map(|n| json!({"id": format!("a{n}"), "amount": "5"})).collect();
    assert_eq!(stage.house.post("acme", "/api/prices", &json!(priced)).await.0, StatusCode::OK);
    stage
}

/// Which of the ids are damaged, as a list names them.
async fn named(house: &House) -> BTreeSet<String> {
    let (mut named, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let (status, page) = house.get("acme", &format!("/api/assets?limit=1000{cursor}")).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let rows = page["damaged"].as_array().cloned().unwrap_or_default();
        named.extend(rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return named,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_block_is_its_own_assets_alone_and_the_partner_is_up() {
    for (block, slots) in [(Stored::Heads(1), 128), (Stored::Prices(0), 256)] {
        let mut stage = three_blocks().await;
        stage.house.restart_over(|file| damage(file, block)).await;
        stage.runs += 1;
        stage.house.run_report("acme", stage.runs).await;
        let lost = named(&stage.house).await;
        assert_eq!(lost.len(), slots);
        let one = lost.first().unwrap();
        let path = format!("/api/assets/{one}");
        assert_eq!(code_of(&stage.house.get("acme", &path).await), (DAMAGED, "damaged"));
        let full = json!({"name": "new"});
        assert_eq!(code_of(&stage.house.put("acme", &path, &full).await), (DAMAGED, "damaged"));
        assert_eq!(code_of(&stage.house.delete("acme", &path).await), (DAMAGED, "damaged"));
        let matched = stage.house.call("acme", Method::PUT, &path).header("if-none-match", "*");
        assert_eq!(code_of(&answer(body(matched, &full)).await), (DAMAGED, "damaged"));
        let price = json!({"id": one, "amount": "6"});
        assert_eq!(code_of(&stage.house.post("acme", "/api/prices", &price).await), (DAMAGED, "damaged"));

        // without a0 to a2, whichever of them are damaged
        let report = stage.publish(true, 3..300).await;
        let kept = (3..300).filter(|n| lost.contains(&format!("a{n}"))).count();
        assert_eq!(
            (&report["status"], &report["quarantined"]),
            (&json!("applied"), &json!(kept)),
            "{report}"
        );
        assert_eq!(report["faults"][0]["code"], "damaged", "{report}");
        stage.wait(2 * Micros::HOUR);
        let whole = (3..300).map(|n| format!("a{n}")).find(|id| !lost.contains(id)).unwrap();
        for id in [whole.as_str(), "new"] {
            let asset = json!({"id": id, "pushed": 1, "price": {"amount": "8", "currency": "EUR"}});
            let told = stage.house.post("acme", "/api/assets", &asset).await;
            assert!(told.0.is_success(), "{id}: {}", told.1);
        }
        stage.house.restart().await;
        stage.house.run_report("acme", stage.runs + 1).await;
        for id in [whole.as_str(), "new"] {
            let (status, shown) = stage.house.get("acme", &format!("/api/assets/{id}")).await;
            assert_eq!((status, &shown["price"]["amount"]), (StatusCode::OK, &json!("8")), "{shown}");
        }
        assert_eq!(named(&stage.house).await, lost, "nothing of what is damaged was taken away or shown");
        stage.house.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_whose_feed_s_state_is_damaged_is_down_alone_and_the_status_page_names_the_table() {
    let server = FeedServer::start().await;
    server.put(PATH, Served::json(document(Some(START), 0..2)));
    let acme = partner("acme").with_feed(feed(&server.url(PATH)));
    let mut house = House::start(vec![acme, partner("bolt")], Clock::manual(START)).await;
    house.run_report("acme", 1).await;
    house.restart_over(|file| damage(file, Stored::Record(RecordKind::Feed, &[]))).await;
    let asset = json!({"id": "a0"});
    assert_eq!(house.post("acme", "/api/assets", &asset).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(house.get("acme", "/api/assets/a0").await.0, StatusCode::OK, "reads go on");
    assert_eq!(house.post("bolt", "/api/assets", &asset).await.0, StatusCode::CREATED);
    let (status, page) = answer(house.admin(Method::GET, "/admin/status")).await;
    let told: Vec<_> = page["partners"].as_array().unwrap().iter().map(|p| p.get("damaged")).collect();
    assert_eq!((status, told), (StatusCode::OK, vec![Some(&json!("records")), None]), "{page}");
    let down: Vec<_> = page["partners"].as_array().unwrap().iter().map(|p| p["down"].as_str()).collect();
    let says = |why: &str| why.contains("the feed record") && why.contains("restore a backup");
    assert!(down[0].is_some_and(says) && down[1].is_none(), "{page}");
    let text = house.admin(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    for line in ["tidegate_partner_up{partner=\"acme\"} 0", "tidegate_partner_up{partner=\"bolt\"} 1"] {
        assert!(text.contains(line), "{line}");
    }
}

//! Examples of existence (X1–X5, P3): absence hides, a said delete ends.

use super::{at, dated, is, undated};
use crate::support::house::wait_for;
use crate::support::stage::Stage;
use serde_json::{Value, json};
use tidegate::config::PartnerSettings;
use tidegate::domain::Micros;
use tidegate::rules::policy::Absent;

/// A file of these records and of four that are always there.
fn file(when: &str, records: &[Value]) -> Value {
    let rest = (0..4).map(|n| json!({ "id": format!("rest{n}") }));
    dated(when, records.iter().cloned().chain(rest).collect())
}

fn fund() -> Value {
    let price = json!({ "amount": "100", "currency": "EUR", "as_of": "2026-02-01" });
    json!({ "id": "fund", "name": "F", "price": price })
}

impl Stage {
    /// After a file of the first of the month.
    async fn stocked(now: &str, change: impl FnOnce(&mut PartnerSettings)) -> Stage {
        let mut stage = Stage::with(now, change).await;
        stage.publish_file(&file("01 00:00", &[])).await;
        stage
    }

    /// The feed is fetched at the start.
    pub async fn restart(&mut self) {
        self.house.restart().await;
        self.runs += 1;
        self.house.run_report("acme", self.runs).await;
    }

    /// Where the change stream stands.
    async fn cursor(&self) -> String {
        let (_, page) = self.house.get("acme", "/api/changes?since=now").await;
        page["next_cursor"].as_str().expect("a cursor").to_owned()
    }

    /// What has been told of an asset since, without the prices of others.
    async fn told(&self, id: &str, since: &str) -> Vec<Value> {
        let (_, page) = self.house.get("acme", &format!("/api/changes?limit=1000&since={since}")).await;
        let items = page["items"].as_array().expect("items").iter();
        items.filter(|item| item["id"] == id).cloned().collect()
    }

    async fn existence(&self, id: &str) -> Value {
        self.house.get("acme", &format!("/api/assets/{id}/explain")).await.1["existence"].clone()
    }

    async fn parked(&self) -> Vec<Value> {
        let (_, page) = self.house.get("acme", "/api/quarantine?kind=parked&limit=1000").await;
        page["items"].as_array().expect("items").clone()
    }
}

#[tokio::test]
async fn x2_a_fund_that_one_file_lacks_is_gone_and_then_alive_with_its_price_as_of_february() {
    let mut stage = Stage::at("12 10:00").await;
    stage.publish_file(&file("12 01:00", &[fund()])).await;
    assert_eq!(stage.amount("fund").await.as_deref(), Some("100"));
    stage.set_clock("13 10:00");
    let since = stage.cursor().await;
    let run = stage.publish_file(&file("13 01:00", &[])).await;
    assert_eq!(run["counts"]["deleted"], 1, "{run}");
    assert_eq!(stage.status_of("fund").await, 410);
    let (_, prices) = stage.house.get("acme", "/api/prices?id=fund").await;
    assert_eq!(prices["missing"], json!(["fund"]));
    let gone = stage.told("fund", &since).await;
    assert_eq!((gone.len(), &gone[0]["type"]), (1, &json!("asset.deleted")), "{gone:?}");
    let existence = stage.existence("fund").await;
    assert_eq!((&existence["state"], &existence["end"]), (&json!("absent"), &json!(null)), "{existence}");
    assert_eq!(existence["death"]["by"]["kind"], "feed");
    let (_, told) = stage.house.get("acme", "/api/assets/fund/explain").await;
    assert_eq!((&told["members"], &told["quotes"]), (&json!([]), &json!([])), "nothing of it is visible");

    stage.restart().await;
    assert_eq!(stage.status_of("fund").await, 410);
    stage.set_clock("14 10:00");
    let since = stage.cursor().await;
    let run = stage.publish_file(&file("14 01:00", &[fund()])).await;
    assert_eq!(run["counts"]["resurrected"], 1, "{run}");
    let asset = stage.asset("fund").await;
    assert_eq!((&asset["name"], &asset["price"]["amount"]), (&json!("F"), &json!("100")));
    assert_eq!(asset["price"]["as_of"], "2026-02-01T00:00:00Z");
    let back = stage.told("fund", &since).await;
    let types: Vec<&Value> = back.iter().map(|change| &change["type"]).collect();
    assert_eq!(types, ["asset.created", "price.updated"], "one commit tells both: {back:?}");
    assert_eq!((&back[0]["set"]["name"], &back[1]["price"]["amount"]), (&json!("F"), &json!("100")));
}

#[tokio::test]
async fn x1_what_was_patched_above_a_delete_is_there_when_the_asset_comes_back() {
    let stage = Stage::at("12 12:00").await;
    let orders = [[0, 1, 2, 3], [0, 1, 3, 2], [0, 3, 1, 2], [3, 0, 1, 2], [3, 1, 2, 0], [2, 3, 1, 0]];
    for (n, order) in orders.iter().enumerate() {
        let id = format!("a{n}");
        for step in order {
            match step {
                0 => stage.put(&id, json!({ "updated_at": at("12 00:01"), "t": 1 })).await,
                1 => {
                    let patch = json!({ "updated_at": at("12 00:15"), "n": 15 });
                    stage.write(reqwest::Method::PATCH, &id, patch).await
                }
                2 => stage.delete(&id, "12 00:10").await,
                _ => stage.post(&id, json!({ "updated_at": at("12 00:20"), "b": 20 })).await,
            };
        }
        let asset = stage.asset(&id).await;
        assert_eq!((asset.get("t"), &asset["n"], &asset["b"]), (None, &json!(15), &json!(20)), "{order:?}");
    }
}

#[tokio::test]
async fn x3_a_newer_post_leaves_the_asset_whole_whether_it_comes_before_the_file_without_it_or_after() {
    let mut stage = Stage::stocked("12 12:00", |_| ()).await;
    let price = |id: &str| json!({ "id": id, "amount": "5", "currency": "EUR", "as_of": at("12 01:00") });
    for id in ["before", "after"] {
        stage.put(id, json!({ "updated_at": at("12 01:00"), "name": "n" })).await;
        stage.price(price(id)).await;
    }
    let newer = json!({ "updated_at": at("12 11:00"), "x": 1 });
    stage.post("before", newer.clone()).await;
    let run = stage.publish_file(&file("12 10:00", &[])).await;
    assert_eq!((&run["counts"]["phantom"], &run["counts"]["deleted"]), (&json!(1), &json!(1)), "{run}");
    assert_eq!(stage.post("after", newer).await, is("created", "X1"));
    for id in ["before", "after"] {
        let asset = stage.asset(id).await;
        let shown = [&asset["name"], &asset["x"], &asset["price"]["amount"]];
        assert_eq!(shown, [&json!("n"), &json!(1), &json!("5")], "{id}");
    }
}

#[tokio::test]
async fn x1_a_delete_said_during_an_absence_ends_what_is_at_or_below_it_and_is_told_to_nobody() {
    let mut stage = Stage::stocked("12 12:00", |_| ()).await;
    stage.put("a", json!({ "updated_at": at("12 01:00"), "old": 1 })).await;
    stage.post("a", json!({ "updated_at": at("12 05:00"), "new": 1 })).await;
    let price = json!({ "id": "a", "amount": "5", "currency": "EUR", "as_of": at("12 02:00") });
    stage.price(price.clone()).await;
    stage.publish_file(&file("12 10:00", &[])).await;
    assert_eq!(stage.status_of("a").await, 410);
    let since = stage.cursor().await;
    assert_eq!(stage.delete("a", "12 03:00").await, is("deleted", "X1"));
    assert_eq!(stage.delete("a", "12 03:00").await, is("duplicate", "D2"));
    assert!(stage.told("a", &since).await.is_empty());
    assert_eq!(stage.price(price).await, is("superseded", "X1"));
    let existence = stage.existence("a").await;
    assert_eq!(
        (&existence["state"], &existence["end"]["source_time"]),
        (&json!("absent"), &json!(at("12 03:00")))
    );
    stage.post("a", json!({ "updated_at": at("12 11:00"), "x": 1 })).await;
    let asset = stage.asset("a").await;
    assert_eq!((asset.get("old"), &asset["new"], &asset["x"]), (None, &json!(1), &json!(1)));
    assert_eq!(asset.get("price"), None);
}

#[tokio::test]
async fn x3_a_push_that_comes_late_to_a_run_ends_as_if_it_had_come_before() {
    let mut stage = Stage::at("12 12:00").await;
    let invalid = json!({ "id": "invalid", "currency": "ZZZ" });
    stage.publish_file(&file("12 10:00", &[invalid])).await;
    let late = |id: &str| json!({ "id": id, "updated_at": at("12 09:00"), "name": "n" });
    let since = stage.cursor().await;
    let (status, reply) = stage.house.post("acme", "/api/assets", &late("a")).await;
    assert_eq!(
        (status.as_u16(), &reply["outcome"], &reply["rule"]),
        (200, &json!("superseded"), &json!("X3"))
    );
    assert_eq!(reply["code"], "absent_from_file");
    let hint = reply["hint"].as_str().unwrap();
    assert!(hint.contains(&at("12 10:00")), "{hint}");
    assert_eq!((stage.status_of("a").await, stage.told("a", &since).await), (410, Vec::new()));
    assert_eq!(stage.post("invalid", late("invalid")).await, is("created", "D1"), "the file held it");
    stage.restart().await;
    assert_eq!(stage.post("b", late("b")).await, is("superseded", "X3"), "a restart forgets nothing");
    assert_eq!(stage.post("a", json!({ "updated_at": at("12 10:00"), "x": 1 })).await, is("created", "X1"));
    assert_eq!(stage.asset("a").await["name"], "n", "what came late was kept");
    stage.set_clock("13 12:00");
    stage.publish_file(&file("13 10:00", &[json!({ "id": "b" })])).await;
    assert_eq!(stage.status_of("b").await, 200);
}

#[tokio::test]
async fn x3_a_run_whose_deletes_are_held_or_whose_file_is_undated_makes_no_push_late() {
    let mut stage = Stage::at("12 12:00").await;
    let many: Vec<Value> = (0..20).map(|n| json!({ "id": format!("n{n}") })).collect();
    stage.publish_file(&file("11 10:00", &many)).await;
    let run = stage.publish_file(&file("12 10:00", &[])).await;
    assert_eq!(run["counts"]["held"], 20, "{run}");
    let push = json!({ "updated_at": at("12 09:00") });
    assert_eq!(stage.post("a", push.clone()).await, is("created", "D1"));
    let mut undated_stage = Stage::at("12 12:00").await;
    undated_stage.publish_file(&undated(json!([{ "id": "rest" }]))).await;
    assert_eq!(undated_stage.post("a", push).await, is("created", "D1"));
}

#[tokio::test]
async fn x5_where_absence_makes_inactive_a_late_push_ends_inactive_too() {
    let mut stage = Stage::stocked("12 12:00", |settings| settings.policy.absent = Absent::Inactive).await;
    stage.put("in_time", json!({ "updated_at": at("12 09:00"), "name": "n" })).await;
    stage.publish_file(&file("12 10:00", &[])).await;
    stage.post("late", json!({ "updated_at": at("12 09:00"), "name": "n" })).await;
    for id in ["in_time", "late"] {
        let asset = stage.asset(id).await;
        assert_eq!((&asset["status"], &asset["name"]), (&json!("inactive"), &json!("n")), "{id}");
    }
}

#[tokio::test]
async fn p3_quotes_of_an_absent_asset_have_no_expiry_and_no_cap_and_come_back_with_it() {
    let mut stage = Stage::with("12 12:00", |settings| settings.policy.parked_max = 1).await;
    stage
        .publish_file(&file("12 01:00", &[fund(), json!({ "id": "other", "price": fund()["price"] })]))
        .await;
    stage.set_clock("13 12:00");
    stage.publish_file(&file("13 01:00", &[])).await;
    let newer = json!({ "id": "fund", "amount": "101", "currency": "EUR", "as_of": at("13 02:00") });
    assert_eq!(stage.price(newer).await, is("parked", "P3"));
    let unknown = json!({ "id": "unknown", "amount": "1", "currency": "EUR", "as_of": at("13 02:00") });
    assert_eq!(stage.price(unknown).await, is("parked", "P3"));
    let listed = stage.parked().await;
    let of = |id: &str| listed.iter().find(|item| item["id"] == id).unwrap_or_else(|| panic!("{listed:?}"));
    assert_eq!(listed.len(), 3, "an absent asset's prices push nothing out: {listed:?}");
    assert_eq!((&of("fund")["asset"], &of("fund")["expires_at"]), (&json!("absent"), &json!(null)));
    assert_eq!((&of("unknown")["asset"], of("unknown")["expires_at"].is_string()), (&json!("unknown"), true));
    let (_, first) = stage.house.get("acme", "/api/quarantine?kind=parked&limit=2").await;
    let next = first["next_cursor"].as_str().expect("a cursor");
    let (_, rest) =
        stage.house.get("acme", &format!("/api/quarantine?kind=parked&limit=2&cursor={next}")).await;
    assert_eq!((first["items"].as_array().unwrap().len(), rest["items"].as_array().unwrap().len()), (2, 1));

    for restarted in [false, true] {
        if restarted {
            stage.restart().await;
        }
        stage.set_clock(if restarted { "17 12:00" } else { "16 12:00" });
        stage.price(json!({ "id": "rest0", "amount": "1", "currency": "EUR" })).await;
        let left = stage.parked().await;
        assert!(left.len() == 2 && left.iter().all(|item| item["asset"] == "absent"), "{left:?}");
    }
    stage.publish_file(&file("17 01:00", &[fund()])).await;
    assert_eq!(stage.amount("fund").await.as_deref(), Some("101"));
    assert_eq!(stage.parked().await.len(), 1);
}

#[tokio::test]
async fn p3_a_parked_price_waits_without_end_once_a_late_push_has_made_its_asset_an_absent_one() {
    let mut stage = Stage::stocked("12 12:00", |_| ()).await;
    stage.publish_file(&file("12 10:00", &[])).await;
    let price = json!({ "id": "a", "amount": "5", "currency": "EUR", "as_of": at("12 08:00") });
    assert_eq!(stage.price(price).await, is("parked", "P3"));
    assert_eq!(stage.parked().await[0]["asset"], "unknown");
    stage.post("a", json!({ "updated_at": at("12 09:00") })).await;
    assert_eq!(stage.parked().await[0]["asset"], "absent");
    stage.set_clock("15 12:00");
    assert_eq!(stage.post("a", json!({ "updated_at": at("15 11:00") })).await, is("created", "X1"));
    assert_eq!(stage.amount("a").await.as_deref(), Some("5"));
}

#[tokio::test]
async fn p3_a_delete_said_during_an_absence_gives_newer_quotes_24_hours() {
    let mut stage = Stage::at("12 12:00").await;
    stage.publish_file(&file("12 01:00", &[fund()])).await;
    stage.price(json!({ "id": "fund", "amount": "5", "currency": "USD", "quote": "nav", "as_of": at("12 06:00") }))
        .await;
    stage.set_clock("13 12:00");
    stage.publish_file(&file("13 01:00", &[])).await;
    assert_eq!(stage.parked().await.len(), 2);
    stage.delete("fund", "13 02:00").await;
    assert_eq!(stage.parked().await.len(), 0);
    let newer =
        json!({ "id": "fund", "amount": "6", "currency": "USD", "quote": "nav", "as_of": at("13 03:00") });
    assert_eq!(stage.price(newer).await, is("parked", "P3"));
    let listed = stage.parked().await;
    assert_eq!((&listed[0]["asset"], &listed[0]["expires_at"]), (&json!("deleted"), &json!(at("14 12:00"))));
}

#[tokio::test]
async fn x4_what_an_absent_asset_held_goes_with_its_tombstone() {
    let mut stage = Stage::at("01 12:00").await;
    stage.publish_file(&file("01 01:00", &[fund()])).await;
    stage.publish_file(&file("01 02:00", &[])).await;
    stage.house.clock.set(stage.house.now().plus(30 * Micros::DAY));
    stage.restart().await;
    wait_for("the tombstone to be collected", async || (stage.status_of("fund").await == 404).then_some(()))
        .await;
    assert!(stage.parked().await.is_empty());
    let push = json!({ "updated_at": at("31 12:00"), "x": 1 });
    assert_eq!(stage.post("fund", push).await, is("created", "D1"));
    let asset = stage.asset("fund").await;
    assert_eq!((asset.get("name"), asset.get("price"), &asset["x"]), (None, None, &json!(1)));
}

#[tokio::test]
async fn a5_an_escaped_string_says_what_the_plain_one_says() {
    let stage = Stage::at("12 12:00").await;
    let body = r#"[{"id":"a","updated_at":"2026-03-12T01:00:00Z","status":"\u0061ctive","currency":"\u0045UR",
        "class":"real\/estate"}]"#;
    let push = stage.house.call("acme", reqwest::Method::POST, "/api/assets").body(body);
    let (status, reply) =
        crate::support::house::answer(push.header("content-type", "application/json")).await;
    assert_eq!(status.as_u16(), 200, "{reply}");
    assert_eq!(stage.price(json!({ "id": "a", "amount": "5" })).await, is("updated", "P1"));
    assert_eq!(stage.asset("a").await["price"]["currency"], "EUR");
    for filter in ["", "?class=real/estate", "?status=active"] {
        let (_, page) = stage.house.get("acme", &format!("/api/assets{filter}")).await;
        assert_eq!(page["items"].as_array().map(Vec::len), Some(1), "{filter}: {page}");
    }
    let plain = json!({ "updated_at": at("12 02:00"), "status": "active" });
    assert_eq!(stage.post("a", plain).await, is("unchanged", "D2"));
}

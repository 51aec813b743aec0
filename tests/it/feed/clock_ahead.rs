//! What our own clock has dated while it ran ahead stands in nobody's way once it is right (T3, T4).

use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, answer, feed, partner};
use crate::support::stage::{PATH, START, Stage};
use reqwest::Method;
use serde_json::{Value, json};
use tidegate::clock::Clock;
use tidegate::codec::time;
use tidegate::domain::Micros;

const YEAR: i64 = 365 * Micros::DAY;
const HOUR: i64 = Micros::HOUR;

fn file(ids: std::ops::Range<usize>, name: &str) -> Value {
    let price = json!({"amount": "5", "currency": "EUR"});
    let record = |n: usize| json!({"id": format!("a{n}"), "name": name, "price": price});
    json!({ "assets": ids.map(record).collect::<Vec<Value>>() })
}

fn serve(stage: &Stage, file: &Value) {
    stage.server.put(PATH, Served::json(file.to_string()));
}

/// A daemon whose clock is ahead, and that has fetched `a0` to `a9` without a date.
async fn ahead_by(micros: i64) -> Stage {
    let server = FeedServer::start().await;
    server.put(PATH, Served::json(file(0..10, "first").to_string()));
    let settings = partner("acme").with_feed(feed(&server.url(PATH)));
    let house = House::start(vec![settings], Clock::manual(START.plus(micros))).await;
    house.run_report("acme", 1).await;
    Stage { house, server, runs: 1 }
}

/// Starts again with the clock put right; gives the run that follows.
async fn put_right(stage: &mut Stage, next: &Value) -> Value {
    serve(stage, next);
    stage.house.clock.set(START);
    stage.house.restart().await;
    stage.runs += 1;
    stage.house.run_report("acme", stage.runs).await
}

async fn push(stage: &Stage, asset: Value) -> Value {
    stage.house.post("acme", "/api/assets", &asset).await.1["outcome"].clone()
}

async fn asset(stage: &Stage, id: &str) -> Value {
    stage.house.get("acme", &format!("/api/assets/{id}")).await.1
}

#[tokio::test(flavor = "multi_thread")]
async fn t3_after_one_undated_run_a_year_ahead_runs_absences_and_pushes_are_decided_as_ever() {
    for offset in [HOUR, YEAR] {
        let mut stage = ahead_by(offset).await;
        let report = put_right(&mut stage, &file(0..9, "second")).await;
        let counts = &report["counts"];
        assert_eq!((&report["status"], &counts["absent_once"]), (&json!("applied"), &json!(1)), "{report}");
        assert_eq!(asset(&stage, "a0").await["name"], "second");
        assert_eq!(push(&stage, json!({"id": "a0", "name": "undated"})).await, "updated");
        let dated = json!({"id": "a1", "name": "dated", "updated_at": time::format(stage.now().plus(1))});
        assert_eq!(push(&stage, dated).await, "updated");

        serve(&stage, &file(0..9, "third"));
        let report = stage.fetch().await;
        assert_eq!(report["counts"]["deleted"], 1, "the second absence in a row: {report}");
        let names = [asset(&stage, "a0").await["name"].clone(), asset(&stage, "a2").await["name"].clone()];
        assert_eq!(names, [json!("undated"), json!("third")], "pushed since the fetch before");
        serve(&stage, &file(0..9, "fourth"));
        stage.fetch().await;
        assert_eq!(asset(&stage, "a0").await["name"], "fourth");
        stage.house.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a6_after_a_day_of_undated_runs_and_pushes_a_year_ahead_nothing_waits_for_a_year() {
    let mut stage = ahead_by(YEAR).await;
    for name in ["second", "third"] {
        serve(&stage, &file(0..10, name));
        assert_eq!(stage.fetch().await["status"], "applied");
    }
    stage.wait(60 * Micros::SECOND);
    assert_eq!(push(&stage, json!({"id": "a1", "name": "pushed"})).await, "updated");
    let priced = json!({"id": "a2", "amount": "7"});
    assert_eq!(stage.house.post("acme", "/api/prices", &priced).await.1["outcome"], "updated");
    let waits = json!({"id": "unknown", "amount": "7", "currency": "EUR"});
    assert_eq!(stage.house.post("acme", "/api/prices", &waits).await.1["outcome"], "parked");

    let report = put_right(&mut stage, &file(0..9, "right")).await;
    assert_eq!((&report["status"], &report["counts"]["absent_once"]), (&json!("applied"), &json!(1)));
    assert!(report["snapshot_at"].as_str() <= Some(&time::format(START)), "{report}");
    assert_eq!(asset(&stage, "a0").await["name"], "right");
    assert_eq!(asset(&stage, "a1").await["name"], "pushed", "after the last fetch");
    let price = stage.house.get("acme", "/api/assets/a2/price").await.1;
    assert_eq!(price["amount"], "7", "{price}");
    assert!(price["as_of"].as_str() <= Some(&time::format(START)), "{price}");

    let now = stage.now().plus(Micros::SECOND);
    stage.house.clock.set(now);
    let dated = |id: &str| json!({"id": id, "name": "dated", "updated_at": time::format(now)});
    assert_eq!(push(&stage, dated("a0")).await, "updated");
    assert_eq!(push(&stage, dated("a1")).await, "updated");
    let dated_price = json!({"id": "a3", "amount": "9", "as_of": time::format(now)});
    assert_eq!(stage.house.post("acme", "/api/prices", &dated_price).await.1["outcome"], "updated");
    assert_eq!(stage.house.get("acme", "/api/assets/a3/price").await.1["amount"], "9", "no year older");
    assert_eq!(push(&stage, json!({"id": "a1", "name": "undated"})).await, "updated");

    let mut dated_file = file(0..8, "dated file");
    dated_file["generated_at"] = time::format(stage.now().plus(HOUR)).into();
    serve(&stage, &dated_file);
    let report = stage.fetch().await;
    let counts = [&report["counts"]["deleted"], &report["counts"]["phantom"]];
    assert_eq!((&report["status"], counts), (&json!("applied"), [&json!(2), &json!(0)]), "{report}");
    assert_eq!(asset(&stage, "a1").await["name"], "dated file");

    stage.wait(24 * HOUR);
    stage.house.restart().await;
    let parked = stage.house.get("acme", "/api/quarantine?kind=parked").await.1;
    let waits = parked["items"].as_array().unwrap().iter().any(|item| item["id"] == "unknown");
    assert!(!waits, "a day is a day from when the clock was right: {parked}");
    stage.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a6_a_plan_from_a_clock_that_ran_ahead_spares_what_was_pushed_since_and_ends_in_time() {
    let mut stage = ahead_by(YEAR).await;
    for name in ["second", "third"] {
        serve(&stage, &file(0..40, name));
        stage.fetch().await;
    }
    for name in ["fourth", "fifth"] {
        serve(&stage, &file(0..20, name));
        stage.fetch().await;
    }
    assert_eq!(stage.states().await, ["held"]);
    let expires = put_right(&mut stage, &file(0..20, "right")).await;
    assert_eq!(expires["status"], "applied", "{expires}");
    let plan = &stage.plans().await[0];
    assert_eq!(plan["expires_at"], time::format(START.plus(72 * HOUR)), "{plan}");
    let since = json!({"id": "a39", "name": "since", "updated_at": time::format(START.plus(1))});
    assert_eq!(push(&stage, since).await, "updated");
    let (status, decided) = stage.decide(1, "approve").await;
    assert_eq!((status.as_u16(), &decided["deleted"], &decided["kept"]), (200, &json!(19), &json!(1)));
    let status = answer(stage.house.admin(Method::GET, "/admin/status")).await.1;
    assert_eq!(status["ready"], true, "{status}");
    stage.house.stop().await;
}

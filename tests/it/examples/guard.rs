//! Examples of whole catalogues: F1 and F4.

use super::{at, dated};
use crate::support::feed_server::Served;
use crate::support::house::answer;
use crate::support::stage::Stage;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn numbered(count: usize, title: &str) -> Value {
    (0..count).map(|n| json!({ "id": format!("asset-{n:05}"), "title": title })).collect()
}

async fn stocked(count: usize) -> Stage {
    let mut stage = Stage::at("12 03:00").await;
    let run = stage.publish_file(&dated("12 01:00", numbered(count, "t"))).await;
    assert_eq!(run["counts"]["created"], count, "{run}");
    stage
}

/// A plan is held, and what operators are alerted by says so.
async fn assert_plan_waits(stage: &Stage, count: usize) {
    let plans = stage.house.admin(Method::GET, "/admin/partners/acme/plans");
    let (status, plans) = answer(plans).await;
    assert_eq!(status, StatusCode::OK, "{plans}");
    let plan = &plans["items"][0];
    assert_eq!((&plan["state"], &plan["count"]), (&json!("held"), &json!(count)), "{plan}");
    let metrics = stage.house.admin(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.lines().any(|line| line == "tidegate_plans_held{partner=\"acme\"} 1"), "{metrics}");
}

async fn living(stage: &Stage) -> usize {
    stage.house.catalogue("acme").await.len()
}

#[tokio::test]
async fn f4_six_hundred_deletes_of_ten_thousand_are_held_while_upserts_apply() {
    let mut stage = stocked(10_000).await;
    let mut records = numbered(9_400, "t");
    records[0]["title"] = "changed".into();
    let run = stage.publish_file(&dated("12 02:00", records)).await;
    let counts = &run["counts"];
    assert_eq!(
        (&counts["held"], &counts["deleted"], &counts["updated"]),
        (&json!(600), &json!(0), &json!(1)),
        "{run}"
    );
    assert_eq!(stage.asset("asset-00000").await["title"], "changed");
    assert_eq!(living(&stage).await, 10_000);
}

#[tokio::test]
async fn f4_page_one_of_two_of_forty_assets_is_held() {
    let mut stage = stocked(40).await;
    let run = stage.publish_file(&dated("12 02:00", numbered(20, "t"))).await;
    assert_eq!((&run["counts"]["deleted"], &run["counts"]["held"]), (&json!(0), &json!(20)), "{run}");
    assert_eq!(living(&stage).await, 40);
    assert_plan_waits(&stage, 20).await;
}

#[tokio::test]
async fn f4_three_of_ten_are_held_and_approved_as_confirmed_by_two_later_files() {
    let mut stage = stocked(10).await;
    for (day, lives) in [("13", 10), ("14", 10), ("15", 7)] {
        stage.set_clock(&format!("{day} 03:00"));
        let run = stage.publish_file(&dated(&format!("{day} 02:00"), numbered(7, day))).await;
        let held = if day == "13" { 3 } else { 0 };
        assert_eq!((&run["status"], &run["counts"]["held"]), (&json!("applied"), &json!(held)), "{run}");
        if day == "13" {
            assert_plan_waits(&stage, 3).await;
        }
        assert_eq!(living(&stage).await, lives, "{day}");
    }
    let (_, plans) = answer(stage.house.admin(Method::GET, "/admin/partners/acme/plans")).await;
    let plan = &plans["items"][0];
    assert_eq!((&plan["state"], &plan["count"]), (&json!("approved"), &json!(3)), "{plan}");
    assert!(plan.to_string().contains("confirmed"), "{plan}");
}

#[tokio::test]
async fn f4_one_delete_of_eight_applies() {
    let mut stage = stocked(8).await;
    let run = stage.publish_file(&dated("12 02:00", numbered(7, "t"))).await;
    assert_eq!((&run["counts"]["deleted"], &run["counts"]["held"]), (&json!(1), &json!(0)));
    assert_eq!(stage.status_of("asset-00007").await, 410);
}

#[tokio::test]
async fn f1_a_body_cut_at_sixty_percent_changes_nothing_and_f4_an_empty_one_is_held() {
    let mut stage = stocked(10_000).await;
    let whole = dated("12 02:00", numbered(10_000, "changed")).to_string();
    let run = stage.serve(Served::json(whole[..whole.len() * 6 / 10].to_owned())).await;
    assert_eq!((&run["status"], &run["code"]), (&json!("failed"), &json!("truncated")), "{run}");
    assert_eq!(stage.asset("asset-00000").await["title"], "t");
    assert_eq!(living(&stage).await, 10_000);
    stage.set_clock("12 04:00");
    let run = stage.publish_file(&json!([])).await;
    assert_eq!((&run["counts"]["held"], &run["counts"]["deleted"]), (&json!(10_000), &json!(0)), "{run}");
    assert_eq!(living(&stage).await, 10_000);
    assert_plan_waits(&stage, 10_000).await;
}

#[tokio::test]
async fn f4_empty_on_purpose_is_said_by_the_file() {
    let mut stage = stocked(50).await;
    let said = json!({ "generated_at": at("12 02:30"), "complete": true, "count": 0, "allow_empty": true, "assets": [] });
    let run = stage.publish_file(&said).await;
    assert_eq!((&run["counts"]["deleted"], living(&stage).await), (&json!(50), 0), "{run}");
}

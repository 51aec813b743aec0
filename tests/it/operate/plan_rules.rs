//! F4 as it is written, over the real daemon: what the guard lets a small partner lose, what further
//! runs confirm, what joins a plan.

use crate::support::feed_server::Served;
use crate::support::stage::{PATH, START, Stage, document};
use serde_json::{Value, json};
use tidegate::codec::time;
use tidegate::config::PartnerSettings;
use tidegate::domain::Micros;
use tidegate::rules::policy::Absent;

const DAY: i64 = Micros::DAY;

impl Stage {
    /// A day later: the same ids, in a body of its own.
    async fn publish_next_day(&mut self, ids: impl IntoIterator<Item = usize>) -> Value {
        self.wait(DAY);
        self.publish(true, ids).await
    }
}

async fn dated(assets: usize) -> Stage {
    Stage::open(document(Some(START), 0..assets), |_| {}).await
}

#[tokio::test]
async fn f4_half_of_forty_is_held() {
    let mut stage = dated(40).await;
    let report = stage.publish(true, 0..20).await;
    assert_eq!((&report["counts"]["held"], &report["counts"]["deleted"]), (&json!(20), &json!(0)));
    assert_eq!((stage.living().await, stage.states().await), (40, vec!["held".to_owned()]));
}

#[tokio::test]
async fn f4_three_of_ten_are_held_and_approved_as_confirmed_by_two_further_files() {
    let mut stage = dated(10).await;
    let report = stage.publish_next_day(0..7).await;
    assert_eq!((&report["counts"]["held"], stage.living().await), (&json!(3), 10), "{report}");
    stage.publish_next_day(0..7).await;
    assert_eq!((stage.living().await, stage.plans().await[0]["confirmations"].clone()), (10, json!(1)));
    let unchanged = stage.fetch().await;
    assert_eq!((&unchanged["status"], stage.living().await), (&json!("unchanged"), 10), "the same body");
    let report = stage.publish_next_day(0..7).await;
    assert_eq!((&report["counts"]["deleted"], stage.living().await), (&json!(0), 7), "{report}");
    let plan = &stage.plans().await[0];
    assert_eq!((&plan["state"], &plan["reason"]), (&json!("approved"), &json!("confirmed")), "{plan}");
}

#[tokio::test]
async fn f4_a_confirmed_plan_spares_what_was_pushed_after_its_own_file() {
    let mut stage = dated(10).await;
    stage.publish_next_day(0..7).await;
    stage.house.restart().await;
    stage.runs += 1;
    stage.house.run_report("acme", stage.runs).await;
    stage.publish_next_day(0..7).await;
    stage.wait(DAY);
    let (third, pushed) = (stage.now(), time::format(stage.now().plus(1)));
    let push = json!({"id": "a9", "updated_at": pushed, "name": "pushed"});
    stage.house.post("acme", "/api/assets", &push).await;
    stage.server.put(PATH, Served::json(document(Some(third), 0..7)));
    stage.fetch().await;
    assert_eq!(stage.states().await, ["approved"]);
    let left = stage.house.catalogue("acme").await;
    assert!(left.len() == 8 && left.contains_key("a9"), "{:?}", left.keys());
}

#[tokio::test]
async fn f4_what_confirms_a_plan_can_be_switched_off() {
    let change = |settings: &mut PartnerSettings| settings.feed.as_mut().unwrap().guard_confirm = 0;
    let mut stage = Stage::open(document(Some(START), 0..10), change).await;
    for _ in 0..3 {
        stage.publish(true, 0..7).await;
    }
    assert_eq!((stage.living().await, stage.states().await), (10, vec!["held".to_owned()]));
}

#[tokio::test]
async fn f4_no_plan_is_confirmed_of_an_undated_file_of_an_empty_one_or_of_more_than_twenty() {
    let mut stage = Stage::open(document(None, 0..10), |_| {}).await;
    for _ in 0..5 {
        stage.wait(DAY / 3);
        let named = stage.now().0;
        let body = document(None, 0..7).replace("n0", &format!("n{named}"));
        stage.server.put(PATH, Served::json(body));
        stage.fetch().await;
    }
    assert_eq!((stage.living().await, stage.states().await), (10, vec!["held".to_owned()]), "undated");
    for (assets, left) in [(10, 0), (60, 39)] {
        let mut stage = dated(assets).await;
        for _ in 0..4 {
            stage.publish(true, 0..left).await;
        }
        assert_eq!((stage.living().await, stage.states().await), (assets, vec!["held".to_owned()]));
    }
}

#[tokio::test]
async fn f4_f6_a_plan_of_a_dated_file_that_repeats_ids_is_confirmed() {
    let mut stage = dated(10).await;
    let twice = || (0..7).chain([0]);
    let report = stage.publish_next_day(twice()).await;
    assert_eq!((&report["counts"]["absent_once"], &report["counts"]["held"]), (&json!(3), &json!(0)));
    stage.publish_next_day(twice()).await;
    assert_eq!(stage.states().await, ["held"], "the second in a row");
    stage.publish_next_day(twice()).await;
    stage.publish_next_day(0..7).await;
    assert_eq!((stage.living().await, stage.states().await), (7, vec!["approved".to_owned()]));
}

/// F1: their absences count as an undated file's, and what cuts one file cuts the next.
#[tokio::test]
async fn f4_f1_no_plan_of_lines_that_may_be_cut_is_confirmed() {
    let mut stage = dated(10).await;
    for _ in 0..5 {
        stage.wait(DAY / 2);
        let at = time::format(stage.now());
        let lines = (0..7).map(|n| format!(r#"{{"id":"a{n}","name":"n{n}","updated_at":"{at}"}}"#));
        let lines = lines.collect::<Vec<_>>().join("\n");
        stage.server.put(PATH, Served::json(lines).content_type("application/x-ndjson"));
        let report = stage.fetch().await;
        assert_eq!((&report["status"], &report["dated"]), (&json!("applied"), &json!(true)), "{report}");
    }
    assert_eq!((stage.living().await, stage.states().await), (10, vec!["held".to_owned()]));
}

#[tokio::test]
async fn f4_seven_of_eight_and_two_of_twelve_are_deleted_without_a_plan() {
    for (assets, left) in [(8, 7), (12, 10), (200, 180)] {
        let mut stage = dated(assets).await;
        let report = stage.publish(true, 0..left).await;
        assert_eq!((&report["counts"]["deleted"], stage.plans().await.len()), (&json!(assets - left), 0));
    }
}

#[tokio::test]
async fn f4_deletes_that_become_inactive_count_too() {
    let change = |settings: &mut PartnerSettings| settings.policy.absent = Absent::Inactive;
    let mut stage = Stage::open(document(Some(START), 0..40), change).await;
    assert_eq!(stage.publish(true, 0..36).await["counts"]["deleted"], 4);
    assert_eq!(stage.publish(true, 0..33).await["counts"]["deleted"], 3, "3.8 in a run, 7.6 in a day");
    assert_eq!(stage.publish(true, 0..32).await["counts"]["held"], 1);
    let inactive = stage.house.catalogue("acme").await.into_values();
    assert_eq!(inactive.filter(|asset| asset["status"] == "inactive").count(), 7);
}

#[tokio::test]
async fn x3_f7_ids_in_a_held_plan_count_no_further_absence() {
    let mut stage = Stage::open(document(None, 0..40), |_| {}).await;
    stage.publish(false, []).await;
    assert_eq!(stage.states().await, ["held"], "an empty file is held at its first absence");
    for _ in 0..3 {
        stage.fetch().await;
    }
    stage.publish(false, 2..40).await;
    assert_eq!(stage.states().await, ["cancelled"]);
    // what the empty file has noted is the first absence, this file the second
    assert_eq!(stage.living().await, 38);
    stage.publish(false, 4..40).await;
    assert_eq!(stage.living().await, 38, "a first absence deletes nothing");
}

#[tokio::test]
async fn u7_a_plan_shows_count_and_share_of_what_lives() {
    let mut stage = dated(1).await;
    let pushed: Vec<Value> = (1..201).map(|n| json!({"id": format!("a{n}"), "name": "n"})).collect();
    stage.house.post("acme", "/api/assets", &json!(pushed)).await;
    let report = stage.publish(true, [0]).await;
    assert_eq!(report["counts"]["held"], 200, "{report}");
    let plan = &stage.plans().await[0];
    let shown = ["count", "living", "baseline", "share_percent"].map(|member| plan[member].clone());
    assert_eq!(shown, [json!(200), json!(201), json!(1), json!(99.5)], "{plan}");
}

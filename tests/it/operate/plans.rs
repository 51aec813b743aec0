//! Plans of held deletes over the real daemon (F4): opened by the guard; approved, rejected,
//! cancelled, expired.

use crate::support::archive;
use crate::support::feed_server::Served;
use crate::support::house::json;
use crate::support::stage::{PATH, START, Stage, document};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tidegate::codec::time;
use tidegate::config::PartnerSettings;
use tidegate::domain::{Field, Micros};
use tidegate::rules::policy::Absent;

const HOUR: i64 = Micros::HOUR;

#[tokio::test]
async fn f4_six_hundred_of_ten_thousand_are_held_and_deleted_when_approved() {
    let mut stage = Stage::open(document(Some(START), 0..10_000), |_| {}).await;
    let report = stage.publish(true, 600..10_001).await;
    assert_eq!((&report["counts"]["held"], &report["counts"]["created"]), (&json!(600), &json!(1)));
    assert_eq!(stage.living().await, 10_001, "creates apply, deletes wait");
    let plan = &stage.plans().await[0];
    let shown =
        ["id", "state", "count", "share_percent", "baseline", "allowed", "run"].map(|m| plan[m].clone());
    let expected = [json!(1), json!("held"), json!(600), json!(6.0), json!(10_000), json!(500), json!(2)];
    assert_eq!(shown, expected);
    assert_eq!(plan["sample"].as_array().unwrap().len(), 10);
    assert_eq!(plan["expires_at"], time::format(stage.now().plus(72 * HOUR)));
    let (_, own) = stage.house.get("acme", "/api/feed/plans").await;
    assert_eq!(own["items"][0], *plan, "a partner sees its own");
    assert_eq!(stage.metric(r#"tidegate_plans_held{partner="acme"}"#).await, 1.0);

    let repeated = stage.fetch().await;
    assert_eq!((&repeated["status"], &repeated["counts"]["held"]), (&json!("unchanged"), &json!(0)));
    assert_eq!(stage.states().await, ["held"], "its ids open no second one");
    let report = stage.publish(true, 601..10_001).await;
    assert_eq!(report["counts"]["deleted"], 1, "what is held is not measured again");

    let (status, end) = stage.decide(1, "approve").await;
    assert_eq!((status, &end["deleted"], &end["kept"]), (StatusCode::OK, &json!(600), &json!(0)));
    assert_eq!(stage.living().await, 9_400);
    assert_eq!(stage.states().await, ["approved"]);
    assert_eq!(stage.decide(1, "approve").await.0, StatusCode::CONFLICT);
    assert_eq!(stage.metric(r#"tidegate_plans_held{partner="acme"}"#).await, 0.0);
    assert_eq!(stage.metric(r#"tidegate_plans_total{partner="acme",outcome="approved"}"#).await, 1.0);
    stage.house.stop().await;
}

#[tokio::test]
async fn f4_one_of_eight_is_deleted_without_a_plan() {
    let mut stage = Stage::open(document(Some(START), 0..8), |_| {}).await;
    let report = stage.publish(true, 0..7).await;
    assert_eq!(report["counts"]["deleted"], 1);
    assert_eq!((stage.living().await, stage.plans().await.len()), (7, 0));
}

#[tokio::test]
async fn f4_an_empty_file_is_held_at_its_first_absence_dated_or_not() {
    for is_dated in [true, false] {
        let mut stage = Stage::open(document(is_dated.then_some(START), 0..4), |_| {}).await;
        let report = stage.publish(is_dated, []).await;
        assert_eq!(report["counts"]["held"], 4, "dated {is_dated}: {report}");
        assert_eq!((stage.living().await, stage.states().await), (4, vec!["held".to_owned()]));
        let (_, end) = stage.decide(1, "approve").await;
        assert_eq!((end["deleted"].clone(), stage.living().await), (json!(4), 0));
    }
}

#[tokio::test]
async fn f4_an_empty_file_that_is_meant_deletes_without_a_plan() {
    let mut stage = Stage::open(document(Some(START), 0..50), |_| {}).await;
    let at = time::format(stage.now().plus(HOUR));
    let meant = json!({"generated_at": at, "complete": true, "count": 0, "allow_empty": true, "assets": []});
    stage.server.put(PATH, Served::json(meant.to_string()));
    let report = stage.fetch().await;
    assert_eq!((&report["counts"]["deleted"], stage.living().await), (&json!(50), 0));
}

#[tokio::test]
async fn f4_what_was_rejected_is_asked_again_by_the_next_changed_snapshot_only() {
    let mut stage = Stage::open(document(None, 0..100), |_| {}).await;
    stage.publish(false, 50..100).await;
    assert_eq!(stage.plans().await.len(), 0, "an undated file deletes at the second absence");
    assert_eq!(stage.fetch().await["counts"]["held"], 50);
    let (status, end) = stage.decide(1, "reject").await;
    assert_eq!((status, &end["state"]), (StatusCode::OK, &json!("rejected")));
    assert_eq!(stage.plans().await[0]["reason"], "seen");
    stage.fetch().await;
    stage.house.restart().await;
    stage.runs += 1;
    stage.house.run_report("acme", stage.runs).await;
    stage.fetch().await;
    assert_eq!(stage.states().await, ["rejected"], "the same file asks no more, also after a restart");
    assert_eq!(stage.living().await, 100);
    let report = stage.publish(false, 50..101).await;
    assert_eq!((&report["counts"]["held"], stage.states().await.len()), (&json!(50), 2));
}

#[tokio::test]
async fn f4_a_plan_is_cancelled_by_a_snapshot_that_has_nine_tenths_of_it_again() {
    let mut stage = Stage::open(document(Some(START), 0..100), |_| {}).await;
    stage.publish(true, 50..100).await;
    let report = stage.publish(true, 6..100).await;
    assert_eq!((&report["counts"]["deleted"], stage.states().await), (&json!(0), vec!["held".to_owned()]));
    let report = stage.publish(true, 5..100).await;
    assert_eq!(stage.states().await, ["cancelled"]);
    assert_eq!((&report["counts"]["deleted"], stage.living().await), (&json!(5), 95));
}

#[tokio::test]
async fn f4_a_plan_that_nobody_decides_expires_undone_after_seventy_two_hours() {
    let mut stage = Stage::open(document(Some(START), 0..100), |_| {}).await;
    stage.publish(true, 50..100).await;
    stage.wait(72 * HOUR - 1);
    assert_eq!(stage.states().await, ["held"]);
    stage.wait(1);
    assert_eq!(stage.states().await, ["expired"]);
    assert_eq!(stage.decide(1, "approve").await.0, StatusCode::CONFLICT);
    assert_eq!(stage.living().await, 100);
    let report = stage.publish(true, 50..101).await;
    assert_eq!(
        (&report["counts"]["held"], stage.states().await),
        (&json!(50), vec!["held".into(), "expired".into()])
    );
    assert_eq!(stage.metric(r#"tidegate_plans_total{partner="acme",outcome="expired"}"#).await, 1.0);
}

#[tokio::test]
async fn x3_what_was_pushed_after_the_plan_s_snapshot_stays_when_it_is_approved() {
    let mut stage = Stage::open(document(Some(START), 0..100), |_| {}).await;
    stage.publish(true, 50..100).await;
    let snapshot = stage.now();
    let at = |at: Micros, id: &str| json!({"id": id, "updated_at": time::format(at), "name": "pushed"});
    let pushed = json!([at(snapshot, "a0"), at(snapshot.plus(1), "a1"), at(snapshot.plus(-1), "a2")]);
    stage.house.post("acme", "/api/assets", &pushed).await;
    stage.house.restart().await;
    let (_, end) = stage.decide(1, "approve").await;
    assert_eq!((&end["deleted"], &end["kept"]), (&json!(48), &json!(2)), "{end}");
    let left = stage.house.catalogue("acme").await;
    assert!(left.contains_key("a0") && left.contains_key("a1") && !left.contains_key("a2"));
}

#[tokio::test]
async fn x5_a_plan_that_is_approved_marks_inactive_where_absence_does() {
    let change = |settings: &mut PartnerSettings| settings.policy.absent = Absent::Inactive;
    let mut stage = Stage::open(document(Some(START), 0..100), change).await;
    assert_eq!(stage.publish(true, 50..100).await["counts"]["held"], 50);
    let (_, end) = stage.decide(1, "approve").await;
    assert_eq!(end["deleted"], 50);
    let all = stage.house.catalogue("acme").await;
    assert_eq!(all.values().filter(|asset| asset["status"] == "inactive").count(), 50);
    let report = stage.publish(true, 50..101).await;
    assert_eq!((&report["counts"]["held"], &report["counts"]["agree"]), (&json!(0), &json!(100)));
}

#[tokio::test]
async fn d11_orders_on_plans_come_from_operators_only() {
    let mut stage = Stage::open(document(Some(START), 0..100), |_| {}).await;
    stage.publish(true, 50..100).await;
    let path = "/admin/partners/acme/plans/1/approve";
    let foreign = stage.house.admin(Method::POST, path).header("origin", "https://evil.example");
    assert_eq!(crate::support::house::answer(foreign).await.0, StatusCode::FORBIDDEN);
    assert_eq!(
        crate::support::house::answer(stage.house.admin(Method::GET, path)).await.0,
        StatusCode::METHOD_NOT_ALLOWED
    );
    let unknown = json(stage.house.admin(Method::POST, path), &json!({ "because": 1 }));
    assert_eq!(crate::support::house::answer(unknown).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(stage.decide(9, "approve").await.0, StatusCode::NOT_FOUND);
    let (status, _) = stage.house.post("acme", "/api/feed/plans", &json!({})).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(stage.living().await, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn f4_the_command_line_lists_shows_and_decides() {
    let mut stage = Stage::open(document(Some(START), 0..100), |_| {}).await;
    stage.publish(true, 50..100).await;
    let admin = format!("http://{}", stage.house.daemon().admin_address());
    let say = async |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.arg("plan").args(arguments).args(["--admin", &admin]);
        command.stdin(std::process::Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr),
        )
    };
    let (code, said) = say(&["list", "acme"]).await;
    let row: Vec<&str> = said.lines().nth(1).unwrap_or_default().split_whitespace().take(8).collect();
    assert_eq!((code, row.join(" ").as_str()), (Some(0), "1 held 2 50 100 50.0 % 10"), "{said}");
    let (_, said) = say(&["show", "acme", "1"]).await;
    assert!(said.starts_with("plan 1 held: run 2 would delete 50 of 100 living assets (50.0 %; 10 allowed)"));
    assert_eq!(said.lines().count(), 51);
    let (_, said) = say(&["show", "acme", "1", "--json"]).await;
    let plan: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(plan["ids"].as_array().map(Vec::len), Some(50));
    let (code, said) = say(&["approve", "acme", "1", "--reason", "seen"]).await;
    let asked = "Plan 1 deletes 50 of 100 living assets of acme (50.0 %; 10 allowed): a0, a1, ";
    assert!(code == Some(1) && said.contains(asked) && said.contains("Say --yes"), "u07: {said}");
    assert_eq!(stage.states().await, ["held"], "nobody has said yes");
    let (code, said) = say(&["reject", "acme", "1", "--reason", "a mistake of theirs", "--yes"]).await;
    assert_eq!((code, said.as_str()), (Some(0), "plan 1 rejected: 0 deleted, 0 kept\n"));
    let (code, said) = say(&["approve", "acme", "1"]).await;
    assert!(code == Some(1) && said.contains("The plan is no longer held (409)"), "{said}");
}

/// The next version of a real feed, made of the last one without every third of its records.
fn without_a_third(body: &[u8]) -> (Vec<u8>, usize) {
    let mut file: Value = serde_json::from_slice(body).unwrap();
    let records = file["assets"].as_array_mut().unwrap();
    let before = records.len();
    let mut place = 0;
    records.retain(|_| {
        place += 1;
        place % 3 != 0
    });
    let lacking = before - records.len();
    (file.to_string().into_bytes(), lacking)
}

#[tokio::test]
async fn f4_a_version_that_lacks_a_third_is_held_applied_and_the_next_time_cancelled() {
    let versions = archive::osmosis().unwrap_or_else(archive::small_history);
    // the last versions say enough: the whole history has tests of its own
    let versions: Vec<_> = versions.into_iter().rev().take(3).rev().collect();
    let bodies: Vec<Vec<u8>> = versions.iter().map(|(_, path)| std::fs::read(path).unwrap()).collect();
    let shape = |settings: &mut PartnerSettings| {
        let feed = settings.feed.as_mut().unwrap();
        feed.mapping.id.parts = vec![Field::member("base")];
        settings.policy.last_modified_is_data_time = true;
    };
    let served = |stage_now: Micros, body: &[u8]| Served::json(body.to_vec()).last_modified(stage_now);
    let mut stage = Stage::open(String::from_utf8(bodies[0].clone()).unwrap(), shape).await;
    for body in &bodies[1..] {
        stage.server.put(PATH, served(stage.now().plus(HOUR), body));
        stage.fetch().await;
    }
    let last = bodies.last().unwrap();
    let whole = stage.living().await;
    let (lacking_body, lacking) = without_a_third(last);
    // a feed of a dozen records may lose half of them: there the guard is asked with an empty file
    let is_large = lacking > 20;
    let (lacking_body, lacking) =
        if is_large { (lacking_body, lacking) } else { (b"{\"assets\":[]}".to_vec(), whole) };
    for (round, verdict) in ["approved", "cancelled"].into_iter().enumerate() {
        stage.server.put(PATH, served(stage.now().plus(HOUR), &lacking_body));
        let report = stage.fetch().await;
        assert_eq!(report["counts"]["held"], lacking, "{report}");
        let before = stage.living().await;
        if verdict == "approved" {
            let (_, end) = stage.decide(round as u64 + 1, "approve").await;
            assert_eq!(end["deleted"], lacking);
            assert_eq!(stage.living().await, before - lacking);
        }
        stage.server.put(PATH, served(stage.now().plus(HOUR), last));
        stage.fetch().await;
        assert_eq!(stage.living().await, whole, "the records are back");
        assert_eq!(stage.states().await[0], verdict);
    }
}

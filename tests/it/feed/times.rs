//! The time of a file, and what is said of one that cannot be believed (T2, T3, T4, F7).

use crate::support::feed_server::Served;
use crate::support::house::wait_for;
use crate::support::stage::{PATH, START, Stage, document};
use serde_json::{Value, json};
use tidegate::codec::time;
use tidegate::config::PartnerSettings;
use tidegate::domain::{Field, Micros};
use tidegate::rules::policy::RecordTime;

const HOUR: i64 = Micros::HOUR;

fn serve(stage: &Stage, file: &Value) {
    stage.server.put(PATH, Served::json(file.to_string()));
}

async fn name(stage: &Stage, id: &str) -> Value {
    stage.house.get("acme", &format!("/api/assets/{id}")).await.1["name"].clone()
}

async fn push_name(stage: &Stage, id: &str, at: Micros, name: &str) {
    let pushed = json!({"id": id, "updated_at": time::format(at), "name": name});
    let (status, reply) = stage.house.post("acme", "/api/assets", &pushed).await;
    assert_eq!(status.as_u16(), 200, "{reply}");
}

async fn failures(stage: &Stage) -> Value {
    stage.house.get("acme", "/api/feed").await.1["failures_in_row"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn t2_an_envelope_time_that_cannot_be_believed_makes_the_run_undated_and_is_named_with_its_text() {
    let mut stage = Stage::open(document(Some(START), 0..9), |_| {}).await;
    let cases = [
        (json!("2026-11-28 18:22"), "time_format", "2026-11-28 18:22"),
        (json!("2026-11-28T18:00:00"), "time_format", "2026-11-28T18:00:00"),
        (json!(1_780_000_000), "time_format", "1780000000"),
        (json!(time::format(START.plus(4 * HOUR + 240 * Micros::SECOND))), "future_time", "240 s ahead"),
    ];
    for (n, (generated_at, code, text)) in cases.into_iter().enumerate() {
        // the records bear times of their own: they do not stand in for one that is wrong
        let asset = json!({"id": "a0", "updated_at": time::format(START), "name": format!("n{n}")});
        serve(&stage, &json!({"generated_at": generated_at, "complete": false, "assets": [asset]}));
        let report = stage.fetch().await;
        assert_eq!((&report["status"], &report["dated"]), (&json!("applied"), &json!(false)), "{report}");
        let fault = &report["faults"][0];
        assert_eq!((&fault["code"], &fault["record"]), (&json!(code), &Value::Null), "{report}");
        assert!(fault["detail"].as_str().unwrap().contains(text), "{report}");
    }
    serve(
        &stage,
        &json!({"generated_at": time::format(stage.now()), "assets": [{"id": "a0"}], "complete": false}),
    );
    let sound = stage.fetch().await;
    assert_eq!((&sound["dated"], &sound["faults"]), (&json!(true), &Value::Null), "{sound}");
}

#[tokio::test(flavor = "multi_thread")]
async fn t3_a_stated_time_that_stands_still_is_applied_again_and_again_also_after_a_delete_in_between() {
    let mut stage = Stage::open(document(Some(START), 0..9), |_| {}).await;
    for n in 0..4 {
        let assets: Vec<Value> =
            (0..8).map(|id| json!({"id": format!("a{id}"), "name": format!("v{n}")})).collect();
        serve(&stage, &json!({"generated_at": time::format(START), "complete": false, "assets": assets}));
        let report = stage.fetch().await;
        assert_eq!((&report["status"], &report["dated"]), (&json!("applied"), &json!(true)), "{n}: {report}");
        assert_eq!(name(&stage, "a0").await, format!("v{n}"));
        if n == 1 {
            // long enough that its tombstone goes, and the history's floor comes to stand above the file's time
            stage.house.delete("acme", "/api/assets/a8").await;
            stage.wait(100 * Micros::DAY);
            stage.house.restart().await;
            stage.runs = 3;
            assert_eq!(stage.house.run_report("acme", 4).await["status"], "unchanged");
            stage.runs = 4;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t3_from_the_third_run_in_a_row_that_is_refused_for_its_time_they_are_failures() {
    let mut stage = Stage::open(document(Some(START), 0..9), |_| {}).await;
    for (n, failed) in [(1, 0), (2, 0), (3, 1), (4, 2)] {
        stage.server.put(PATH, Served::json(document(Some(START.plus(-n * HOUR)), 0..9)));
        assert_eq!(stage.fetch().await["status"], "skipped_older");
        assert_eq!(failures(&stage).await, failed, "after {n}");
    }
    wait_for("the metric to follow", async || {
        let series = r#"tidegate_feed_failures_in_row{partner="acme"}"#;
        (stage.metric(series).await == 2.0).then_some(())
    })
    .await;
    assert_eq!(stage.publish(true, 0..9).await["status"], "applied");
    assert_eq!(failures(&stage).await, 0);
    stage.server.put(PATH, Served::json(document(Some(START), 0..9)));
    assert_eq!(stage.fetch().await["status"], "skipped_older");
    assert_eq!(failures(&stage).await, 0, "they are counted in a row");
}

/// A file that is newer than the push, with a record that is older.
fn lagging(stage: &Stage, name: &str) -> Value {
    let record =
        json!({"id": "a0", "updated_at": time::format(stage.now().plus(-Micros::SECOND)), "name": name});
    let others = (1..9).map(|n| json!({"id": format!("a{n}"), "name": name}));
    let assets: Vec<Value> = std::iter::once(record).chain(others).collect();
    json!({"generated_at": time::format(stage.now().plus(HOUR)), "assets": assets})
}

#[tokio::test(flavor = "multi_thread")]
async fn t3_records_that_turn_pushes_back_run_after_run_propose_record_time_which_keeps_them() {
    let mut stage = Stage::open(document(Some(START), 0..9), |_| {}).await;
    for (round, told) in [(1, false), (2, false), (3, true)] {
        stage.wait(HOUR);
        push_name(&stage, "a0", stage.now(), "pushed").await;
        serve(&stage, &lagging(&stage, &format!("export {round}")));
        let report = stage.fetch().await;
        assert_eq!(name(&stage, "a0").await, format!("export {round}"), "the file's time counts");
        let codes: Vec<_> =
            report["faults"].as_array().into_iter().flatten().map(|fault| fault["code"].clone()).collect();
        assert_eq!(codes == ["records_outdated"], told, "{report}");
    }
    let mut settings = stage.house.settings.clone();
    settings.partners[0].policy.record_time = RecordTime::Record;
    stage.house.daemon().reconfigure(settings).await.unwrap();
    stage.wait(HOUR);
    push_name(&stage, "a0", stage.now(), "pushed").await;
    serve(&stage, &lagging(&stage, "export 4"));
    let report = stage.fetch().await;
    assert_eq!((&report["status"], &report["faults"]), (&json!("applied"), &Value::Null), "{report}");
    assert_eq!((name(&stage, "a0").await, name(&stage, "a1").await), (json!("pushed"), json!("export 4")));
}

#[tokio::test(flavor = "multi_thread")]
async fn t3_by_record_time_absences_still_count_at_the_file_s_time_and_what_was_away_comes_back() {
    let mut stage =
        Stage::open(document(None, 0..0), |partner| partner.policy.record_time = RecordTime::Record).await;
    let file = |at: Micros, ids: std::ops::Range<usize>| {
        let record = |n: usize| json!({"id": format!("a{n}"), "updated_at": time::format(START.plus(-HOUR)), "name": "n"});
        let assets: Vec<Value> = ids.map(record).collect();
        json!({"generated_at": time::format(at), "assets": assets})
    };
    for (ids, living) in [(0..9, 9), (0..8, 8), (0..9, 9)] {
        serve(&stage, &file(stage.now().plus(HOUR), ids));
        assert_eq!(stage.fetch().await["status"], "applied");
        assert_eq!(stage.living().await, living);
    }
    let still = stage.fetch().await;
    assert_eq!((&still["status"], &still["counts"]["deleted"]), (&json!("unchanged"), &json!(0)), "{still}");
    assert_eq!(stage.living().await, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn f4_by_record_time_an_approved_plan_spares_what_a_later_file_held_again_however_old_its_record() {
    let record_time = |partner: &mut PartnerSettings| partner.policy.record_time = RecordTime::Record;
    let mut stage = Stage::open(document(None, 0..0), record_time).await;
    let file = |at: Micros, ids: std::ops::Range<usize>| {
        let old = time::format(START.plus(-HOUR));
        let record = |n: usize| json!({"id": format!("a{n}"), "updated_at": old, "name": "n"});
        json!({"generated_at": time::format(at), "assets": ids.map(record).collect::<Vec<Value>>()})
    };
    for (ids, held) in [(0..40, 0), (0..20, 20), (0..22, 0)] {
        serve(&stage, &file(stage.now().plus(HOUR), ids));
        let report = stage.fetch().await;
        assert_eq!(
            (&report["status"], &report["counts"]["held"]),
            (&json!("applied"), &json!(held)),
            "{report}"
        );
    }
    let (status, decided) = stage.decide(1, "approve").await;
    assert_eq!(status.as_u16(), 200, "{decided}");
    assert_eq!(stage.living().await, 22);
}

#[tokio::test(flavor = "multi_thread")]
async fn f7_a_file_that_stands_still_is_read_again_by_another_mapping_and_turns_no_push_back() {
    for dated in [true, false] {
        let assets: Vec<Value> =
            (0..9).map(|n| json!({"id": format!("a{n}"), "title": "title", "name": "name"})).collect();
        let mut file = json!({"assets": assets});
        if dated {
            file["generated_at"] = time::format(START).into();
        }
        let mut stage = Stage::open(document(Some(START.plus(-HOUR)), 0..0), |_| {}).await;
        stage.server.put(PATH, Served::json(file.to_string()).etag("\"1\""));
        assert_eq!(stage.fetch().await["counts"]["created"], 9);
        assert_eq!(stage.fetch().await["status"], "unchanged");
        push_name(&stage, "a1", stage.now(), "pushed").await;
        let mut settings = stage.house.settings.clone();
        settings.partners[0].feed.as_mut().unwrap().mapping.members.insert("name", Field::member("title"));
        stage.house.daemon().reconfigure(settings).await.unwrap();
        // what has moved is fetched at once
        stage.runs += 1;
        let report = stage.house.run_report("acme", stage.runs).await;
        assert_eq!(report["status"], "applied", "dated {dated}: {report}");
        assert_eq!((name(&stage, "a0").await, name(&stage, "a1").await), (json!("title"), json!("pushed")));
        assert_eq!(stage.fetch().await["status"], "unchanged", "by the mapping that it has now");
    }
}

/// Without a time of its own: `a0` and others, or too many of them invalid.
fn undated(name: &str, valid: bool) -> Value {
    let record = |n: usize| match valid {
        true => json!({"id": format!("a{n}"), "name": name}),
        false => json!({"id": format!("a{n}"), "name": name, "currency": "no code"}),
    };
    json!({"assets": (0..9).map(record).collect::<Vec<Value>>()})
}

#[tokio::test(flavor = "multi_thread")]
async fn t3_a_push_from_before_a_file_that_was_refused_loses_to_the_undated_file_that_comes_after_it() {
    let mut stage = Stage::open(undated("first", true).to_string(), |_| {}).await;
    stage.wait(HOUR);
    push_name(&stage, "a0", stage.now(), "pushed").await;
    serve(&stage, &undated("refused", false));
    assert_eq!(stage.fetch().await["status"], "refused");
    stage.wait(HOUR);
    push_name(&stage, "a1", stage.now(), "pushed").await;
    assert_eq!(stage.fetch().await["status"], "refused");
    stage.house.restart().await;
    stage.runs += 1;
    assert_eq!(stage.house.run_report("acme", stage.runs).await["status"], "refused");
    stage.wait(HOUR);
    push_name(&stage, "a2", stage.now(), "pushed").await;
    serve(&stage, &undated("mended", true));
    assert_eq!(stage.fetch().await["status"], "applied");
    let names = [name(&stage, "a0").await, name(&stage, "a1").await, name(&stage, "a2").await];
    assert_eq!(names, ["mended", "mended", "pushed"]);
}

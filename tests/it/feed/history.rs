//! What a feed has done, and its kept files: listed, replayed and compared from a shell.

use crate::support::feed_server::Served;
use crate::support::house::answer;
use crate::support::program::BINARY;
use crate::support::stage::{START, Stage, document};
use reqwest::{Method, StatusCode};
use serde_json::json;

async fn feed(stage: &Stage, arguments: &[&str]) -> (bool, String) {
    let admin = format!("http://{}", stage.house.daemon().admin_address());
    let mut command = std::process::Command::new(BINARY);
    command.arg("feed").args(arguments).args(["--admin", &admin]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_kept_files_are_compared_id_by_id_and_member_by_member() {
    let mut stage = Stage::open(document(Some(START), 0..20), |_| {}).await;
    let changed = document(Some(stage.now().plus(3_600_000_000)), 1..22)
        .replace(r#""name":"n5""#, r#""name":"new","yield":1.5"#)
        .replace(r#""id":"a6""#, r#""price":{"amount":"3.5","currency":"EUR"},"id":"a6""#);
    stage.wait(3_600_000_000);
    let report = stage.serve(Served::json(changed)).await;
    assert_eq!(report["status"], "applied", "{report}");
    let (is_well, said) = feed(&stage, &["diff", "acme", "1", "2"]).await;
    assert!(is_well, "{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines,
        [
            "+ a20",
            "+ a21",
            "- a0",
            "~ a5: name, yield",
            "~ a6: price:price",
            "2 added, 1 removed, 2 changed, 17 the same"
        ]
    );
    let path = "/admin/partners/acme/feed/diff?from=1&to=2&limit=1";
    let (status, found) = answer(stage.house.admin(Method::GET, path)).await;
    assert_eq!((status, &found["added"]), (StatusCode::OK, &json!({"count": 2, "ids": ["a20"]})), "{found}");
    let (_, none) =
        answer(stage.house.admin(Method::GET, "/admin/partners/acme/feed/diff?from=2&to=2")).await;
    assert_eq!((&none["same"], &none["changed"]["count"]), (&json!(21), &json!(0)));
    let (status, said) =
        answer(stage.house.admin(Method::GET, "/admin/partners/acme/feed/diff?from=1&to=77")).await;
    assert_eq!((status, &said["code"]), (StatusCode::NOT_FOUND, &json!("not_stored")));
    let spool = stage.house.settings.store.directory.join("spool");
    let left =
        std::fs::read_dir(spool).unwrap().filter(|file| file.as_ref().unwrap().path().is_file()).count();
    assert_eq!(left, 0, "no copy is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_a_kept_file_is_replayed_as_of_its_own_time_and_changes_nothing() {
    let mut stage = Stage::open(document(Some(START), 0..5), |_| {}).await;
    stage.publish(true, 0..6).await;
    let before = stage.house.catalogue("acme").await;
    let (is_well, said) = feed(&stage, &["replay", "acme", "1"]).await;
    assert!(
        is_well && said.contains("run 3 applied: 5 records, 0 created, 0 updated, 0 deleted, 0 held"),
        "{said}"
    );
    assert_eq!(stage.house.catalogue("acme").await, before);
    let (is_well, said) = feed(&stage, &["runs", "acme", "--limit", "2"]).await;
    let lines: Vec<&str> = said.lines().collect();
    assert!(is_well && lines.len() == 2, "{said}");
    assert!(
        lines[0].trim_start().starts_with("3 ") && lines[1].contains("6 records  +1 ~0 -0 held 0"),
        "{said}"
    );
    let (is_well, said) = feed(&stage, &["replay", "acme", "77"]).await;
    assert!(!is_well && said.contains("not kept"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_files_are_kept_as_the_feed_says() {
    let mut stage = Stage::open(document(Some(START), 0..5), |partner| {
        partner.feed.as_mut().unwrap().files_kept = 5;
    })
    .await;
    for count in 6..12 {
        stage.publish(true, 0..count).await;
    }
    let path = |run: u64| format!("/admin/partners/acme/feed/diff?from={run}&to=7");
    for (run, status) in [(2, StatusCode::NOT_FOUND), (3, StatusCode::OK), (6, StatusCode::OK)] {
        assert_eq!(answer(stage.house.admin(Method::GET, &path(run))).await.0, status, "run {run}");
    }
}

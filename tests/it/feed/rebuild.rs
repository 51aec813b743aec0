//! Reading a snapshot again over the real daemon: whole, by the rules, and without effect where
//! nothing is wrong (F5, F7, property 2); and what runs say of the pushes (F9).

use crate::support::feed_server::{Answered, Served};
use crate::support::house::{answer, wait_for};
use crate::support::stage::{START, Stage, document};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tidegate::codec::time;
use tidegate::domain::Micros;

impl Stage {
    /// Has the feed read again, or a run's stored file; gives the report.
    pub(super) async fn rebuild(&mut self, of: &str) -> Value {
        let path = format!("/admin/partners/acme/feed/rebuild{of}");
        let started = wait_for("the rebuild to start", async || {
            let (status, said) = answer(self.house.admin(Method::POST, &path)).await;
            (status == StatusCode::ACCEPTED).then_some(said)
        })
        .await;
        self.runs += 1;
        assert_eq!(started["run"], self.runs);
        self.house.run_report("acme", self.runs).await
    }

    /// All changes that readers see.
    async fn changes(&self) -> Vec<Value> {
        let (_, page) = answer(self.house.read("/api/changes?limit=1000")).await;
        assert_eq!(page["more"], false);
        page["items"].as_array().cloned().unwrap()
    }
}

#[tokio::test]
async fn a_rebuild_of_a_healthy_catalogue_changes_nothing() {
    for is_dated in [true, false] {
        let priced = |at: Option<Micros>, count: usize| {
            let mut file: Value = serde_json::from_str(&document(at, 0..count)).unwrap();
            for asset in file["assets"].as_array_mut().unwrap() {
                asset["price"] = json!({"amount": "7.5", "currency": "EUR"});
            }
            file.to_string()
        };
        let mut stage = Stage::open(priced(is_dated.then_some(START), 60), |_| {}).await;
        let second = priced(is_dated.then(|| stage.now().plus(Micros::HOUR)), 55);
        stage.server.put("/feed.json", Served::json(second).etag("\"2\""));
        stage.fetch().await;
        let pushed = json!({"id": "a3", "updated_at": time::format(stage.now().plus(1)), "name": "pushed"});
        stage.house.post("acme", "/api/assets", &pushed).await;
        let (changes, catalogue) = (stage.changes().await, stage.house.catalogue("acme").await);

        for of in ["", "?run=2", "?run=1", ""] {
            let report = stage.rebuild(of).await;
            assert_eq!(report["status"], "applied", "dated {is_dated}, {of}: {report}");
            let counts = ["created", "updated", "deleted", "held", "quarantined", "absent_once"];
            assert!(
                counts.iter().all(|count| report["counts"][count] == 0),
                "dated {is_dated}, {of}: {report}"
            );
            assert_eq!(stage.changes().await, changes, "dated {is_dated}, {of}");
        }
        assert_eq!(stage.house.catalogue("acme").await, catalogue);
        let asked = stage.server.answered("/feed.json");
        assert_eq!(asked, Answered { whole: 5, not_modified: 0, refused: 0 }, "no validators are sent");
    }
}

#[tokio::test]
async fn f5_an_old_run_read_again_restores_only_what_nothing_newer_speaks_against() {
    let mut stage = Stage::open(document(Some(START), 0..10), |_| {}).await;
    stage.publish(true, 0..9).await;
    let report = stage.rebuild("?run=1").await;
    assert_eq!(report["snapshot_at"], time::format(START), "it keeps its own time");
    assert!(report["detail"].as_str().unwrap().contains("run 1"), "{report}");
    assert_eq!(stage.living().await, 9, "what a newer file lacks stays deleted (X2)");
    let report = stage.fetch().await;
    assert_eq!(report["status"], "unchanged", "the feed's own state has not moved");
}

/// A record that the partner's settings refused is mended by other settings, and by reading the file again.
#[tokio::test(flavor = "multi_thread")]
async fn f7_the_command_line_heals_what_an_older_policy_kept_aside() {
    let asset = |id: &str, status: &str| json!({"id": id, "status": status, "name": "new"});
    let assets = [asset("a0", "active"), asset("a1", "reserved")];
    let mut stage = Stage::open(document(Some(START), 0..3), |_| {}).await;
    let generated_at = time::format(stage.now().plus(Micros::HOUR));
    let file = json!({"generated_at": generated_at, "assets": assets, "complete": false}).to_string();
    stage.server.put("/feed.json", Served::json(file).etag("\"2\""));
    let report = stage.fetch().await;
    assert_eq!((&report["counts"]["updated"], &report["counts"]["quarantined"]), (&json!(1), &json!(1)));
    let name = async |stage: &Stage| stage.house.get("acme", "/api/assets/a1").await.1["name"].clone();
    assert_eq!(name(&stage).await, "n1", "its old state stays (F2)");

    let mut settings = stage.house.settings.clone();
    settings.partners[0].policy.statuses_extra.insert("reserved".into());
    stage.house.daemon().reconfigure(settings).await.unwrap();
    let admin = format!("http://{}", stage.house.daemon().admin_address());
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(["feed", "rebuild", "acme", "--admin", &admin]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said} {}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("run 3 applied: 2 records, 0 created, 1 updated, 0 deleted, 0 held"), "{said}");
    let (_, healed) = stage.house.get("acme", "/api/assets/a1").await;
    assert_eq!((&healed["name"], &healed["status"]), (&json!("new"), &json!("reserved")), "{healed}");
}

#[tokio::test]
async fn only_the_files_of_the_last_applied_runs_are_kept() {
    let mut stage = Stage::open(document(Some(START), 0..10), |_| {}).await;
    for count in 11..15 {
        stage.publish(true, 0..count).await;
    }
    let refusal = async |of: &str| {
        let path = format!("/admin/partners/acme/feed/rebuild{of}");
        wait_for("a refusal that is not of a run under way", async || {
            let (status, said) = answer(stage.house.admin(Method::POST, &path)).await;
            (status != StatusCode::CONFLICT).then_some((status, said["code"].clone()))
        })
        .await
    };
    for run in ["?run=1", "?run=2", "?run=77"] {
        assert_eq!(refusal(run).await, (StatusCode::NOT_FOUND, json!("not_stored")), "{run}");
    }
    assert_eq!(refusal("?run=0").await.0, StatusCode::BAD_REQUEST);
    let spool = stage.house.settings.store.directory.join("spool");
    let names = std::fs::read_dir(spool.join("acme")).unwrap().map(|entry| entry.unwrap().file_name());
    let kept = names.filter(|name| name.to_str().unwrap().starts_with("run-")).count();
    assert_eq!((kept, spool.join("acme.feed").exists()), (3, false));
    assert_eq!(stage.rebuild("?run=3").await["status"], "applied");
}

#[tokio::test]
async fn f9_the_rate_of_lost_pushes_is_told_and_survives_a_restart() {
    let mut stage = Stage::open(document(Some(START), 0..10), |_| {}).await;
    let pushed =
        |n: usize, at: Micros| json!({"id": format!("a{n}"), "updated_at": time::format(at), "name": "new"});
    let at = stage.now().plus(1);
    let batch: Vec<Value> = (0..3).map(|n| pushed(n, at)).collect();
    stage.house.post("acme", "/api/assets", &json!(batch)).await;
    let (_, dry) = stage.house.post("acme", "/api/assets?dry_run=true", &pushed(7, at)).await;
    assert_eq!(dry["outcome"], "updated", "a dry run counts for nothing");
    stage.house.restart().await;
    stage.runs += 1;
    stage.house.run_report("acme", stage.runs).await;
    let mut file: Value =
        serde_json::from_str(&document(Some(stage.now().plus(Micros::HOUR)), 0..10)).unwrap();
    for n in 0..4 {
        file["assets"][n]["name"] = json!("new");
    }
    stage.server.put("/feed.json", Served::json(file.to_string()));
    let report = stage.fetch().await;
    assert_eq!(
        (&report["counts"]["pushes"], &report["counts"]["missed_push"]),
        (&json!(3), &json!(1)),
        "{report}"
    );
    let expected = json!({"ratio": 0.25, "missed": 1, "pushes": 3});
    assert_eq!(report["push_loss"], expected);
    let (_, feed) = stage.house.get("acme", "/api/feed").await;
    assert_eq!(feed["push_loss"], expected);
    let (_, status) = answer(stage.house.admin(Method::GET, "/admin/status")).await;
    assert_eq!(status["partners"][0]["feed"]["push_loss"], expected);
    let metric = async |series: &str| {
        wait_for(series, async || Some(stage.metric(series).await).filter(|value| *value > 0.0)).await
    };
    assert_eq!(metric(r#"tidegate_push_loss_ratio{partner="acme"}"#).await, 0.25);
    assert_eq!(metric(r#"tidegate_feed_verdicts_total{partner="acme",verdict="missed_push"}"#).await, 1.0);
}

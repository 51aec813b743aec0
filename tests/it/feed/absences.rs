//! A catalogue's worth of absences: applied in parts, beside pushes, and across the death of the
//! actor in the middle (X3, F4, G3).

use crate::support::feed_server::Served;
use crate::support::house::wait_for;
use crate::support::stage::{PATH, START, Stage, document};
use serde_json::json;
use tidegate::codec::time;
use tidegate::config::PartnerSettings;
use tidegate::domain::{FeedState, Micros};
use tidegate::rules::policy::Absent;

const ASSETS: usize = 6_000;

/// An empty file that is meant.
fn nothing(at: Option<Micros>) -> String {
    let dated = at.map_or(String::new(), |at| format!(r#""generated_at":"{}","#, time::format(at)));
    format!(r#"{{{dated}"complete":true,"count":0,"allow_empty":true,"assets":[]}}"#)
}

impl Stage {
    fn durable(&self) -> u64 {
        self.house.daemon().reader().durable().0
    }

    /// Kills the actor once about `changes` more have been committed.
    async fn kill_after(&self, changes: u64) {
        let goal = self.durable() + changes;
        wait_for("some parts to be applied", async || (self.durable() >= goal).then_some(())).await;
        self.house.daemon().registry().by_name("acme").unwrap().panic_for_test();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x3_g3_absences_are_committed_in_parts_and_pushes_between_them_go_by_their_stamp() {
    let stage = Stage::open(document(Some(START), 0..ASSETS), |_| {}).await;
    stage.wait(3_600 * Micros::SECOND);
    let snapshot = stage.now();
    stage.server.put(PATH, Served::json(nothing(Some(snapshot))));
    let run = async {
        assert!(stage.house.daemon().registry().by_name("acme").unwrap().fetch_now());
        stage.house.run_report("acme", 2).await
    };
    let pushing = async {
        for n in (0..ASSETS).step_by(300) {
            let at = |micros| time::format(snapshot.plus(micros));
            let pushed = json!([{"id": format!("a{n}"), "updated_at": at(1), "name": "kept"},
                {"id": format!("a{}", n + 1), "updated_at": at(-1), "name": "gone"}]);
            stage.house.post("acme", "/api/assets", &pushed).await;
        }
    };
    let (report, ()) = tokio::join!(run, pushing);
    assert_eq!(report["status"], "applied", "{report}");
    let left = stage.house.catalogue("acme").await;
    let kept = (0..ASSETS).step_by(300).map(|n| format!("a{n}"));
    assert!(kept.into_iter().all(|id| left[&id]["name"] == "kept"));
    // a push from before the snapshot that came once its asset was gone is superseded, never applied
    assert_eq!(left.len(), ASSETS / 300, "{:?}", left.keys());
    let all = stage.metric("tidegate_commit_changes_count").await;
    let small = stage.metric(r#"tidegate_commit_changes_bucket{le="4096"}"#).await;
    assert_eq!(small, all, "no set was as large as the absences");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x3_a_run_that_dies_among_its_absences_counts_for_none_of_them() {
    let mut stage = Stage::open(document(None, 0..ASSETS), |_| {}).await;
    stage.server.put(PATH, Served::json(nothing(None)));
    let killed = async {
        wait_for("the run to begin", async || (stage.server.answered(PATH).whole > 1).then_some(())).await;
        stage.kill_after(1_500).await;
    };
    let asked = stage.house.daemon().registry().by_name("acme").unwrap();
    stage.wait(3_600 * Micros::SECOND);
    assert!(asked.fetch_now());
    killed.await;
    let first = stage.house.run_report("acme", 2).await;
    assert_eq!(first["counts"]["deleted"], 0, "a first absence deletes nothing: {first}");
    for run in 3.. {
        if stage.living().await == 0 {
            break;
        }
        assert!(run < 6, "the second absence deletes");
        stage.runs = run - 1;
        stage.fetch().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f4_deletes_are_counted_before_they_are_applied_also_if_the_actor_dies_among_them() {
    const MANY: usize = 24_000;
    const LOST: usize = MANY / 20;
    let stage = Stage::open(document(Some(START), 0..MANY), |_| {}).await;
    stage.wait(3_600 * Micros::SECOND);
    stage.server.put(PATH, Served::json(document(Some(stage.now()), LOST..MANY)));
    let partner = stage.house.daemon().registry().by_name("acme").unwrap();
    let counted = || {
        let state: FeedState = stage.house.daemon().reader().record(partner.no, &()).unwrap().unwrap();
        state.deletes.iter().map(|(_, count)| count).sum::<u64>()
    };
    assert!(partner.fetch_now());
    wait_for("deletes to be counted", async || (counted() > 0).then_some(())).await;
    partner.panic_for_test();
    assert!(counted() >= LOST as u64);
    wait_for("all of them to be applied", async || (stage.living().await == MANY - LOST).then_some(())).await;
    assert!(counted() >= LOST as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn x3_x5_an_absence_that_has_marked_an_asset_inactive_counts_as_the_first_of_two_in_a_row() {
    let change = |settings: &mut PartnerSettings| settings.policy.absent = Absent::Inactive;
    let mut stage = Stage::open(document(Some(START), 0..9), change).await;
    let report = stage.publish(true, 0..8).await;
    assert_eq!((&report["counts"]["deleted"], &report["counts"]["absent_once"]), (&json!(1), &json!(0)));
    let active = json!({"id": "a8", "updated_at": time::format(stage.now().plus(1)), "status": "active"});
    stage.house.post("acme", "/api/assets", &active).await;
    stage.wait(Micros::HOUR);
    // it repeats an id, so that it may be a mixture of two versions (F6); it lacks another one as well
    let ids = (0..7).chain([0]);
    let report = stage.publish(true, ids).await;
    assert_eq!(report["counts"]["repeated"], 1, "{report}");
    assert_eq!((&report["counts"]["deleted"], &report["counts"]["absent_once"]), (&json!(1), &json!(1)));
    let (_, seen) = stage.house.get("acme", "/api/assets/a8").await;
    assert_eq!(seen["status"], "inactive", "{seen}");
}

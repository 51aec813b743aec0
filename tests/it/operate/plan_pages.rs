//! Plans of many ids (A9): written, shown, applied and dropped page by page, whatever ends in the
//! middle; and plans that were stored whole before.

use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, answer, feed, partner, wait_for};
use crate::support::small_store::KEEP_ALL;
use crate::support::stage::{PATH, START, Stage, document};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tidegate::clock::Clock;
use tidegate::domain::{ChangeKind, Micros, PartnerNo, RecordChange, RecordKind, WriteSet};
use tidegate::store::{Opened, Reader, StoreOptions, open};

const ASSETS: usize = 6_000;
const LEFT: usize = 2_500;
/// What lacks of the catalogue.
const HELD: usize = ASSETS - LEFT;

fn pages(reader: &Reader, no: PartnerNo) -> Vec<(Box<[u8]>, Box<[u8]>)> {
    reader.raw_records((RecordKind::PlanIds, no), None, false, 10_000).unwrap()
}

/// Deletes held as a plan of several pages.
async fn held() -> Stage {
    let mut stage = Stage::open(document(Some(START), 0..ASSETS), |_| {}).await;
    let report = stage.publish(true, 0..LEFT).await;
    assert_eq!(report["counts"]["held"], HELD, "{report}");
    stage
}

impl Stage {
    fn no(&self) -> PartnerNo {
        self.house.daemon().registry().by_name("acme").unwrap().no
    }

    /// The ids of a plan, read page by page.
    async fn ids(&self, plan: u64) -> Vec<String> {
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/admin/partners/acme/plans/{plan}{cursor}");
            let (status, page) = answer(self.house.admin(Method::GET, &path)).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            let more = page["ids"].as_array().unwrap();
            assert!(more.len() <= 1_000, "a page is small");
            ids.extend(more.iter().map(|id| id.as_str().unwrap().to_owned()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("?cursor={next}"),
                None => return ids,
            }
        }
    }
}

#[tokio::test]
async fn a9_a_plan_is_kept_in_pages_and_shown_page_by_page() {
    let stage = held().await;
    let reader = stage.house.daemon().reader();
    let written = pages(reader, stage.no());
    assert_eq!(written.len(), HELD.div_ceil(1_000));
    assert!(written.iter().all(|(_, page)| page.len() < 100 << 10));
    let heads = reader.raw_records((RecordKind::Plan, stage.no()), None, false, 10).unwrap();
    assert!(heads.len() == 1 && heads[0].1.len() < 1 << 10, "the head is small");
    let ids = stage.ids(1).await;
    let expected: BTreeSet<String> = (LEFT..ASSETS).map(|n| format!("a{n}")).collect();
    assert_eq!((ids.len(), ids.into_iter().collect::<BTreeSet<_>>()), (HELD, expected));
    let bad = stage.house.admin(Method::GET, "/admin/partners/acme/plans/1?cursor=x");
    assert_eq!(answer(bad).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn a9_the_command_line_pages_through_a_plan() {
    let stage = held().await;
    let admin = format!("http://{}", stage.house.daemon().admin_address());
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(["plan", "show", "acme", "1", "--admin", &admin]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 1 + HELD);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a9_ids_go_when_a_plan_closes_and_with_a_changed_file_when_it_was_turned_down() {
    let mut stage = held().await;
    assert_eq!(stage.decide(1, "reject").await.0, StatusCode::OK);
    assert_eq!(stage.ids(1).await.len(), HELD, "the same file must ask no more");
    stage.house.restart().await;
    stage.runs += 1;
    stage.house.run_report("acme", stage.runs).await;
    assert_eq!(stage.states().await, ["rejected"]);
    stage.publish(true, 0..LEFT).await;
    assert_eq!(stage.states().await, ["held", "rejected"], "a changed one does");
    assert_eq!(stage.ids(1).await.len(), 0);
    let (_, end) = stage.decide(2, "approve").await;
    assert_eq!((&end["deleted"], stage.living().await), (&json!(HELD), LEFT));
    let dropped = async || pages(stage.house.daemon().reader(), stage.no()).is_empty().then_some(());
    wait_for("the pages to be dropped", dropped).await;
    assert_eq!(stage.plans().await[0]["count"], HELD, "the head still says how many");
}

/// Kills the actor once the plan's first page is in the store, and before its head is.
async fn kill_within_the_plan(stage: &Stage) {
    let reader = stage.house.daemon().reader();
    let no = stage.no();
    wait_for("a page", async || (!pages(reader, no).is_empty()).then_some(())).await;
    stage.house.daemon().registry().by_name("acme").unwrap().panic_for_test();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a9_a_crash_among_the_pages_leaves_no_half_plan_and_no_page_behind() {
    const MANY: usize = 40_000;
    let stage = Stage::open(document(Some(START), 0..MANY), |_| {}).await;
    stage.wait(3_600 * Micros::SECOND);
    stage.server.put(PATH, Served::json(document(Some(stage.now()), 0..2)));
    let entry = stage.house.daemon().registry().by_name("acme").unwrap();
    assert!(entry.fetch_now());
    kill_within_the_plan(&stage).await;
    stage.house.run_report("acme", 2).await;
    let plans = stage.plans().await;
    assert_eq!(plans.len(), 1, "{plans:?}");
    let plan = plans[0]["id"].as_u64().unwrap();
    assert_eq!((plans[0]["count"].clone(), stage.ids(plan).await.len()), (json!(MANY - 2), MANY - 2));
    let others = async || {
        let left = pages(stage.house.daemon().reader(), stage.no());
        left.iter().all(|(key, _)| key[..8] == plan.to_be_bytes()).then_some(())
    };
    wait_for("the pages of the plan that came to nothing to go", others).await;
    assert_eq!(stage.living().await, MANY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a9_no_other_partner_s_push_is_refused_while_a_large_plan_opens() {
    const MANY: usize = 20_000;
    let server = FeedServer::start().await;
    server.put(PATH, Served::json(document(Some(START), 0..MANY)));
    let directory = tempfile::tempdir().unwrap();
    let house = House::start_as(directory.path().to_owned(), Clock::manual(START), |settings| {
        settings.store.overlay_bytes_max = 2 << 20;
        settings.partners = vec![partner("acme").with_feed(feed(&server.url(PATH))), partner("calm")];
    })
    .await;
    let over = std::sync::atomic::AtomicBool::new(false);
    let pushing = async {
        while !over.load(std::sync::atomic::Ordering::Relaxed) {
            let (status, reply) =
                house.post("calm", "/api/assets", &json!({"id": "rock", "name": "n"})).await;
            assert!(status.is_success(), "{status} {reply}");
        }
    };
    let running = async {
        house.run_report("acme", 1).await;
        house.clock.set(START.plus(3_600 * Micros::SECOND));
        server.put(PATH, Served::json(document(Some(house.now()), 0..2)));
        house.fetch_now("acme");
        let report = house.run_report("acme", 2).await;
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        report
    };
    let (report, ()) = tokio::join!(running, pushing);
    assert_eq!(report["counts"]["held"], MANY - 2, "{report}");
}

/// A plan as it was stored before its ids had pages.
fn of_before(id: u64, state: &str, ids: impl IntoIterator<Item = usize>) -> Value {
    let ids: Vec<String> = ids.into_iter().map(|n| format!("a{n}")).collect();
    json!({"id": id, "state": state, "run": 1, "snapshot_at": START.0, "opened_at": START.0,
        "expires_at": START.0 + 72 * Micros::HOUR, "baseline": 40, "allowed": 20, "ids": ids})
}

/// Puts records into a store that no daemon has open.
fn put_plans(house: &House, no: PartnerNo, plans: &[Value]) {
    let options = StoreOptions { overlay_bytes_max: 64 << 20, ..KEEP_ALL };
    let Opened { mut writer, .. } = open(&house.settings.store.directory, &options).unwrap();
    let mut set = WriteSet::new(no);
    for plan in plans {
        let key = plan["id"].as_u64().unwrap().to_be_bytes().into();
        let value = Some(plan.to_string().into_bytes().into());
        set.changes.push(ChangeKind::Record(Box::new(RecordChange { kind: RecordKind::Plan, key, value })));
    }
    writer.commit(&mut vec![set], START).unwrap();
    writer.checkpoint_all().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a9_plans_that_were_stored_whole_are_read_converted_and_decided() {
    let mut house = House::with(&["acme"], Clock::manual(START)).await;
    let at = tidegate::codec::time::format(START.plus(-1));
    let assets: Vec<Value> =
        (0..3_000).map(|n| json!({"id": format!("a{n}"), "updated_at": at, "name": "n"})).collect();
    house.post("acme", "/api/assets", &json!(assets)).await;
    let no = house.daemon().registry().by_name("acme").unwrap().no;
    house.daemon.take().unwrap().stop().await.unwrap();
    put_plans(&house, no, &[of_before(1, "approved", 0..5), of_before(2, "held", 500..3_000)]);
    house.restart().await;
    let stage = Stage { house, server: FeedServer::start().await, runs: 0 };
    assert_eq!(stage.states().await, ["held", "approved"]);
    let plan = &stage.plans().await[0];
    assert_eq!((&plan["count"], &plan["sample"][0]), (&json!(2_500), &json!("a500")));
    assert_eq!(stage.ids(2).await.len(), 2_500);
    let heads = stage.house.daemon().reader().raw_records((RecordKind::Plan, no), None, false, 10).unwrap();
    assert!(heads.iter().all(|(_, head)| head.len() < 1 << 10), "no head holds its ids any more");
    let (status, end) = stage.decide(2, "approve").await;
    assert_eq!((status, &end["deleted"], stage.living().await), (StatusCode::OK, &json!(2_500), 500));
    stage.house.stop().await;
}

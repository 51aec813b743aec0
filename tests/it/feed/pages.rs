//! Runs of a feed that comes in pages: one snapshot of all of them, or none (F1).

use crate::support::fault_server::{FaultServer, Script, answer, send};
use crate::support::feed_server::{Answered, FeedServer, Served};
use crate::support::house::{House, feed, partner};
use crate::support::quarantine::rows;
use crate::support::stage::{PATH, START, Stage};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::ops::Range;
use tidegate::clock::Clock;
use tidegate::codec::time;
use tidegate::config::{NextPage, PageSettings};
use tidegate::domain::Micros;
use tidegate::domain::mapping::{Pointer, Repeated};

fn pointer(name: &str) -> Pointer {
    Pointer(vec![name.into()])
}

fn by_member() -> PageSettings {
    PageSettings::by(NextPage::Member(pointer("next")))
}

fn counted() -> PageSettings {
    PageSettings { count: Some(pointer("count")), ..by_member() }
}

/// A page of these records; `next` is JSON.
fn page(records: &[Value], at: Micros, next: &str) -> String {
    let records = Value::from(records.to_vec());
    format!("{{\"generated_at\":\"{}\",\"assets\":{records},\"next\":{next}}}", time::format(at))
}

fn assets(ids: Range<usize>) -> Vec<Value> {
    ids.map(|n| json!({"id": format!("a{n}"), "name": format!("n{n}")})).collect()
}

/// Serves these records in pages of four, each made a second after the one before.
fn serve(stage: &Stage, records: &[Value], at: Micros) {
    let pages: Vec<_> = records.chunks(4).collect();
    for (number, records) in pages.iter().enumerate() {
        let path = if number == 0 { PATH.to_owned() } else { format!("{PATH}?page={number}") };
        let is_last = number + 1 == pages.len();
        let next = if is_last { "null".to_owned() } else { format!("\"?page={}\"", number + 1) };
        let at = at.plus(number as i64 * Micros::SECOND);
        stage.server.put(&path, Served::json(page(records, at, &next)).etag("\"same\""));
    }
}

async fn stage(pages: PageSettings) -> Stage {
    let one = page(&assets(0..1), START, "null");
    Stage::open(one, |partner| partner.feed.as_mut().unwrap().pages = Some(pages)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_all_pages_are_one_snapshot_of_the_time_of_the_oldest() {
    let mut stage = stage(by_member()).await;
    let at = stage.now().plus(Micros::HOUR / 2);
    serve(&stage, &assets(0..10), at);
    let report = stage.fetch().await;
    assert_eq!(
        (&report["status"], &report["counts"]["records"]),
        (&json!("applied"), &json!(10)),
        "{report}"
    );
    assert_eq!((&report["snapshot_at"], &report["dated"]), (&json!(time::format(at)), &json!(true)));
    assert_eq!(stage.living().await, 10);
    assert_eq!(stage.house.get("acme", "/api/assets/a9").await.1["name"], "n9");

    serve(&stage, &assets(0..9), stage.now().plus(Micros::HOUR / 2));
    let report = stage.fetch().await;
    assert_eq!((&report["counts"]["deleted"], &report["faults"]), (&json!(1), &Value::Null), "{report}");
    assert_eq!(stage.living().await, 9);
    let again = stage.fetch().await;
    assert_eq!(again["status"], "unchanged", "the same bytes: {again}");
    let asked = stage.server.answered(PATH);
    assert_eq!(asked, Answered { whole: 4, not_modified: 0, refused: 0 }, "no page is asked for with a tag");
    assert_eq!(stage.server.answered(&format!("{PATH}?page=2")).whole, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_nothing_of_pages_is_used_of_which_one_is_not_there() {
    let mut stage = stage(by_member()).await;
    serve(&stage, &assets(0..10), stage.now().plus(Micros::HOUR / 2));
    stage.fetch().await;
    serve(&stage, &assets(3..13), stage.now().plus(Micros::HOUR / 2));
    stage.server.remove(&format!("{PATH}?page=2"));
    stage.server.remove(PATH);
    stage.server.put(PATH, Served::json(page(&assets(3..7), stage.now(), "\"/gone?page=1\"")));
    let report = stage.fetch().await;
    assert_eq!((&report["status"], &report["code"]), (&json!("failed"), &json!("not_found")), "{report}");
    assert_eq!(stage.living().await, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_pages_of_which_nothing_says_that_they_are_all_delete_at_the_second_absence() {
    let mut stage = stage(by_member()).await;
    serve(&stage, &assets(0..4), stage.now().plus(Micros::HOUR / 2));
    stage.fetch().await;
    // a pointer that leads nowhere: what is read may be the first page of many
    let silent = |stage: &Stage, ids| {
        let at = stage.now().plus(Micros::HOUR / 2);
        stage.server.put(PATH, Served::json(page(&assets(ids), at, "null").replace("next", "following")));
    };
    silent(&stage, 0..3);
    let first = stage.fetch().await;
    let counts =
        |report: &Value| (report["counts"]["deleted"].clone(), report["counts"]["absent_once"].clone());
    assert_eq!(counts(&first), (json!(0), json!(1)), "{first}");
    assert_eq!(first["faults"][0]["code"], "pages_unproven");
    silent(&stage, 0..3);
    assert_eq!(counts(&stage.fetch().await), (json!(1), json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_a_later_page_is_kept_aside_with_its_own_text() {
    let mut stage = stage(by_member()).await;
    let mut records = assets(0..10);
    records[8] = json!({"id": "a8", "name": "n8", "price": {"amount": "1", "currency": "none"}});
    records[9] = json!({"id": "a9", "updated_at": "yesterday"});
    serve(&stage, &records, stage.now().plus(Micros::HOUR / 2));
    let report = stage.fetch().await;
    assert_eq!(
        (&report["status"], &report["counts"]["quarantined"]),
        (&json!("applied"), &json!(1)),
        "{report}"
    );
    let mut kept = Vec::new();
    for row in rows(&stage.house, "acme").await {
        let (_, shown) = stage.house.get("acme", &format!("/api/quarantine/{}", row["row"])).await;
        kept.push(serde_json::from_str(shown["raw"].as_str().unwrap()).unwrap());
    }
    kept.sort_by_key(|raw: &Value| raw["id"].to_string());
    assert_eq!(kept, records[8..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn f5_the_stored_pages_of_a_run_are_read_again() {
    let mut stage = stage(by_member()).await;
    serve(&stage, &assets(0..10), stage.now().plus(Micros::HOUR / 2));
    stage.fetch().await;
    for of in ["?run=2", ""] {
        let report = stage.rebuild(of).await;
        assert_eq!(
            (&report["status"], &report["counts"]["agree"]),
            (&json!("applied"), &json!(10)),
            "{report}"
        );
    }
    assert_eq!(stage.living().await, 10);
}

fn served(body: String) -> Script {
    vec![send(answer("200 OK", &["Content-Type: application/json"], body.as_bytes()))]
}

/// A daemon whose feed's server answers the n-th request with the n-th page.
async fn house(pages: PageSettings, repeated: Repeated, bodies: Vec<String>) -> (House, FaultServer) {
    let server = FaultServer::start_with(|_| bodies.into_iter().map(served).collect()).await;
    let mut feed = feed(&server.url("/f"));
    feed.retries.clear();
    feed.pages = Some(pages);
    feed.mapping.repeated = repeated;
    feed.mapping.count = None;
    let house = House::start(vec![partner("acme").with_feed(feed)], Clock::system()).await;
    (house, server)
}

/// Two pages of these records that say this count.
fn pair(first: &[Value], second: &[Value], counts: [usize; 2]) -> [String; 2] {
    let page = |records: &[Value], count: usize, next: &str| {
        json!({"assets": records, "count": count, "next": next}).to_string()
    };
    [page(first, counts[0], "?page=2"), page(second, counts[1], "")]
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_a_count_that_moves_between_two_pages_has_them_fetched_again_once() {
    let moved = || pair(&assets(0..2), &assets(2..4), [4, 5]);
    let short = || pair(&assets(0..2), &assets(2..4), [5, 5]);
    let sound = || pair(&assets(0..2), &assets(2..5), [5, 5]);
    for (first, second, code) in [
        (moved(), sound(), Value::Null),
        (short(), sound(), Value::Null),
        (moved(), moved(), json!("pages_changed")),
        (short(), moved(), json!("pages_changed")),
        (moved(), short(), json!("count_mismatch")),
    ] {
        let (house, server) = house(counted(), Repeated::Quarantine, [first, second].concat()).await;
        let report = house.run_report("acme", 1).await;
        assert_eq!(report["code"], code, "{report}");
        let living = house.catalogue("acme").await.len();
        assert_eq!(living, if code.is_null() { 5 } else { 0 }, "all, or nothing of it");
        assert_eq!(server.connections(), 4);
        house.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_an_id_on_two_pages_has_them_fetched_again_once_and_one_that_differs_fails_then() {
    let other = json!({"id": "a1", "name": "another"});
    let differing = || pair(&assets(0..2), &[other.clone(), json!({"id": "a2"})], [4, 4]);
    let repeating = || pair(&assets(0..2), &assets(1..3), [4, 4]);
    let sound = || pair(&assets(0..2), &assets(2..4), [4, 4]);
    for (first, second, code, lint, living) in [
        (differing(), sound(), Value::Null, Value::Null, 4),
        (repeating(), sound(), Value::Null, Value::Null, 4),
        (differing(), differing(), json!("pages_changed"), Value::Null, 0),
        (repeating(), differing(), json!("pages_changed"), Value::Null, 0),
        // a list that names something twice by itself
        (differing(), repeating(), Value::Null, json!("ids_repeated"), 3),
    ] {
        let (house, server) = house(by_member(), Repeated::Quarantine, [first, second].concat()).await;
        let report = house.run_report("acme", 1).await;
        assert_eq!((&report["code"], &report["faults"][0]["code"]), (&code, &lint), "{report}");
        assert_eq!(house.catalogue("acme").await.len(), living);
        assert_eq!(server.connections(), 4);
        house.stop().await;
    }
    let (house, server) = house(by_member(), Repeated::Last, differing().to_vec()).await;
    assert_eq!(house.run_report("acme", 1).await["status"], "applied");
    assert_eq!(house.get("acme", "/api/assets/a1").await.1["name"], "another");
    assert_eq!(server.connections(), 2, "who says which one counts expects several");
    house.stop().await;
}

/// GitHub's links, and a number of pages.
#[tokio::test(flavor = "multi_thread")]
async fn pages_by_header_and_by_number_become_one_catalogue() {
    let array = |ids| Served::json(Value::from(assets(ids)).to_string());
    let settings = PageSettings::by(NextPage::Header);
    let mut stage = Stage::open(Value::from(assets(0..1)).to_string(), |partner| {
        partner.feed.as_mut().unwrap().pages = Some(settings);
    })
    .await;
    let link = format!("<{0}?page=2>; rel=\"next\", <{0}?page=2>; rel=\"last\"", stage.server.url(PATH));
    stage.server.put(PATH, array(0..4).link(&link));
    stage.server.put(&format!("{PATH}?page=2"), array(4..7).link("</feed.json?page=1>; rel=\"first\""));
    let report = stage.fetch().await;
    assert_eq!((&report["counts"]["records"], &report["faults"]), (&json!(7), &Value::Null), "{report}");
    assert_eq!(stage.living().await, 7);
}

/// Part n of three, with the ids that have its number.
fn part(n: usize, at: Micros, ids: impl Iterator<Item = usize>) -> Served {
    let assets: Vec<Value> =
        ids.filter(|id| id % 3 + 1 == n).map(|id| json!({"id": format!("a{id}")})).collect();
    let text = json!({"generated_at": time::format(at), "part": n, "parts": 3, "assets": assets});
    Served::json(text.to_string())
}

async fn in_parts(ids: usize) -> Stage {
    let server = FeedServer::start().await;
    (1..=3).for_each(|n| server.put(&format!("/a-{n}.json"), part(n, START, 0..ids)));
    let mut own = feed(&server.url("/feed.json"));
    let of = |name: &str| Pointer(vec![name.into()]);
    own.pages = Some(PageSettings::by(NextPage::Part {
        address: "a-{part}.json".into(),
        part: of("part"),
        parts: of("parts"),
        same: of("generated_at"),
    }));
    let house = House::start(vec![partner("acme").with_feed(own)], Clock::manual(START)).await;
    house.run_report("acme", 1).await;
    Stage { house, server, runs: 1 }
}

async fn next_run(stage: &mut Stage) -> Value {
    stage.house.fetch_now("acme");
    stage.runs += 1;
    stage.house.run_report("acme", stage.runs).await
}

#[tokio::test]
async fn f8_parts_of_one_time_are_one_snapshot_and_parts_of_two_never_mix() {
    let mut stage = in_parts(60).await;
    assert_eq!(stage.living().await, 60);
    stage.wait(Micros::HOUR);
    let now = stage.now();
    // the first part of the next snapshot is there, the others are not yet
    stage.server.put("/a-1.json", part(1, now, 0..59));
    let report = next_run(&mut stage).await;
    assert_eq!((&report["status"], &report["code"]), (&json!("failed"), &json!("pages_changed")), "{report}");
    assert_eq!(stage.living().await, 60);
    stage.server.put("/a-2.json", part(2, now, 0..59));
    stage.server.remove("/a-3.json");
    let report = next_run(&mut stage).await;
    assert_eq!((&report["status"], &report["code"]), (&json!("failed"), &json!("not_found")), "{report}");
    assert_eq!(stage.living().await, 60, "a part is missing, and nothing is deleted");
    stage.server.put("/a-3.json", part(3, now, 0..59));
    let report = next_run(&mut stage).await;
    assert_eq!((&report["status"], &report["counts"]["deleted"]), (&json!("applied"), &json!(1)), "{report}");
    assert_eq!(stage.living().await, 59);
}

/// Puts the parts of these ids at the server, and gives the manifest that lists them.
fn manifest(server: &FeedServer, at: Micros, ids: Range<usize>) -> Value {
    let listed = (1..=3).map(|n| {
        let records: Vec<Value> = assets(ids.clone()).into_iter().skip(n - 1).step_by(3).collect();
        let text = json!({"generated_at": time::format(at), "assets": records}).to_string();
        let (count, sha256) = (records.len(), hex::encode(Sha256::digest(&text)));
        server.put(&format!("/parts/{n}.json"), Served::json(text));
        json!({"url": format!("parts/{n}.json"), "sha256": sha256, "count": count})
    });
    json!({ "parts": listed.collect::<Vec<_>>() })
}

#[tokio::test]
async fn f8_a_manifest_s_parts_are_one_snapshot_and_what_is_not_the_listed_part_fails_the_run() {
    let server = FeedServer::start().await;
    let first = manifest(&server, START, 0..60);
    server.put(PATH, Served::json(first.to_string()));
    let mut own = feed(&server.url(PATH));
    let (parts, address, sha256, count) =
        (pointer("parts"), pointer("url"), pointer("sha256"), pointer("count"));
    own.pages = Some(PageSettings::by(NextPage::Manifest { parts, address, sha256, count }));
    let house = House::start(vec![partner("acme").with_feed(own)], Clock::manual(START)).await;
    let report = house.run_report("acme", 1).await;
    assert_eq!((&report["status"], &report["dated"]), (&json!("applied"), &json!(true)), "{report}");
    let mut stage = Stage { house, server, runs: 1 };
    assert_eq!(stage.living().await, 60);
    stage.wait(Micros::HOUR);
    let second = manifest(&stage.server, stage.now(), 0..59);
    let report = next_run(&mut stage).await;
    assert_eq!((&report["status"], &report["code"]), (&json!("failed"), &json!("pages_changed")), "{report}");
    stage.server.put(PATH, Served::json(second.to_string()));
    stage.server.remove("/parts/2.json");
    let report = next_run(&mut stage).await;
    assert_eq!((&report["status"], &report["code"]), (&json!("failed"), &json!("not_found")), "{report}");
    assert_eq!(stage.living().await, 60, "nothing is deleted");
    manifest(&stage.server, stage.now(), 0..59);
    let report = next_run(&mut stage).await;
    assert_eq!((&report["status"], &report["counts"]["deleted"]), (&json!("applied"), &json!(1)), "{report}");
    let spool = stage.house.settings.store.directory.join("spool");
    let left =
        std::fs::read_dir(spool).unwrap().filter(|file| file.as_ref().unwrap().path().is_file()).count();
    assert_eq!(left, 0, "neither parts nor manifest are left");
}

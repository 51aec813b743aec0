//! Whether a file is one file, and whole (F1, F6); and what is taken for JSON.

use crate::support::fault_server::{FaultServer, Script, answer, send};
use crate::support::feed_server::Served;
use crate::support::house::{House, feed, partner};
use crate::support::stage::{PATH, START, Stage, document};
use serde_json::{Value, json};
use tidegate::clock::Clock;
use tidegate::codec::time;
use tidegate::domain::Micros;

fn lines(ids: impl IntoIterator<Item = usize>, at: Micros) -> String {
    let at = time::format(at);
    ids.into_iter().map(|n| format!("{{\"id\":\"a{n}\",\"updated_at\":\"{at}\"}}\n")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_lines_that_cannot_prove_their_end_delete_at_the_second_absence_although_they_are_dated() {
    let mut stage = Stage::open(lines(0..9, START), |_| {}).await;
    // cut behind a line
    stage.server.put(PATH, Served::json(lines(0..8, START.plus(1))));
    let first = stage.fetch().await;
    assert_eq!((&first["dated"], &first["counts"]["absent_once"]), (&json!(true), &json!(1)), "{first}");
    assert_eq!(stage.living().await, 9);
    stage.server.put(PATH, Served::json(lines(0..9, START.plus(2))));
    stage.fetch().await;
    stage.server.put(PATH, Served::json(lines(0..8, START.plus(3))));
    stage.fetch().await;
    assert_eq!(stage.living().await, 9, "they count in a row");
    let second = stage.fetch().await;
    assert_eq!(
        (&second["status"], &second["counts"]["deleted"]),
        (&json!("unchanged"), &json!(1)),
        "{second}"
    );
    assert_eq!(stage.living().await, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn f6_a_file_that_repeats_ids_deletes_only_at_the_second_in_a_row() {
    let mut stage = Stage::open(document(Some(START), 0..9), |_| {}).await;
    // rewritten while it was sent: the head of one version, the tail of the other
    let mixed = |n: usize| (0..5).chain(4..8).chain((n == 2).then_some(4));
    let first = stage.publish(true, mixed(1)).await;
    assert_eq!(
        (&first["counts"]["deleted"], &first["counts"]["absent_once"]),
        (&json!(0), &json!(1)),
        "{first}"
    );
    assert_eq!(
        (&first["counts"]["repeated"], &first["faults"][0]["code"]),
        (&json!(1), &json!("ids_repeated"))
    );
    assert_eq!(stage.living().await, 9);
    let second = stage.publish(true, mixed(2)).await;
    assert_eq!(second["counts"]["deleted"], 1, "{second}");
    let sound = stage.publish(true, 0..7).await;
    assert_eq!(
        (&sound["counts"]["deleted"], &sound["faults"]),
        (&json!(1), &Value::Null),
        "at once: {sound}"
    );
}

/// A version of the file, or, without a body, what a look at its validators finds.
fn version(tag: &str, body: &str) -> Script {
    vec![send(answer(
        "200 OK",
        &["Content-Type: application/json", &format!("ETag: \"{tag}\"")],
        body.as_bytes(),
    ))]
}

fn look(tag: &str) -> Script {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: 60\r\nETag: \"{tag}\"\r\n\r\n");
    vec![send(head)]
}

async fn house_of(scripts: Vec<Script>) -> (House, FaultServer) {
    let server = FaultServer::start_with(|_| scripts).await;
    let mut feed = feed(&server.url("/f"));
    feed.retries.clear();
    let house = House::start(vec![partner("acme").with_feed(feed)], Clock::system()).await;
    (house, server)
}

const OLD: &str = r#"{"assets":[{"id":"a","name":"old"},{"id":"b"}]}"#;
const NEW: &str = r#"{"assets":[{"id":"a","name":"new"},{"id":"b"}]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn f1_a_file_that_changed_while_it_was_sent_is_fetched_anew() {
    let (house, server) = house_of(vec![version("1", OLD), look("2"), version("2", NEW), look("2")]).await;
    assert_eq!(house.run_report("acme", 1).await["status"], "applied");
    assert_eq!(house.get("acme", "/api/assets/a").await.1["name"], "new");
    assert_eq!(server.connections(), 4);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_a_file_that_changes_again_fails_the_run_and_validators_that_never_stand_still_only_once() {
    let scripts = vec![version("1", OLD), look("2"), version("3", NEW), look("4"), version("5", NEW)];
    let (house, server) = house_of(scripts).await;
    let failed = house.run_report("acme", 1).await;
    assert_eq!((&failed["status"], &failed["code"]), (&json!("failed"), &json!("changed_while_fetched")));
    assert!(house.catalogue("acme").await.is_empty(), "nothing was used");
    house.fetch_now("acme");
    // a document that is made when it is asked for has another tag each time: it would never be taken
    assert_eq!(house.run_report("acme", 2).await["status"], "applied");
    assert_eq!(server.connections(), 5, "the tags are believed no more");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_the_same_bytes_twice_are_whole_whatever_their_tags_say() {
    let (house, server) = house_of(vec![version("1", OLD), look("2"), version("3", OLD)]).await;
    assert_eq!(house.run_report("acme", 1).await["status"], "applied");
    assert_eq!(server.connections(), 3);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_is_answered_with_200_fails_the_run_and_becomes_no_asset() {
    let mut stage = Stage::open(document(Some(START), 0..9), |partner| {
        let records = &mut partner.feed.as_mut().unwrap().mapping.records;
        (records.steps, records.is_written) = (Vec::new(), true);
    })
    .await;
    stage.server.put(PATH, Served::json(r#"[{"id":"villa"},{"id":"loft"}]"#));
    assert_eq!(stage.fetch().await["status"], "applied");
    let error = r#"{"id":"too_many_requests","message":"API rate limit exceeded"}"#;
    for error in [error.to_owned(), format!("{error}\n")] {
        stage.server.put(PATH, Served::json(error.clone()));
        let report = stage.fetch().await;
        assert_eq!(
            (&report["status"], &report["code"]),
            (&json!("failed"), &json!("no_records")),
            "{report}"
        );
        assert_eq!(stage.living().await, 2);
        stage.server.put(PATH, Served::json(error).content_type("application/x-ndjson"));
        assert_eq!(stage.fetch().await["status"], "applied", "a line where its server says so");
        stage.house.delete("acme", "/api/assets/too_many_requests").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn json_that_is_called_html_is_read_and_a_page_is_not() {
    let mut stage = Stage::open(document(Some(START), 0..1), |_| {}).await;
    let html = "text/html; charset=UTF-8";
    stage.server.put(PATH, Served::json(document(Some(START.plus(1)), 0..3)).content_type(html));
    let report = stage.fetch().await;
    assert_eq!((&report["status"], &report["counts"]["created"]), (&json!("applied"), &json!(2)), "{report}");
    stage.server.put(PATH, Served::json("<!doctype html><title>login</title>").content_type(html));
    assert_eq!(stage.fetch().await["code"], "html");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_directory_that_was_removed_is_made_anew() {
    let mut stage = Stage::open(document(Some(START), 0..3), |_| {}).await;
    let spool = stage.house.settings.store.directory.join("spool");
    std::fs::remove_dir_all(&spool).unwrap();
    let report = stage.publish(true, 0..4).await;
    assert_eq!(report["status"], "applied", "{report}");
    assert!(spool.join("acme").join("run-2.zst").is_file(), "its body is kept for a rebuild");
}

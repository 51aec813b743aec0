//! How far a server's validators are believed (A11), and whether a body is of one version (F1).

use crate::support::fault_server::{Asked, FaultServer, Script, answer, head, send};
use crate::support::feed_server::{Served, http_date};
use crate::support::house::{House, feed, partner};
use crate::support::stage::{PATH, START, Stage, document};
use serde_json::{Value, json};
use std::time::Duration;
use tidegate::clock::Clock;
use tidegate::domain::Micros;

fn body(n: usize) -> String {
    document(Some(START.plus(n as i64)), 0..n)
}

fn lints(report: &Value) -> Vec<&str> {
    let faults = report["faults"].as_array().into_iter().flatten();
    faults.filter_map(|fault| fault["code"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a11_a_tag_that_lies_is_found_out_after_a_day_told_and_not_used_again() {
    let mut stage = Stage::open(body(3), |_| {}).await;
    stage.serve(Served::json(body(4)).etag("\"same\"")).await;
    stage.server.put(PATH, Served::json(body(5)).etag("\"same\""));
    for hours in 1..21 {
        assert_eq!(stage.fetch().await["status"], "unchanged", "after {hours} h");
    }
    let found = stage.fetch().await;
    assert_eq!((&found["status"], lints(&found)), (&json!("applied"), vec!["validators_lie"]), "{found}");
    assert_eq!(stage.living().await, 5);
    let before = stage.server.answered(PATH);
    // from now on at once, although the tag stands still
    let next = stage.serve(Served::json(body(6)).etag("\"same\"")).await;
    assert_eq!((&next["status"], lints(&next)), (&json!("applied"), vec!["validators_lie"]), "{next}");
    stage.house.restart().await;
    stage.runs += 1;
    stage.house.run_report("acme", stage.runs).await;
    assert_eq!(stage.server.answered(PATH).not_modified, before.not_modified, "it was sent to nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn a11_one_fetch_of_so_many_brings_the_body_whatever_its_tag_says() {
    let mut stage = Stage::open(body(3), |partner| {
        let fetching = &mut partner.feed.as_mut().unwrap().fetching;
        (fetching.whole_every, fetching.whole_after) = (4, Duration::from_secs(400 * 86_400));
    })
    .await;
    stage.serve(Served::json(body(4)).etag("\"v\"")).await;
    let before = stage.server.answered(PATH);
    for _ in 0..8 {
        assert_eq!(stage.fetch().await["status"], "unchanged");
    }
    let after = stage.server.answered(PATH);
    assert_eq!((after.not_modified, after.whole), (before.not_modified + 6, before.whole + 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a11_a_date_that_covers_an_older_file_put_back_is_found_out_too() {
    let mut stage = Stage::open(body(3), |partner| {
        partner.feed.as_mut().unwrap().fetching.whole_every = 2;
    })
    .await;
    let written = |n: usize, at: Micros| Served::json(body(n)).last_modified(at);
    stage.serve(written(4, START)).await;
    // 304 to any later date: the file of before is not seen
    stage.server.put(PATH, written(5, START.plus(-Micros::HOUR)));
    assert_eq!(stage.fetch().await["status"], "unchanged");
    let found = stage.fetch().await;
    assert_eq!((&found["status"], lints(&found)), (&json!("applied"), vec!["validators_lie"]), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a11_an_honest_change_is_no_lie_and_a_new_address_begins_anew() {
    let mut stage = Stage::open(body(3), |_| {}).await;
    for n in 4..8 {
        let report = stage.serve(Served::json(body(n)).etag(&format!("\"v{n}\"")).last_modified(START)).await;
        assert_eq!((&report["status"], lints(&report)), (&json!("applied"), vec![]), "{report}");
        assert_eq!(stage.fetch().await["status"], "unchanged");
    }
    assert_eq!(stage.server.answered(PATH).not_modified, 4);
}

/// A house whose feed's server plays these scripts.
async fn house_of(scripts: Vec<Script>) -> (House, FaultServer) {
    let server = FaultServer::start_with(|_| scripts).await;
    let mut feed = feed(&server.url("/f"));
    feed.retries.clear();
    let house = House::start(vec![partner("acme").with_feed(feed)], Clock::system()).await;
    (house, server)
}

fn version(headers: &[&str], n: usize) -> Script {
    vec![send(answer("200 OK", &[headers, &["Content-Type: application/json"]].concat(), body(n).as_bytes()))]
}

/// A file changed that long before it was sent.
fn aged(seconds: i64) -> [String; 3] {
    let modified = format!("Last-Modified: {}", http_date(START));
    let date = format!("Date: {}", http_date(START.plus(seconds * Micros::SECOND)));
    [modified, date, format!("ETag: \"{seconds}\"")]
}

fn headers_of(aged: &[String; 3]) -> Vec<&str> {
    aged.iter().map(String::as_str).collect()
}

fn conditions(asked: &[Asked]) -> Vec<bool> {
    asked.iter().map(|asked| asked.header("if-none-match").is_some()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a11_the_validators_of_a_file_that_was_changed_within_two_seconds_are_not_kept() {
    for (seconds, is_kept) in [(-1, false), (0, false), (1, false), (2, true), (3_600, true)] {
        let aged = aged(seconds);
        let (house, server) = house_of(vec![version(&headers_of(&aged), 3)]).await;
        assert_eq!(house.run_report("acme", 1).await["status"], "applied");
        house.fetch_now("acme");
        assert_eq!(house.run_report("acme", 2).await["status"], "unchanged");
        let asked = server.asked();
        // settled: a look with its own validators; young: a second fetch, that has to bring the same
        assert_eq!(conditions(&asked), [false, is_kept, is_kept], "{seconds} s");
        house.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_a_body_without_validators_is_fetched_again_where_it_changed_until_two_are_alike() {
    let (house, server) = house_of(vec![version(&[], 3), version(&[], 4), version(&[], 4)]).await;
    assert_eq!(house.run_report("acme", 1).await["status"], "applied");
    assert_eq!((house.catalogue("acme").await.len(), server.connections()), (4, 3));
    house.fetch_now("acme");
    assert_eq!(house.run_report("acme", 2).await["status"], "unchanged");
    assert_eq!(server.connections(), 4, "what has not changed is fetched once");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_a_document_without_validators_that_is_another_one_each_time_is_taken_and_deletes_nothing_yet() {
    let scripts = [3, 4, 5, 6, 7].map(|n| version(&[], n)).to_vec();
    let (house, server) = house_of(scripts).await;
    let report = house.run_report("acme", 1).await;
    assert_eq!(
        (&report["status"], lints(&report)),
        (&json!("applied"), vec!["version_unproven"]),
        "{report}"
    );
    assert_eq!((house.catalogue("acme").await.len(), server.connections()), (5, 3));
    house.fetch_now("acme");
    assert_eq!(house.run_report("acme", 2).await["status"], "applied");
    assert_eq!(server.connections(), 4, "it is known for that, and asked once");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_where_the_second_fetch_is_refused_the_first_is_taken_in_doubt() {
    let busy = vec![send(answer("429 Too Many Requests", &[], b""))];
    let lacking = document(Some(START.plus(9)), 0..4);
    let lacking = vec![send(answer("200 OK", &["Content-Type: application/json"], lacking.as_bytes()))];
    let (house, _server) = house_of(vec![version(&[], 5), busy.clone(), lacking, busy]).await;
    let report = house.run_report("acme", 1).await;
    assert_eq!(
        (&report["status"], lints(&report)),
        (&json!("applied"), vec!["version_unproven"]),
        "{report}"
    );
    house.fetch_now("acme");
    let report = house.run_report("acme", 2).await;
    assert_eq!(
        (&report["counts"]["deleted"], &report["counts"]["absent_once"]),
        (&json!(0), &json!(1)),
        "{report}"
    );
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_a_server_that_takes_no_head_is_asked_by_a_conditional_get() {
    let old = aged(3_600);
    let new = ["Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT", "ETag: \"new\""];
    let no_head = vec![send(head("405 Method Not Allowed", &["Content-Length: 0"]))];
    let same = vec![send(head("304 Not Modified", &[]))];
    let (house, server) = house_of(vec![version(&headers_of(&old), 3), no_head.clone(), same]).await;
    assert_eq!(house.run_report("acme", 1).await["status"], "applied");
    assert_eq!((house.catalogue("acme").await.len(), server.connections()), (3, 3));
    house.stop().await;
    let moved = version(&new, 4);
    let scripts =
        vec![version(&headers_of(&old), 3), no_head.clone(), moved.clone(), moved.clone(), no_head, moved];
    let (house, _server) = house_of(scripts).await;
    assert_eq!(house.run_report("acme", 1).await["status"], "applied");
    assert_eq!(house.catalogue("acme").await.len(), 4);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a09_a_compressing_server_that_forgets_its_own_tag_is_sent_both_forms() {
    let headers = ["ETag: \"36385-6b0b-gzip\""];
    let (house, server) =
        house_of(vec![version(&headers, 3), version(&headers, 3), version(&headers, 3)]).await;
    house.run_report("acme", 1).await;
    house.fetch_now("acme");
    house.run_report("acme", 2).await;
    let asked = server.asked();
    let sent = asked.last().unwrap().header("if-none-match");
    assert_eq!(sent, Some("\"36385-6b0b-gzip\", \"36385-6b0b\""));
    house.stop().await;
}

//! What the status page asks for: one page of partners, those with trouble first, and the figures of all.

use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, answer, feed, json, partner, wait_for};
use crate::support::stage::{START, Stage, document};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tidegate::clock::Clock;
use tidegate::domain::Micros;

/// More than any page holds.
const MANY: usize = 1_500;

async fn overview(house: &House, query: &str) -> Value {
    let (status, page) = answer(house.admin(Method::GET, &format!("/admin/overview{query}"))).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    page
}

fn names(page: &Value) -> Vec<&str> {
    let items = page["partners"]["items"].as_array().unwrap();
    items.iter().map(|row| row["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_overview_shows_what_the_store_takes_and_how_far_back_it_reaches() {
    let house = House::with(&["acme"], Clock::manual(START)).await;
    house.post("acme", "/api/assets", &json!({ "id": "a" })).await;
    let page = overview(&house, "").await;
    let storage = |name: &str| page["storage"][name].as_u64().unwrap();
    assert!(
        storage("file_bytes") > 4096 && storage("log_changes") > 1 && storage("log_bytes") > 50,
        "{page}"
    );
    assert!(page["storage"]["log_oldest_at"].is_string() && storage("disk_free_bytes") > 0, "{page}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u06_the_overview_shows_trouble_first_and_what_waits_in_figures() {
    let first = document(Some(START), 0..100);
    let mut stage = Stage::open(first, |_| {}).await;
    let server = FeedServer::start().await;
    let mut settings = stage.house.settings.clone();
    let mut failing = feed(&server.url("/nothing"));
    failing.retries.clear();
    settings.partners.extend([partner("zeta").with_feed(failing), partner("beta"), partner("alpha")]);
    stage.house.settings = settings.clone();
    stage.house.daemon().reconfigure(settings).await.unwrap();
    stage.house.run_report("zeta", 1).await;
    let report = stage.publish(true, 0..60).await;
    assert_eq!(report["counts"]["held"], 40);
    let prices = json!([{ "id": "p1", "amount": "1" }, { "id": "p2", "amount": "2" }]);
    stage.house.post("alpha", "/api/prices", &prices).await;
    stage.house.post("beta", "/api/assets", &json!({ "id": "b", "status": "odd" })).await;

    let page = overview(&stage.house, "").await;
    assert_eq!(names(&page), ["zeta", "acme", "beta", "alpha"]);
    let rows = page["partners"]["items"].as_array().unwrap();
    let health: Vec<_> = rows.iter().map(|row| row["health"].as_str().unwrap()).collect();
    assert_eq!(health, ["failing", "plan_waits", "quarantine", "fine"]);
    let figure = |row: usize, name: &str| rows[row][name].as_u64().unwrap();
    assert_eq!((figure(1, "plans_held"), figure(1, "deletes_held"), figure(1, "living")), (1, 40, 100));
    assert_eq!((figure(2, "quarantined"), figure(2, "items_refused"), figure(2, "assets_pushed")), (1, 1, 1));
    assert_eq!((figure(3, "prices_pushed"), figure(3, "assets_pushed"), figure(3, "parked")), (2, 0, 2));
    let total = |name: &str| page["totals"][name].as_u64().unwrap();
    let all = [
        "partners",
        "trouble",
        "failing",
        "plans_held",
        "deletes_held",
        "quarantined",
        "living",
        "prices_pushed",
    ];
    assert_eq!(all.map(total), [4, 3, 1, 1, 40, 1, 100, 2]);

    for (query, found) in [
        ("?only=plans", &["acme"][..]),
        ("?only=quarantine", &["beta"]),
        ("?only=trouble&search=ETA", &["zeta", "beta"]),
        ("?search=nobody", &[]),
        ("?limit=2&cursor=1", &["acme", "beta"]),
        ("?cursor=99", &[]),
    ] {
        assert_eq!(names(&overview(&stage.house, query).await), found, "{query}");
    }

    assert_eq!(stage.decide(1, "approve").await.0, StatusCode::OK);
    let (_, acme) = answer(stage.house.admin(Method::GET, "/admin/partners/acme")).await;
    assert_eq!(
        (&acme["health"], &acme["deletes_held"], &acme["living"]),
        (&json!("fine"), &json!(0), &json!(60))
    );
    stage.wait(40 * Micros::HOUR);
    assert_eq!(overview(&stage.house, "?search=acme").await["partners"]["items"][0]["health"], "late");
    let pause = stage.house.admin(Method::POST, "/admin/partners/acme/feed/pause");
    answer(json(pause, &json!({ "reason": "holidays" }))).await;
    assert_eq!(overview(&stage.house, "?only=paused").await["partners"]["items"][0]["health"], "paused");
    stage.house.restart().await;
    let after = overview(&stage.house, "?search=beta").await;
    assert_eq!(after["partners"]["items"][0]["quarantined"], 1, "what waits is known from the start");
    stage.house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_that_the_overview_does_not_know_are_refused() {
    let house = House::with(&["acme"], Clock::system()).await;
    for (query, code) in [("?only=odd", "bad_query"), ("?cursor=x", "bad_cursor"), ("?limit=0", "bad_query")]
    {
        let (status, problem) = answer(house.admin(Method::GET, &format!("/admin/overview{query}"))).await;
        assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!(code)), "{query}");
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_that_is_down_or_removed_says_so_at_a_glance() {
    let house = House::with(&["acme", "bolt"], Clock::system()).await;
    let entry = house.daemon().registry().by_name("acme").unwrap();
    entry.fail_starts_for_test(1_000);
    entry.panic_for_test();
    let row = wait_for("acme to be down", async || {
        let page = overview(&house, "?only=trouble").await;
        page["partners"]["items"].as_array().unwrap().first().cloned()
    })
    .await;
    assert_eq!((&row["name"], &row["health"]), (&json!("acme"), &json!("down")));
    assert!(row["down"].is_string(), "{row}");
    let mut settings = house.settings.clone();
    settings.partners = vec![partner("bolt")];
    house.daemon().reconfigure(settings).await.unwrap();
    let page = overview(&house, "").await;
    assert_eq!(names(&page), ["bolt", "acme"], "removed ones stand last");
    assert_eq!((&page["totals"]["partners"], &page["totals"]["removed"]), (&json!(1), &json!(1)));
    assert_eq!(names(&overview(&house, "?only=removed").await), ["acme"]);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_partners_cost_the_page_one_answer_of_bounded_length() {
    let server = FeedServer::start().await;
    server.put("/f", Served::json(r#"{"assets": [{"id": "a"}]}"#));
    let of = |n: usize| partner(&format!("partner-{n:05}"));
    let mut partners: Vec<_> = (1..MANY).map(of).collect();
    partners.push(of(MANY).with_feed(feed(&server.url("/f"))));
    let house = House::start(partners, Clock::system()).await;
    house.run_report(&format!("partner-{MANY:05}"), 1).await;
    let response = house.admin(Method::GET, "/admin/overview").send().await.unwrap();
    let length = response.bytes().await.unwrap().len();
    assert!(length < 50 * 1024, "{length} bytes for a page of fifty");
    let (mut seen, mut pages, mut cursor) = (BTreeSet::new(), 0, String::new());
    loop {
        let page = overview(&house, &format!("?limit=400{cursor}")).await;
        assert_eq!(
            (&page["totals"]["partners"], &page["partners"]["matching"]),
            (&json!(MANY), &json!(MANY))
        );
        assert_eq!(page["totals"]["down"], 0);
        seen.extend(names(&page).into_iter().map(str::to_owned));
        pages += 1;
        let Some(next) = page["partners"]["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!((seen.len(), pages), (MANY, MANY.div_ceil(400)));
    house.stop().await;
}

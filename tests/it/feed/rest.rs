//! Feeds that would hold up the others, or bring their partner down.

use crate::support::fault_server::{FaultServer, Step, head, send};
use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, feed, partner, wait_for};
use serde_json::json;
use std::time::Duration;
use tidegate::clock::{Clock, Mark};

/// A server that sends and sends, and never comes to an end.
async fn dripping() -> FaultServer {
    let half = head("200 OK", &["Content-Type: application/json", "Content-Length: 100000000"]);
    let drip = Step::Drip { byte: b' ', every: Duration::from_millis(20) };
    FaultServer::start(vec![send(half), drip]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a3_as_many_dripping_servers_as_there_are_turns_hold_no_other_feed_up() {
    let quick = FeedServer::start().await;
    quick.put("/f", Served::json(r#"{"assets": [{"id": "a"}]}"#));
    let mut slow = Vec::new();
    for _ in 0..8 {
        slow.push(dripping().await);
    }
    let partners = slow
        .iter()
        .enumerate()
        .map(|(n, server)| partner(&format!("slow{n}")).with_feed(feed(&server.url("/f"))));
    let partners: Vec<_> = partners.chain([partner("acme")]).collect();
    let house = House::start(partners.clone(), Clock::system()).await;
    wait_for("all turns to be taken", async || {
        slow.iter().all(|server| !server.asked().is_empty()).then_some(())
    })
    .await;
    let mut settings = house.settings.clone();
    settings.partners[8] = partner("acme").with_feed(feed(&quick.url("/f")));
    let began = Mark::now();
    house.daemon().reconfigure(settings).await.unwrap();
    assert_eq!(house.run_report("acme", 1).await["counts"]["created"], 1);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    for n in 0..8 {
        assert!(house.runs(&format!("slow{n}")).await.is_empty(), "it goes on");
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b7_a_feed_that_has_brought_its_partner_down_three_times_rests_until_it_is_asked_for() {
    // no run comes to its end, which would make good for those before it
    let slow = dripping().await;
    let house = House::start(vec![partner("acme").with_feed(feed(&slow.url("/f")))], Clock::system()).await;
    for life in 1..=3 {
        wait_for("the fetch of this life", async || (slow.asked().len() >= life).then_some(())).await;
        house.daemon().registry().by_name("acme").unwrap().panic_in_run_for_test();
    }
    let report = house.run_report("acme", 1).await;
    assert_eq!((&report["status"], &report["code"]), (&json!("failed"), &json!("poisoned")), "{report}");
    let pushed = house.post("acme", "/api/assets", &json!({"id": "b"})).await;
    assert!(pushed.0.is_success(), "its pushes go on: {}", pushed.1);
    assert_eq!(slow.asked().len(), 3, "nothing is fetched meanwhile");
    house.fetch_now("acme");
    wait_for("the fetch that was asked for", async || (slow.asked().len() > 3).then_some(())).await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b8_a_run_whose_task_dies_has_a_report_and_is_followed_by_another() {
    let slow = dripping().await;
    let house = House::start(vec![partner("acme").with_feed(feed(&slow.url("/f")))], Clock::system()).await;
    wait_for("the fetch to begin", async || (!slow.asked().is_empty()).then_some(())).await;
    house.daemon().registry().by_name("acme").unwrap().abort_run_for_test();
    let report = house.run_report("acme", 1).await;
    assert_eq!((&report["status"], &report["code"]), (&json!("failed"), &json!("run_broke_off")), "{report}");
    assert_eq!(house.get("acme", "/api/feed").await.1["failures_in_row"], 1);
    house.fetch_now("acme");
    wait_for("the next run's fetch", async || (slow.asked().len() > 1).then_some(())).await;
    house.stop().await;
}

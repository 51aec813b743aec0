//! While a large file is applied, pushes are answered: its own partner's and others' (X3).

use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, PATIENCE, feed, partner};
use crate::support::stage::{PATH, document};
use reqwest::StatusCode;
use serde_json::json;
use tidegate::clock::{Clock, Mark};

const RECORDS: usize = 20_000;
/// Of each partner, within one run; a run in one piece would leave none.
const PUSHES_MIN: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x3_pushes_of_all_partners_are_answered_while_a_large_file_is_applied() {
    let server = FeedServer::start().await;
    server.put(PATH, Served::json(document(Some(Clock::system().now()), 0..1)));
    let partners = vec![partner("acme").with_feed(feed(&server.url(PATH))), partner("bolt")];
    let house = House::start(partners, Clock::system()).await;
    house.run_report("acme", 1).await;
    house.put("bolt", "/api/assets/b0", &json!({"name": "b"})).await;
    server.put(PATH, Served::json(document(Some(Clock::system().now()), 0..RECORDS)));
    house.fetch_now("acme");
    let is_applying = async || {
        let (_, state) = house.get("acme", "/api/feed").await;
        let is_second = state["running"]["run"] == 2;
        is_second && (state["running"]["phase"] == "applying" || state["running"]["phase"] == "finishing")
    };
    let (mut answered, began) = ([0, 0], Mark::now());
    while house.get("acme", "/api/feed/runs/2").await.0 != StatusCode::OK {
        assert!(began.elapsed() < PATIENCE, "the run does not end");
        for (n, (name, id)) in [("acme", "a0"), ("bolt", "b0")].into_iter().enumerate() {
            let was_applying = is_applying().await;
            let price = json!({"id": id, "amount": "5", "currency": "EUR"});
            let (status, reply) = house.post(name, "/api/prices", &price).await;
            assert_eq!(status, StatusCode::OK, "{reply}");
            // by then the run had not ended
            answered[n] += usize::from(was_applying && is_applying().await);
        }
    }
    assert_eq!(house.run_report("acme", 2).await["status"], "applied");
    assert!(answered.iter().all(|&pushes| pushes >= PUSHES_MIN), "{answered:?}");
    house.stop().await;
}

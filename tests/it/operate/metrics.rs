//! What a real daemon publishes at `/metrics`: of partners that come, go and are too many, and of what happens.

use crate::support::house::{House, NEW_YEAR, json, partner, wait_for};
use reqwest::{Method, StatusCode};
use serde_json::json as value;
use std::time::Duration;
use tempfile::TempDir;
use tidegate::clock::Clock;
use tidegate::config::{BearerKey, KeyHash};
use tidegate::domain::Micros;

async fn scrape(house: &House) -> String {
    let reply = house.admin(Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::OK);
    reply.text().await.unwrap()
}

fn figure(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[track_caller]
fn all_stand(text: &str, expected: &[(&str, f64)]) {
    for (series, value) in expected {
        assert_eq!(figure(text, series), Some(*value), "{series} in\n{text}");
    }
}

#[tokio::test]
async fn refusals_are_counted_by_partner_and_reason() {
    let directory = TempDir::new().unwrap();
    let house = House::start_as(directory.path().to_owned(), Clock::manual(NEW_YEAR), |settings| {
        let mut acme = partner("acme");
        let mut old = BearerKey::from(KeyHash::of("an old key"));
        old.validity.until = Some(Micros(0));
        acme.keys.push(old);
        (acme.limits.prices_per_second, acme.limits.burst) = (1, Duration::from_secs(1));
        settings.partners = vec![acme, partner("bolt")];
        settings.server.body_bytes_max = 4096;
    })
    .await;
    let price = value!({"id": "a", "amount": "1", "currency": "EUR"});
    let old = json(house.call("acme", Method::POST, "/api/prices"), &price);
    let mut old = old.build().unwrap();
    old.headers_mut().insert("authorization", "Bearer an old key".parse().unwrap());
    assert_eq!(house.client.execute(old).await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let large = value!({"id": "a", "name": "x".repeat(5_000)});
    assert_eq!(house.post("acme", "/api/assets", &large).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let bad = json(house.call("acme", Method::POST, "/api/assets"), &value!(null)).body("{");
    assert_eq!(bad.send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    house.post("acme", "/api/prices", &price).await;
    assert_eq!(house.post("acme", "/api/prices", &price).await.0, StatusCode::TOO_MANY_REQUESTS);
    let text = scrape(&house).await;
    for (reason, count) in
        [("credentials", 1.0), ("too_large", 1.0), ("invalid", 1.0), ("too_many", 1.0), ("busy", 0.0)]
    {
        let series =
            |partner| format!("tidegate_push_refusals_total{{partner=\"{partner}\",reason=\"{reason}\"}}");
        all_stand(&text, &[(&series("acme"), count), (&series("bolt"), 0.0)]);
    }
    house.stop().await;
}

#[tokio::test]
async fn prices_are_counted_by_how_far_they_can_be_relied_on() {
    let mut house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    // a fund's net asset value may be days old
    for (id, class, as_of) in [
        ("live", "nav", "2025-12-31T23:00:00Z"),
        ("stale", "market", "2025-12-01T00:00:00Z"),
        ("none", "nav", ""),
    ] {
        let mut asset = value!({"id": id, "class": class});
        if !as_of.is_empty() {
            asset["price"] = value!({"amount": "5", "currency": "EUR", "as_of": as_of});
        }
        assert_eq!(house.post("acme", "/api/assets", &asset).await.0, StatusCode::CREATED, "{id}");
    }
    assert_eq!(house.delete("acme", "/api/assets/none").await.0, StatusCode::OK);
    // the first look is at the start
    house.restart().await;
    let text = wait_for("a look at the prices", async || {
        let text = scrape(&house).await;
        text.contains("tidegate_prices{partner=\"acme\"").then_some(text)
    })
    .await;
    all_stand(
        &text,
        &[
            (r#"tidegate_prices{partner="acme",state="live"}"#, 1.0),
            (r#"tidegate_prices{partner="acme",state="stale"}"#, 1.0),
            (r#"tidegate_prices{partner="acme",state="withdrawn"}"#, 0.0),
            (r#"tidegate_assets{partner="acme",state="live"}"#, 2.0),
            (r#"tidegate_assets{partner="acme",state="gone"}"#, 1.0),
        ],
    );
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_reads_streams_and_the_log_do_is_measured() {
    let house = House::with(&["acme"], Clock::system()).await;
    let now = house.now();
    let stated = tidegate::codec::time::format(Micros(now.0 - 30 * Micros::SECOND));
    let asset = value!({"id": "a", "price": {"amount": "5", "currency": "EUR", "as_of": stated}});
    let mut stream = house.read("/api/changes?since=now").header("accept", "text/event-stream");
    stream = stream.timeout(Duration::from_secs(60));
    let mut stream = stream.send().await.unwrap();
    // its first words say that it is open, and follows
    stream.chunk().await.unwrap().expect("the stream is open");
    house.post("acme", "/api/assets", &asset).await;
    let price = value!({"id": "a", "amount": "6", "currency": "EUR", "as_of": stated});
    house.post("acme", "/api/prices", &price).await;
    house.get("acme", "/api/assets/a").await;
    stream.chunk().await.unwrap().expect("an event");
    let text = scrape(&house).await;
    let at_least = |series: &str, least: f64| {
        let value = figure(&text, series);
        assert!(value.is_some_and(|value| value >= least), "{series}: {value:?}\n{text}");
    };
    at_least("tidegate_sse_lag_seconds_count", 1.0);
    at_least("tidegate_read_seconds_count", 1.0);
    at_least("tidegate_connections", 1.0);
    at_least("tidegate_log_changes", 2.0);
    at_least("tidegate_log_bytes", 50.0);
    at_least("tidegate_log_oldest_timestamp_seconds", now.0 as f64 / 1e6 - 60.0);
    at_least("tidegate_store_file_bytes", 4096.0);
    at_least("tidegate_disk_free_bytes", 1.0);
    at_least("tidegate_runtime_workers", 1.0);
    at_least("tidegate_runtime_tasks", 1.0);
    at_least("process_cpu_seconds_total", 0.01);
    at_least("tidegate_push_visible_seconds_sum", 30.0);
    all_stand(
        &text,
        &[
            ("tidegate_sse_streams", 1.0),
            ("tidegate_writes_open", 1.0),
            ("tidegate_push_visible_seconds_count", 2.0),
            ("tidegate_push_visible_seconds_bucket{le=\"10\"}", 0.0),
            (r#"tidegate_partners{health="fine"}"#, 1.0),
        ],
    );
    house.stop().await;
}

#[tokio::test]
async fn partners_beyond_the_bound_are_counted_together_and_each_is_told_of_elsewhere() {
    let directory = TempDir::new().unwrap();
    let house = House::start_as(directory.path().to_owned(), Clock::manual(NEW_YEAR), |settings| {
        settings.partners = ["acme", "bolt", "cora"].map(partner).into();
        settings.server.metrics_partners_max = 1;
    })
    .await;
    for name in ["acme", "bolt", "cora"] {
        house.post(name, "/api/assets", &value!({"id": "a"})).await;
    }
    let text = scrape(&house).await;
    all_stand(
        &text,
        &[
            (r#"tidegate_assets{partner="acme",state="live"}"#, 1.0),
            (r#"tidegate_assets{partner="other",state="live"}"#, 2.0),
            (r#"tidegate_push_requests_total{partner="other",code="2xx"}"#, 2.0),
            ("tidegate_partners_folded", 2.0),
            (r#"tidegate_partners{health="fine"}"#, 3.0),
        ],
    );
    assert!(!text.contains("bolt") && !text.contains("cora"), "{text}");
    house.stop().await;
}

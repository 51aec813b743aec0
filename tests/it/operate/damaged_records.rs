//! Bits that change in a partner's records while the daemon is down: each is named beside the others.

use super::damage::{DAMAGED, Stored, code_of, damage};
use crate::support::house::{House, PATIENCE, answer, json as body};
use crate::support::quarantine::rows;
use crate::support::stage::{START, Stage, document};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tidegate::clock::Clock;
use tidegate::codec::time;
use tidegate::domain::{DeliveryKey, Micros, RecordKind};

/// Some runs of a feed, the last of which holds a plan of half of its assets.
async fn with_runs(runs: u64) -> Stage {
    let mut stage = Stage::open(document(Some(START), 0..40), |_| {}).await;
    while stage.runs < runs {
        stage.publish(true, 0..20).await;
    }
    stage
}

/// The same after a restart over damaged records of that kind; the run of the start is over.
async fn restart_over(stage: &mut Stage, kind: RecordKind, keys: &[u64]) {
    let keys: Vec<[u8; 8]> = keys.iter().map(|key| key.to_be_bytes()).collect();
    let happens =
        |file: &std::path::Path| keys.iter().for_each(|key| damage(file, Stored::Record(kind, key)));
    stage.house.restart_over(happens).await;
    stage.runs += 1;
    stage.house.run_report("acme", stage.runs).await;
}

fn numbers(page: &Value, name: &str) -> Vec<u64> {
    page["items"].as_array().unwrap().iter().map(|item| item[name].as_u64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_runs_names_a_damaged_report_in_its_place() {
    let mut stage = with_runs(4).await;
    restart_over(&mut stage, RecordKind::Run, &[3]).await;
    let (status, page) = stage.house.get("acme", "/api/feed/runs").await;
    assert_eq!((status, numbers(&page, "run")), (StatusCode::OK, vec![5, 4, 2, 1]), "{page}");
    assert_eq!(page["damaged"], json!([{"run": 3, "code": "damaged"}]));
    let (_, page) = stage.house.get("acme", "/api/feed/runs?limit=3").await;
    assert_eq!((numbers(&page, "run"), &page["next_cursor"]), (vec![5, 4], &json!("3")), "{page}");
    let (_, page) = stage.house.get("acme", "/api/feed/runs?limit=3&cursor=3").await;
    assert_eq!((numbers(&page, "run"), page.get("damaged")), (vec![2, 1], None), "{page}");
    assert_eq!(code_of(&stage.house.get("acme", "/api/feed/runs/3").await), (DAMAGED, "damaged"));
    let path = "/admin/partners/acme/feed/rebuild?run=3";
    let told = answer(stage.house.admin(Method::POST, path).timeout(PATIENCE)).await;
    assert_eq!(code_of(&told), (DAMAGED, "damaged"), "{}", told.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_explanation_names_the_parts_of_it_that_are_damaged() {
    let mut house = House::with(&["acme"], Clock::manual(START)).await;
    let newer = json!({"id": "a", "name": "new", "updated_at": time::format(START)});
    house.post("acme", "/api/assets", &newer).await;
    let older = json!({"id": "a", "name": "old", "updated_at": time::format(START.plus(-Micros::HOUR))});
    house.post("acme", "/api/assets", &older).await;
    for deed in ["hide", "unhide"] {
        let path = format!("/admin/partners/acme/assets/a/{deed}");
        let order = house.admin(Method::POST, &path).timeout(PATIENCE);
        assert_eq!(answer(body(order, &json!({"reason": deed}))).await.0, StatusCode::OK);
    }
    let (_, whole) = house.get("acme", "/api/assets/a/explain").await;
    assert_eq!((whole["lost"].as_array().unwrap().len(), whole.get("damaged")), (1, None), "{whole}");
    let first = 1u64.to_be_bytes();
    house
        .restart_over(|file| {
            damage(file, Stored::Record(RecordKind::Lost, b"a"));
            damage(file, Stored::Record(RecordKind::Action, &first));
        })
        .await;
    let (status, told) = house.get("acme", "/api/assets/a/explain").await;
    assert_eq!((status, &told["members"][0]["value"]), (StatusCode::OK, &json!("new")), "{told}");
    assert_eq!((&told["lost"], told["actions"].as_array().unwrap().len()), (&json!([]), 1), "{told}");
    let lost = json!([
        {"part": "lost", "code": "damaged"},
        {"part": "actions", "action": 1, "code": "damaged"},
    ]);
    assert_eq!(told["damaged"], lost);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_row_of_the_quarantine_is_named_and_can_be_dropped_and_stops_nobody() {
    let mut house = House::with(&["acme"], Clock::manual(START)).await;
    let future = time::format(START.plus(Micros::DAY));
    for id in ["a", "b"] {
        house.post("acme", "/api/assets", &json!({"id": id, "updated_at": future})).await;
    }
    let number = rows(&house, "acme").await[0]["row"].as_u64().unwrap();
    let key = number.to_be_bytes();
    house.restart_over(|file| damage(file, Stored::Record(RecordKind::Quarantine, &key))).await;
    assert_eq!(house.post("acme", "/api/assets", &json!({"id": "c"})).await.0, StatusCode::CREATED);
    let (status, page) = house.get("acme", "/api/quarantine").await;
    assert_eq!((status, page["items"].as_array().unwrap().len()), (StatusCode::OK, 1), "{page}");
    assert_eq!(page["damaged"], json!([{"row": number, "code": "damaged"}]));
    let path = format!("/api/quarantine/{number}");
    assert_eq!(code_of(&house.get("acme", &path).await), (DAMAGED, "damaged"));
    assert_eq!(house.delete("acme", &path).await.0, StatusCode::OK);
    let (_, page) = house.get("acme", "/api/quarantine").await;
    assert_eq!((page["items"].as_array().unwrap().len(), page.get("damaged")), (1, None), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn g2_a_delivery_whose_record_is_damaged_is_decided_again_and_the_partner_is_up() {
    let mut house = House::with(&["acme"], Clock::manual(START)).await;
    let asset = json!({"id": "a", "name": "a", "updated_at": time::format(START)});
    let send = async |house: &House| {
        let call = house.call("acme", Method::POST, "/api/assets").header("idempotency-key", "one");
        answer(body(call, &asset)).await
    };
    assert_eq!(send(&house).await.0, StatusCode::CREATED);
    let key = DeliveryKey::of("one").0;
    house.restart_over(|file| damage(file, Stored::Record(RecordKind::Delivery, &key))).await;
    assert_eq!(code_of(&house.get("acme", "/api/receipts/one").await), (DAMAGED, "damaged"));
    let (status, told) = send(&house).await;
    assert_eq!((status, &told["outcome"]), (StatusCode::OK, &json!("duplicate")), "{told}");
    let (status, told) = house.get("acme", "/api/receipts/one").await;
    assert_eq!((status, &told["items"][0]["outcome"]), (StatusCode::OK, &json!("duplicate")), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn g1_a_stream_whose_record_is_damaged_begins_again_and_the_partner_is_up() {
    let mut house = House::with(&["acme"], Clock::manual(START)).await;
    let send = async |house: &House, number: u64, seconds: i64| {
        let as_of = time::format(START.plus(-Micros::HOUR + seconds * Micros::SECOND));
        let price = json!({"id": "a", "amount": "5", "as_of": as_of, "stream": "s", "sequence": number});
        house.post("acme", "/api/prices", &price).await
    };
    house.post("acme", "/api/assets", &json!({"id": "a"})).await;
    assert_eq!(send(&house, 1, 1).await.0, StatusCode::OK);
    house.restart_over(|file| damage(file, Stored::Record(RecordKind::Stream, b"stream:s"))).await;
    for (number, seconds) in [(7, 2), (8, 3)] {
        let (status, told) = send(&house, number, seconds).await;
        assert_eq!((status, &told["outcome"]), (StatusCode::OK, &json!("updated")), "{told}");
    }
    house.restart().await;
    assert_eq!(send(&house, 8, 3).await.0, StatusCode::OK, "it is kept again");
}

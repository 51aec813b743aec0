//! A partner that sends unknown ids, new ids, gaps, new deliveries, deletes of nothing and bad items without end: what
//! is kept of it in memory and on disk stays within its caps.

use crate::daemon::{House, answer, json, partner};
use crate::quarantine::START;
use reqwest::Method;
use serde_json::{Value, json as value};
use std::path::Path;
use tidegate::clock::Clock;
use tidegate::codec::time;
use tidegate::domain::{Micros, PartnerNo, RecordKind};
use tidegate::store::{self, Reader, StoreOptions};

const ASSETS_MAX: usize = 150;
const PARKED_MAX: usize = 40;
const ROWS_MAX: usize = 60;
const DELIVERIES_MAX: usize = 30;
/// Streams that a partner may number, and the last time given to an undated write.
const STREAMS_MAX: usize = 65;
const ITEMS: usize = 50;
const DAYS: i64 = 24;

fn items(of: impl Fn(usize) -> Value) -> Value {
    Value::from((0..ITEMS).map(of).collect::<Vec<_>>())
}

/// One round of everything that costs room, all under ids of its own.
async fn attack(house: &House, round: usize) {
    let now = time::format(house.now());
    let later = time::format(house.now().plus(Micros::DAY));
    let padding = "x".repeat(500);
    let unknown = items(|n| value!({"id": format!("p{round}-{n}"), "amount": "1", "as_of": now}));
    house.post("acme", "/api/prices", &unknown).await;
    let new = items(|n| value!({"id": format!("n{round}-{n}"), "text": padding}));
    house.post("acme", "/api/assets", &new).await;
    let bad = items(|n| value!({"id": format!("b{round}-{n}"), "status": "odd", "text": padding}));
    house.post("acme", "/api/assets", &bad).await;
    let early = items(|n| value!({"id": format!("f{round}-{n}"), "updated_at": later, "text": padding}));
    house.post("acme", "/api/assets", &early).await;
    let gaps = items(
        |n| value!({"id": "kept", "amount": n + 1, "stream": format!("s{round}-{n}"), "sequence": 1_000}),
    );
    house.post("acme", "/api/prices", &gaps).await;
    for n in 0..5 {
        let request = json(house.call("acme", Method::POST, "/api/assets"), &value!({"id": "kept"}));
        answer(request.header("idempotency-key", format!("\"k{round}-{n}\""))).await;
        house.delete("acme", &format!("/api/assets/d{round}-{n}")).await;
    }
}

fn rows(reader: &Reader, no: PartnerNo, kind: RecordKind) -> usize {
    reader.records(kind, no, None, false, 100_000).unwrap().len()
}

fn places(reader: &Reader, no: PartnerNo) -> usize {
    let mut count = 0;
    reader.index(no, &mut |_, _, _, _| count += 1).unwrap();
    count
}

/// Bytes of the store's file once its log holds no more than it must.
fn settled_bytes(directory: &Path) -> u64 {
    let options = StoreOptions {
        cache_bytes: 1 << 20,
        overlay_bytes_max: 8 << 20,
        log_keep: 0,
        log_bytes_max: 0,
        init: false,
    };
    let mut opened = store::open(directory, &options).unwrap();
    opened.writer.checkpoint_all().unwrap();
    while opened.writer.trim(START.plus(400 * Micros::DAY)).unwrap() > 0 {}
    opened.writer.checkpoint_all().unwrap();
    drop(opened);
    std::fs::metadata(directory.join("tidegate.redb")).unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_partner_stays_within_its_caps_in_memory_and_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    let mut acme = partner("acme");
    acme.policy.assets_max = ASSETS_MAX as u32;
    acme.policy.parked_max = PARKED_MAX;
    acme.policy.quarantine_max = ROWS_MAX;
    acme.policy.deliveries_max = DELIVERIES_MAX;
    let mut sizes = Vec::new();
    for day in 0..DAYS {
        let clock = Clock::manual(START.plus(day * Micros::DAY));
        let house = House::start_in(directory.path().to_owned(), vec![acme.clone()], clock).await;
        for round in 0..5 {
            attack(&house, day as usize * 5 + round).await;
        }
        let no = house.daemon().registry().by_name("acme").unwrap().no;
        let reader = house.daemon().reader();
        assert_eq!(rows(reader, no, RecordKind::Quarantine), ROWS_MAX);
        let deliveries = rows(reader, no, RecordKind::Delivery);
        assert!(deliveries <= DELIVERIES_MAX, "{deliveries} deliveries");
        let streams = rows(reader, no, RecordKind::Stream);
        assert!(streams <= STREAMS_MAX, "{streams} streams");
        let lost = rows(reader, no, RecordKind::Lost);
        assert!(lost <= ASSETS_MAX, "{lost} lists of lost writes");
        assert!(places(reader, no) <= ASSETS_MAX, "{} places", places(reader, no));
        let parked = house.get("acme", "/api/quarantine?kind=parked&limit=1000").await.1;
        assert!(parked["items"].as_array().unwrap().len() <= PARKED_MAX);
        house.stop().await;
        sizes.push(settled_bytes(directory.path()));
    }
    let (early, late) = sizes.split_at(sizes.len() / 4);
    assert!(
        late.iter().max() <= early.iter().max().map(|most| 2 * most).as_ref(),
        "the file grows: {sizes:?}"
    );
}

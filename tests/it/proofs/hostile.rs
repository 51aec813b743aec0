//! A partner that sends unknown ids, new ids, gaps, new deliveries, deletes of nothing and bad items without end,
//! and publishes a feed with new bad records each day: in one long life of the daemon, what is kept of it in memory
//! and on disk stays within its caps.

use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, answer, json, partner, wait_for};
use crate::support::quarantine::START;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json as value};
use std::time::Duration;
use tempfile::TempDir;
use tidegate::clock::{Clock, sleep};
use tidegate::codec::time;
use tidegate::config::{PartnerSettings, Settings};
use tidegate::daemon::Daemon;
use tidegate::domain::{Micros, PartnerNo, RecordKind, Seq};
use tidegate::store::{ReadError, Reader};

const ASSETS_MAX: usize = 150;
const PARKED_MAX: usize = 40;
const ROWS_MAX: usize = 60;
const ROW_BYTES_MAX: usize = 40_000;
const DELIVERIES_MAX: usize = 30;
/// So small that a few rounds fill it: the log is trimmed up to the last checkpoint only.
const OVERLAY_BYTES_MAX: usize = 256 << 10;
const LOG_BYTES_MAX: u64 = 256 << 10;
/// Streams that a partner may number, and the last time given to an undated write.
const STREAMS_MAX: usize = 65;
/// Reports of runs, and plans, that are kept of a partner.
const RUNS_MAX: usize = 200;
const PLANS_MAX: usize = 100;
const ITEMS: usize = 50;
/// Good records of the feed; and bad ones, few enough for a run to be applied all the same (F3).
const RECORDS: usize = 60;
const BAD_RECORDS: usize = 19;
const ROUNDS: usize = 12;
const DAYS: usize = 8;
const PATH: &str = "/feed.json";

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

/// Today's document: half of its ids are new, and so are all of its bad records.
fn document(now: Micros, day: usize) -> Served {
    let good = (0..RECORDS).map(|n| match n % 2 {
        0 => value!({"id": format!("feed-{n}"), "text": day}),
        _ => value!({"id": format!("feed-{day}-{n}"), "text": "new"}),
    });
    let bad = (0..BAD_RECORDS).map(|n| value!({"id": format!("bad-{day}-{n}"), "status": "odd"}));
    let assets: Vec<Value> = good.chain(bad).collect();
    Served::json(value!({"generated_at": time::format(now), "assets": assets}).to_string())
}

/// Has today's document fetched, and gives the run's report.
async fn publish(house: &House, server: &FeedServer, day: usize) -> Value {
    server.put(PATH, document(house.now(), day));
    let now = time::format(house.now());
    wait_for(format!("the run of day {day}"), async || {
        house.post("acme", "/api/feed/run", &value!({})).await;
        // asked for more than once: runs behind the first find the same bytes
        house.runs("acme").await.into_iter().rfind(|report| report["snapshot_at"] == now.as_str())
    })
    .await
}

fn rows(reader: &Reader, no: PartnerNo, kind: RecordKind) -> usize {
    reader.raw_records((kind, no), None, false, 100_000).unwrap().len()
}

fn places(reader: &Reader, no: PartnerNo) -> usize {
    let mut count = 0;
    reader.index(no, &mut |_, _, _, _| count += 1).unwrap();
    count
}

/// The bounds that hold whenever one looks.
async fn stays_within_its_caps(house: &House) {
    let reader = house.daemon().reader();
    let no = house.daemon().registry().by_name("acme").unwrap().no;
    let quarantined = reader.raw_records((RecordKind::Quarantine, no), None, false, 100_000).unwrap();
    let bytes: usize = quarantined.iter().map(|(_, value)| value.len()).sum();
    assert!(quarantined.len() <= ROWS_MAX, "{} rows", quarantined.len());
    assert!(bytes <= ROW_BYTES_MAX && bytes > ROW_BYTES_MAX / 2, "{bytes} bytes of rows");
    for (kind, most) in [
        (RecordKind::Delivery, DELIVERIES_MAX),
        (RecordKind::Stream, STREAMS_MAX),
        (RecordKind::Lost, ASSETS_MAX),
        (RecordKind::Run, RUNS_MAX),
        (RecordKind::Plan, PLANS_MAX),
    ] {
        let count = rows(reader, no, kind);
        assert!(count <= most, "{count} of {kind:?}");
    }
    assert!(places(reader, no) <= ASSETS_MAX, "{} places", places(reader, no));
    let parked = house.get("acme", "/api/quarantine?kind=parked&limit=1000").await.1;
    assert!(parked["items"].as_array().unwrap().len() <= PARKED_MAX);
    // one group may come on top of what admission has let through
    assert!(reader.overlay_bytes() <= 2 * OVERLAY_BYTES_MAX, "{} bytes of overlay", reader.overlay_bytes());
}

async fn scrape(house: &House) -> String {
    house.admin(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap()
}

/// Waits until the log begins behind `seq`. The writer looks at its log when it has work to do, and a
/// trial gives it some without adding to the log.
async fn is_trimmed_behind(house: &House, seq: Seq) {
    let trial = value!({"id": "kept", "amount": "1"});
    wait_for(format!("the log to be trimmed behind {seq:?}"), async || {
        house.post("acme", "/api/prices?dry_run=true", &trial).await;
        match house.daemon().reader().changes(Seq(0), 1) {
            Err(ReadError::Trimmed { oldest }) if oldest > seq => Some(()),
            Ok(_) | Err(ReadError::Trimmed { .. }) => {
                sleep(Duration::from_millis(50)).await;
                None
            }
            Err(error) => panic!("{error}"),
        }
    })
    .await;
}

fn capped(url: &str) -> PartnerSettings {
    let mut acme = partner("acme").with_feed(crate::support::house::feed(url));
    acme.policy.assets_max = ASSETS_MAX as u32;
    acme.policy.parked_max = PARKED_MAX;
    acme.policy.quarantine_max = ROWS_MAX;
    acme.policy.quarantine_bytes_max = ROW_BYTES_MAX;
    acme.policy.deliveries_max = DELIVERIES_MAX;
    acme
}

async fn small_house(directory: &TempDir, server: &FeedServer) -> House {
    let mut settings = Settings::minimal(directory.path().to_owned());
    settings.store.disk_free_bytes_min = 0;
    settings.store.overlay_bytes_max = OVERLAY_BYTES_MAX;
    settings.store.group_bytes_max = OVERLAY_BYTES_MAX;
    settings.store.log_bytes_max = LOG_BYTES_MAX;
    settings.partners = vec![capped(&server.url(PATH))];
    let clock = Clock::manual(START);
    let daemon = Daemon::start(settings.clone(), clock.clone()).await.unwrap();
    let client =
        reqwest::Client::builder().no_proxy().timeout(crate::support::house::PATIENCE).build().unwrap();
    let mut house = House::of(daemon, settings, client);
    house.clock = clock;
    house
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_partner_stays_within_its_caps_in_memory_and_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    let server = FeedServer::start().await;
    server.put(PATH, document(START, DAYS));
    let house = small_house(&directory, &server).await;
    house.run_report("acme", 1).await;
    let (status, _) = house.post("acme", "/api/assets", &value!({"id": "kept"})).await;
    assert_eq!(status, StatusCode::CREATED);
    let (mut sizes, mut scrapes, mut before) = (Vec::new(), Vec::new(), Seq(0));
    for day in 0..DAYS {
        house.clock.set(START.plus((day as i64 + 1) * Micros::DAY));
        let report = publish(&house, &server, day).await;
        assert_eq!(report["status"], "applied", "{report}");
        assert!(report["counts"]["quarantined"].as_u64() >= Some(BAD_RECORDS as u64), "{report}");
        for round in 0..ROUNDS {
            attack(&house, day * ROUNDS + round).await;
            stays_within_its_caps(&house).await;
        }
        is_trimmed_behind(&house, before).await;
        before = house.daemon().reader().durable();
        sizes.push(std::fs::metadata(directory.path().join("tidegate.redb")).unwrap().len());
        scrapes.push(scrape(&house).await.len() as u64);
    }
    println!("bytes of the file {sizes:?}, of the metrics {scrapes:?}");
    for (what, seen) in [("the file", &sizes), ("what /metrics says", &scrapes)] {
        let (middle, late) = (seen[DAYS / 2], seen[DAYS - 1]);
        assert!(late * 10 <= middle * 11, "{what} grows: {seen:?}");
    }
    let queue = scrape(&house).await;
    let queue = queue.lines().find_map(|line| line.strip_prefix("tidegate_queue_bytes ")).unwrap();
    assert_eq!(queue, "0", "nothing waits for the writer any more");
    house.stop().await;
}

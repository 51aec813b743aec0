//! What reads and pushes take of memory and of threads, counted in this process: rows and bytes of
//! one reading, documents that a push is about, places for change streams.

use crate::support::house::{House, PATIENCE, answer, json, partner};
use crate::support::simdisk::SimDisk;
use crate::support::small_store::KEEP_ALL;
use redb::{BackendError, StorageBackend};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json as value};
use std::collections::BTreeSet;
use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tidegate::clock::Clock;
use tidegate::config::Settings;
use tidegate::daemon::Daemon;
use tidegate::domain::{AssetId, PartnerNo};
use tidegate::store::{AssetRow, Span, StoreOptions, open_backend};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
/// The thread of the store's writer.
const WRITER: &str = "tidegate-writer";
/// Of the documents that these tests store.
const LARGE: usize = 200_000;

/// A document of about `LARGE` bytes; a string may be 64 KiB long.
fn large(name: &str) -> Value {
    value!({"name": name, "class": "nav", "parts": vec!["x".repeat(20_000); 10]})
}

async fn put_large(house: &House, count: usize) {
    for n in 0..count {
        let (status, reply) = house.put("acme", &format!("/api/assets/a{n:03}"), &large("first")).await;
        assert_eq!(status, StatusCode::CREATED, "{reply}");
    }
}

fn number(house: &House) -> PartnerNo {
    house.daemon().registry().by_name("acme").expect("it is configured").no
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_a_reading_ends_at_its_rows_and_bytes_and_brings_no_member_that_was_not_asked_for() {
    let mut house = House::with(&["acme"], Clock::system()).await;
    put_large(&house, 12).await;
    for place in ["overlay", "tables"] {
        let (reader, no) = (house.daemon().reader().clone(), number(&house));
        let within = |after: Option<&AssetId>, span: Span<'_>| reader.assets_within(no, after, span).unwrap();

        let one = within(None, Span { rows: 1, bytes: MIB, members: Some(&["name"]) });
        let small = &one.rows[0].as_ref().unwrap().document;
        assert_eq!((one.rows.len(), small.members().len()), (1, 1), "{place}");
        assert!(small.bytes() < KIB && one.next.is_some(), "{place}");
        assert!((LARGE..2 * LARGE + KIB).contains(&one.read_bytes), "{place}: {}", one.read_bytes);

        let some = within(None, Span { rows: 100, bytes: MIB, members: None });
        assert_eq!(some.rows.len(), MIB.div_ceil(LARGE + 600), "{place}");
        let mut ids = Vec::new();
        let mut after = None;
        loop {
            let page = within(after.as_ref(), Span { rows: 5, bytes: MIB / 2, members: None });
            let rows: Vec<AssetRow> = page.rows.into_iter().map(Result::unwrap).collect();
            let held: usize = rows.iter().map(|row| row.document.bytes()).sum();
            assert!(held < MIB / 2 + 2 * LARGE, "{place}: {held}");
            ids.extend(rows.into_iter().map(|row| row.id.to_string()));
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        let all: Vec<String> = (0..12).map(|n| format!("a{n:03}")).collect();
        assert_eq!(ids, all, "{place}");
        drop(reader); // it holds the file
        house.restart().await; // a stop writes the overlay into the tables
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_a_page_of_large_assets_ends_early_and_its_cursor_leads_through_all_of_them() {
    let house = House::with(&["acme"], Clock::system()).await;
    put_large(&house, 14).await;
    let (mut seen, mut pages) = (Vec::new(), 0);
    let mut path = "/api/assets?limit=1000".to_owned();
    loop {
        let response = house.call("acme", Method::GET, &path).send().await.unwrap();
        let body = response.bytes().await.unwrap();
        assert!(body.len() < MIB + 2 * LARGE, "{} bytes in one page", body.len());
        let page: Value = serde_json::from_slice(&body).unwrap();
        let ids =
            page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned());
        seen.extend(ids);
        pages += 1;
        match page["next_cursor"].as_str() {
            Some(next) => path = format!("/api/assets?limit=1000&cursor={next}"),
            None => break,
        }
    }
    assert_eq!((seen.len(), seen.iter().collect::<BTreeSet<_>>().len()), (14, 14));
    assert!((2..6).contains(&pages), "{pages} pages");
    let (_, named) = house.get("acme", "/api/assets?limit=14&fields=name").await;
    assert_eq!(named["items"].as_array().unwrap().len(), 14, "what is not shown does not end a page");
    assert_eq!(named["items"][3]["name"], "first");
    let (_, by_class) = house.get("acme", "/api/assets?fields=id&class=nav&limit=14").await;
    assert_eq!(by_class["items"].as_array().unwrap().len(), 14, "filters read members that are not shown");
    house.stop().await;
}

/// Upserts of one small member each.
fn touches(from: usize, to: usize, n: usize) -> Value {
    (from..to).map(|asset| value!({"id": format!("a{asset:03}"), "t": n})).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_a_push_that_is_about_more_than_its_partner_may_hold_is_refused_whole() {
    let mut acme = partner("acme");
    acme.limits.bytes_in_flight_max = 8 * MIB;
    let house = House::start(vec![acme], Clock::system()).await;
    put_large(&house, 14).await;
    let (status, reply) = house.post("acme", "/api/assets", &touches(0, 14, 1)).await;
    assert_eq!(
        (status, &reply["code"]),
        (StatusCode::PAYLOAD_TOO_LARGE, &value!("beyond_documents")),
        "{reply}"
    );
    assert_eq!(reply["bytes_max"], 2 * MIB);
    assert!(house.get("acme", "/api/assets/a000").await.1["t"].is_null(), "nothing of it applies");
    for round in 2..8 {
        for from in [0, 7] {
            // the right to hold the documents before may take a moment to fall
            let applied = crate::support::house::wait_for("the push to be taken", async || {
                let (status, reply) =
                    house.post("acme", "/api/assets", &touches(from, from + 7, round)).await;
                match status {
                    StatusCode::OK => Some(reply),
                    _ => {
                        assert_eq!(reply["code"], "partner_bytes", "{reply}");
                        None
                    }
                }
            });
            let outcomes: Vec<Value> = applied.await["items"].as_array().unwrap().clone();
            assert!(outcomes.iter().all(|item| item["outcome"] == "updated"), "{outcomes:?}");
        }
    }
    assert_eq!(house.get("acme", "/api/assets/a013").await.1["t"], 7);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_one_key_cannot_take_the_streams_of_all() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start_as(directory.path().to_owned(), Clock::system(), |settings| {
        settings.partners = vec![partner("acme"), partner("bolt")];
        settings.server.streams_max = 8;
    })
    .await;
    let open = async |name: &str| {
        let request =
            house.call(name, Method::GET, "/api/changes?since=now").header("accept", "text/event-stream");
        let mut response = request.send().await.unwrap();
        let first = tokio::time::timeout(PATIENCE, response.chunk()).await.expect("the stream speaks");
        let text = String::from_utf8(first.unwrap().expect("a first frame").to_vec()).unwrap();
        let millis: u64 =
            text.lines().find_map(|line| line.strip_prefix("retry: ")).unwrap().parse().unwrap();
        (millis < 10_000).then_some(response) // where there is no place: ten seconds and more
    };
    let mut streams = Vec::new();
    for _ in 0..2 {
        streams.push(open("acme").await.expect("a place"));
    }
    assert!(open("acme").await.is_none(), "a quarter of the places is taken");
    assert!(open("bolt").await.is_some(), "another has its own");
    drop(streams);
    crate::support::house::wait_for("the places to be free", async || open("acme").await).await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a8_a_reload_takes_over_the_bytes_in_flight() {
    let mut acme = partner("acme");
    acme.limits.bytes_in_flight_max = 2 * MIB;
    let mut house = House::start(vec![acme], Clock::system()).await;
    let body: Vec<Value> =
        (0..2_500).map(|n| value!({"id": format!("b{n}"), "text": "y".repeat(1_000)})).collect();
    let body = Value::from(body);
    let push = async |house: &House| {
        let (status, reply) = house.post("acme", "/api/assets", &body).await;
        (status.as_u16(), reply["code"].clone())
    };
    assert_eq!(push(&house).await, (429, value!("partner_bytes")));
    house.settings.partners[0].limits.bytes_in_flight_max = 64 * MIB;
    house.daemon().reconfigure(house.settings.clone()).await.unwrap();
    assert_eq!(push(&house).await, (200, Value::Null));
    house.settings.partners[0].limits.bytes_in_flight_max = MIB;
    house.daemon().reconfigure(house.settings.clone()).await.unwrap();
    assert_eq!(push(&house).await, (429, value!("partner_bytes")), "and back");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asset_holds_what_its_partner_is_configured_for_and_a_larger_one_may_shrink() {
    let mut house = House::with(&["acme"], Clock::system()).await;
    put_large(&house, 1).await;
    let patch = async |house: &House, body: Value| {
        let (status, reply) =
            answer(json(house.call("acme", Method::PATCH, "/api/assets/a000"), &body)).await;
        (status.as_u16(), reply)
    };
    let more = value!({"more": vec!["z".repeat(20_000); 4]});
    let (status, reply) = patch(&house, more.clone()).await;
    assert_eq!((status, &reply["code"]), (422, &value!("document_too_large")), "{reply}");
    assert!(reply["hint"].as_str().unwrap().contains("262144"), "{reply}");
    house.settings.partners[0].policy.document_bytes_max = 4 * MIB;
    house.daemon().reconfigure(house.settings.clone()).await.unwrap();
    assert_eq!(patch(&house, more).await.0, 200);
    house.settings.partners[0].policy.document_bytes_max = 100 * KIB;
    house.daemon().reconfigure(house.settings.clone()).await.unwrap();
    assert_eq!(patch(&house, value!({"name": "longer than it was"})).await.0, 422);
    assert_eq!(patch(&house, value!({"more": null})).await.0, 200, "it shrinks, though it stays too large");
    house.stop().await;
}

/// A disk whose reads wait while it is held, but for those of the store's writer.
#[derive(Clone, Debug)]
struct HeldDisk {
    disk: SimDisk,
    held: Arc<(Mutex<bool>, Condvar)>,
    waiting: Arc<AtomicUsize>,
}

impl HeldDisk {
    fn hold(&self, held: bool) {
        *self.held.0.lock().unwrap() = held;
        self.held.1.notify_all();
    }
}

impl StorageBackend for HeldDisk {
    fn len(&self) -> io::Result<u64> {
        self.disk.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if std::thread::current().name() != Some(WRITER) {
            self.waiting.fetch_add(1, Ordering::SeqCst);
            let released = self.held.1.wait_while(self.held.0.lock().unwrap(), |held| *held);
            drop(released);
            self.waiting.fetch_sub(1, Ordering::SeqCst);
        }
        self.disk.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.disk.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.disk.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.disk.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.disk.unlock_range(start, end)
    }
}

/// All connections share one thread here: what blocks it blocks them all.
#[tokio::test]
async fn a4_a_large_batch_on_a_slow_disk_does_not_stop_other_connections() {
    let directory = tempfile::tempdir().unwrap();
    let held = HeldDisk { disk: SimDisk::default(), held: Arc::default(), waiting: Arc::default() };
    let options = StoreOptions { cache_bytes: 64 * KIB, overlay_bytes_max: 64 * KIB, ..KEEP_ALL };
    let opened = open_backend(held.clone(), &options).unwrap();
    let mut settings = Settings::minimal(directory.path().to_owned());
    settings.store.disk_free_bytes_min = 0;
    settings.partners = vec![partner("acme")];
    let daemon = Daemon::start_on(opened, settings.clone(), Clock::system()).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    let house = House::of(daemon, settings, client);
    // more than cache and overlay hold, so that documents are read from the disk
    let fill: Vec<Value> =
        (0..400).map(|n| value!({"id": format!("a{n:03}"), "text": "x".repeat(2_000)})).collect();
    assert_eq!(house.post("acme", "/api/assets", &fill.into()).await.0, StatusCode::OK);
    crate::support::house::wait_for("most of them to be in the tables", async || {
        let text = house.admin(Method::GET, "/metrics").send().await.ok()?.text().await.ok()?;
        let held = text.lines().find_map(|line| line.strip_prefix("tidegate_overlay_bytes "))?;
        (held.parse::<f64>().ok()? < 200_000.0).then_some(())
    })
    .await;

    held.hold(true);
    // where the one thread waits for the disk nothing here would ever end
    let (done, ends) = std::sync::mpsc::channel::<()>();
    let disk = held.clone();
    let watch = std::thread::spawn(move || {
        let expired = ends.recv_timeout(Duration::from_secs(30)) == Err(RecvTimeoutError::Timeout);
        disk.hold(false);
        expired
    });
    let upserts = touches(0, 400, 1);
    let mut batch = Box::pin(house.post("acme", "/api/assets", &upserts));
    let alive = async {
        crate::support::house::wait_for("the batch to wait for the disk", async || {
            (held.waiting.load(Ordering::SeqCst) > 0).then_some(())
        })
        .await;
        let livez = house.admin(Method::GET, "/livez").send();
        tokio::time::timeout(Duration::from_secs(20), livez).await.expect("it answers").unwrap().status()
    };
    tokio::select! {
        (status, reply) = batch.as_mut() => panic!("{status} without the disk: {reply}"),
        status = alive => assert_eq!(status, StatusCode::OK),
    }
    drop(done);
    assert!(!watch.join().unwrap(), "the batch held all connections");
    let (status, reply) = batch.await; // which ends the loan of the house
    assert_eq!(status, StatusCode::OK, "{reply}");
    house.stop().await;
}

//! Bytes that stay held beyond a push or a part of a run: replies that their client does not take,
//! and documents that are read for what a file lacks.

use crate::support::feed_server::Served;
use crate::support::house::{House, answer, key, partner, wait_for};
use crate::support::stage::{PATH, START, Stage};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tidegate::clock::Clock;
use tidegate::codec::time;
use tidegate::domain::Micros;
use tidegate::rules::policy::Absent;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

const MIB: usize = 1 << 20;
/// More than a socket on loopback takes in of their reply, and more than half of what may be held.
const ITEMS: usize = 40_000;

/// Prices of one asset: little for each in the request, more in the reply.
fn prices() -> String {
    vec![r#"{"id":"a","amount":"1"}"#; ITEMS].join("\n")
}

/// A client that sends a batch and reads no more of the reply than that it was decided. Until then it
/// comes back: the room of the reply before may not be free yet.
async fn deaf(house: &House, body: &str) -> TcpStream {
    wait_for("the deaf client's push to be decided", async || {
        let mut stream = send(house, body).await;
        let mut status = *b"HTTP/1.1 ---";
        stream.read_exact(&mut status).await.unwrap();
        (status == *b"HTTP/1.1 200").then_some(stream)
    })
    .await
}

async fn send(house: &House, body: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    let mut stream = socket.connect(house.daemon().address()).await.unwrap();
    let head = format!(
        "POST /api/prices HTTP/1.1\r\nhost: tidegate\r\nauthorization: Bearer {}\r\n\
         content-type: application/x-ndjson\r\ncontent-length: {}\r\n\r\n",
        key("acme"),
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_a_client_that_takes_no_replies_uses_up_its_own_room_and_has_it_back_when_it_goes() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start_as(directory.path().to_owned(), Clock::system(), |settings| {
        settings.partners = vec![partner("acme"), partner("bolt")];
        settings.partners[0].limits.bytes_in_flight_max = 32 * MIB;
        settings.server.items_max = ITEMS;
    })
    .await;
    for name in ["acme", "bolt"] {
        house.post(name, "/api/assets", &json!({"id": "a", "currency": "EUR"})).await;
    }
    let body = prices();
    let push = async |name: &str| {
        let request = house.call(name, Method::POST, "/api/prices");
        let (status, reply) =
            answer(request.header("content-type", "application/x-ndjson").body(body.clone())).await;
        (status, reply["code"].clone())
    };
    assert_eq!(push("acme").await.0, StatusCode::OK, "there is room for one");
    let unread = deaf(&house, &body).await;
    let refused = wait_for("its room to be used up", async || {
        let (status, code) = push("acme").await;
        (status != StatusCode::OK).then_some((status, code))
    });
    assert_eq!(refused.await, (StatusCode::TOO_MANY_REQUESTS, json!("partner_bytes")));
    for _ in 0..3 {
        assert_eq!(push("acme").await.0, StatusCode::TOO_MANY_REQUESTS, "for as long as it is not taken");
    }
    let small = house.post("acme", "/api/prices", &json!({"id": "a", "amount": "2"})).await;
    assert_eq!((small.0, push("bolt").await.0), (StatusCode::OK, StatusCode::OK));
    drop(unread);
    wait_for("the room to be free again", async || (push("acme").await.0 == StatusCode::OK).then_some(()))
        .await;
    house.stop().await;
}

const ALL: usize = 300;
const LARGE: usize = 14;
const LARGE_BYTES: usize = 200_000;
/// Parts of which each reads no more than a mebibyte and one document.
const PARTS: usize = (LARGE * LARGE_BYTES).div_ceil(MIB + LARGE_BYTES);

/// The last `LARGE` of its assets are of `LARGE_BYTES`.
fn file(at: Micros, ids: std::ops::Range<usize>) -> String {
    let record = |n: usize| match n < ALL - LARGE {
        true => json!({"id": format!("a{n:03}")}),
        false => json!({"id": format!("a{n:03}"), "parts": vec!["x".repeat(LARGE_BYTES / 10); 10]}),
    };
    json!({"generated_at": time::format(at), "assets": ids.map(record).collect::<Vec<Value>>()}).to_string()
}

async fn inactive(stage: &Stage) -> usize {
    let (_, list) = stage.house.get("acme", "/api/assets?status=inactive&fields=id&limit=1000").await;
    list["items"].as_array().unwrap().len()
}

/// Waits for more write sets than so many: replies leave before they are counted.
async fn more_sets(stage: &Stage, than: usize, what: &str) {
    wait_for(what, async || (sets(stage).await > than).then_some(())).await;
}

/// Write sets committed so far. How many commits that were says nothing: a part is decided while the one
/// before it syncs, and a busy writer takes what waits into one.
async fn sets(stage: &Stage) -> usize {
    stage.metric("tidegate_commit_sets_sum").await as usize
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_what_a_file_lacks_is_made_inactive_in_parts_that_are_bounded_by_the_bytes_they_read() {
    let first = file(START, 0..ALL);
    let mut stage = Stage::open(first, |partner| partner.policy.absent = Absent::Inactive).await;
    let at = stage.now().plus(Micros::HOUR);
    stage.server.put(PATH, Served::json(file(at, 0..ALL - LARGE)));
    let before = sets(&stage).await;
    let report = stage.fetch().await;
    assert_eq!((&report["status"], &report["counts"]["deleted"]), (&json!("applied"), &json!(LARGE)));
    more_sets(&stage, before + PARTS, "a set for each part, and one for the records").await;
    assert_eq!(inactive(&stage).await, LARGE);
    stage.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_an_approved_plan_is_applied_in_parts_that_are_bounded_by_the_bytes_they_read() {
    let first = file(START, 0..ALL);
    let mut stage = Stage::open(first, |partner| partner.policy.absent = Absent::Inactive).await;
    let at = stage.now().plus(Micros::HOUR);
    stage.server.put(PATH, Served::json(file(at, 0..ALL - 2 * LARGE)));
    let report = stage.fetch().await;
    assert_eq!((&report["status"], &report["counts"]["held"]), (&json!("applied"), &json!(2 * LARGE)));
    let before = sets(&stage).await;
    let (status, end) = stage.decide(1, "approve").await;
    assert_eq!((status, &end["deleted"]), (StatusCode::OK, &json!(2 * LARGE)), "{end}");
    more_sets(&stage, before + PARTS - 1, "a set for each part").await;
    assert_eq!((inactive(&stage).await, stage.states().await), (2 * LARGE, vec!["approved".to_owned()]));
    stage.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_a_large_record_of_the_log_is_known_to_who_is_about_to_read_a_little_of_it() {
    let house = House::with(&["acme"], Clock::system()).await;
    let large: Vec<Value> =
        (0..20).map(|n| json!({"id": format!("a{n}"), "parts": vec!["x".repeat(20_000); 5]})).collect();
    let reader = house.daemon().reader().clone();
    let before = reader.durable();
    house.post("acme", "/api/assets", &json!({"id": "small"})).await;
    assert!(!reader.has_large_after(before));
    let small = reader.durable();
    house.post("acme", "/api/assets", &large.into()).await;
    assert!(reader.has_large_after(small) && reader.has_large_after(before));
    let after = reader.durable();
    house.post("acme", "/api/assets", &json!({"id": "small", "n": 1})).await;
    assert!(!reader.has_large_after(after), "what follows it is read on the spot again");
    drop(reader); // it holds the file
    house.stop().await;
}

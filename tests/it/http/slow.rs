//! A client of the change stream that takes less than there is: what it is told, and how it goes on.

use crate::support::house::{House, NEW_YEAR, PATIENCE, key};
use serde_json::{Value, json};
use tidegate::clock::Clock;
use tidegate::domain::Micros;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

const ROUNDS: usize = 7;
const DOCUMENTS: usize = 100;
const PRICES: usize = 20;

/// Follows the stream by hand: it takes nothing but when it is asked to.
struct Slow {
    socket: TcpStream,
    text: String,
}

impl Slow {
    async fn open(house: &House, query: &str) -> Slow {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let mut socket = socket.connect(house.daemon().address()).await.unwrap();
        let request = format!(
            "GET /api/changes{query} HTTP/1.0\r\nhost: tidegate\r\naccept: text/event-stream\r\n\
             authorization: Bearer {}\r\n\r\n",
            key("acme")
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut slow = Slow { socket, text: String::new() };
        while !slow.text.contains("\r\n\r\n") {
            slow.take().await;
        }
        slow.text = slow.text.split_once("\r\n\r\n").unwrap().1.to_owned();
        slow
    }

    async fn take(&mut self) -> usize {
        let mut bytes = vec![0; 64 << 10];
        let taken = tokio::time::timeout(PATIENCE, self.socket.read(&mut bytes)).await;
        let taken = taken.expect("the stream speaks").unwrap();
        self.text.push_str(std::str::from_utf8(&bytes[..taken]).expect("the test pushes ASCII"));
        taken
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let line = block.lines().find_map(|line| line.strip_prefix("data: "));
                let event = serde_json::from_str(line.expect("each block has data")).unwrap();
                self.text = rest.to_owned();
                return Some(event);
            }
            if self.take().await == 0 {
                return None;
            }
        }
    }

    /// All events until one is the last that is waited for.
    async fn until(&mut self, is_last: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            events.push(self.next().await.expect("the stream goes on"));
            if is_last(events.last().expect("one has just come")) {
                return events;
            }
        }
    }
}

/// More than is kept of the newest changes, and than the kernel takes: documents, and prices of one asset.
async fn push_much(house: &House) {
    for round in 0..ROUNDS {
        let document = |n| json!({"id": format!("d{round}-{n}"), "text": "x".repeat(20_000)});
        let documents: Vec<Value> = (0..DOCUMENTS).map(document).collect();
        assert!(house.post("acme", "/api/assets", &json!(documents)).await.0.is_success());
        for n in 0..PRICES {
            let amount = (round * PRICES + n + 1).to_string();
            let price =
                json!({"id": "a", "amount": amount, "as_of": format!("2025-12-31T23:0{round}:{n:02}Z")});
            let (status, answer) = house.post("acme", "/api/prices", &price).await;
            assert_eq!((status.as_u16(), &answer["outcome"]), (200, &json!("updated")), "{answer}");
        }
    }
}

/// A stream that has come to the end of the log, whose client then takes nothing while much is pushed, and
/// looks again when so many seconds have passed.
async fn behind_by(seconds: i64, query: &str) -> (House, Slow) {
    let house = House::with(&["acme"], Clock::manual(NEW_YEAR)).await;
    house.put("acme", "/api/assets/a", &json!({"n": 0})).await;
    let mut slow = Slow::open(&house, query).await;
    assert_eq!(slow.next().await.unwrap()["type"], "asset.created");
    house
        .put("acme", "/api/assets/a/price", &json!({"amount": "0.5", "as_of": "2025-12-31T22:00:00Z"}))
        .await;
    assert_eq!(slow.next().await.unwrap()["type"], "price.updated");
    push_much(&house).await;
    house.clock.set(Micros(NEW_YEAR.0 + seconds * Micros::SECOND));
    house.put("acme", "/api/assets/last", &json!({"n": 1})).await;
    (house, slow)
}

fn is_last(event: &Value) -> bool {
    event["type"] == "asset.created" && event["id"] == "last"
}

fn amounts(events: &[Value]) -> Vec<u64> {
    let prices = events.iter().filter(|event| event["type"] == "price.updated");
    prices.map(|price| price["price"]["amount"].as_str().unwrap().parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn d1_a_slow_reader_is_told_that_its_prices_are_conflated_and_of_each_change_of_a_document() {
    let (house, mut slow) = behind_by(20, "").await;
    let events = slow.until(is_last).await;
    let mark = |value: bool| events.iter().position(|event| event["conflated"] == value).expect("it is told");
    let (begins, ends) = (mark(true), mark(false));
    let (before, conflated, after) =
        (amounts(&events[..begins]), amounts(&events[begins..ends]), amounts(&events[ends..]));
    assert!(before.iter().copied().eq(1..=before.len() as u64), "each up to there: {before:?}");
    let (first, last) = (before.len() as u64 + 1, *conflated.last().expect("the last of them stands"));
    assert!(conflated.is_sorted() && conflated.len() < (first..=last).count(), "fewer: {conflated:?}");
    assert!(after.iter().copied().eq(last + 1..=(ROUNDS * PRICES) as u64), "and each again: {after:?}");
    let documents = events.iter().filter(|event| event["type"] == "asset.created");
    assert_eq!(documents.count(), ROUNDS * DOCUMENTS + 1, "no document is left out");
    house.put("acme", "/api/assets/a/price", &json!({"amount": "7", "as_of": "2026-01-01T00:00:01Z"})).await;
    assert_eq!(slow.next().await.unwrap()["price"]["amount"], "7", "and it follows again");
    drop(slow);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d1_a_slow_reader_that_wants_all_gets_all() {
    let (house, mut slow) = behind_by(20, "?mode=all").await;
    let events = slow.until(is_last).await;
    assert_eq!(amounts(&events), (1..=(ROUNDS * PRICES) as u64).collect::<Vec<_>>());
    assert!(events.iter().all(|event| event.get("conflated").is_none()));
    drop(slow);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d1_a_reader_that_falls_too_far_behind_is_let_go_with_the_cursor_to_come_back_by() {
    let (house, mut slow) = behind_by(300, "").await;
    let mut events = slow.until(|event| event["type"] == "end").await;
    let end = events.pop().unwrap();
    assert_eq!(end["reason"], "slow_consumer");
    assert!(slow.next().await.is_none(), "that was its last word");
    let since = end["cursor"].as_str().unwrap();
    assert_eq!(end["cursor"], events.last().unwrap()["cursor"], "of the last change that it was told");
    // who comes back was away, and is told all of it
    let mut again = Slow::open(&house, &format!("?since={since}")).await;
    events.extend(again.until(is_last).await);
    assert_eq!(amounts(&events), (1..=(ROUNDS * PRICES) as u64).collect::<Vec<_>>());
    drop((slow, again));
    house.stop().await;
}

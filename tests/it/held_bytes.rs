//! Bytes that stay held beyond a push: replies that their client does not take, and records of the
//! log that are read whole.

use crate::daemon::{House, answer, key, partner, wait_for};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tidegate::clock::Clock;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

const MIB: usize = 1 << 20;
/// More than a socket on loopback takes in of their reply, and more than half of what may be held.
const ITEMS: usize = 40_000;

/// Prices of one asset: little for each in the request, more in the reply.
fn prices() -> String {
    vec![r#"{"id":"a","amount":"1"}"#; ITEMS].join("\n")
}

/// A client that sends a batch and never reads.
async fn deaf(house: &House, body: &str) -> TcpStream {
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

#[tokio::test(flavor = "multi_thread")]
async fn a1_a_large_record_of_the_log_is_known_to_who_is_about_to_read_a_little_of_it() {
    let house = House::start(vec![partner("acme")], Clock::system()).await;
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

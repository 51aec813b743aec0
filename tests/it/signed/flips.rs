//! One bit changed on the wire.

use super::{SECRET, house, public, seconds, signature, signer};
use crate::support::house::{House, NEW_YEAR};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::net::SocketAddr;
use tidegate::clock::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const BODY: &str = r#"{"id": "ü-1", "name": "Gründerzeithaus 😀", "updated_at": "2025-12-01T00:00:00Z"}"#;

/// The values of the three headers, and the body: bytes, because a flipped bit may make no text.
type Parts = [Vec<u8>; 4];

async fn status(address: SocketAddr, [id, at, list, body]: &Parts) -> u16 {
    let mut request = b"POST /api/partners/acme/assets HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
        content-type: application/json\r\n"
        .to_vec();
    for (name, value) in [("webhook-id", id), ("webhook-timestamp", at), ("webhook-signature", list)] {
        request.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    request.extend(format!("content-length: {}\r\n\r\n", body.len()).into_bytes());
    request.extend_from_slice(body);
    let mut socket = TcpStream::connect(address).await.unwrap();
    // one that is refused by its head may be closed before all of it is sent
    let _ = socket.write_all(&request).await;
    let mut answer = Vec::new();
    while let Ok(1..) = socket.read_buf(&mut answer).await {}
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
}

async fn each_bit_counts(house: &House, parts: Parts) -> usize {
    let address = house.daemon().address();
    let mut flipped = 0;
    for part in 0..parts.len() {
        for bit in 0..parts[part].len() * 8 {
            let mut sent = parts.clone();
            sent[part][bit / 8] ^= 1 << (bit % 8);
            let status = status(address, &sent).await;
            // 400: an id with a dot in it, or bytes that no header may hold
            let refused = status == 401 || (part < 3 && status == 400);
            assert!(refused, "part {part}, bit {bit}: {status}");
            flipped += 1;
        }
    }
    assert_eq!(status(address, &parts).await, 201, "as it was signed");
    flipped
}

#[tokio::test]
async fn b9_each_bit_of_a_call_counts_on_the_wire() {
    let house = house(Clock::manual(NEW_YEAR)).await;
    let at = seconds(&house.clock).to_string();
    let list = signature(SECRET, "msg_1a", &at, BODY.as_bytes());
    let flipped = each_bit_counts(&house, ["msg_1a".into(), at.into(), list.into_bytes(), BODY.into()]).await;
    assert!(flipped > 1_000, "{flipped}");
    assert_eq!(house.get("acme", "/api/quarantine").await.1["items"].as_array().map(Vec::len), Some(0));
    house.stop().await;
}

#[tokio::test]
async fn b9_each_bit_of_a_call_with_ed25519_counts_on_the_wire() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
    let key = public(&format!("whpk_{}", STANDARD.encode(pair.public_key())));
    let house = House::start(vec![signer("acme", vec![key])], Clock::manual(NEW_YEAR)).await;
    let at = seconds(&house.clock).to_string();
    let signature = pair.sign(format!("msg_1a.{at}.{BODY}").as_bytes());
    let list = format!("v1a,{}", STANDARD.encode(signature));
    let flipped = each_bit_counts(&house, ["msg_1a".into(), at.into(), list.into_bytes(), BODY.into()]).await;
    assert!(flipped > 1_500, "{flipped}");
    house.stop().await;
}

//! A thousand clients that open the change stream and take nothing of it: what they cost, and how they end.

use crate::support::house::{PATIENCE, key, wait_for};
use crate::support::program::{Program, configure};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

const STUCK: usize = 1_000;
/// FAULTS D1.
const BYTES_EACH_MAX: u64 = 256 << 10;
const PRICES: usize = 4_000;
const BATCH: usize = 500;
const PATH: &str = "/api/changes?limit=1000&type=price.updated";

/// A client whose kernel takes as little as one can.
async fn open(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(2_048).unwrap();
    let mut socket = socket.connect(address).await.unwrap();
    let request = format!(
        "GET /api/changes?since=now HTTP/1.1\r\nhost: tidegate\r\naccept: text/event-stream\r\n\
         authorization: Bearer {}\r\n\r\n",
        key("acme")
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    socket
}

/// The ids of the events that have come whole.
fn ids(text: &str) -> Vec<String> {
    let whole = text.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
    let ids = whole.split("\n\n").filter(|block| block.contains("event: price.updated"));
    ids.filter_map(|block| block.lines().find_map(|line| line.strip_prefix("id: ")))
        .map(str::to_owned)
        .collect()
}

async fn metric(program: &Program, client: &Client, name: &str) -> f64 {
    let text = client.get(program.admin_url("/metrics")).send().await.unwrap().text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0.0, |value| value.trim().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d1_a_thousand_stuck_streams_cost_little_each_and_are_cut_off_without_losing_their_place() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), "acme");
    let file = directory.path().join("tidegate.toml");
    let places = format!(
        "[server]\nstreams_max = {}\nconnections_max = 2000\nsend_buffer_bytes = '64KiB'\n",
        4 * STUCK
    );
    let text = std::fs::read_to_string(&file).unwrap().replace("[server]\n", &places);
    std::fs::write(&file, text).unwrap();
    let program = Program::start(directory.path()).await;
    let client = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    let push = async |from: usize| {
        let price =
            |n: usize| json!({"id": format!("a{}", n % 50), "amount": n.to_string(), "currency": "EUR"});
        let prices: Vec<Value> = (from..from + BATCH).map(price).collect();
        let request = client.request(Method::POST, program.url("/api/prices")).bearer_auth(key("acme"));
        let request = request.header("content-type", "application/json").body(json!(prices).to_string());
        assert!(request.send().await.unwrap().status().is_success());
    };
    let assets: Vec<Value> = (0..50).map(|n| json!({"id": format!("a{n}")})).collect();
    let request = client.request(Method::POST, program.url("/api/assets")).bearer_auth(key("acme"));
    let request = request.header("content-type", "application/json").body(json!(assets).to_string());
    assert!(request.send().await.unwrap().status().is_success());
    push(1).await;
    let rest = program.memory().now;
    let mut stuck = Vec::new();
    for _ in 0..STUCK {
        stuck.push(open(program.address).await);
    }
    wait_for("all streams to be open", async || {
        (metric(&program, &client, "tidegate_sse_streams ").await >= STUCK as f64).then_some(())
    })
    .await;
    for batch in 1..PRICES / BATCH {
        push(batch * BATCH).await;
    }
    for socket in &stuck {
        let mut head = [0; 2_000];
        wait_for("events for each", async || (socket.peek(&mut head).await.unwrap() > 1_000).then_some(()))
            .await;
    }
    wait_for("all to be cut off", async || {
        let cut =
            metric(&program, &client, "tidegate_sse_disconnects_total{reason=\"slow_consumer\"} ").await;
        (cut >= STUCK as f64).then_some(())
    })
    .await;
    let each = program.memory().peak.saturating_sub(rest) / STUCK as u64;
    assert!(each <= BYTES_EACH_MAX, "{each} bytes for each stream");
    eprintln!("{each} bytes for each of {STUCK} stuck streams");

    let all = all_prices(&program, &client).await;
    for socket in stuck.iter_mut().take(3) {
        let mut bytes = Vec::new();
        // cut off: the end, or a reset
        let _ = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut bytes)).await.expect("it is cut off");
        // the last event may be a half one: by the last whole one the client goes on
        let last = ids(&String::from_utf8_lossy(&bytes)).pop().expect("some had come");
        let page = program.read(&client, "acme", &format!("{PATH}&since={last}")).await;
        let place = all.iter().position(|id| *id == last).expect("it is one of them");
        assert_eq!(page["items"][0]["cursor"], json!(all[place + 1]), "nothing between them");
    }
    program.kill();
}

/// The cursors of all changes of prices, in order.
async fn all_prices(program: &Program, client: &Client) -> Vec<String> {
    let (mut all, mut since) = (Vec::new(), String::new());
    loop {
        let page = program.read(client, "acme", &format!("{PATH}{since}")).await;
        let items = page["items"].as_array().unwrap();
        all.extend(items.iter().map(|item| item["cursor"].as_str().unwrap().to_owned()));
        since = format!("&since={}", page["next_cursor"].as_str().unwrap());
        if page["more"] == json!(false) {
            return all;
        }
    }
}

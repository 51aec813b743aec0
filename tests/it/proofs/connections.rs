//! The program against clients that are slow, greedy, broken or many: each gets its answer or its end, others are
//! served meanwhile, and memory and open files stay within their bounds.

use crate::support::house::{PATIENCE, key, wait_for};
use crate::support::program::{Program, configure};
use reqwest::{Client, StatusCode};
use serde_json::json;
use std::fmt::Write as _;
use std::io::BufRead;
use tempfile::TempDir;
use tidegate::clock::{self, Mark};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const PARTNER: &str = "acme";
/// Beyond what the daemon takes at rest: 1,000 connections at 32 KiB each, and the pushes beside them.
const ABOVE_REST_MAX: u64 = 64 << 20;

struct Target {
    program: Program,
    client: Client,
    rest: u64,
    directory: TempDir,
}

/// A configuration with more keys in its `[server]`.
fn configured(server: &str) -> TempDir {
    let directory = TempDir::new().unwrap();
    configure(directory.path(), PARTNER);
    let file = directory.path().join("tidegate.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, text.replacen("[server]\n", &format!("[server]\n{server}"), 1)).unwrap();
    directory
}

impl Target {
    async fn with(server: &str) -> Target {
        let directory = configured(server);
        let program = Program::start(directory.path()).await;
        Target::around(program, directory).await
    }

    async fn around(program: Program, directory: TempDir) -> Target {
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let mut target = Target { program, client, rest: 0, directory };
        target.push(0).await;
        target.rest = target.program.memory().now;
        target.program.forget_peak();
        target
    }

    /// A price, which must be taken.
    async fn push(&self, n: usize) {
        let body = json!({"id": "healthy", "amount": (n + 1).to_string(), "currency": "EUR"}).to_string();
        let request = self.client.post(self.program.url("/api/prices")).bearer_auth(key(PARTNER));
        let request = request.header("content-type", "application/json").body(body);
        let response = request.send().await.expect("an answer");
        let status = response.status();
        assert!(
            status.is_success() || status == StatusCode::ACCEPTED,
            "{status} {:?}",
            response.text().await
        );
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.program.address).await.expect("a connection")
    }

    fn is_flat(&self, what: &str) {
        let memory = self.program.memory();
        println!("{what}: rest {} KiB, peak {} KiB", self.rest >> 10, memory.peak >> 10);
        assert!(memory.peak <= self.rest + ABOVE_REST_MAX, "{what}: {memory:?}, {} at rest", self.rest);
    }
}

fn head(method: &str, path: &str, more: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n{more}",
        key(PARTNER)
    )
}

/// All that comes until the server closes, or cuts the connection off.
async fn until_closed(socket: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = async { while matches!(socket.read_buf(&mut bytes).await, Ok(1..)) {} };
    tokio::time::timeout(PATIENCE, read).await.expect("the server closes the connection");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Sends a byte again and again until the server has had enough; gives its answer.
async fn drip(mut socket: TcpStream, begin: String, byte: &'static [u8]) -> String {
    socket.write_all(begin.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = socket.split();
    let mut answer = Vec::new();
    let read = async { while matches!(reader.read_buf(&mut answer).await, Ok(1..)) {} };
    let write = async {
        while writer.write_all(byte).await.is_ok() {
            clock::sleep(std::time::Duration::from_millis(100)).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! { () = read => {}, () = write => {} }
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn b16_a_thousand_slow_connections_stop_no_healthy_push_and_take_little_memory() {
    let target = Target::with("header_timeout = '2s'\nbody_idle_timeout = '2s'\nbody_timeout = '3s'\n").await;
    let mut heads = JoinSet::new();
    let mut bodies = JoinSet::new();
    for _ in 0..400 {
        heads.spawn(drip(target.connect().await, head("POST", "/api/prices", "x-slow: "), b"a"));
        let begin = head("POST", "/api/prices", "content-length: 10000\r\n\r\n[");
        bodies.spawn(drip(target.connect().await, begin, b" "));
    }
    let mut deaf = Vec::new();
    for _ in 0..200 {
        let mut socket = target.connect().await;
        // answered again and again, and never read
        let asks = head("GET", "/docs/api", "\r\n").repeat(20);
        socket.write_all(asks.as_bytes()).await.unwrap();
        deaf.push(socket);
    }
    for n in 0..100 {
        target.push(n).await;
    }
    let (heads, bodies) = (heads.join_all().await, bodies.join_all().await);
    let is = |replies: &[String], code: &str| {
        let wanted = |reply: &&String| reply.starts_with("HTTP/1.1 408 ") && reply.contains(code);
        let other = replies.iter().find(|reply| !wanted(reply));
        assert!(other.is_none(), "{code}: {other:?}");
    };
    is(&heads, "\"code\":\"head_too_slow\"");
    is(&bodies, "\"code\":\"body_too_slow\"");
    target.push(101).await;
    target.is_flat("1,000 slow connections");
    drop(deaf);
}

#[tokio::test(flavor = "multi_thread")]
async fn b14_bodies_beyond_the_limit_are_refused_and_kept_nowhere() {
    let target = Target::with("body_bytes_max = '1MiB'\n").await;
    let mut sent = JoinSet::new();
    for n in 0..20 {
        let mut socket = target.connect().await;
        sent.spawn(async move {
            // announced, and not
            let length = ["content-length: 99999999999\r\n\r\n", "transfer-encoding: chunked\r\n\r\n"][n % 2];
            socket.write_all(head("POST", "/api/assets", length).as_bytes()).await.unwrap();
            let chunk = format!("10000\r\n{}\r\n", " ".repeat(1 << 16));
            for _ in 0..64 {
                if socket.write_all(chunk.as_bytes()).await.is_err() {
                    break;
                }
            }
            until_closed(&mut socket).await
        });
    }
    for reply in sent.join_all().await {
        assert!(reply.starts_with("HTTP/1.1 413 ") && reply.contains("\"bytes_max\":1048576"), "{reply}");
    }
    target.push(1).await;
    target.is_flat("20 bodies of 4 MiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn b26_a_push_that_is_cut_off_changes_nothing_and_one_that_came_whole_is_applied() {
    let target = Target::with("").await;
    let body = |id: &str| format!(r#"{{"id":"{id}","name":"cut"}}"#);
    let post = |length: usize| head("POST", "/api/assets", &format!("content-length: {length}\r\n\r\n"));
    let whole = body("whole");
    for cut in 0..whole.len() {
        let mut socket = target.connect().await;
        let part = format!("{}{}", post(whole.len()), &body("parts")[..cut]);
        socket.write_all(part.as_bytes()).await.unwrap();
    }
    // the sender leaves before its answer
    let mut socket = target.connect().await;
    socket.write_all(format!("{}{whole}", post(whole.len())).as_bytes()).await.unwrap();
    let mut first = [0; 12];
    socket.read_exact(&mut first).await.unwrap();
    drop(socket);
    let found = async |id: &str| {
        let request = target.client.get(target.program.url(&format!("/api/assets/{id}")));
        request.bearer_auth(key(PARTNER)).send().await.unwrap().status()
    };
    assert_eq!(found("whole").await, StatusCode::OK);
    assert_eq!(found("parts").await, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn b29_a_hundred_thousand_requests_on_one_connection_are_answered_each() {
    const BATCH: usize = 200;
    let target = Target::with("").await;
    let mut socket = target.connect().await;
    let asks = "GET /docs/nothing HTTP/1.1\r\nhost: a\r\n\r\n".repeat(BATCH);
    let (mut answers, mut rest) = (0, Vec::new());
    for _ in 0..100_000 / BATCH {
        socket.write_all(asks.as_bytes()).await.unwrap();
        let wanted = answers + BATCH;
        while answers < wanted {
            rest.clear();
            assert_ne!(socket.read_buf(&mut rest).await.unwrap(), 0, "closed after {answers}");
            // the last bytes of each answer's body, which no piece cuts twice
            answers += rest.iter().filter(|byte| **byte == b'}').count();
        }
        assert_eq!(answers, wanted);
    }
    target.push(1).await;
    target.is_flat("100,000 requests on a connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn b29_a_flood_of_connections_is_turned_away_and_leaves_files_for_the_store() {
    let directory = configured("");
    let program = Program::start_with_files_open_up_to(directory.path(), 400).await;
    let target = Target::around(program, directory).await;
    let mut before = target.connect().await;
    let (mut taken, mut told) = (Vec::new(), 0);
    for _ in 0..1_000 {
        let mut socket = target.connect().await;
        let ask = head("GET", "/docs/nothing", "\r\n");
        // one that is closed already takes nothing, or says so when it is read
        let _ = socket.write_all(ask.as_bytes()).await;
        let mut begin = [0; 12];
        if socket.read_exact(&mut begin).await.is_ok() && &begin == b"HTTP/1.1 503" {
            told += 1;
        } else {
            taken.push(socket);
        }
    }
    assert!(told > 500, "{told} were told that they are too many, {} were taken", taken.len());
    // the store needs files too: it commits and checkpoints, over the connection that was there before
    for n in 0..200 {
        let body = format!(r#"{{"id":"a{n}","name":"{}"}}"#, "x".repeat(10_000));
        let head = head("POST", "/api/assets", &format!("content-length: {}\r\n\r\n", body.len()));
        before.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let mut reply = Vec::new();
        while !reply.ends_with(b"}") {
            assert_ne!(before.read_buf(&mut reply).await.unwrap(), 0, "closed");
        }
        assert!(reply.starts_with(b"HTTP/1.1 201 "), "{}", String::from_utf8_lossy(&reply));
    }
    drop(taken);
    wait_for("a place for another", async || {
        let mut socket = target.connect().await;
        socket.write_all(head("GET", "/docs/nothing", "connection: close\r\n\r\n").as_bytes()).await.ok()?;
        until_closed(&mut socket).await.starts_with("HTTP/1.1 404").then_some(())
    })
    .await;
    target.is_flat("a flood of 1,000 connections");
    drop(target.directory);
}

#[tokio::test(flavor = "multi_thread")]
async fn b30_without_files_to_open_it_waits_and_takes_connections_again_when_there_are() {
    let directory = configured("");
    let (program, mut log) = Program::start_with_an_unread_log(directory.path()).await;
    let target = Target::around(program, directory).await;
    // none but those that are open
    target.program.let_open(1);
    // the system completes it; nobody can take it
    let mut waiting = target.connect().await;
    waiting.write_all(head("GET", "/docs/nothing", "connection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut line = String::new();
    let mut complaints = 0;
    while complaints < 3 {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "the program has ended");
        complaints += usize::from(line.contains("cannot accept connections"));
        // a connection that is there is served all the while
        target.push(complaints).await;
    }
    target.program.let_open(1_000);
    let reply = until_closed(&mut waiting).await;
    assert!(reply.starts_with("HTTP/1.1 404 "), "{reply}");
    target.push(9).await;
    let mut rest = String::new();
    target.program.kill();
    while log.read_line(&mut rest).unwrap() > 0 {}
    // it doubles its wait from 10 ms to a second: a loop that spins says it thousands of times
    let complaints = complaints + rest.matches("cannot accept connections").count();
    assert!(complaints < 50, "{complaints} attempts");
}

#[tokio::test(flavor = "multi_thread")]
async fn b27_what_is_smuggled_is_never_answered_and_the_next_client_is() {
    let target = Target::with("").await;
    let smuggled = head("DELETE", "/api/assets/healthy", "content-length: 0\r\n\r\n");
    let mut cases: Vec<String> = Vec::new();
    for lengths in [
        "content-length: 4\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 4",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "transfer-encoding: identity, chunked",
        "transfer-encoding : chunked",
        "transfer-encoding:\u{b}chunked",
        "transfer-encoding: chunked\r\n\tx",
        "content-length: 0\r\ncontent-length: 4",
        "content-length: 0, 4",
        "content-length: 0\n",
        "x: a\ncontent-length: 999",
    ] {
        let mut case = head("POST", "/api/prices", "");
        write!(case, "{lengths}\r\n\r\n0\r\n\r\n{smuggled}").unwrap();
        cases.push(case);
    }
    for case in cases {
        let mut socket = target.connect().await;
        socket.write_all(case.as_bytes()).await.unwrap();
        let replies = until_closed(&mut socket).await;
        assert_eq!(replies.matches("HTTP/1.1 ").count(), 1, "{case:?}: {replies}");
        assert!(replies.starts_with("HTTP/1.1 400 "), "{case:?}: {replies}");
        target.push(1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b26_clients_that_leave_at_once_leave_nothing_behind() {
    let target = Target::with("").await;
    let began = Mark::now();
    for n in 0..2_000_usize {
        let mut socket = target.connect().await;
        let part = &head("POST", "/api/prices", "content-length: 9\r\n\r\n[")[..(n % 60)];
        socket.write_all(part.as_bytes()).await.unwrap();
    }
    wait_for("their connections to be closed", async || {
        assert!(began.elapsed() < PATIENCE);
        (target.program.open_files() < 100).then_some(())
    })
    .await;
    target.push(1).await;
    target.is_flat("2,000 clients that leave");
}

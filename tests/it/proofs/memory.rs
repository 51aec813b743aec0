//! What one key can do to the memory of the daemon as it is run: lists, batches, feeds, streams and
//! pages over large documents. Another partner pushes meanwhile, and is served.

use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{PATIENCE, key, wait_for};
use crate::support::program::{Program, configure};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tidegate::clock::{Clock, Mark};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Beyond what the daemon takes at rest.
const ABOVE_REST_MAX: u64 = 64 << 20;
const ASSETS: usize = 80;
/// As many of them as one push may be about.
const BATCH: usize = 60;
/// As many as one key may have open, and fewer than one address may.
const STREAMS: usize = 190;

/// A daemon under attack, in a process of its own.
struct Victim {
    program: Program,
    client: Client,
    /// Bytes of memory that it takes at rest.
    rest: u64,
    _directory: TempDir,
}

/// A document of some 240 KB: near the bound that an asset has unless configured otherwise.
fn large() -> Value {
    json!({"name": "large", "class": "nav", "parts": vec!["x".repeat(8_000); 30]})
}

impl Victim {
    /// A daemon with limits that no attack meets, and the large assets of `acme`.
    async fn with(feed: Option<&str>) -> Victim {
        let directory = TempDir::new().unwrap();
        configure(directory.path(), "acme");
        configure(directory.path(), "bolt");
        if let Some(url) = feed {
            let file = directory.path().join("partners/acme.toml");
            let text = std::fs::read_to_string(&file).unwrap();
            let feed = format!("{text}[feed]\nurl = '{url}'\nallow_private = true\n");
            std::fs::write(file, feed).unwrap();
        }
        let program = Program::start(directory.path()).await;
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let mut victim = Victim { program, client, rest: 0, _directory: directory };
        for n in 0..ASSETS {
            let status = victim.send("acme", Method::PUT, &format!("/api/assets/a{n:03}"), &large()).await.0;
            assert_eq!(status, StatusCode::CREATED);
        }
        victim.rest = victim.program.memory().now;
        victim
    }

    async fn send(&self, partner: &str, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = self.client.request(method, self.program.url(path)).bearer_auth(key(partner));
        let request = request.header("content-type", "application/json").body(body.to_string());
        let response = request.send().await.unwrap();
        let status = response.status();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
    }

    /// Runs an attack while `bolt` pushes; the memory that was taken at most stays within its bound,
    /// and each of the pushes is applied.
    async fn attacked<T>(&self, name: &str, attack: impl Future<Output = T>) -> T {
        self.program.forget_peak();
        let over = AtomicBool::new(false);
        let attack = async {
            let done = attack.await;
            over.store(true, Ordering::Relaxed);
            done
        };
        let (done, mut took) = tokio::join!(attack, self.push_until(&over));
        let memory = self.program.memory();
        took.sort();
        let p99 = took[(took.len() - 1) * 99 / 100];
        println!(
            "{name}: rest {} KiB, peak {} KiB, after it {} KiB, {} pushes of another, p99 {p99:?}",
            self.rest >> 10,
            memory.peak >> 10,
            memory.now >> 10,
            took.len()
        );
        assert!(memory.peak <= self.rest + ABOVE_REST_MAX, "{name}: {memory:?}, {} at rest", self.rest);
        done
    }

    /// The other partner's pushes, one after the other: each is applied. How long each took.
    async fn push_until(&self, over: &AtomicBool) -> Vec<Duration> {
        let mut took = Vec::new();
        while took.len() < 10 || !over.load(Ordering::Relaxed) {
            let began = Mark::now();
            let asset = json!({"id": format!("b{}", took.len() % 100), "n": took.len()});
            let (status, reply) = self.send("bolt", Method::POST, "/api/assets", &asset).await;
            assert!(status.is_success(), "{reply}");
            took.push(began.elapsed());
        }
        took
    }

    /// So many requests at once; how often each status was answered.
    async fn at_once(
        &self,
        count: usize,
        method: Method,
        path: &str,
        body: Value,
    ) -> Vec<(StatusCode, Value)> {
        let mut asked = JoinSet::new();
        for _ in 0..count {
            let request =
                self.client.request(method.clone(), self.program.url(path)).bearer_auth(key("acme"));
            let request = request.header("content-type", "application/json").body(body.to_string());
            asked.spawn(async move {
                let response = request.send().await.unwrap();
                let status = response.status();
                (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
            });
        }
        asked.join_all().await
    }

    /// Opens a change stream from the first change.
    async fn stream(&self) -> TcpStream {
        let mut socket = TcpStream::connect(self.program.address).await.unwrap();
        let head = format!(
            "GET /api/changes HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\naccept: text/event-stream\r\n\r\n",
            key("acme")
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        socket
    }
}

async fn read(socket: &mut TcpStream, bytes: usize) {
    let mut read = 0;
    let mut buffer = vec![0; 32 << 10];
    while read < bytes {
        let more = tokio::time::timeout(PATIENCE, socket.read(&mut buffer)).await;
        let more = more.expect("the stream goes on").unwrap();
        assert_ne!(more, 0, "the stream has ended");
        read += more;
    }
}

fn all_are(status: StatusCode, answers: &[(StatusCode, Value)]) {
    let other = answers.iter().find(|answer| answer.0 != status);
    assert!(other.is_none(), "{other:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_lists_and_pages_of_large_assets_by_one_key_leave_memory_and_others_alone() {
    let victim = Victim::with(None).await;
    let lists = victim.at_once(40, Method::GET, "/api/assets?limit=1&fields=id", Value::Null);
    let lists = victim.attacked("40 lists of one row", lists).await;
    all_are(StatusCode::OK, &lists);
    assert!(lists.iter().all(|(_, page)| page["items"].as_array().unwrap().len() == 1));
    let pages = victim.at_once(100, Method::GET, "/api/assets?limit=1000", Value::Null);
    let pages = victim.attacked("100 pages of 1000 assets", pages).await;
    all_are(StatusCode::OK, &pages);
    assert!(pages.iter().all(|(_, page)| !page["next_cursor"].is_null()));
    let single = victim.at_once(200, Method::GET, "/api/assets/a007", Value::Null);
    let single = victim.attacked("200 reads of one asset", single).await;
    assert!(single.iter().any(|answer| answer.0 == StatusCode::OK));
    let refused = single.iter().filter(|answer| answer.0 != StatusCode::OK);
    refused.for_each(|(_, body)| assert_eq!(body["code"], "reads_busy"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_batches_of_small_upserts_over_large_assets_leave_memory_and_others_alone() {
    let victim = Victim::with(None).await;
    let batch = |round: usize| -> Value {
        (0..BATCH).map(|n| json!({"id": format!("a{n:03}"), "t": round})).collect()
    };
    let attack = async {
        let mut applied = 0;
        for round in 0..6 {
            for (status, reply) in victim.at_once(4, Method::POST, "/api/assets", batch(round)).await {
                match status {
                    StatusCode::OK => applied += 1,
                    _ => assert_eq!(reply["code"], "partner_bytes", "{reply}"),
                }
            }
        }
        applied
    };
    assert!(victim.attacked("24 batches of 60 upserts", attack).await > 0);
    let taken = wait_for("a batch to be taken afterwards", async || {
        let (status, reply) = victim.send("acme", Method::POST, "/api/assets", &batch(7)).await;
        (status == StatusCode::OK).then_some(reply)
    });
    let taken = taken.await;
    assert!(taken["items"].as_array().unwrap().iter().all(|item| item["outcome"] == "updated"), "{taken}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_a_feed_of_small_records_over_large_assets_leaves_memory_and_others_alone() {
    let server = FeedServer::start().await;
    server.put("/f", Served::json(json!({"complete": false, "assets": []}).to_string()));
    let victim = Victim::with(Some(&server.url("/f"))).await;
    let attack = async {
        for round in 0..2 {
            let records: Vec<Value> =
                (0..ASSETS).map(|n| json!({"id": format!("a{n:03}"), "round": round})).collect();
            // dated, so that it is newer than what has been pushed
            let now = jiff::Timestamp::from_microsecond(Clock::system().now().0).unwrap().to_string();
            let document = json!({"generated_at": now, "complete": false, "assets": records});
            server.put("/f", Served::json(document.to_string()));
            // an operator's calls: a partner has one run a minute, and this is asked for until one does it
            let run = victim.program.admin_url("/admin/partners/acme/feed/run");
            wait_for("a run to apply the document", async || {
                let asked = victim.client.post(&run).send().await.unwrap().status();
                assert_eq!(asked, StatusCode::ACCEPTED);
                let (_, asset) =
                    victim.send("acme", Method::GET, "/api/assets/a079?fields=round", &Value::Null).await;
                (asset["round"] == round).then_some(())
            })
            .await;
        }
    };
    victim.attacked("2 runs of a feed", attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_190_streams_that_replay_from_the_beginning_leaves_memory_and_others_alone() {
    let victim = Victim::with(None).await;
    let prices: Vec<Value> =
        (0..5_000).map(|n| json!({"id": "a000", "amount": format!("1.{n}"), "as_of": as_of(n)})).collect();
    assert_eq!(victim.send("acme", Method::POST, "/api/prices", &prices.into()).await.0, StatusCode::OK);
    let storm = async {
        let mut streams = JoinSet::new();
        for _ in 0..STREAMS {
            let mut stream = victim.stream().await;
            streams.spawn(async move { read(&mut stream, 600 << 10).await });
        }
        streams.join_all().await;
    };
    victim.attacked("190 streams that replay", storm).await;
    let stalled = async {
        let mut streams = Vec::new();
        for _ in 0..STREAMS {
            let mut stream = victim.stream().await;
            read(&mut stream, 100).await;
            streams.push(stream);
        }
        // nobody takes what comes; that others are served meanwhile takes some time as well
        victim.push_until(&AtomicBool::new(true)).await;
        streams.truncate(1);
        // the others have gone: this one gets all that it waits for
        read(streams.first_mut().expect("one of many"), 600 << 10).await;
    };
    victim.attacked("190 streams that take nothing", stalled).await;
}

fn as_of(n: usize) -> String {
    format!("2026-11-01T{:02}:{:02}:{:02}Z", n / 3600, n / 60 % 60, n % 60)
}

//! What readers of the changes may rely on: a fold of them is the catalogue at every commit, each asset is
//! whole at every moment, a connection that breaks anywhere loses nothing, and nobody who reads long is paid
//! for by the others.

use crate::support::feed_server::Served;
use crate::support::house::{House, PATIENCE, answer, key, wait_for};
use crate::support::random::Random;
use crate::support::stage::{PATH, START, Stage};
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tidegate::clock::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A replica that knows no rule: documents by what is set and removed, prices as they are told.
#[derive(Default)]
struct Replica {
    cursor: String,
    assets: BTreeMap<String, (Map<String, Value>, Value)>,
}

impl Replica {
    async fn poll(&mut self, house: &House) {
        loop {
            let (status, page) = house.get("acme", &format!("/api/changes?since={}", self.cursor)).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            page["items"].as_array().unwrap().iter().for_each(|change| self.take(change));
            self.cursor = page["next_cursor"].as_str().unwrap().to_owned();
            if page["more"] == false {
                return;
            }
        }
    }

    fn take(&mut self, change: &Value) {
        let id = change["id"].as_str().unwrap().to_owned();
        match change["type"].as_str().unwrap() {
            "asset.created" => {
                drop(self.assets.insert(id, (change["set"].as_object().unwrap().clone(), Value::Null)))
            }
            "asset.deleted" => drop(self.assets.remove(&id)),
            "asset.updated" => {
                let (document, _) = self.assets.get_mut(&id).expect("it was created");
                document.extend(change["set"].as_object().unwrap().clone());
                change["removed"].as_array().unwrap().iter().for_each(|name| {
                    document.remove(name.as_str().unwrap());
                });
            }
            "price.updated" => {
                self.assets.get_mut(&id).expect("it was created").1 = change["price"]["amount"].clone()
            }
            other => panic!("{other}"),
        }
    }

    async fn assert_is_the_catalogue(&self, house: &House, ids: &[&str]) {
        for id in ids {
            let (status, asset) = house.get("acme", &format!("/api/assets/{id}")).await;
            let held = self.assets.get(*id);
            assert_eq!(status == StatusCode::OK, held.is_some(), "{id}: {asset}");
            let Some((document, price)) = held else { continue };
            for name in ["n", "m", "name"] {
                assert_eq!(document.get(name).unwrap_or(&Value::Null), &asset[name], "{id} {name}: {asset}");
            }
            assert_eq!(*price, asset["price"]["amount"], "{id}: {asset}");
        }
    }
}

#[tokio::test]
async fn d6_a_fold_of_the_changes_is_the_catalogue_at_every_poll_also_over_a_delete_and_a_new_life() {
    const IDS: [&str; 3] = ["a", "b", "c"];
    let house = House::with(&["acme"], Clock::system()).await;
    let (mut chance, mut replica, mut comebacks) = (Random(6), Replica::default(), 0);
    for round in 0..60 {
        let mut dead = BTreeSet::new();
        for step in 0..=chance.below(4) {
            let id = IDS[chance.below(3)];
            let path = format!("/api/assets/{id}");
            let n = round * 10 + step;
            match chance.below(6) {
                0 | 1 => {
                    house.delete("acme", &path).await;
                    dead.insert(id);
                }
                2 => drop(
                    answer(crate::support::house::json(
                        house.call("acme", Method::PATCH, &path),
                        &json!({"m": n, "n": null}),
                    ))
                    .await,
                ),
                3 => drop(
                    house
                        .put("acme", &format!("{path}/price"), &json!({"amount": (n + 1).to_string()}))
                        .await,
                ),
                _ => {
                    let (status, body) =
                        house.put("acme", &path, &json!({"n": n, "name": format!("{id}{n}")})).await;
                    assert!(status.is_success(), "{body}");
                    comebacks += usize::from(dead.remove(id));
                }
            }
        }
        replica.poll(&house).await;
        replica.assert_is_the_catalogue(&house, &IDS).await;
    }
    assert!(comebacks > 5, "assets were deleted and made again between two polls: {comebacks}");
    house.stop().await;
}

/// A feed whose assets say their version in each of their members.
fn versioned(version: usize, assets: usize) -> String {
    let asset = |n| {
        json!({"id": format!("a{n}"), "name": format!("v{version}"), "one": version, "two": version,
        "list": [version, version], "text": "x".repeat(200)})
    };
    let assets: Vec<Value> = (0..assets).map(asset).collect();
    json!({"generated_at": tidegate::codec::time::format(START.plus(version as i64 * 1_000_000)), "assets": assets}).to_string()
}

fn version_of(asset: &Value) -> u64 {
    let version = asset["one"].as_u64().unwrap();
    let wanted = json!([format!("v{version}"), version, version, [version, version]]);
    assert_eq!(json!([asset["name"], asset["one"], asset["two"], asset["list"]]), wanted, "torn: {asset}");
    version
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d7_while_a_large_snapshot_is_applied_each_asset_is_read_whole_old_or_new() {
    const ASSETS: usize = 2_000;
    let stage = Stage::open(versioned(0, ASSETS), |_| ()).await;
    let since = stage.house.get("acme", "/api/me").await.1["cursor"].as_str().unwrap().to_owned();
    let mut reads = 0;
    for version in 1..=3 {
        stage.server.put(PATH, Served::json(versioned(version, ASSETS)));
        stage.wait(1_000_000);
        let wanted = version as u64;
        wait_for("the snapshot to be applied", async || {
            if reads % 50 == 0 {
                // a run that has not been closed yet drops the call
                stage.house.fetch_now("acme");
            }
            reads += 1;
            let (_, page) = stage.house.get("acme", "/api/assets?limit=1000&fields=name,one,two,list").await;
            let versions: BTreeSet<u64> = page["items"].as_array().unwrap().iter().map(version_of).collect();
            let is_known = |found: &u64| (*found + 1 == wanted) || *found == wanted;
            assert!(versions.iter().all(is_known), "{versions:?} while {wanted} comes");
            let (_, last) = stage.house.get("acme", &format!("/api/assets/a{}", ASSETS - 1)).await;
            (version_of(&last) == wanted && versions == BTreeSet::from([wanted])).then_some(())
        })
        .await;
    }
    assert!(reads > 3, "there were reads in between");
    let (mut cursor, mut told) = (since, 0);
    loop {
        let (_, page) = stage.house.get("acme", &format!("/api/changes?limit=1000&since={cursor}")).await;
        for change in page["items"].as_array().unwrap() {
            told += 1;
            version_of(&change["set"]);
        }
        cursor = page["next_cursor"].as_str().unwrap().to_owned();
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(told, 3 * ASSETS, "one change for each asset of each snapshot");
    stage.house.stop().await;
}

/// Opens a read and takes its first bytes, then nothing more.
async fn hold(house: &House, path: &str) -> TcpStream {
    let mut socket = TcpStream::connect(house.daemon().address()).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: tidegate\r\naccept: text/event-stream\r\nauthorization: Bearer {}\r\n\r\n",
        key("acme")
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut first = [0; 512];
    let read = tokio::time::timeout(PATIENCE, socket.read(&mut first)).await.expect("an answer").unwrap();
    assert!(first[..read].starts_with(b"HTTP/1.1 200"));
    socket
}

/// Bytes of the file after the same prices were written many times, with reads open that go no further.
async fn file_after_writes(readers: &[&str]) -> u64 {
    const ASSETS: usize = 1_000;
    let directory = tempfile::tempdir().unwrap();
    let house = House::start_as(directory.path().to_owned(), Clock::system(), |settings| {
        settings.partners = vec![crate::support::house::partner("acme")];
        // checkpoints all the time, and a log that is trimmed: what grows is what is pinned
        settings.store.overlay_bytes_max = 1 << 20;
        settings.store.log_bytes_max = 1 << 20;
    })
    .await;
    let assets: Vec<Value> =
        (0..ASSETS).map(|n| json!({"id": format!("a{n}"), "text": "x".repeat(500)})).collect();
    assert_eq!(house.post("acme", "/api/assets", &json!(assets)).await.0, StatusCode::OK);
    let mut held = Vec::new();
    for path in readers {
        held.push(hold(&house, path).await);
    }
    for round in 1..=60 {
        let price = |n| json!({"id": format!("a{n}"), "amount": round.to_string(), "currency": "EUR"});
        let prices: Vec<Value> = (0..ASSETS).map(price).collect();
        // an overlay that is full refuses writes until a checkpoint has caught up
        wait_for("the prices to be taken", async || {
            let (status, reply) = house.post("acme", "/api/prices", &json!(prices)).await;
            assert!(status == StatusCode::OK || reply["code"] == "storage", "{status} {reply}");
            (status == StatusCode::OK).then_some(())
        })
        .await;
    }
    let bytes = std::fs::metadata(house.settings.store.directory.join("tidegate.redb")).unwrap().len();
    drop(held);
    house.stop().await;
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d8_a_read_that_stays_open_lets_no_page_of_the_file_be_kept_for_it() {
    let alone = file_after_writes(&[]).await;
    let beside = ["/api/changes", "/api/changes?full=true", "/api/export", "/api/export?deleted=true"];
    let beside = file_after_writes(&beside).await;
    assert!(beside <= alone + alone / 2, "{beside} bytes beside open reads, {alone} without");
}

#[tokio::test]
async fn d5_cut_at_any_byte_a_stream_is_gone_on_with_where_its_last_whole_event_was() {
    let house = House::with(&["acme"], Clock::system()).await;
    for n in 0..3 {
        house.put("acme", "/api/assets/a", &json!({"n": n, "name": "café\u{2028}中"})).await;
    }
    let mut stream = house.read("/api/changes").header("accept", "text/event-stream").send().await.unwrap();
    let mut bytes = Vec::new();
    while bytes.windows(2).filter(|two| two == b"\n\n").count() < 3 {
        bytes.extend_from_slice(
            &tokio::time::timeout(PATIENCE, stream.chunk()).await.unwrap().unwrap().unwrap(),
        );
    }
    let (_, page) = house.get("acme", "/api/changes").await;
    let all: Vec<&str> =
        page["items"].as_array().unwrap().iter().map(|item| item["cursor"].as_str().unwrap()).collect();
    for cut in 0..bytes.len() {
        let text = String::from_utf8_lossy(&bytes[..cut]);
        // as the standard has it: a block that has not ended is dropped, its id with it
        let whole = text.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
        let last = whole.lines().filter_map(|line| line.strip_prefix("id: ")).next_back();
        let told = all.iter().position(|id| Some(*id) == last).map_or(0, |place| place + 1);
        let (_, rest) = house.get("acme", &format!("/api/changes?since={}", last.unwrap_or_default())).await;
        let rest: Vec<&str> =
            rest["items"].as_array().unwrap().iter().map(|item| item["cursor"].as_str().unwrap()).collect();
        assert_eq!(rest, all[told..], "cut after {cut} bytes");
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d4_streams_that_all_come_back_at_once_are_each_told_the_rest_and_when_to_come_again() {
    const STREAMS: usize = 200;
    let house = House::with(&["acme"], Clock::system()).await;
    let put = async |n: usize| {
        let (status, body) = house.put("acme", &format!("/api/assets/a{}", n % 5), &json!({"n": n})).await;
        assert!(status.is_success(), "{body}");
    };
    for n in 0..20 {
        put(n).await;
    }
    let (_, page) = house.get("acme", "/api/changes?limit=10").await;
    let since = page["next_cursor"].as_str().unwrap().to_owned();
    let open = async || {
        let stream = house.call("acme", Method::GET, "/api/changes").header("accept", "text/event-stream");
        stream.header("last-event-id", &since).send().await.unwrap()
    };
    let streams = futures_util::future::join_all((0..STREAMS).map(|_| open())).await;
    for n in 20..40 {
        put(n).await;
    }
    let mut told = BTreeSet::new();
    let mut retries = BTreeSet::new();
    for mut stream in streams {
        let mut text = String::new();
        while text.matches("\n\n").count() < 30 {
            let chunk = tokio::time::timeout(PATIENCE, stream.chunk()).await.expect("the stream speaks");
            text.push_str(std::str::from_utf8(&chunk.unwrap().expect("it goes on")).unwrap());
        }
        let ids: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
        told.insert(ids.join(" "));
        retries.extend(text.lines().find_map(|line| line.strip_prefix("retry: ")).map(str::to_owned));
    }
    assert_eq!(told.len(), 1, "each was told the same 30 changes, once");
    assert!(
        retries.len() > STREAMS / 10,
        "they are told to come again at different times: {}",
        retries.len()
    );
    house.stop().await;
}

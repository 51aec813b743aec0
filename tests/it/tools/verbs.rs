//! `tidegate export` and `tidegate changes`, as a portal's scripts would use them.

use super::followers::{House, copy_files, put_back};
use crate::support::house::{key, wait_for};
use crate::support::program::{BINARY, Program, configure};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_blocking;

/// The verb with where to ask and the partner's key.
fn verb(name: &str, url: &str, place: &Path) -> Command {
    let token = place.join("key");
    std::fs::write(&token, format!("{}\n", key("acme"))).unwrap();
    let mut command = Command::new(BINARY);
    command.args([name, "--url", url, "--token-file"]).arg(token);
    command
}

async fn ran(mut command: Command) -> Output {
    spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn lines(text: &[u8]) -> Vec<Value> {
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_that_are_followed_miss_nothing_over_cuts_kills_of_both_sides_and_say_when_some_are_gone() {
    let directory = tempfile::tempdir().unwrap();
    let (place, older) = (directory.path(), directory.path().join("copy"));
    let mut house = House::start(place).await;
    let (since, _) = house.export().await;
    let (kept, told) = (place.join("cursor"), place.join("changes.ndjson"));
    let url = house.relay.url("");
    let follow = || {
        let out = OpenOptions::new().create(true).append(true).open(&told).unwrap();
        let mut verb = verb("changes", &url, place);
        verb.args(["--follow", "--full", "--since", &since, "--cursor-file"]).arg(&kept);
        verb.stdout(out).spawn().unwrap()
    };
    let mut following = follow();
    for _ in 0..3 {
        house.push(40).await;
        house.relay.cut();
    }
    wait_for("a place to be kept", async || kept.is_file().then_some(())).await;
    following.kill().unwrap();
    following.wait().unwrap();
    house.push(40).await;
    following = follow();
    house.restart_over(place, |store| copy_files(&older, store)).await;
    house.push(60).await;
    let wanted = house.changes(&since).await;
    // what was written before its place was kept comes again
    let cursors = |changes: &[Value]| -> BTreeSet<String> {
        changes.iter().map(|change| change["cursor"].as_str().unwrap().to_owned()).collect()
    };
    wait_for("all to be told", async || {
        let told = lines(&std::fs::read(&told).unwrap());
        (cursors(&told) == cursors(&wanted)).then_some(())
    })
    .await;
    assert!(lines(&std::fs::read(&told).unwrap()).iter().all(|change| change.get("asset").is_some()));

    let mut rest = verb("changes", &url, place);
    rest.args(["--since", &since, "--type", "asset.deleted"]);
    let rest = ran(rest).await;
    let deleted: Vec<_> = wanted.iter().filter(|change| change["type"] == "asset.deleted").collect();
    assert!(rest.status.success() && !deleted.is_empty(), "{rest:?}");
    assert_eq!(lines(&rest.stdout).len(), deleted.len(), "without --follow it ends with the newest");

    house.restart_over(place, |store| put_back(&older, store)).await;
    let ended = wait_for("it to end", async || following.try_wait().unwrap()).await;
    assert_eq!(ended.code(), Some(3), "changes after its cursor are gone");
    house.stop();
}

/// Leads to `to`; the first connections are cut off after so many bytes of what they are answered.
async fn cutting(to: SocketAddr, cuts: &'static [u64]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut cuts = cuts.iter();
        while let Ok((mut client, _)) = listener.accept().await {
            let bytes_max = *cuts.next().unwrap_or(&u64::MAX);
            let server = TcpStream::connect(to).await.unwrap();
            let (answer, mut question) = server.into_split();
            let mut answer = answer.take(bytes_max);
            let (mut asked, mut answered) = client.split();
            tokio::select! {
                _ = tokio::io::copy(&mut asked, &mut question) => {}
                _ = tokio::io::copy(&mut answer, &mut answered) => {}
            }
            let _ = client.shutdown().await;
        }
    });
    address
}

/// Sends it until it is taken: the overlay is as small as it may be, and refuses writes while it is full.
async fn taken(request: RequestBuilder) {
    wait_for("a write to be taken", async || {
        let answer = request.try_clone().expect("its body is in memory").send().await.unwrap();
        let is_busy = answer.status() == StatusCode::SERVICE_UNAVAILABLE;
        assert!(is_busy || answer.status().is_success(), "{answer:?}");
        (!is_busy).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_is_cut_off_goes_on_where_it_was_and_gives_each_asset_once() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    configure(place, "acme");
    let program = Program::start(place).await;
    let assets: Vec<Value> =
        (0..4000).map(|n| json!({"id": format!("asset-{n:05}"), "text": "x".repeat(500)})).collect();
    let client = Client::builder().no_proxy().build().unwrap();
    for batch in assets.chunks(1000) {
        let push = client.post(program.url("/api/assets")).bearer_auth(key("acme"));
        let push = push.header("content-type", "application/json").body(serde_json::to_vec(batch).unwrap());
        taken(push).await;
    }
    taken(client.delete(program.url("/api/assets/asset-00007")).bearer_auth(key("acme"))).await;

    let cut = cutting(program.address, &[100, 900_000, 40_000, 1_500_000]).await;
    let file = place.join("catalogue.ndjson");
    std::fs::write(&file, "of yesterday").unwrap();
    let mut export = verb("export", &format!("http://{cut}"), place);
    export.args(["--deleted", "--out"]).arg(&file);
    let ended = ran(export).await;
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let lines = lines(&std::fs::read(&file).unwrap());
    let of = |kind: &str| lines.iter().filter(|line| line["type"] == kind).count();
    assert_eq!((of("export"), of("asset"), of("deleted"), of("end")), (1, 3999, 1, 1));
    assert_eq!(lines.last().unwrap(), &json!({"type": "end", "assets": 3999, "deleted": 1, "damaged": 0}));
    let ids: BTreeSet<&str> = lines.iter().filter_map(|line| line["asset"]["id"].as_str()).collect();
    assert_eq!(ids.len(), 3999, "each once");

    let before = std::fs::read(&file).unwrap();
    std::fs::write(place.join("wrong"), "no-key").unwrap();
    let mut refused = Command::new(BINARY);
    refused.args(["export", "--url", &program.url(""), "--token-file"]).arg(place.join("wrong"));
    refused.arg("--out").arg(&file);
    let refused = ran(refused).await;
    assert_eq!(refused.status.code(), Some(1), "{}", String::from_utf8_lossy(&refused.stderr));
    assert_eq!(std::fs::read(&file).unwrap(), before, "what fails leaves the file as it was");
    program.kill();
}

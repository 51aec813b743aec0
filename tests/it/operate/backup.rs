//! Backups of the program while it takes pushes, restored on another machine; and the page that tells operators how,
//! line by line.

use crate::http::export::Copy;
use crate::support::house::{json, key, wait_for};
use crate::support::program::{BINARY, Program, configure};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json as value};
use std::collections::BTreeMap;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::{JoinHandle, spawn_blocking};

const PARTNER: &str = "acme";

fn client() -> Client {
    Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap()
}

async fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(arguments);
    spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

async fn run_json(arguments: &[&str]) -> Value {
    let output = run(arguments).await;
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Pushes assets, prices, patches and deletes, one after the other, until it is told to stop.
fn pushing(address: String, stop: Arc<AtomicBool>, taken: Arc<AtomicU64>, lane: u64) -> JoinHandle<()> {
    tokio::spawn(async move {
        let client = client();
        for n in 0.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let id = format!("{lane}-{:04}", (n * 331) % 700);
            let url = format!("{address}/api/assets/{id}");
            let text = "n".repeat(500);
            let request = match n % 5 {
                0..=2 => json(client.put(&url), &value!({"id": id, "name": text, "n": n})),
                3 => json(
                    client.put(format!("{url}/price")),
                    &value!({"amount": n.to_string(), "currency": "EUR"}),
                ),
                _ if n % 35 == 4 => client.delete(&url),
                _ => json(client.patch(&url), &value!({"n": n * 10})),
            };
            let response = request.bearer_auth(key(PARTNER)).send().await.unwrap();
            assert!(!response.status().is_server_error(), "{}", response.status());
            taken.fetch_add(1, Ordering::Relaxed);
        }
    })
}

async fn get(program: &Program, path: &str) -> (StatusCode, Value) {
    let response = client().get(program.url(path)).bearer_auth(key(PARTNER)).send().await.unwrap();
    let status = response.status();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
}

async fn export(program: &Program) -> (String, Copy) {
    let response = client().get(program.url("/api/export")).bearer_auth(key(PARTNER)).send().await.unwrap();
    let text = response.text().await.unwrap();
    let mut copy = Copy::default();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.iter().for_each(|line| copy.take(line));
    assert_eq!(lines.last().unwrap()["type"], "end");
    (lines[0]["cursor"].as_str().unwrap().to_owned(), copy)
}

/// Takes the changes after a cursor in, to the last.
async fn follow(program: &Program, mut since: String, copy: &mut Copy) -> String {
    loop {
        let (status, page) = get(program, &format!("/api/changes?full=true&limit=1000&since={since}")).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        page["items"].as_array().unwrap().iter().for_each(|change| copy.take(change));
        since = page["next_cursor"].as_str().unwrap().to_owned();
        if page["more"] == value!(false) {
            return since;
        }
    }
}

/// Without the life that is in each cursor.
fn whatever_the_life(copy: &Copy) -> BTreeMap<(String, String), Value> {
    let mut settled = copy.settled();
    for asset in settled.values_mut() {
        let (_, seq) = asset["cursor"].as_str().unwrap().split_once('-').unwrap();
        asset["cursor"] = seq.into();
    }
    settled
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u1_a_backup_under_load_that_is_restored_elsewhere_is_what_the_changes_say_and_followers_begin_again()
{
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    configure(here.path(), PARTNER);
    configure(there.path(), PARTNER);
    let live = Program::start(here.path()).await;
    let (stop, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let pushers: Vec<_> =
        (0..3).map(|lane| pushing(live.url(""), stop.clone(), taken.clone(), lane)).collect();
    wait_for("a catalogue", async || (taken.load(Ordering::Relaxed) > 1_500).then_some(())).await;
    let before = taken.load(Ordering::Relaxed);
    let file = here.path().join("one.backup");
    let (file, admin) = (file.to_str().unwrap(), live.admin_url(""));
    let told = run_json(&["backup", file, "--json", "--admin", &admin]).await;
    assert!(taken.load(Ordering::Relaxed) > before, "pushes were taken meanwhile");
    let sequence = told["sequence"].as_u64().unwrap();
    // a follower who knows more than the backup
    wait_for("more pushes", async || (taken.load(Ordering::Relaxed) > before + 300).then_some(())).await;
    let (ahead, _) = export(&live).await;
    stop.store(true, Ordering::Relaxed);
    for pusher in pushers {
        pusher.await.unwrap();
    }
    let metrics = client().get(live.admin_url("/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("tidegate_backup_last_timestamp_seconds 1"), "{metrics}");

    let config = there.path().to_str().unwrap();
    let reason = ["--reason", "a disk was lost"];
    let restored = run_json(&[&["restore", file, "--json", "--config", config], &reason[..]].concat()).await;
    assert_eq!(restored["backup"]["sequence"], value!(sequence), "{restored}");
    // one more: the restore is on the trail
    assert_eq!(restored["store"]["sequence"], value!(sequence + 1), "{restored}");
    let verified = run_json(&["verify", "--json", "--config", config]).await;
    assert_eq!((&verified["sound"], &verified["store"]["sequence"]), (&value!(true), &value!(sequence + 1)));
    let program = Program::start(there.path()).await;
    let (cursor, copy) = export(&program).await;
    let (_, seq) = cursor.split_once('-').unwrap();
    assert_eq!(seq.trim_start_matches('0').parse::<u64>().unwrap(), sequence + 1);
    let seq = format!("{sequence:0width$}", width = seq.len());
    let trail = client().get(program.admin_url("/admin/audit?act=restore")).send().await.unwrap();
    let trail: Value = serde_json::from_str(&trail.text().await.unwrap()).unwrap();
    let act = &trail["items"][0];
    assert!(act["who"].as_str().is_some_and(|who| who.starts_with("offline:")), "{trail}");
    assert_eq!((&act["outcome"], &act["reason"]), (&value!("done"), &value!("a disk was lost")));
    assert_eq!(act["target"], value!({ "kind": "backup", "id": file }));
    assert_eq!(act["note"], format!("all up to change {sequence}"));
    assert!(copy.settled().len() > 500);
    // the restored catalogue, and what the original says came after that sequence
    let mut gone_on = copy;
    let journal = ahead.split_once('-').unwrap().0;
    follow(&live, format!("{journal}-{seq}"), &mut gone_on).await;
    let (_, now) = export(&live).await;
    assert_eq!(whatever_the_life(&gone_on), whatever_the_life(&now));

    let (status, problem) = get(&program, &format!("/api/changes?since={ahead}")).await;
    assert_eq!((status, &problem["code"]), (StatusCode::GONE, &value!("cursor_gone")), "{problem}");
    // also who knows less than the backup: the changes from before are not in it
    let (status, problem) = get(&program, &format!("/api/changes?since={journal}-5")).await;
    assert_eq!((status, &problem["code"]), (StatusCode::GONE, &value!("cursor_gone")), "{problem}");
    let (begun, mut held) = export(&program).await;
    let put = json(client().put(program.url("/api/assets/new")), &value!({"id": "new", "name": "after"}));
    assert!(put.bearer_auth(key(PARTNER)).send().await.unwrap().status().is_success());
    follow(&program, begun, &mut held).await;
    let (_, now) = export(&program).await;
    assert_eq!(held.settled(), now.settled());
    live.kill();
    program.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_is_refused_while_a_daemon_runs_or_a_store_is_there_and_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), PARTNER);
    let config = directory.path().to_str().unwrap();
    let program = Program::start(directory.path()).await;
    let file = directory.path().join("a.backup");
    let file = file.to_str().unwrap();
    let told = run(&["backup", file, "--admin", &program.admin_url("")]).await;
    assert!(told.status.success(), "{told:?}");
    assert!(String::from_utf8_lossy(&told.stdout).contains("is whole, and was read back"), "{told:?}");
    let refused = async |arguments: &[&str], words: &str| {
        let output = run(arguments).await;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(words) && !said.contains("panicked"), "{words}: {said}");
    };
    refused(&["restore", file, "--config", config], "there is a store already").await;
    refused(&["restore", file, "--force", "--config", config], "stop it first").await;
    refused(&["verify", "--config", config], "tidegate backup - | tidegate verify -").await;
    let piped = format!("{BINARY} backup - --admin {} | {BINARY} verify - --json", program.admin_url(""));
    let mut shell = Command::new("sh");
    shell.args(["-c", &piped]).stderr(Stdio::piped());
    let output = spawn_blocking(move || shell.output().unwrap()).await.unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["sound"], &told["kind"]), (&value!(true), &value!("backup")), "{output:?}");
    assert!(program.terminate().await.success());

    let whole = std::fs::read(file).unwrap();
    let other = directory.path().join("other.backup");
    let path = other.to_str().unwrap();
    std::fs::write(&other, &whole[..whole.len() - 3]).unwrap();
    refused(&["restore", path, "--force", "--config", config], "it is not whole; use another one").await;
    refused(&["verify", path], "it is not whole; use another one").await;
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    std::fs::write(&other, &changed).unwrap();
    refused(&["restore", path, "--force", "--config", config], "is damaged in piece").await;
    refused(&["verify", path], "is damaged in piece").await;
    refused(&["backup", path, "--admin", "http://127.0.0.1:9"], "does not answer").await;
    assert_eq!(std::fs::read(&other).unwrap(), changed, "a backup that failed replaces none");
    let program = Program::start(directory.path()).await;
    program.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_cut_off_by_a_daemon_that_ends_and_leaves_no_file() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), PARTNER);
    let program = Program::start(directory.path()).await;
    let response = client().get(program.admin_url("/admin/backup")).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/octet-stream");
    let bytes = response.bytes().await.unwrap();
    assert!(bytes.starts_with(b"tidegate-backup 1\n"));
    assert!(program.terminate().await.success());
    // a server that sends half of it and closes
    let half = bytes[..bytes.len() / 2].to_vec();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").unwrap();
        stream.write_all(&half).unwrap();
    });
    let file = directory.path().join("half.backup");
    let output = run(&["backup", file.to_str().unwrap(), "--admin", &format!("http://{address}")]).await;
    serving.join().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("was cut off"), "{output:?}");
    let left: Vec<_> =
        std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(
        !left.iter().any(|path: &std::path::PathBuf| path.to_string_lossy().contains("half")),
        "{left:?}"
    );
}

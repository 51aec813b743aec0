//! The program among the things that happen to a machine: a log that nobody reads, a file that is damaged, removed or
//! put back.

use crate::support::house::{PATIENCE, json, key, wait_for};
use crate::support::program::{Program, configure};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json as value};
use std::fs;
use std::path::Path;
use std::time::Duration;
use tidegate::clock::Mark;

const PARTNER: &str = "acme";

fn client() -> Client {
    Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap()
}

async fn push(program: &Program, client: &Client, id: &str) -> (StatusCode, Value) {
    let request = client.post(program.url("/api/assets")).bearer_auth(key(PARTNER));
    let response = json(request, &value!({"id": id, "name": id})).send().await.unwrap();
    let status = response.status();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
}

async fn get(program: &Program, client: &Client, path: &str) -> (StatusCode, Value) {
    let response = client.get(program.url(path)).bearer_auth(key(PARTNER)).send().await.unwrap();
    let status = response.status();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
}

async fn metrics(program: &Program, client: &Client) -> String {
    client.get(program.admin_url("/metrics")).send().await.unwrap().text().await.unwrap()
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// A configuration with more faults than a pipe holds, each of which is a line of the log.
fn break_configuration(directory: &Path) {
    let faulty: String = (0..400).map(|n| format!("nonsense_{n} = '{}'\n", "x".repeat(100))).collect();
    fs::write(directory.join("partners/faulty.toml"), faulty).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a2_a_log_that_nobody_reads_stops_no_push_no_probe_and_no_stop() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), PARTNER);
    let (program, _unread) = Program::start_with_an_unread_log(directory.path()).await;
    let client = client();
    break_configuration(directory.path());
    wait_for("lines to be dropped", async || {
        program.hang_up();
        let (status, _) = push(&program, &client, "while it fills").await;
        assert!(status.is_success(), "{status}");
        let dropped = metrics(&program, &client).await;
        let dropped = dropped.lines().find_map(|line| line.strip_prefix("tidegate_log_dropped_total "));
        (dropped.expect("it is published") != "0").then_some(())
    })
    .await;
    for n in 0..20 {
        assert_eq!(push(&program, &client, &n.to_string()).await.0, StatusCode::CREATED);
        let alive = client.get(program.admin_url("/livez")).send().await.unwrap();
        assert_eq!(alive.status(), StatusCode::OK);
    }
    let began = Mark::now();
    let ended = program.terminate().await;
    assert!(ended.success(), "{ended}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u1_a_follower_of_a_directory_that_was_put_back_is_told_to_begin_anew() {
    let directory = tempfile::tempdir().unwrap();
    let (store, backup) = (directory.path().join("store"), directory.path().join("backup"));
    configure(directory.path(), PARTNER);
    let client = client();
    let program = Program::start(directory.path()).await;
    for n in 0..20 {
        push(&program, &client, &format!("before-{n}")).await;
    }
    let (_, me) = get(&program, &client, "/api/me").await;
    let shared = me["cursor"].as_str().unwrap().to_owned();
    assert!(program.terminate().await.success());
    copy(&store, &backup);
    let program = Program::start(directory.path()).await;
    let (_, lost) = push(&program, &client, "lost-1").await;
    let follower = lost["cursor"].as_str().unwrap().to_owned();
    program.kill();

    let kept = Program::start(directory.path()).await;
    let (status, page) = get(&kept, &client, &format!("/api/changes?since={follower}")).await;
    assert_eq!(
        (status, page["items"].as_array().map(Vec::len)),
        (StatusCode::OK, Some(0)),
        "a kill alone: {page}"
    );
    kept.kill();

    fs::remove_dir_all(&store).unwrap();
    copy(&backup, &store);
    let program = Program::start(directory.path()).await;
    for n in 1..=4 {
        assert_eq!(push(&program, &client, &format!("new-{n}")).await.0, StatusCode::CREATED);
    }
    let (status, problem) = get(&program, &client, &format!("/api/changes?since={follower}")).await;
    assert_eq!((status, &problem["code"]), (StatusCode::GONE, &value!("cursor_gone")), "{problem}");
    let (status, page) = get(&program, &client, &format!("/api/changes?since={shared}")).await;
    assert_eq!(status, StatusCode::OK, "what both histories have goes on: {page}");
    let ids: Vec<_> =
        page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["new-1", "new-2", "new-3", "new-4"]);
    program.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u20_a_file_that_was_written_over_is_told_before_anything_is_ready() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), PARTNER);
    let client = client();
    let program = Program::start(directory.path()).await;
    for n in 0..300 {
        push(&program, &client, &n.to_string()).await;
    }
    assert!(program.terminate().await.success());
    let path = directory.path().join("store/tidegate.redb");
    let whole = fs::read(&path).unwrap();
    for from in [3 << 12, 30 << 12] {
        let mut image = whole.clone();
        let end = image.len().min(from + (200 << 10));
        image[from..end].fill(0xa5);
        fs::write(&path, image).unwrap();
        let (ended, log) = Program::run_to_its_end(directory.path());
        assert_eq!(ended.code(), Some(1), "{log}");
        assert!(log.contains("is damaged: restore it from a backup"), "{log}");
        for unwanted in ["daemon ready", "panicked at", "RUST_BACKTRACE"] {
            assert!(!log.contains(unwanted), "{log}");
        }
    }
    fs::write(&path, whole).unwrap();
    let program = Program::start(directory.path()).await;
    assert_eq!(get(&program, &client, "/api/assets/299").await.0, StatusCode::OK);
    program.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_removed_under_the_daemon_ends_its_acknowledgements_within_two_seconds() {
    for replaced in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        configure(directory.path(), PARTNER);
        let (client, program) = (client(), Program::start(directory.path()).await);
        assert_eq!(push(&program, &client, "kept").await.0, StatusCode::CREATED);
        let path = directory.path().join("store/tidegate.redb");
        if replaced {
            fs::copy(&path, path.with_extension("copy")).unwrap();
            fs::rename(path.with_extension("copy"), &path).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
        let (gone, mut last) = (Mark::now(), Duration::ZERO);
        for n in 0.. {
            let request = client.post(program.url("/api/assets")).bearer_auth(key(PARTNER));
            match json(request, &value!({"id": n.to_string()})).send().await {
                Ok(response) if response.status() == StatusCode::CREATED => last = gone.elapsed(),
                Ok(response) if response.status() == StatusCode::SERVICE_UNAVAILABLE => break,
                Ok(response) => panic!("{}", response.status()),
                Err(_) => break,
            }
            assert!(gone.elapsed() < PATIENCE);
        }
        assert!(last < Duration::from_secs(2), "acknowledged {last:?} after the file had gone");
        let ended = program.ended().await;
        assert_eq!(ended.code(), Some(1), "{ended}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_whose_file_is_removed_while_nothing_is_pushed_is_unready_and_ends() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), PARTNER);
    let program = Program::start(directory.path()).await;
    fs::remove_file(directory.path().join("store/tidegate.redb")).unwrap();
    let (client, gone) = (client(), Mark::now());
    loop {
        match client.get(program.admin_url("/readyz")).send().await {
            Ok(response) if response.status() == StatusCode::OK => {}
            Ok(response) => break assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE),
            Err(_) => break,
        }
        assert!(gone.elapsed() < Duration::from_secs(3), "still ready");
    }
    assert_eq!(program.ended().await.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_asset_is_an_error_of_its_own_and_a_metric_and_all_others_are_served() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), PARTNER);
    let client = client();
    let program = Program::start(directory.path()).await;
    for n in 0..50 {
        push(&program, &client, &format!("asset-{n}")).await;
    }
    assert!(program.terminate().await.success());
    let path = directory.path().join("store/tidegate.redb");
    let db = redb::Database::open(&path).unwrap();
    let txn = db.begin_write().unwrap();
    let documents = redb::TableDefinition::<(u32, &[u8]), &[u8]>::new("documents");
    let mut table = txn.open_table(documents).unwrap();
    let (partner, id) = (1, &b"asset-7"[..]);
    let mut row = redb::ReadableTable::get(&table, (partner, id)).unwrap().unwrap().value().to_vec();
    *row.last_mut().unwrap() ^= 4;
    table.insert((partner, id), row.as_slice()).unwrap();
    drop(table);
    txn.commit().unwrap();
    drop(db);

    let program = Program::start(directory.path()).await;
    let (status, problem) = get(&program, &client, "/api/assets/asset-7").await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::INTERNAL_SERVER_ERROR, &value!("damaged")),
        "{problem}"
    );
    assert!(problem["hint"].as_str().unwrap().contains("backup"), "{problem}");
    for n in (0..50).filter(|n| *n != 7) {
        assert_eq!(get(&program, &client, &format!("/api/assets/asset-{n}")).await.0, StatusCode::OK);
    }
    assert_eq!(push(&program, &client, "asset-8").await.0, StatusCode::OK);
    wait_for("the metric", async || {
        let text = metrics(&program, &client).await;
        let line =
            text.lines().find(|line| line.starts_with("tidegate_store_damaged_total{table=\"documents\"}"));
        (!line.unwrap().ends_with(" 0")).then_some(())
    })
    .await;
    program.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_the_daemon_makes_is_for_its_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), PARTNER);
    let program = Program::start(directory.path()).await;
    push(&program, &client(), "a").await;
    assert!(program.terminate().await.success());
    let mut rest = vec![directory.path().join("store")];
    let mut seen = 0;
    while let Some(path) = rest.pop() {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        if path.is_dir() {
            assert_eq!(mode, 0o700, "{}", path.display());
            rest.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            assert_eq!(mode, 0o600, "{}", path.display());
        }
        seen += 1;
    }
    assert!(seen >= 5, "database, mark, marker, spool and their directory");
}

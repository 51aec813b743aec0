//! Compressed answers, as clients take them that others wrote: a list, an export, and a stream whose first
//! event must be there while it goes on. And compressed bodies, as the tools of the system make them.

use crate::support::house::{House, answer, key};
use crate::support::{packages, skipped};
use reqwest::Method;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};
use tidegate::clock::Clock;
use tokio::task::spawn_blocking;

const ASSETS: usize = 200;

/// A house with assets, its address, and the cursor before them.
async fn stocked() -> (House, String, String) {
    let house = House::with(&["acme"], Clock::system()).await;
    let (_, me) = house.get("acme", "/api/me").await;
    let since = me["cursor"].as_str().unwrap().to_owned();
    let asset = |n| json!({"id": format!("a{n}"), "name": format!("Villa {n}"), "updated_at": "2026-01-01T00:00:00Z"});
    let assets: Vec<_> = (0..ASSETS).map(asset).collect();
    assert!(house.post("acme", "/api/assets", &json!(assets)).await.0.is_success());
    let url = format!("http://{}", house.daemon().address());
    (house, url, since)
}

/// What the script has printed of all that it read.
async fn read_by(mut program: Command, library: &str, (url, since): (&str, &str)) -> Value {
    program.args([library, url, &key("acme"), since]).stdout(Stdio::piped());
    let output = spawn_blocking(move || program.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{library}");
    serde_json::from_slice(&output.stdout).expect("a line of JSON")
}

fn judge(library: &str, read: &Value) {
    // the head, each asset, the end
    let wanted = json!([ASSETS, ASSETS + 2, "end", true]);
    assert_eq!(json!([read["items"], read["lines"], read["last"], read["event"]]), wanted, "{library}");
    let codings: Vec<_> = read["codings"].as_array().unwrap().iter().map(Value::as_str).collect();
    assert!(codings[0].is_some(), "{library} {codings:?}");
    assert_eq!(codings[1..], [Some("gzip"), Some("gzip")], "{library}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fetch_of_node_reads_what_is_compressed() {
    let Some(mut node) = packages::node() else { return };
    let (house, url, since) = stocked().await;
    node.arg(packages::script("tools/compressed.mjs"));
    judge("fetch", &read_by(node, "fetch", (&url, &since)).await);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn httpx_and_requests_read_what_is_compressed() {
    if packages::python().is_none() {
        return;
    }
    let (house, url, since) = stocked().await;
    for library in ["httpx", "requests"] {
        let mut python = packages::python().expect("it was there");
        python.arg(packages::script("tools/compressed.py"));
        judge(library, &read_by(python, library, (&url, &since)).await);
    }
    house.stop().await;
}

fn curl(url: &str, more: &[&str]) -> Command {
    let mut curl = Command::new("curl");
    let bearer = format!("Authorization: Bearer {}", key("acme"));
    curl.args(["-sS", "-N", "--compressed", "--noproxy", "*", "--max-time", "60", "-H", &bearer])
        .args(more)
        .arg(url);
    curl.stdout(Stdio::piped());
    curl
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_reads_what_is_compressed() {
    if let Err(error) = Command::new("curl").arg("--version").stdout(Stdio::null()).status() {
        return skipped::without_tool("curl", &error);
    }
    let (house, url, since) = stocked().await;
    let (list, export) = (format!("{url}/api/assets?limit=200"), format!("{url}/api/export"));
    let stream = format!("{url}/api/changes?since={since}");
    let run = |url: &str| {
        let mut curl = curl(url, &["-D", "-"]);
        spawn_blocking(move || String::from_utf8(curl.output().unwrap().stdout).unwrap())
    };
    for url in [&list, &export] {
        let said = run(url).await.unwrap();
        let (head, body) = said.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("content-encoding: "), "{head}");
        assert_eq!(body.matches("\"Villa ").count(), ASSETS, "{head}");
    }
    // the event is there while the stream goes on
    let mut following = curl(&stream, &["-H", "Accept: text/event-stream"]).spawn().unwrap();
    let lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let found =
        spawn_blocking(move || lines.map_while(Result::ok).any(|line| line == "event: asset.created"));
    assert!(found.await.unwrap());
    following.kill().unwrap();
    following.wait().unwrap();
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_gzip_and_zstd_of_the_system_make_is_taken() {
    let (house, _, _) = stocked().await;
    for (tool, arguments) in
        [("gzip", &["-9"][..]), ("gzip", &["-1"]), ("zstd", &["-19", "-q"]), ("zstd", &["-1", "-q"])]
    {
        let body = json!(
            (0..300).map(|n| json!({"id": format!("{tool}{n}"), "name": n.to_string()})).collect::<Vec<_>>()
        );
        let mut program = Command::new(tool);
        let packed = match program.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() {
            Ok(mut child) => {
                child.stdin.take().unwrap().write_all(body.to_string().as_bytes()).unwrap();
                child.wait_with_output().unwrap().stdout
            }
            Err(error) => {
                skipped::without_tool(tool, &error);
                continue;
            }
        };
        let request =
            house.call("acme", Method::POST, "/api/assets").header("content-type", "application/json");
        let (status, said) = answer(request.header("content-encoding", tool).body(packed)).await;
        assert!(status.is_success() && said["counts"].get("rejected").is_none(), "{tool} {said}");
    }
    house.stop().await;
}

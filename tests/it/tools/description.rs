//! `/openapi.json` of the running program: `@redocly/cli` lints it, and schemathesis calls all that it
//! describes, well and badly, and compares the answers with it.

use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{key, wait_for};
use crate::support::packages;
use crate::support::program::{Program, configure};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::Output;
use tokio::task::spawn_blocking;

const CASES_MIN: u64 = 5_000;
/// Cases that are made up for each call, beside those that follow from the description alone.
const CASES_OF_CALL: &str = "70";

/// A partner with a feed that has run once, an asset, a price that was refused in the delivery `msg_1`: what the
/// examples in the description name is there.
async fn furnished(directory: &Path, feed: &FeedServer) -> Program {
    feed.put("/feed.json", Served::json(json!([{"id": "villa-12", "name": "Villa 12"}]).to_string()));
    configure(directory, "acme");
    let partner = std::fs::OpenOptions::new().append(true).open(directory.join("partners/acme.toml"));
    writeln!(partner.unwrap(), "[feed]\nurl = '{}'\nallow_private = true", feed.url("/feed.json")).unwrap();
    let program = Program::start(directory).await;
    let client = Client::builder().no_proxy().build().unwrap();
    let read = async |path: &str| program.read(&client, "acme", path).await;
    wait_for("the feed's first run", async || {
        let runs = read("/api/feed/runs").await;
        (runs["items"][0]["status"] == "applied").then_some(())
    })
    .await;
    let push = async |method, path: &str, body: Value| {
        let request = client.request(method, program.url(path)).bearer_auth(key("acme"));
        let request = request.header("webhook-id", "msg_1").header("content-type", "application/json");
        request.body(body.to_string()).send().await.unwrap().status()
    };
    let refused = push(Method::POST, "/api/prices", json!({"id": "villa-12", "amount": "?"})).await;
    assert_eq!(refused, StatusCode::UNPROCESSABLE_ENTITY);
    let price = json!({"amount": "412000.00", "currency": "EUR"});
    assert_eq!(push(Method::PUT, "/api/assets/villa-12/price", price).await, StatusCode::OK);
    program
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_no_answer_that_the_description_does_not_have_and_no_fault_of_the_server() {
    let Some(mut python) = packages::python() else { return };
    let (directory, feed) = (tempfile::tempdir().unwrap(), FeedServer::start().await);
    let program = furnished(directory.path(), &feed).await;
    python.args(["-m", "schemathesis.cli", "--config-file"]).arg(packages::script("tools/schemathesis.toml"));
    python.args(["run", &program.url("/openapi.json"), "--no-color", "--generation-deterministic"]);
    python.args(["--max-examples", CASES_OF_CALL, "--request-timeout", "40"]);
    python.args(["--header", &format!("Authorization: Bearer {}", key("acme"))]);
    python.current_dir(directory.path());
    let output = spawn_blocking(move || python.output().expect("it has been installed")).await.unwrap();
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    let cases = said.split(" generated").next().and_then(|before| before.split_whitespace().last());
    let cases: u64 = cases.and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("{said}"));
    println!("{cases} cases");
    assert!(cases >= CASES_MIN, "{said}");
    assert!(said.contains("No issues found"), "{said}");
    assert!(program.terminate().await.success(), "the program went on to its end");
}

#[tokio::test]
async fn the_description_passes_the_linter_without_a_word() {
    let Some(mut node) = packages::node() else { return };
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), "acme");
    let program = Program::start(directory.path()).await;
    let served = Client::builder().no_proxy().build().unwrap().get(program.url("/openapi.json"));
    let served = served.send().await.unwrap().text().await.unwrap();
    let file = directory.path().join("openapi.json");
    std::fs::write(&file, served).unwrap();
    node.args(["node_modules/@redocly/cli/bin/cli.js", "lint", "--format", "json"]).arg(&file);
    node.env("REDOCLY_TELEMETRY", "off").env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    let output = spawn_blocking(move || node.output().expect("it has been installed")).await.unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
    assert_eq!(found["totals"], json!({"errors": 0, "warnings": 0, "ignored": 0}), "{found:#}");
    assert!(output.status.success(), "{}", said(&output));
    program.kill();
}

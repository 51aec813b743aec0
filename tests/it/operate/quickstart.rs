//! What we print for partners to type, typed by a shell: the three calls of `tidegate partner add`, and the
//! examples of the quick start, which are also made as calls of requests, httpx and fetch. Where one of them cannot
//! be run it says so.

use crate::support::packages;
use crate::support::program::{BINARY, Program};
use crate::support::skipped;
use serde_json::{Value, json as value};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

const QUICKSTART: &str = include_str!("../../../config/QUICKSTART.md");
const WEBHOOKS: &str = include_str!("../../../config/WEBHOOKS.md");
const READING: &str = include_str!("../../../config/READING.md");

/// A directory with a partner, what was printed when it was added, and its key.
struct Added {
    directory: TempDir,
    said: String,
    key: String,
}

/// Adds a partner to a configuration that listens at a free port. None where nothing could be typed.
fn added() -> Option<Added> {
    if let Err(error) = Command::new("curl").arg("--version").stdout(Stdio::null()).status() {
        skipped::without_tool("curl", &error);
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let main = format!(
        "[server]\nlisten = '{listen}'\nadmin_listen = '127.0.0.1:0'\n\
         [store]\ndirectory = 'store'\ndisk_free_bytes_min = '0B'\n"
    );
    std::fs::write(directory.path().join("tidegate.toml"), main).unwrap();
    // as if curl had been asked to show what comes at once and nothing else, and not to wait for ever
    std::fs::write(directory.path().join(".curlrc"), "silent\nshow-error\nno-buffer\nmax-time = 60\n")
        .unwrap();
    let mut add = Command::new(BINARY);
    let output = add.args(["partner", "add", "acme", "--config"]).arg(directory.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let key = said.lines().find_map(|line| line.strip_prefix("key, shown only this once: "));
    let key = key.expect("the key is shown").to_owned();
    Some(Added { directory, said, key })
}

/// A shell that is about to run `script`.
fn shell(directory: &Path, script: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).env("CURL_HOME", directory).env("no_proxy", "*").stdout(Stdio::piped());
    shell
}

/// What the shell's only call was answered.
async fn answered(mut shell: Command) -> Value {
    let output = spawn_blocking(move || shell.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[tokio::test]
async fn the_three_calls_that_partner_add_prints_work_as_they_are_printed() {
    let Some(Added { directory, said, .. }) = added() else { return };
    let program = Program::start(directory.path()).await;
    let calls: Vec<&str> = said.lines().filter(|line| line.starts_with("curl ")).collect();
    let [me, asset, price] = calls[..] else { panic!("three calls: {said}") };
    let me = answered(shell(directory.path(), me)).await;
    assert_eq!(me["partner"], "acme", "{me}");
    let asset = answered(shell(directory.path(), asset)).await;
    assert_eq!((&asset["outcome"], &asset["applied"]), (&value!("created"), &value!(true)), "{asset}");
    let price = answered(shell(directory.path(), price)).await;
    assert_eq!((&price["outcome"], &price["applied"]), (&value!("updated"), &value!(true)), "{price}");
    program.kill();
}

/// A page's blocks of that language.
fn blocks(page: &'static str, language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// What the page's examples are called by.
#[derive(Clone, Copy, Debug)]
enum Caller {
    Curl,
    /// A library of Python.
    Python(&'static str),
    /// `fetch` of Node.js.
    Node,
}

/// The first event of a change stream that speaks of an asset.
fn first_change(stream: ChildStdout) -> Value {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    let mut events = lines.filter_map(|line| line.strip_prefix("data:").map(str::to_owned));
    let change = events.find(|text| text.contains("\"id\"")).expect("the stream tells what has changed");
    serde_json::from_str(&change).unwrap()
}

/// What curl would be called with, as the shell reads the block.
fn arguments(typed: &Command, block: &str) -> Vec<String> {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("curl() {{ printf '%s\\0' \"$@\"; }}\n{block}")]);
    shell.envs(typed.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_terminator('\0').map(str::to_owned).collect()
}

/// The call that these arguments of curl make.
fn call(arguments: &[String]) -> Value {
    let (mut headers, mut body, mut url) = (serde_json::Map::new(), Value::Null, Value::Null);
    let mut named = None;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "-H" => {
                let (name, text) = rest.next().and_then(|header| header.split_once(": ")).unwrap();
                headers.insert(name.to_owned(), text.into());
            }
            "-X" => named = rest.next().map(String::as_str),
            "-d" => body = rest.next().unwrap().as_str().into(),
            option if option.starts_with('-') => panic!("{option} is no option that is known here"),
            _ => url = argument.as_str().into(),
        }
    }
    let method = named.unwrap_or(if body.is_null() { "GET" } else { "POST" });
    value!({"method": method, "url": url, "headers": headers, "body": body})
}

impl Caller {
    /// A process that makes the block's call and prints what it is answered. `None` where it cannot be run.
    fn command(self, typed: Command, block: &str) -> Option<Command> {
        let mut program = match self {
            Caller::Curl => return Some(typed),
            Caller::Python(library) => {
                let mut python = packages::python()?;
                python.arg(packages::script("operate/calls.py")).arg(library);
                python
            }
            Caller::Node => {
                let mut node = packages::node()?;
                node.arg(packages::script("operate/calls.mjs"));
                node
            }
        };
        program.arg(call(&arguments(&typed, block)).to_string()).stdout(Stdio::piped());
        Some(program)
    }
}

#[tokio::test]
async fn u14_the_examples_of_the_quick_start_work_with_curl_as_they_stand_there() {
    the_examples_work(Caller::Curl).await;
}

#[tokio::test]
async fn the_examples_of_the_quick_start_work_with_requests() {
    the_examples_work(Caller::Python("requests")).await;
}

#[tokio::test]
async fn the_examples_of_the_quick_start_work_with_httpx() {
    the_examples_work(Caller::Python("httpx")).await;
}

#[tokio::test]
async fn the_examples_of_the_quick_start_work_with_fetch_of_node() {
    the_examples_work(Caller::Node).await;
}

async fn the_examples_work(caller: Caller) {
    let Some(Added { directory, key, .. }) = added() else { return };
    let program = Program::start(directory.path()).await;
    let by = |block: &str| {
        let mut shell = shell(directory.path(), block);
        shell.env("API", program.url("")).env("KEY", &key).env("TOKEN", &key);
        caller.command(shell, block)
    };
    let written = blocks(QUICKSTART, "sh");
    let [me, asset, prices, delivery, receipt] = written[..] else {
        panic!("the page has other examples: {written:?}")
    };
    let event = blocks(WEBHOOKS, "sh")[0];
    let read = blocks(READING, "sh");
    let [list, one, export, changes, ticket] = read[..] else {
        panic!("the page has other examples: {read:?}")
    };
    // where the caller cannot be run, that has been said
    if by(me).is_none() {
        return;
    }
    let typed = |block: &str| by(block).expect("it can be run");
    assert_eq!(answered(typed(me)).await["partner"], "acme");
    let asset = answered(typed(asset)).await;
    assert_eq!(asset["outcome"], "created", "{asset}");
    let prices = answered(typed(prices)).await;
    let outcomes: Vec<_> = prices["items"].as_array().unwrap().iter().map(|item| &item["outcome"]).collect();
    assert_eq!(outcomes, ["updated", "parked"], "{prices}");
    let delivery = answered(typed(delivery)).await;
    assert_eq!(
        (&delivery["outcome"], &delivery["undated"]),
        (&value!("updated"), &value!(true)),
        "{delivery}"
    );
    let receipt = answered(typed(receipt)).await;
    assert_eq!(receipt["items"][0]["cursor"], delivery["cursor"], "{receipt}");
    let event = answered(typed(event)).await;
    assert_eq!(event["outcome"], "unchanged", "{event}");
    let list = answered(typed(list)).await;
    assert_eq!(
        (&list["items"][0]["id"], &list["next_cursor"]),
        (&value!("villa-12"), &value!(null)),
        "{list}"
    );
    assert!(list["cursor"].is_string(), "{list}");
    assert_eq!(answered(typed(one)).await["price"]["amount"], "412000");
    let ticket = answered(typed(ticket)).await;
    assert_eq!(ticket["expires_in"], 60, "{ticket}");
    let exported = typed(export).output().unwrap();
    let exported = String::from_utf8(exported.stdout).unwrap();
    let types: Vec<_> =
        exported.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["type"].clone()).collect();
    assert_eq!(types, ["export", "asset", "end"], "{exported}");
    let mut following = typed(changes).spawn().unwrap();
    let told = following.stdout.take().unwrap();
    let change = spawn_blocking(|| first_change(told)).await.unwrap();
    assert_eq!(
        (&change["id"], &change["set"]["name"]),
        (&value!("villa-12"), &value!("Villa 12")),
        "{change}"
    );
    following.kill().unwrap();
    following.wait().unwrap();
    program.kill();
}

#[tokio::test]
async fn the_feed_of_the_quick_start_is_read_whole() {
    use crate::support::feed_server::{FeedServer, Served};
    use crate::support::house::{House, feed, partner};
    let document = blocks(QUICKSTART, "json");
    let server = FeedServer::start().await;
    server.put("/feed.json", Served::json(document[0]));
    let partners = vec![partner("acme").with_feed(feed(&server.url("/feed.json")))];
    let house = House::start(partners, tidegate::clock::Clock::system()).await;
    let report = house.run_report("acme", 1).await;
    assert_eq!(
        (&report["status"], &report["counts"]["created"]),
        (&value!("applied"), &value!(2)),
        "{report}"
    );
    house.stop().await;
}

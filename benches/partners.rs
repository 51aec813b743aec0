//! What configured partners cost that do nothing: 10,000 of them, one in ten with a feed.
//!
//! `cargo bench --bench partners`. The program itself serves a configuration of few partners, then one of
//! 10,000: first with an empty store, then once more with the one that this has left. Each time it is
//! measured how long it takes until it is ready, how long the status page's question and Prometheus's take
//! (the slowest of several), and, by its resident set once nothing moves any more (Linux:
//! `/proc/PID/statm`), what a partner holds. Ends with 1 where one of them is above its bound.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;
use tidegate::clock::{Mark, sleep};
use tidegate::config::KeyHash;

const PARTNERS: usize = 10_000;
/// What a daemon holds without partners is measured with so few.
const FEW: usize = 10;
/// One partner of so many has a feed.
const FEED_EVERY: usize = 10;
const READY_MAX: Duration = Duration::from_secs(5);
const ANSWER_MAX: Duration = Duration::from_millis(300);
const BYTES_EACH_MAX: u64 = 32 << 10;
/// Each question is asked so often; the slowest counts.
const ASKED: usize = 20;
const QUESTIONS: [&str; 4] = ["/", "/admin/overview", "/admin/overview?only=trouble&search=99", "/metrics"];
/// The resident set stands still when it has moved by less than so much, so many looks in a row.
const STILL_BYTES: u64 = 256 << 10;
const STILL_LOOKS: usize = 50;
const STILL_MAX: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime of one thread").block_on(measure())
}

async fn measure() -> ExitCode {
    let mut is_within = true;
    let few = served(FEW, "first start", None, &mut is_within).await;
    let directory = tempfile::tempdir().expect("the directory can be written");
    for start in ["first start", "second start"] {
        let many = served(PARTNERS, start, Some(directory.path()), &mut is_within).await;
        let each = many.saturating_sub(few) / (PARTNERS - FEW) as u64;
        println!("{start}: {:.1} kB for each partner, {:.1} MB in all", each as f64 / 1e3, many as f64 / 1e6);
        is_within &= each <= BYTES_EACH_MAX;
    }
    if is_within { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Serves so many partners; bytes of memory that the daemon holds at rest.
async fn served(partners: usize, start: &str, directory: Option<&Path>, is_within: &mut bool) -> u64 {
    let own = tempfile::tempdir().expect("the directory can be written");
    let directory = directory.unwrap_or(own.path());
    configure(directory, partners);
    let began = Mark::now();
    let mut daemon = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["--log", "json", "serve", "--config"])
        .arg(directory)
        .env("RUST_LOG", "info")
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let admin = address(&mut daemon);
    let took = began.elapsed();
    println!("{partners} partners, {start}: ready after {took:.2?}");
    *is_within &= took <= READY_MAX;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    for question in QUESTIONS {
        let (slowest, bytes) = asked(&client, &format!("http://{admin}{question}")).await;
        println!("  {question:<40} {slowest:>10.2?} at most, {:>8.1} kB", bytes as f64 / 1e3);
        *is_within &= slowest <= ANSWER_MAX;
    }
    let resident = settled(&daemon).await;
    daemon.kill().expect("it runs");
    daemon.wait().expect("it was started");
    resident
}

/// Everything at its default but for the ports and the place of the store.
fn configure(directory: &Path, partners: usize) {
    let main =
        "[server]\nlisten = '127.0.0.1:0'\nadmin_listen = '127.0.0.1:0'\n[store]\ndirectory = 'store'\n";
    std::fs::write(directory.join("tidegate.toml"), main).expect("the directory can be written");
    std::fs::create_dir_all(directory.join("partners")).expect("the directory can be written");
    for n in 0..partners {
        let name = format!("partner-{n:05}");
        let mut text = format!("keys = ['{}']\ncurrency = 'EUR'\n", KeyHash::of(&name));
        if n % FEED_EVERY == 0 {
            // nobody listens there: each first fetch fails at once, and they are spread over the day
            text += "[feed]\nurl = 'http://127.0.0.1:9/assets.json'\nallow_private = true\nevery = '24h'\nretries = []\n";
        }
        std::fs::write(directory.join(format!("partners/{name}.toml")), text).expect("the same directory");
    }
}

/// Where the daemon is asked, once it is ready.
fn address(daemon: &mut Child) -> String {
    let mut log = BufReader::new(daemon.stderr.take().expect("it is piped"));
    let mut line = String::new();
    while !line.contains("daemon ready") {
        line.clear();
        let read = log.read_line(&mut line).expect("the log is text");
        assert!(read > 0, "the program ends without being ready");
    }
    // it goes on to log, and must not wait for somebody to read that
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    let ready: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
    let fields = ready.get("fields").unwrap_or(&ready);
    fields["admin"].as_str().expect("it says where").to_owned()
}

async fn asked(client: &reqwest::Client, url: &str) -> (Duration, usize) {
    let (mut slowest, mut bytes) = (Duration::ZERO, 0);
    for _ in 0..ASKED {
        let began = Mark::now();
        let answer = client.get(url).send().await.expect("it answers");
        assert!(answer.status().is_success(), "{url}: {}", answer.status());
        bytes = answer.bytes().await.expect("all of it").len();
        slowest = slowest.max(began.elapsed());
    }
    (slowest, bytes)
}

async fn settled(daemon: &Child) -> u64 {
    let start = Mark::now();
    let (mut resident, mut looks) = (0, 0);
    while looks < STILL_LOOKS {
        assert!(start.elapsed() < STILL_MAX, "the resident set does not come to rest");
        sleep(LOOK_EVERY).await;
        let now = resident_bytes(daemon.id());
        looks = if now.abs_diff(resident) < STILL_BYTES { looks + 1 } else { 0 };
        if looks == 0 {
            resident = now;
        }
    }
    resident
}

fn resident_bytes(process: u32) -> u64 {
    const PAGE_BYTES: u64 = 4096;
    let statm = std::fs::read_to_string(format!("/proc/{process}/statm")).expect("Linux tells");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("the second number is the resident set") * PAGE_BYTES
}

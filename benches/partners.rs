//! What configured partners cost that do nothing: 10,000 of them, one in ten with a feed.
//!
//! `cargo bench --bench partners`. The program itself serves a configuration of few partners, then one of
//! 10,000: first with an empty store, then once more with the one that this has left. Each time it is
//! measured how long it takes until it is ready, how long the status page's question and Prometheus's take
//! (the slowest of several), and, by its resident set once nothing moves any more (Linux:
//! `/proc/PID/statm`), what a partner holds. Ends with 1 where one of them is above its bound.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

mod served;

use served::{ServedDaemon, main_text};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use tidegate::clock::Mark;
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
/// Looks at memory that stands still.
const STILL_LOOKS: usize = 50;

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
    let daemon = ServedDaemon::start(directory);
    let took = began.elapsed();
    let admin = address(&daemon);
    println!("{partners} partners, {start}: ready after {took:.2?}");
    *is_within &= took <= READY_MAX;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    for question in QUESTIONS {
        let (slowest, bytes) = asked(&client, &format!("http://{admin}{question}")).await;
        println!("  {question:<40} {slowest:>10.2?} at most, {:>8.1} kB", bytes as f64 / 1e3);
        *is_within &= slowest <= ANSWER_MAX;
    }
    daemon.resident_at_rest(STILL_LOOKS).await
}

/// So many partners, and everything else at its default.
fn configure(directory: &Path, partners: usize) {
    std::fs::write(directory.join("tidegate.toml"), main_text("")).expect("the directory can be written");
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

/// Where the daemon is asked.
fn address(daemon: &ServedDaemon) -> String {
    let ready: serde_json::Value = serde_json::from_str(&daemon.ready).expect("a line of JSON");
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

//! What one partner feels of another's flood: the p99 of its acknowledged pushes, alone and beside a
//! partner that sends ten times its quota, both in an open loop.
//!
//! `cargo bench --bench flood -- [PAIRS] [SECONDS]`: pairs of legs of so many seconds, alone and beside the
//! flood in turns, so that what else the machine does falls on both. Daemon and clients share its cores.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::process::ExitCode;
use std::time::Duration;
use tempfile::TempDir;
use tidegate::clock::Clock;
use tidegate::config::{PartnerSettings, Settings};
use tidegate::daemon::Daemon;
use tidegate::domain::Currency;
use tidegate::load::{self, Leg, LoadPlan, Mode, Until};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PAIRS: u64 = 5;
const SECONDS: u64 = 5;
/// Pushes a second of the partner that keeps to its quota.
const CALM_RATE: f64 = 500.0;
/// The quota of the other, and what it sends.
const QUOTA: u32 = 500;
const FLOOD_RATE: f64 = 10.0 * QUOTA as f64;
/// What is promised of the ratio.
const RATIO_MAX: f64 = 2.0;

fn main() -> ExitCode {
    // `cargo bench` adds a flag of its own
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok());
    let (pairs, seconds) = (numbers.next().unwrap_or(PAIRS), numbers.next().unwrap_or(SECONDS));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(pairs, Duration::from_secs(seconds)))
}

async fn run(pairs: u64, leg: Duration) -> ExitCode {
    let directory = TempDir::new().expect("a directory for the store");
    let mut settings = Settings::minimal(directory.path().to_owned());
    settings.store.disk_free_bytes_min = 0;
    settings.partners = ["calm", "flood"].map(partner).to_vec();
    settings.partners[1].limits.prices_per_second = QUOTA;
    let daemon = Daemon::start(settings, Clock::system()).await.expect("the daemon starts");
    let url = format!("http://{}", daemon.address());
    for name in ["calm", "flood"] {
        let load = LoadPlan {
            load_assets: true,
            until: Until::Elapsed(Duration::ZERO),
            ..plan(&url, name, 1.0, leg)
        };
        load::run(&load).await.expect("the assets are created");
    }
    let calm = || async { leg_of(&plan(&url, "calm", CALM_RATE, leg)).await };
    let flood = || async { leg_of(&plan(&url, "flood", FLOOD_RATE, leg)).await };
    println!("pair  alone p99 ms  beside p99 ms  ratio  of the flood");
    let mut ratios = Vec::new();
    for pair in 0..pairs {
        // the order changes from pair to pair
        let (alone, (beside, flooding)) = if pair % 2 == 0 {
            let alone = calm().await;
            (alone, tokio::join!(calm(), flood()))
        } else {
            let both = tokio::join!(calm(), flood());
            (calm().await, both)
        };
        for leg in [&alone, &beside] {
            assert_eq!(leg.errors(), 0, "the calm partner is never refused: {:?}", leg.example);
        }
        let refused = flooding.refused.get(&429).copied().unwrap_or_default();
        let ratio = beside.p99_ms / alone.p99_ms;
        println!(
            "{pair:4}  {:12.3}  {:13.3}  {ratio:5.2}  {refused} refused, {} taken",
            alone.p99_ms, beside.p99_ms, flooding.requests
        );
        ratios.push(ratio);
    }
    daemon.stop().await.expect("the daemon stops");
    ratios.sort_by(f64::total_cmp);
    let median = ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN);
    println!("median ratio {median:.2}, promised {RATIO_MAX}");
    if median <= RATIO_MAX { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn leg_of(plan: &LoadPlan) -> Leg {
    let report = load::run(plan).await.expect("the load runs");
    report.legs.into_iter().next().expect("one leg against the daemon")
}

fn partner(name: &str) -> PartnerSettings {
    let mut settings = PartnerSettings::named(name, &key(name));
    settings.policy.default_currency = Currency::new("EUR").ok();
    settings
}

fn key(name: &str) -> String {
    format!("key-of-{name}")
}

fn plan(url: &str, name: &str, rate: f64, leg: Duration) -> LoadPlan {
    LoadPlan {
        url: url.to_owned(),
        key: key(name),
        connections: 32,
        threads: 1,
        mode: Mode::Single,
        until: Until::Elapsed(leg),
        rate: Some(rate),
        assets: 1_000,
        load_assets: false,
        pairs: 0,
        idle_streams: 0,
        verify: Some(0),
        seed: 1,
        say: |_| {},
    }
}

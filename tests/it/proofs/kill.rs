//! `kill -9` under load, again and again on one store. It proves that an acknowledgement waits for
//! the commit, that a delivery is remembered with its effect, and that a start finds its way from wherever
//! the last life ended, a recovery included; what a loss of power does is proved where the disk is simulated.

use crate::proofs::keyed::{self, Keyed};
use crate::proofs::ledger::{self, Ledger};
use crate::support::program::{Program, configure};
use crate::support::random::Random;
use crate::support::small_store::KEEP_ALL;
use std::path::Path;
use tidegate::clock::Mark;
use tidegate::domain::{ChangeKind, PriceChange, Seq};
use tidegate::store::{self, StoreOptions};

const ROUNDS: u64 = 50;
/// A round ends at the latest after so many acknowledged requests.
const REQUESTS_MAX: usize = 400;
/// Each so many rounds a start is killed within its recovery, at a random one of so many looks at it.
const EARLY_EVERY: u64 = 3;
const EARLY_LOOKS_MAX: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g4_g2_fifty_kills_under_load_lose_nothing_acknowledged_invent_nothing_and_repeat_nothing() {
    let seed = std::env::var("TIDEGATE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("seed {seed} (another one by TIDEGATE_SEED)");
    let mut random = Random(seed);
    let began = Mark::now();
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), ledger::PARTNER);
    configure(directory.path(), keyed::PARTNER);
    let (ledger, keyed) = (Ledger::new(), Keyed::new());
    let (mut unrecovered, mut in_doubt) = (0, 0);
    for round in 0..ROUNDS {
        if round % EARLY_EVERY == EARLY_EVERY - 1 {
            let looks = 1 + random.below(EARLY_LOOKS_MAX);
            unrecovered += u32::from(Program::start_and_kill_in_recovery(directory.path(), looks));
        }
        let program = Program::start(directory.path()).await;
        if round == 0 {
            ledger.create_assets(&program).await;
        }
        ledger.judge(&program).await;
        keyed.judge(&program).await;
        let (crew, keyed_crew) = (ledger.push(&program), keyed.push(&program));
        ledger.acknowledges(1 + random.below(REQUESTS_MAX) as u64).await;
        program.kill();
        crew.join_all().await;
        keyed_crew.join_all().await;
        let (sent, known) = keyed.deliveries();
        in_doubt += sent - known;
    }
    let program = Program::start(directory.path()).await;
    ledger.judge(&program).await;
    keyed.judge(&program).await;
    program.kill();
    let (sent, acknowledged) = ledger.requests();
    let (deliveries, _) = keyed.deliveries();
    println!("{sent} requests, {acknowledged} acknowledged; {deliveries} deliveries, {in_doubt} in doubt");
    println!("{unrecovered} starts killed before they had recovered; all in {:?}", began.elapsed());
    assert!(sent > acknowledged && in_doubt > 0, "no kill met a request under way");
    assert!(unrecovered > 0, "no kill met a recovery");
    the_log_has_no_gap(&directory.path().join("store"), &ledger);
}

/// The store's own reader, over everything from the first change on.
fn the_log_has_no_gap(directory: &Path, ledger: &Ledger) {
    let options = StoreOptions { overlay_bytes_max: 64 << 20, ..KEEP_ALL };
    let opened = store::open(directory, &options).unwrap();
    let mut last = Seq(0);
    let mut prices = 0;
    loop {
        let page = opened.reader.changes(last, 10_000).unwrap();
        if page.changes.is_empty() {
            break;
        }
        for change in page.changes {
            assert_eq!(change.seq.0, last.0 + 1, "a gap");
            last = change.seq;
            let ours = |price: &PriceChange| price.id.as_str().contains('/');
            prices += usize::from(matches!(&change.change.kind, ChangeKind::Price(price) if ours(price)));
        }
    }
    assert_eq!(last, opened.reader.durable());
    assert_eq!(prices, ledger.seen().prices.len());
}

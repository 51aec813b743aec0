//! What a catalogue costs in memory: 1 M assets with ids of 20 bytes, each written once as a whole,
//! one quote each, and a member that was written later by itself in one of ten.
//!
//! `cargo bench --bench memory`. The program itself serves an empty store, then the same store with
//! the assets in it; each time its resident set is read (Linux: `/proc/PID/statm`) once the index is
//! loaded and nothing moves any more; once more with the least cache, to tell the cache's share.
//! Prints the difference, and ends with 1 where it is above the bound. The store is made in
//! `$TMPDIR` and takes some hundreds of megabytes.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

mod served;

use served::{ServedDaemon, main_text};
use std::path::Path;
use std::process::{Command, ExitCode};
use tidegate::clock::Mark;
use tidegate::domain::{
    AssetChange, AssetEvent, AssetHead, AssetId, ChangeKind, Currency, Decimal, Document, Exception, Lane,
    Market, Member, Micros, Origin, PartnerNo, PriceChange, Quote, QuoteName, Slot, Stamp, WriteSet,
};
use tidegate::store::{Progress, StoreOptions, Writer, open};

const ASSETS: u32 = 1_000_000;
/// One asset of so many has an exception.
const EXCEPTION_EVERY: u32 = 10;
const GROWTH_BYTES_MAX: u64 = 250_000_000;
/// The first partner that a daemon is configured with has this number.
const PARTNER: PartnerNo = PartnerNo(1);
const CACHE_DEFAULT: &str = "";
/// What the daemon then holds less of is not the assets' but the cache's.
const CACHE_LEAST: &str = "cache_bytes = '1MiB'\n";
/// Looks at memory that stands still.
const STILL_LOOKS: usize = 150;
const OPTIONS: StoreOptions = StoreOptions {
    cache_bytes: 64 << 20,
    overlay_bytes_max: 64 << 20,
    log_keep: 0,
    log_bytes_max: 64 << 20,
    init: false,
};

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime of one thread").block_on(measure())
}

async fn measure() -> ExitCode {
    let scratch = tempfile::tempdir().expect("the directory can be written");
    add_partner(scratch.path());
    configure(scratch.path(), CACHE_DEFAULT);
    let empty = resident_when_idle(scratch.path()).await;
    let start = Mark::now();
    fill(&scratch.path().join("store"));
    println!("stored {ASSETS} assets in {:?}", start.elapsed());
    let full = resident_when_idle(scratch.path()).await;
    configure(scratch.path(), CACHE_LEAST);
    let uncached = resident_when_idle(scratch.path()).await;
    let growth = full.saturating_sub(empty);
    let say = |what: &str, bytes: u64| println!("{what:<40} {:>7.1} MB", bytes as f64 / 1e6);
    say("resident with an empty store", empty);
    say("resident with the assets", full);
    say("growth", growth);
    say("of it pages of the file in the cache", full.saturating_sub(uncached));
    println!("{:<40} {:>7.1} bytes", "growth for each asset", growth as f64 / f64::from(ASSETS));
    if growth > GROWTH_BYTES_MAX {
        println!("that is above {GROWTH_BYTES_MAX} bytes in all");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Everything at its default but for the ports, the place of the store, and its cache.
fn configure(directory: &Path, cache: &str) {
    std::fs::write(directory.join("tidegate.toml"), main_text(cache)).expect("the directory can be written");
}

fn add_partner(directory: &Path) {
    let added = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["partner", "add", "acme", "--config"])
        .arg(directory)
        .output()
        .expect("the program runs");
    assert!(added.status.success(), "{added:?}");
}

/// Serves the store until the daemon has loaded it and stands still; bytes of memory that it holds then.
async fn resident_when_idle(directory: &Path) -> u64 {
    ServedDaemon::start(directory).resident_at_rest(STILL_LOOKS).await
}

fn fill(directory: &Path) {
    let mut writer = open(directory, &OPTIONS).expect("the store opens").writer;
    let mut slots = 0..ASSETS;
    while !slots.is_empty() {
        let changes = slots.by_ref().take(1_000).flat_map(asset).collect();
        writer.commit(&mut vec![WriteSet { partner: PARTNER, changes }], at(0)).expect("a group commits");
        checkpoint(&mut writer);
    }
    writer.checkpoint_all().expect("the tables take it all");
}

fn checkpoint(writer: &mut Writer) {
    while writer.wants_checkpoint() && writer.checkpoint_slice().expect("a slice") != Progress::Finished {}
}

/// All changes of one asset: its creation, its price, and the exception of some.
fn asset(slot: u32) -> Vec<ChangeKind> {
    let stamp = Stamp::new(at(slot), Lane::Push, 0);
    let mut members = vec![
        member("legal_status", "\"registered\"".into(), slot),
        member("location", format!("{{\"city\":\"Zürich\",\"lot\":{slot}}}"), slot),
        member("name", format!("\"Asset number {slot}\""), slot),
    ];
    let hash = Document::from_members(members.clone()).hash();
    let mut head = AssetHead { version: 1, life: stamp, base: stamp, hash, ..AssetHead::unborn() };
    let mut changes = vec![document(slot, AssetEvent::Created, &head, members.clone(), stamp), price(slot)];
    if slot.is_multiple_of(EXCEPTION_EVERY) {
        let later = Stamp::new(stamp.at.plus(Micros::HOUR), Lane::Push, 0);
        members[0] = member("legal_status", "\"frozen\"".into(), slot);
        head.exceptions = vec![Exception { name: "legal_status".into(), stamp: later, removed: false }];
        head.hash = Document::from_members(members.clone()).hash();
        head.version = 2;
        members.truncate(1);
        changes.push(document(slot, AssetEvent::Updated, &head, members, later));
    }
    changes
}

fn at(slot: u32) -> Micros {
    Micros(1_795_000_000_000_000 + i64::from(slot))
}

fn id(slot: u32) -> AssetId {
    AssetId::new(&format!("ASSET-{slot:014}")).expect("the id is well formed")
}

fn member(name: &str, text: String, slot: u32) -> Member {
    Member { name: name.into(), hash: u128::from(slot) << 32 | text.len() as u128, text: text.into() }
}

fn document(slot: u32, event: AssetEvent, head: &AssetHead, set: Vec<Member>, stamp: Stamp) -> ChangeKind {
    let (head, origin, removed) = (head.clone(), Origin::Push { delivery: 0 }, Vec::new());
    let (slot, id) = (Slot(slot), id(slot));
    ChangeKind::Asset(Box::new(AssetChange { slot, id, event, head, set, removed, stamp, origin }))
}

fn price(slot: u32) -> ChangeKind {
    let quote = Quote {
        name: QuoteName::PRICE,
        currency: Currency::new("EUR").expect("a code"),
        market: Market::Open,
        stamp: Stamp::new(at(slot), Lane::Price, 0),
        amount: Decimal::from_parts(i128::from(slot % 1_000_000 + 1), 2),
        received_at: at(slot + 1),
        by_arrival: false,
        extra: None,
        undated: None,
    };
    ChangeKind::Price(PriceChange { slot: Slot(slot), id: id(slot), visible: true, quote })
}

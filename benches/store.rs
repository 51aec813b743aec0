//! How fast the store commits price changes on a catalogue of a million assets, with checkpoints
//! running between the commits and without. Prints rates and commit times.
//!
//! `cargo bench --bench store [-- GROUP...]`, in `$TMPDIR`: it decides which disk is measured.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use fastrand::Rng;
use std::time::Duration;
use tidegate::clock::Mark;
use tidegate::domain::{
    AssetChange, AssetEvent, AssetHead, AssetId, ChangeKind, Currency, Decimal, Document, Lane, Market,
    Member, Micros, Origin, PartnerNo, PriceChange, Quote, QuoteName, Slot, Stamp, WriteSet,
};
use tidegate::store::{Opened, Progress, StoreOptions, Writer, open};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ASSETS: u32 = 1_000_000;
const PARTNER: PartnerNo = PartnerNo(1);
const OPTIONS: StoreOptions = StoreOptions {
    cache_bytes: 64 << 20,
    overlay_bytes_max: 64 << 20,
    log_keep: 0,
    log_bytes_max: 256 << 20,
    init: false,
};

fn main() {
    let groups: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let groups = if groups.is_empty() { vec![1, 64, 1_000, 10_000] } else { groups };
    let scratch = tempfile::tempdir().expect("the directory can be written");
    let Opened { mut writer, reader, .. } = open(scratch.path(), &OPTIONS).expect("a fresh store opens");
    load(&mut writer);
    println!("group  checkpoints  changes/s  commit p50        p99  slice p50        p99  slices  finished");
    for group in groups {
        for checkpoints in [false, true, false, true] {
            measure(&mut writer, group, checkpoints);
        }
    }
    drop((writer, reader));
    let start = Mark::now();
    let opened = open(scratch.path(), &OPTIONS).expect("the store opens again");
    println!("opened again in {:?}, recovery {:?}", start.elapsed(), opened.recovery);
    let start = Mark::now();
    let mut count = 0;
    opened.reader.index(PARTNER, &mut |_, _, _, quotes| count += quotes.len()).expect("the index is read");
    println!("index of {count} quotes read in {:?}", start.elapsed());
}

fn id(slot: u32) -> AssetId {
    AssetId::new(&format!("ASSET-{slot:014}")).expect("the id is well formed")
}

fn price(slot: u32, at: i64) -> ChangeKind {
    let quote = Quote {
        name: QuoteName::PRICE,
        currency: Currency::new("EUR").expect("a code"),
        market: Market::Open,
        stamp: Stamp::new(Micros(1_795_000_000_000_000 + at), Lane::Push, 0),
        amount: Decimal::from_parts(i128::from(at % 1_000_000 + 1), 2),
        received_at: Micros(1_795_000_000_200_000 + at),
        by_arrival: false,
        extra: None,
        undated: None,
    };
    ChangeKind::Price(PriceChange { slot: Slot(slot), id: id(slot), visible: true, quote })
}

fn asset(slot: u32) -> ChangeKind {
    let stamp = Stamp::new(Micros(1), Lane::Feed, 0);
    let member =
        |name: &str, text: String| Member { name: name.into(), text: text.into(), hash: u128::from(slot) };
    let set = vec![
        member("legal_status", "\"registered\"".into()),
        member("location", format!("{{\"city\":\"Zürich\",\"lot\":{slot}}}")),
        member("name", format!("\"Asset number {slot}\"")),
    ];
    let hash = Document::from_members(set.clone()).hash();
    let head = AssetHead { version: 1, life: stamp, base: stamp, hash, ..AssetHead::unborn() };
    let (event, origin) = (AssetEvent::Created, Origin::Feed { run: 1, record: slot });
    ChangeKind::Asset(Box::new(AssetChange {
        slot: Slot(slot),
        id: id(slot),
        event,
        head,
        set,
        removed: Vec::new(),
        stamp,
        origin,
    }))
}

fn load(writer: &mut Writer) {
    let start = Mark::now();
    let mut slots = 0..ASSETS;
    while !slots.is_empty() {
        let changes = slots.by_ref().take(1_000).flat_map(|slot| [asset(slot), price(slot, 0)]).collect();
        writer.commit(&mut vec![WriteSet { partner: PARTNER, changes }], Micros(0)).expect("a group commits");
        while writer.wants_checkpoint() && writer.checkpoint_slice().expect("a slice") != Progress::Finished {
        }
    }
    writer.checkpoint_all().expect("the tables take it all");
    println!("loaded {ASSETS} assets in {:?}", start.elapsed());
}

fn measure(writer: &mut Writer, group: usize, checkpoints: bool) {
    writer.checkpoint_all().expect("begin with an empty overlay");
    while writer.trim(Micros(i64::MAX)).expect("the log is trimmed") > 0 {}
    let mut random = Rng::with_seed(group as u64);
    let (mut commits, mut slices, mut finished, mut busy) = (Vec::new(), Vec::new(), 0, Duration::ZERO);
    let mut at = 1;
    while busy < Duration::from_secs(3) {
        let changes = (0..group).map(|_| price(random.u32(..ASSETS), at)).collect();
        let mut sets = vec![WriteSet { partner: PARTNER, changes }];
        at += 1;
        let start = Mark::now();
        writer.commit(&mut sets, Micros(at)).expect("a group commits");
        commits.push(start.elapsed());
        busy += start.elapsed();
        let start = Mark::now();
        // a small group fills the overlay too slowly to see a checkpoint: it gets one on demand
        if checkpoints && (writer.wants_checkpoint() || group < 1_000 && commits.len() % 500 == 0) {
            finished += usize::from(writer.checkpoint_slice().expect("a slice") == Progress::Finished);
            slices.push(start.elapsed());
            busy += start.elapsed();
        }
    }
    let rate = (commits.len() * group) as f64 / busy.as_secs_f64();
    let (p50, p99) = percentiles(&mut commits);
    let (s50, s99) = percentiles(&mut slices);
    print!("{group:5}  {checkpoints:11}  {rate:9.0}  {p50:10.1?}  {p99:9.1?}  ");
    println!("{s50:9.1?}  {s99:9.1?}  {:6}  {finished:8}", slices.len());
}

fn percentiles(times: &mut [Duration]) -> (Duration, Duration) {
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    (at(50), at(99))
}

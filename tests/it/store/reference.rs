//! The store against a naive picture of it: maps and a list.

use crate::store::world::{PARTNERS, World};
use crate::support::random::Random;
use crate::support::simdisk::SimDisk;
use crate::support::small_store::KEEP_ALL;
use std::sync::atomic::{AtomicBool, Ordering};
use tidegate::domain::*;
use tidegate::store::{Opened, Progress, ReadError, StoreOptions, Writer, open, open_backend};

/// So small that checkpoints have many slices, and recovery needs some of its own.
const SMALL: StoreOptions =
    StoreOptions { overlay_bytes_max: 256 << 10, log_bytes_max: 40 << 10, ..KEEP_ALL };

#[test]
fn the_store_shows_what_a_naive_picture_of_it_shows() {
    for seed in 1..=12 {
        println!("seed {seed}");
        live(seed);
    }
}

/// One life of a store: commits, slices of checkpoints, trims and reopenings at random.
fn live(seed: u64) {
    let directory = tempfile::tempdir().unwrap();
    let mut random = Random(seed);
    let mut world = World::default();
    let mut opened = open(directory.path(), &SMALL).unwrap();
    let life = opened.reader.journal();
    for step in 0..250i64 {
        let mut sets = world.random_sets(&mut random, Micros(step));
        let group = opened.writer.commit(&mut sets, Micros(step)).unwrap();
        assert!(sets.is_empty());
        assert_eq!(group.last, world.last());
        if random.chance(60) {
            opened.writer.checkpoint_slice().unwrap();
        }
        match random.below(60) {
            0 => {
                drop(opened);
                opened = open(directory.path(), &SMALL).unwrap();
            }
            1 => opened.writer.checkpoint_all().unwrap(),
            2 => assert!(opened.writer.trim(Micros(step)).unwrap() < 250),
            3..=12 => world.assert_shown_by(&opened.reader, &mut random),
            _ => {}
        }
    }
    world.assert_shown_by(&opened.reader, &mut random);
    opened.writer.checkpoint_all().unwrap();
    assert!(!opened.writer.wants_checkpoint() && opened.reader.overlay_bytes() == 0);
    world.assert_shown_by(&opened.reader, &mut random);
    drop(opened);
    let opened = open(directory.path(), &SMALL).unwrap();
    assert_eq!(opened.recovery.records, 0);
    assert_ne!(opened.reader.journal(), life);
    assert!(opened.reader.has_given(opened.reader.journal_of(world.last()), world.last()));
    world.assert_shown_by(&opened.reader, &mut random);
}

#[test]
fn a_reopened_store_applies_the_tail_again_however_small_the_overlay_may_be() {
    let disk = SimDisk::default();
    let (mut random, mut world) = (Random(7), World::default());
    let large = StoreOptions { overlay_bytes_max: 64 << 20, ..SMALL };
    let mut opened = open_backend(disk.clone(), &large).unwrap();
    for step in 0..200 {
        opened.writer.commit(&mut world.random_sets(&mut random, Micros(step)), Micros(step)).unwrap();
    }
    drop(opened);
    let tiny = StoreOptions { overlay_bytes_max: 16 << 10, ..SMALL };
    let opened = open_backend(disk.clone(), &tiny).unwrap();
    assert_eq!(opened.recovery.changes, world.last().0);
    assert!(opened.recovery.records > 100 && opened.reader.overlay_bytes() < 64 << 10);
    world.assert_shown_by(&opened.reader, &mut random);
    drop(opened);
    let opened = open_backend(disk, &tiny).unwrap();
    assert!(opened.recovery.changes < world.last().0, "the checkpoints on the way have been kept");
    world.assert_shown_by(&opened.reader, &mut random);
}

#[test]
fn registers_that_come_and_go_under_ever_new_names_leave_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let mut opened = open(directory.path(), &SMALL).unwrap();
    let asset = WriteSet { partner: PARTNERS[0], changes: vec![counted(0).changes.remove(0)] };
    let id = match &asset.changes[0] {
        ChangeKind::Asset(asset) => asset.id.clone(),
        other => panic!("{other:?} is no asset"),
    };
    opened.writer.commit(&mut vec![asset], Micros(0)).unwrap();
    for round in 0..2_000 {
        let name = QuoteName::new(&format!("q{round}")).unwrap();
        for held in [true, false] {
            let mut set = WriteSet::new(PARTNERS[0]);
            set.changes.push(ChangeKind::Price(PriceChange {
                slot: Slot(0),
                id: id.clone(),
                visible: true,
                quote: register(name, held.then_some(Micros(round))),
            }));
            opened.writer.commit(&mut vec![set], Micros(round)).unwrap();
        }
        if opened.writer.wants_checkpoint() {
            while opened.writer.checkpoint_slice().unwrap() != Progress::Finished {}
        }
        assert!(opened.reader.overlay_bytes() < 64 << 10, "a row is not carried on for ever");
        assert!(opened.reader.quotes(PARTNERS[0], &id).unwrap().unwrap().1.is_empty());
    }
    opened.writer.checkpoint_all().unwrap();
    drop(opened);
    let db = redb::Database::open(directory.path().join("tidegate.redb")).unwrap();
    let txn = redb::ReadableDatabase::begin_read(&db).unwrap();
    let prices = txn.open_table(redb::TableDefinition::<(u32, u32), &[u8]>::new("prices")).unwrap();
    let block = prices.get((PARTNERS[0].0, 0)).unwrap().unwrap();
    assert!(block.value().len() < 100, "{} bytes for an asset without a price", block.value().len());
}

/// A quote with a price of that time, or one that was emptied.
fn register(name: QuoteName, at: Option<Micros>) -> Quote {
    Quote {
        name,
        currency: Currency::new("EUR").unwrap(),
        market: Market::Unsaid,
        stamp: at.map_or(Stamp::NEVER, |at| Stamp::new(at, Lane::Push, 0)),
        amount: at.and_then(|_| Decimal::from_parts(5, 0)),
        received_at: Micros(0),
        by_arrival: false,
        extra: None,
        undated: None,
    }
}

#[test]
fn a_group_without_changes_writes_nothing() {
    let disk = SimDisk::default();
    let mut opened = open_backend(disk.clone(), &SMALL).unwrap();
    let calls = disk.calls();
    let mut sets = vec![WriteSet::new(PARTNERS[0])];
    let group = opened.writer.commit(&mut sets, Micros(0)).unwrap();
    assert_eq!((group.first, group.last, group.bytes, sets.len()), (Seq(1), Seq(0), 0, 0));
    assert_eq!(opened.writer.checkpoint_slice().unwrap(), Progress::Idle);
    assert_eq!(disk.calls(), calls);
}

#[test]
fn the_log_is_trimmed_by_age_and_size_but_never_above_the_checkpoint() {
    let options = StoreOptions { log_keep: 50, log_bytes_max: u64::MAX, ..SMALL };
    let mut opened = open_backend(SimDisk::default(), &options).unwrap();
    let writer = &mut opened.writer;
    for step in 0..100 {
        writer.commit(&mut vec![counted(step)], Micros(step)).unwrap();
    }
    assert_eq!(writer.trim(Micros(1_000)).unwrap(), 0, "nothing is in the tables yet");
    writer.checkpoint_all().unwrap();
    assert_eq!(writer.trim(Micros(100)).unwrap(), 50);
    let trimmed = |since| match opened.reader.changes(Seq(since), 1) {
        Err(ReadError::Trimmed { oldest }) => Some(oldest.0),
        Ok(page) => {
            assert_eq!(page.changes[0].seq, Seq(since + 1));
            None
        }
        Err(error) => panic!("{error}"),
    };
    let changes_each = counted(0).changes.len() as u64;
    assert_eq!(trimmed(0), Some(50 * changes_each + 1));
    assert_eq!(trimmed(50 * changes_each - 1), Some(50 * changes_each + 1));
    assert_eq!(trimmed(50 * changes_each), None);
    let page = opened.reader.changes(Seq(100 * changes_each), 9).unwrap();
    assert_eq!((page.changes.len(), page.next.0), (0, 100 * changes_each));
}

#[test]
fn a_reader_never_sees_half_a_group() {
    let mut opened =
        open_backend(SimDisk::default(), &StoreOptions { overlay_bytes_max: 64 << 10, ..SMALL }).unwrap();
    opened.writer.commit(&mut vec![counted(0)], Micros(0)).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let reader = opened.reader.clone();
            let done = &done;
            scope.spawn(move || {
                let mut before = 0;
                while !done.load(Ordering::Relaxed) {
                    let rows = reader.assets(PARTNERS[0], None, 10).unwrap();
                    let counts: Vec<u32> = rows.iter().flat_map(counts_of).collect();
                    assert!(
                        counts.len() == 9 && counts.iter().all(|count| *count == counts[0]),
                        "{counts:?}"
                    );
                    let row = reader.asset(PARTNERS[0], &rows[1].id).unwrap().unwrap();
                    let again = counts_of(&row);
                    assert!(again.iter().all(|count| *count == again[0] && *count >= counts[0]), "{again:?}");
                    assert!(counts[0] >= before, "readers never go back");
                    before = again[0];
                }
            });
        }
        write_counts(&mut opened.writer);
        done.store(true, Ordering::Relaxed);
    });
}

fn write_counts(writer: &mut Writer) {
    for count in 1..600 {
        writer.commit(&mut vec![counted(count)], Micros(count)).unwrap();
        if count % 3 == 0 {
            writer.checkpoint_slice().unwrap();
        }
    }
}

/// The same count in the head, the document and the quote of three assets.
fn counted(count: i64) -> WriteSet {
    let mut set = WriteSet::new(PARTNERS[0]);
    for slot in 0..3 {
        let id = AssetId::new(&format!("asset {slot}")).unwrap();
        let stamp = Stamp::new(Micros(count), Lane::Push, 0);
        let member = Member { name: "count".into(), text: count.to_string().into(), hash: 0 };
        let change = AssetChange {
            slot: Slot(slot),
            id: id.clone(),
            event: AssetEvent::Updated,
            head: AssetHead { version: count as u32, life: stamp, base: stamp, ..AssetHead::unborn() },
            set: vec![member],
            removed: Vec::new(),
            stamp,
            origin: Origin::Push { delivery: 1 },
        };
        let quote = Quote {
            name: QuoteName::PRICE,
            currency: Currency::new("EUR").unwrap(),
            market: Market::Unsaid,
            stamp,
            amount: Decimal::from_parts(i128::from(count), 0),
            received_at: Micros(count),
            by_arrival: false,
            extra: None,
            undated: None,
        };
        set.changes.push(ChangeKind::Asset(Box::new(change)));
        set.changes.push(ChangeKind::Price(PriceChange { slot: Slot(slot), id, visible: true, quote }));
    }
    set
}

fn counts_of(row: &tidegate::store::AssetRow) -> [u32; 3] {
    let number = |text: String| text.parse().unwrap();
    let quote = row.quotes[0].amount.unwrap().to_string();
    [row.head.version, number(row.document.get("count").unwrap().text.to_string()), number(quote)]
}

#[test]
fn a_reader_is_woken_when_a_group_is_durable_and_finds_it() {
    let Opened { mut writer, reader, .. } = open_backend(SimDisk::default(), &SMALL).unwrap();
    let mut durable = reader.subscribe();
    assert_eq!(*durable.borrow_and_update(), Seq(0));
    writer.commit(&mut vec![counted(1)], Micros(1)).unwrap();
    assert!(durable.has_changed().unwrap());
    assert_eq!(*durable.borrow_and_update(), Seq(6));
    assert_eq!(reader.changes(Seq(5), 10).unwrap().changes.len(), 1);
}

//! The bytes that are persisted, pinned: one record of the log for each kind of change, and one row of each table.
//!
//! They stand as hex in `tests/golden/store.txt`, those of the first schema in `store.1.txt`, which no release writes any
//! more and every release reads. A difference means that a file written before may no longer be read:
//! once a version is released, the layout changes only together with its version byte. Where the change is meant,
//! `TIDEGATE_REFRESH_GOLDEN=1 cargo test golden` writes the file anew.

use crate::support::small_store::KEEP_ALL;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use std::fmt::Write;
use std::path::Path;
use tidegate::domain::*;
use tidegate::store::{AssetRow, Opened, Reader, open};

const GOLDEN: &str = include_str!("../../golden/store.txt");
const FIRST: &str = include_str!("../../golden/store.1.txt");
const PARTNER: PartnerNo = PartnerNo(7);
/// 2026-01-01T00:00:00Z
const START: Micros = Micros(1_767_225_600_000_000);
fn stamp(seconds: i64, lane: Lane) -> Stamp {
    Stamp::new(START.plus(seconds * Micros::SECOND), lane, 3)
}

fn member(name: &str, text: &str) -> Member {
    Member { name: name.into(), text: text.into(), hash: 0x0123_4567_89ab_cdef_0011_2233_4455_6677 }
}

fn asset(slot: u32, id: &str, event: AssetEvent, head: AssetHead) -> AssetChange {
    let (id, stamp) = (AssetId::new(id).unwrap(), stamp(5, Lane::Push));
    let origin = Origin::Push { delivery: 0x1122_3344_5566_7788 };
    AssetChange { slot: Slot(slot), id, event, head, set: Vec::new(), removed: Vec::new(), stamp, origin }
}

fn living() -> AssetHead {
    let (life, base) = (stamp(1, Lane::Push), stamp(2, Lane::Feed));
    AssetHead { version: 1, life, base, hash: 0xfeed, ..AssetHead::unborn() }
}

fn beaten(member: Option<&str>, under: &[&str]) -> Beaten {
    let under = under.iter().map(|&name| name.into()).collect();
    Beaten { member: member.map(Into::into), hash: 0x0123_4567_89ab_cdef, under }
}

fn quote(name: &str) -> Quote {
    Quote {
        name: QuoteName::new(name).unwrap(),
        currency: Currency::new("EUR").unwrap(),
        market: Market::Open,
        stamp: stamp(3, Lane::Price),
        amount: Decimal::from_parts(10_125, 2),
        received_at: START.plus(4 * Micros::SECOND),
        by_arrival: false,
        extra: None,
        undated: None,
    }
}

/// A quote that has all that a quote can have.
fn whole_quote() -> Quote {
    let origin = Some(Origin::Feed { run: 9, record: 2 });
    let (kind, per) = (Some("mid".into()), Some("unit".into()));
    let extra = QuoteExtra { kind, per, origin, ..QuoteExtra::default() };
    let undated = Undated {
        snapshot: START,
        first_seen: START.plus(Micros::SECOND),
        amount: Decimal::from_parts(-5, 18).unwrap(),
        currency: Currency::new("USDC").unwrap(),
        outlives_after: Undated::OUTLIVES_AFTER,
    };
    Quote {
        extra: Some(Box::new(extra)),
        undated: Some(Box::new(undated)),
        market: Market::Closed,
        ..quote("nav")
    }
}

fn planned() -> ChangeKind {
    let origin = Origin::Plan { run: 300, plan: 70_000 };
    ChangeKind::Asset(Box::new(AssetChange { origin, ..asset(5, "e", AssetEvent::Created, living()) }))
}

/// Each change under a name of its own, in an order in which the store can take them.
fn changes() -> Vec<(&'static str, ChangeKind)> {
    let whole = |change: AssetChange| ChangeKind::Asset(Box::new(change));
    let members = vec![member("legal_status", "\"registered\""), member("name", "\"Zürich\"")];
    let exception =
        |name: &str, removed| Exception { name: name.into(), stamp: stamp(5, Lane::Push), removed };
    let currency = Some(Currency::new("CHF").unwrap());
    let exceptional = AssetHead {
        version: 2,
        exceptions: vec![exception("legal_status", false), exception("name", true)],
        currency,
        inactive: true,
        hidden: true,
        absences: 1,
        ..living()
    };
    let death = stamp(5, Lane::Push);
    let dead = AssetHead { version: 3, death, end: death, died_at: START, ..AssetHead::unborn() };
    let absent = AssetHead {
        death: stamp(9, Lane::Feed),
        died_at: START,
        beaten: vec![beaten(Some("legal_status"), &[]), beaten(None, &["legal_status", "name"])],
        ..exceptional.clone()
    };
    let created =
        AssetChange { set: members.clone(), ..asset(1, "ibc/27394", AssetEvent::Created, living()) };
    let updated = AssetChange {
        set: members[..1].to_vec(),
        removed: vec!["name".into()],
        ..asset(1, "ibc/27394", AssetEvent::Updated, exceptional.clone())
    };
    let fed = AssetChange {
        origin: Origin::Feed { run: 300, record: 70_000 },
        stamp: stamp(1, Lane::Feed),
        ..asset(2, "b", AssetEvent::Created, living())
    };
    let operated =
        AssetChange { origin: Origin::Admin { action: 4 }, ..asset(2, "b", AssetEvent::Stamped, living()) };
    let price = |visible, quote| {
        ChangeKind::Price(PriceChange {
            slot: Slot(1),
            id: AssetId::new("ibc/27394").unwrap(),
            visible,
            quote,
        })
    };
    let record = |value: Option<&[u8]>| {
        let (kind, key) = (RecordKind::Delivery, Box::from(&b"key"[..]));
        ChangeKind::Record(Box::new(RecordChange { kind, key, value: value.map(Box::from) }))
    };
    vec![
        ("asset created", whole(created)),
        ("asset updated", whole(updated)),
        ("asset created by a feed", whole(fed)),
        ("asset stamped by an operator", whole(operated)),
        ("price", price(true, quote("price"))),
        ("price withdrawn", price(false, Quote { amount: None, market: Market::Unsaid, ..quote("bid") })),
        ("price with all", price(true, whole_quote())),
        ("record set", record(Some(b"value"))),
        ("record removed", record(None)),
        ("record set again", record(Some(b"other"))),
        ("asset deleted", whole(asset(2, "b", AssetEvent::Deleted, dead.clone()))),
        ("asset created to be forgotten", whole(asset(3, "c", AssetEvent::Created, living()))),
        ("asset forgotten", whole(asset(3, "c", AssetEvent::Forgotten, dead))),
        ("asset hidden by absence", whole(asset(4, "d", AssetEvent::Deleted, absent))),
        ("asset of a plan", planned()),
    ]
}

/// All that a file holds which has taken these changes, each in a commit of its own, and a checkpoint.
fn persisted(directory: &Path, changes: Vec<(&'static str, ChangeKind)>) -> String {
    let mut writer = open(directory, &KEEP_ALL).unwrap().writer;
    let names: Vec<_> = changes.iter().map(|(name, _)| *name).collect();
    for (_, kind) in changes {
        writer.commit(&mut vec![WriteSet { partner: PARTNER, changes: vec![kind] }], START).unwrap();
    }
    writer.checkpoint_all().unwrap();
    drop(writer);
    let db = Database::open(directory.join("tidegate.redb")).unwrap();
    let txn = db.begin_read().unwrap();
    let mut text = String::new();
    let log = txn.open_table(TableDefinition::<u64, &[u8]>::new("log")).unwrap();
    for (row, name) in log.iter().unwrap().zip(&names) {
        let (key, value) = row.unwrap();
        writeln!(text, "log {} ({name}): {}", key.value(), hex::encode(value.value())).unwrap();
    }
    for name in ["assets", "prices"] {
        let table = txn.open_table(TableDefinition::<(u32, u32), &[u8]>::new(name)).unwrap();
        for row in table.iter().unwrap() {
            let (key, value) = row.unwrap();
            writeln!(text, "{name} {:?}: {}", key.value(), hex::encode(value.value())).unwrap();
        }
    }
    let documents = txn.open_table(TableDefinition::<(u32, &[u8]), &[u8]>::new("documents")).unwrap();
    for row in documents.iter().unwrap() {
        let (key, value) = row.unwrap();
        let (partner, id) = key.value();
        writeln!(text, "documents ({partner}, {}): {}", hex::encode(id), hex::encode(value.value())).unwrap();
    }
    let records = txn.open_table(TableDefinition::<(u8, u32, &[u8]), &[u8]>::new("records")).unwrap();
    for row in records.iter().unwrap() {
        let (key, value) = row.unwrap();
        let (kind, partner, of) = key.value();
        writeln!(text, "records ({kind}, {partner}, {}): {}", hex::encode(of), hex::encode(value.value()))
            .unwrap();
    }
    text
}

#[test]
fn the_golden_bytes_of_each_change_and_each_table_stay_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let found = persisted(directory.path(), changes());
    if std::env::var_os("TIDEGATE_REFRESH_GOLDEN").is_some_and(|value| value == "1") {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/store.txt");
        std::fs::write(golden, &found).unwrap();
        return;
    }
    for (line, golden) in found.lines().zip(GOLDEN.lines()) {
        assert_eq!(line, golden, "the layout has changed: see the head of this file");
    }
    assert_eq!(found.lines().count(), GOLDEN.lines().count());
}

/// Puts a line of the first schema back into its table.
fn restore_line(txn: &WriteTransaction, line: &str) {
    let (place, value) = line.split_once(": ").unwrap();
    let (table, key) = place.split_once(' ').unwrap();
    let value = hex::decode(value).unwrap();
    let parts: Vec<&str> = key.trim_matches(['(', ')']).split(", ").collect();
    let number = |part: usize| parts[part].split(' ').next().unwrap().parse::<u32>().unwrap();
    match table {
        "log" => {
            let mut log = txn.open_table(TableDefinition::<u64, &[u8]>::new("log")).unwrap();
            log.insert(u64::from(number(0)), value.as_slice()).unwrap();
        }
        "assets" | "prices" => {
            let mut blocks = txn.open_table(TableDefinition::<(u32, u32), &[u8]>::new(table)).unwrap();
            blocks.insert((number(0), number(1)), value.as_slice()).unwrap();
        }
        "documents" => {
            let mut rows = txn.open_table(TableDefinition::<(u32, &[u8]), &[u8]>::new("documents")).unwrap();
            rows.insert((number(0), hex::decode(parts[1]).unwrap().as_slice()), value.as_slice()).unwrap();
        }
        "records" => {
            let mut rows =
                txn.open_table(TableDefinition::<(u8, u32, &[u8]), &[u8]>::new("records")).unwrap();
            let key = hex::decode(parts[2]).unwrap();
            rows.insert((number(0) as u8, number(1), key.as_slice()), value.as_slice()).unwrap();
        }
        other => panic!("{other} is no table"),
    }
}

/// A file of the first schema; with `checkpoint` 0 its tables are not there yet, and the log says it all.
fn first_schema(directory: &Path, checkpoint: u64) {
    let db = Database::create(directory.join("tidegate.redb")).unwrap();
    let txn = db.begin_write().unwrap();
    let wanted = |line: &&str| checkpoint > 0 || line.starts_with("log ");
    FIRST.lines().filter(wanted).for_each(|line| restore_line(&txn, line));
    txn.open_table(TableDefinition::<(u32, u32), &[u8]>::new("assets")).unwrap();
    txn.open_table(TableDefinition::<(u32, u32), &[u8]>::new("prices")).unwrap();
    txn.open_table(TableDefinition::<(u32, &[u8]), &[u8]>::new("documents")).unwrap();
    txn.open_table(TableDefinition::<(u8, u32, &[u8]), &[u8]>::new("records")).unwrap();
    let mut meta = txn.open_table(TableDefinition::<&str, u64>::new("meta")).unwrap();
    for (name, value) in [("schema", 1), ("journal", 0xfeed), ("checkpoint", checkpoint), ("oldest", 1)] {
        meta.insert(name, value).unwrap();
    }
    drop(meta);
    txn.commit().unwrap();
}

fn shown(reader: &Reader) -> (Vec<AssetRow>, Vec<Committed>, Option<Box<[u8]>>) {
    let assets = reader.assets(PARTNER, None, 100).unwrap();
    let changes = reader.changes(Seq(0), 100).unwrap().changes;
    (assets, changes, reader.raw_record((RecordKind::Delivery, PARTNER), b"key").unwrap())
}

/// A file of the first schema shows what one of today shows that took the same changes, and goes on from there.
#[test]
fn a_file_of_the_first_schema_is_read_and_its_rows_are_rewritten_as_they_change() {
    let today = tempfile::tempdir().unwrap();
    let count = FIRST.lines().filter(|line| line.starts_with("log ")).count();
    persisted(today.path(), changes().into_iter().take(count).collect());
    let expected = shown(&open(today.path(), &KEEP_ALL).unwrap().reader);
    assert_eq!(expected.1.len(), count);
    for checkpoint in [0, count as u64] {
        let directory = tempfile::tempdir().unwrap();
        first_schema(directory.path(), checkpoint);
        let Opened { mut writer, reader, .. } = open(directory.path(), &KEEP_ALL).unwrap();
        assert_eq!(shown(&reader), expected, "checkpoint {checkpoint}");
        let end = Seq(count as u64);
        assert!(
            reader.has_given(0xfeed, end) && !reader.has_given(0xfeed, Seq(end.0 + 1)),
            "its cursors hold"
        );
        let kind = ChangeKind::Price(PriceChange {
            slot: Slot(1),
            id: AssetId::new("ibc/27394").unwrap(),
            visible: true,
            quote: Quote { amount: Decimal::from_parts(7, 0), ..quote("price") },
        });
        writer.commit(&mut vec![WriteSet { partner: PARTNER, changes: vec![kind] }], START).unwrap();
        writer.checkpoint_all().unwrap();
        let then = shown(&reader);
        assert_ne!(then.0, expected.0);
        drop((writer, reader));
        assert_eq!(shown(&open(directory.path(), &KEEP_ALL).unwrap().reader), then);
        let db = Database::open(directory.path().join("tidegate.redb")).unwrap();
        let txn = db.begin_read().unwrap();
        let version = |name| {
            let table = txn.open_table(TableDefinition::<(u32, u32), &[u8]>::new(name)).unwrap();
            table.get((7, 0)).unwrap().unwrap().value()[0]
        };
        let heads = if checkpoint > 0 { 1 } else { 2 };
        assert_eq!((version("prices"), version("assets")), (2, heads), "what changed is written anew");
    }
}

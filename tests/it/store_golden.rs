//! The bytes that are persisted, pinned: one record of the log for each kind of change, and one row of each table.
//!
//! They stand as hex in `tests/golden/store.txt`. A difference means that a file written before may no longer be read:
//! once a version is released, the layout changes only together with its version byte. Where the change is meant,
//! `TIDEGATE_REFRESH_GOLDEN=1 cargo test golden` writes the file anew.

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::fmt::Write;
use std::path::Path;
use tidegate::domain::*;
use tidegate::store::{StoreOptions, open};

const GOLDEN: &str = include_str!("../golden/store.txt");
const PARTNER: PartnerNo = PartnerNo(7);
/// 2026-01-01T00:00:00Z
const START: Micros = Micros(1_767_225_600_000_000);
const OPTIONS: StoreOptions = StoreOptions {
    cache_bytes: 1 << 20,
    overlay_bytes_max: 1 << 20,
    log_keep: i64::MAX,
    log_bytes_max: u64::MAX,
    init: false,
};

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
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// All that a file holds which has taken these changes, each in a commit of its own, and a checkpoint.
fn persisted(directory: &Path) -> String {
    let mut writer = open(directory, &OPTIONS).unwrap().writer;
    let names: Vec<_> = changes().iter().map(|(name, _)| *name).collect();
    for (_, kind) in changes() {
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
        writeln!(text, "log {} ({name}): {}", key.value(), hex(value.value())).unwrap();
    }
    for name in ["assets", "prices"] {
        let table = txn.open_table(TableDefinition::<(u32, u32), &[u8]>::new(name)).unwrap();
        for row in table.iter().unwrap() {
            let (key, value) = row.unwrap();
            writeln!(text, "{name} {:?}: {}", key.value(), hex(value.value())).unwrap();
        }
    }
    let documents = txn.open_table(TableDefinition::<(u32, &[u8]), &[u8]>::new("documents")).unwrap();
    for row in documents.iter().unwrap() {
        let (key, value) = row.unwrap();
        let (partner, id) = key.value();
        writeln!(text, "documents ({partner}, {}): {}", hex(id), hex(value.value())).unwrap();
    }
    let records = txn.open_table(TableDefinition::<(u8, u32, &[u8]), &[u8]>::new("records")).unwrap();
    for row in records.iter().unwrap() {
        let (key, value) = row.unwrap();
        let (kind, partner, of) = key.value();
        writeln!(text, "records ({kind}, {partner}, {}): {}", hex(of), hex(value.value())).unwrap();
    }
    text
}

#[test]
fn the_golden_bytes_of_each_change_and_each_table_stay_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let found = persisted(directory.path());
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

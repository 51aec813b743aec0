//! The records of a partner, as they were stored before each kind of them had a file of its own in the codec: they are
//! read, and written again as the same bytes.
//!
//! A line of `tests/golden/records.txt` is the number of the kind, the key in hexadecimal (`-`: empty), and the value as
//! it lies in its frame: JSON, or `hex` and bytes. All of it was written by a daemon with a feed, pushes, prices and
//! operators. Nothing writes the file anew: it stands for the files that are out there.

use crate::support::small_store::KEEP_ALL;
use std::collections::BTreeSet;
use std::path::Path;
use tidegate::codec::records::Encode;
use tidegate::domain::*;
use tidegate::store::{Opened, open};

const STORED: &str = include_str!("../../golden/records.txt");

/// A record as it was stored.
struct Line {
    kind: RecordKind,
    key: Vec<u8>,
    value: Vec<u8>,
}

fn lines() -> Vec<Line> {
    let line = |text: &str| {
        let mut parts = text.splitn(3, ' ');
        let kind = parts.next().unwrap().parse().unwrap();
        let key = parts.next().unwrap();
        let value = parts.next().unwrap();
        Line {
            kind: RecordKind::from_number(kind).unwrap(),
            key: hex::decode(key.trim_matches('-')).unwrap(),
            value: value
                .strip_prefix("hex ")
                .map_or_else(|| value.into(), |bytes| hex::decode(bytes).unwrap()),
        }
    };
    STORED.lines().map(line).collect()
}

/// Key and value as they are written today.
fn again<R: Encode>(line: &Line) -> (Vec<u8>, Vec<u8>) {
    assert_eq!(R::KIND, line.kind);
    let key = R::read_key(&line.key).expect("a key of this kind");
    let value = R::decode(&line.value).expect("a value of this kind");
    (R::key(&key).into(), value.encode().into())
}

fn written_again(line: &Line) -> (Vec<u8>, Vec<u8>) {
    match line.kind {
        RecordKind::Partner => again::<PartnerNumber>(line),
        RecordKind::Feed if line.key.is_empty() => again::<FeedState>(line),
        RecordKind::Feed => again::<RecordedPushes>(line),
        RecordKind::Run => again::<RunReport>(line),
        RecordKind::Delivery => again::<DeliveryRecord>(line),
        RecordKind::Plan => again::<Plan>(line),
        RecordKind::Quarantine => again::<QuarantineRow>(line),
        RecordKind::Parked => panic!("no release has written one"),
        RecordKind::Lost => again::<Vec<LostWrite>>(line),
        RecordKind::Stream if line.key == b"undated" => again::<LastUndated>(line),
        RecordKind::Stream => again::<StreamState>(line),
        RecordKind::Action => again::<OperatorAction>(line),
        RecordKind::PlanIds => again::<PlanPage>(line),
        RecordKind::Audit => again::<AuditEntry>(line),
    }
}

#[test]
fn records_of_every_kind_are_read_and_written_again_as_the_same_bytes() {
    let lines = lines();
    for line in &lines {
        let (key, value) = written_again(line);
        assert_eq!(key, line.key, "{:?}", line.kind);
        assert_eq!(String::from_utf8_lossy(&value), String::from_utf8_lossy(&line.value), "{:?}", line.kind);
    }
    let mut seen: BTreeSet<RecordKind> = lines.iter().map(|line| line.kind).collect();
    seen.insert(RecordKind::Parked);
    assert_eq!(seen, RecordKind::ALL.into(), "each kind, but the one that is reserved");
}

const PARTNER: PartnerNo = PartnerNo(1);

/// A store that holds the records of these lines.
fn store_of(directory: &Path, lines: Vec<Line>) -> Opened {
    let mut opened = open(directory, &KEEP_ALL).unwrap();
    let record = |Line { kind, key, value }| {
        let (key, value) = (key.into(), Some(value.into()));
        ChangeKind::Record(Box::new(RecordChange { kind, key, value }))
    };
    let changes = lines.into_iter().map(record).collect();
    opened.writer.commit(&mut vec![WriteSet { partner: PARTNER, changes }], Micros(1)).unwrap();
    opened
}

#[test]
fn a_page_of_streams_passes_over_what_else_is_kept_of_their_kind() {
    let directory = tempfile::tempdir().unwrap();
    let Opened { reader, .. } = store_of(directory.path(), lines());
    let mut names = Vec::new();
    while let Some(row) = reader.records::<StreamState>(PARTNER, names.last(), false, 1).unwrap().pop() {
        assert!(row.value.is_ok());
        names.push(row.key);
    }
    assert_eq!(names, ["s", "t"]);
    let newest = reader.records::<StreamState>(PARTNER, None, true, 1).unwrap().pop().unwrap();
    assert_eq!(newest.key, "t", "from the other end too");
    assert!(reader.record::<LastUndated>(PARTNER, &()).unwrap().is_some());
    assert_eq!(reader.records::<FeedState>(PARTNER, None, false, 10).unwrap().len(), 1);
    assert_eq!(reader.record::<RecordedPushes>(PARTNER, &()).unwrap().unwrap().pushes, 1206);
}

#[test]
fn a_record_of_other_bytes_is_damage_that_names_kind_and_key_and_leaves_the_others_readable() {
    let directory = tempfile::tempdir().unwrap();
    let mut lines = lines();
    let third = lines.iter_mut().find(|line| line.kind == RecordKind::Run && line.key[7] == 3).unwrap();
    third.value.truncate(20);
    lines.push(Line { kind: RecordKind::Action, key: b"one".to_vec(), value: b"{}".to_vec() });
    let Opened { reader, .. } = store_of(directory.path(), lines);
    let page = reader.records::<RunReport>(PARTNER, None, true, 10).unwrap();
    let read: Vec<_> = page.iter().map(|row| (row.key.0, row.value.is_ok())).collect();
    assert_eq!(read, [(5, true), (4, true), (3, false), (2, true), (1, true)]);
    let error = reader.record::<RunReport>(PARTNER, &RunId(3)).unwrap_err();
    assert_eq!(error.damaged(), Some("records"));
    let said = error.to_string();
    assert!(said.contains("the run record 0x0000000000000003 cannot be read"), "{said}");
    let error = reader.records::<OperatorAction>(PARTNER, None, false, 10).unwrap_err();
    assert!(error.is_damage() && error.to_string().contains("the action record `one`"), "{error}");
    let counted: u64 = reader.damage().map(|(_, count)| count).sum();
    assert_eq!(counted, 3, "each time that it was met");
}

//! The records of a partner, as they were stored before each kind of them had a file of its own in the codec: they are
//! read, and written again as the same bytes.
//!
//! A line of `tests/golden/records.txt` is the number of the kind, the key in hexadecimal (`-`: empty), and the value as
//! it lies in its frame: JSON, or `hex` and bytes. All of it was written by a daemon with a feed, pushes, prices and
//! operators. Nothing writes the file anew: it stands for the files that are out there.

use std::collections::BTreeSet;
use tidegate::codec::records::Encode;
use tidegate::domain::*;

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

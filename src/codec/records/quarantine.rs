//! The rows of the quarantine: refused input, kept with the reason so that it can be mended and
//! released.
//!
//! - Key: the row's number, eight bytes, big-endian; numbers rise for ever.
//! - Value: JSON of `QuarantineRow`.
//! - Lifetime: until the row is released or dropped, until what it holds is taken or is no longer in
//!   the feed, or until newer ones push it out (`quarantine_max` and `quarantine_bytes_max` of the
//!   partner's policy).

use super::form::{Encode, Record, RecordCause, from_json, json, number_key, read_number};
use crate::domain::{QuarantineRow, RecordKind};

impl Record for QuarantineRow {
    const KIND: RecordKind = RecordKind::Quarantine;
    type Key = u64;

    fn key(row: &u64) -> Box<[u8]> {
        number_key(*row)
    }

    fn read_key(bytes: &[u8]) -> Option<u64> {
        read_number(bytes)
    }

    fn decode(bytes: &[u8]) -> Result<QuarantineRow, RecordCause> {
        from_json(bytes)
    }
}

impl Encode for QuarantineRow {
    fn encode(&self) -> Box<[u8]> {
        json(self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::tests::pinned;
    use super::*;
    use crate::domain::{RefusedKind, RefusedOrigin};

    const OF_A_FEED: &str = concat!(
        r#"{"kind":"feed_record","rejected":false,"code":"id_length","rule":"F2","hint":"send an id","#,
        r#""pointer":"/id","offset":34,"received_at":1780010800000000,"at":1780007200000001,"#,
        r#""origin":{"feed":{"run":4,"record":1}},"raw":"{\"id\":\"\",\"name\":7}","raw_bytes":18}"#,
    );
    const KEYED: &str = concat!(
        r#"{"kind":"feed_record","rejected":false,"id":"g1:a","code":"status_unknown","rule":"F2","hint":"","#,
        r#""pointer":"/status","offset":34,"key":"a","#,
        r#""above":{"keys":["0"],"values":[{"up":1,"at":["id"],"raw":"\"g1\""}]},"#,
        r#""received_at":1780010800000000,"origin":{"feed":{"run":4,"record":1}},"raw":"{}","raw_bytes":2}"#,
    );
    const OF_A_PUSH: &str = concat!(
        r#"{"kind":"price","rejected":true,"id":"p1","quote":"nav","code":"amount_zero","rule":"P4","#,
        r#""hint":"","pointer":"","received_at":1780014400000000,"#,
        r#""origin":{"push":{"delivery":4595022913070461154}},"raw":"","raw_bytes":24}"#,
    );

    #[test]
    fn the_bytes_of_a_row_are_these() {
        let row = pinned::<QuarantineRow>(&258, b"\0\0\0\0\0\0\x01\x02", OF_A_FEED.as_bytes());
        assert_eq!(
            (row.kind, row.origin),
            (RefusedKind::FeedRecord, RefusedOrigin::Feed { run: 4, record: 1 })
        );
        let row = pinned::<QuarantineRow>(&6, b"\0\0\0\0\0\0\0\x06", KEYED.as_bytes());
        assert_eq!((row.key.as_deref(), row.above.unwrap().keys), (Some("a"), vec!["0".to_owned()]));
        let row = pinned::<QuarantineRow>(&5, b"\0\0\0\0\0\0\0\x05", OF_A_PUSH.as_bytes());
        assert_eq!((row.id.as_deref(), row.quote.as_deref(), row.at), (Some("p1"), Some("nav"), None));
        assert!(row.rejected && row.is_cut());
    }

    #[test]
    fn each_kind_of_what_was_refused_has_its_word_and_so_has_what_was_parked() {
        let words = [
            ("put", RefusedKind::Put),
            ("post", RefusedKind::Post),
            ("patch", RefusedKind::Patch),
            ("delete", RefusedKind::Delete),
            ("price", RefusedKind::Price),
            ("asset_price", RefusedKind::AssetPrice),
            ("withdrawal", RefusedKind::Withdrawal),
            ("event", RefusedKind::Event),
            ("hook", RefusedKind::Hook),
            ("feed_record", RefusedKind::FeedRecord),
            ("snapshot", RefusedKind::Snapshot),
        ];
        for (word, kind) in words {
            let text = OF_A_PUSH.replace("\"kind\":\"price\"", &format!("\"kind\":\"{word}\""));
            let text = text.replace(r#"{"push":{"delivery":4595022913070461154}}"#, "\"parked\"");
            let row = QuarantineRow::decode(text.as_bytes()).unwrap();
            assert_eq!((row.kind, row.origin), (kind, RefusedOrigin::Parked));
            assert_eq!(*row.encode(), *text.as_bytes());
        }
    }
}

//! The writes that lost against newer ones, a list for each asset, so that its state can be explained.
//!
//! - Key: the asset's id, as its UTF-8 bytes.
//! - Value: JSON list of `LostWrite`, newest last, at most `LostWrite::KEPT`.
//! - Lifetime: that of the asset; it goes when the asset's tombstone is collected (X4).

use super::form::{Encode, Record, RecordCause, from_json, json};
use crate::domain::{AssetId, LostWrite, RecordKind};

impl Record for Vec<LostWrite> {
    const KIND: RecordKind = RecordKind::Lost;
    type Key = AssetId;

    fn key(id: &AssetId) -> Box<[u8]> {
        id.as_bytes().into()
    }

    fn read_key(bytes: &[u8]) -> Option<AssetId> {
        AssetId::new(std::str::from_utf8(bytes).ok()?).ok()
    }

    fn decode(bytes: &[u8]) -> Result<Vec<LostWrite>, RecordCause> {
        from_json(bytes)
    }
}

impl Encode for Vec<LostWrite> {
    fn encode(&self) -> Box<[u8]> {
        json(self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::tests::pinned;
    use super::*;
    use crate::domain::{Lane, Micros, Origin, Stamp};

    const LIST: &str = concat!(
        r#"[{"stamp":[1780014395000000,9223372036854775811],"part":{"price":{"quote":"price","amount":"6","#,
        r#""currency":null}},"rule":"P1","origin":{"push":{"delivery":4595022913070461154}},"#,
        r#""learned_at":1780014400000000},{"stamp":[1780005400000000,4611686018427387904],"#,
        r#""part":{"members":{"verb":"post","names":["name"],"more":0}},"rule":"D1","code":"tie","#,
        r#""origin":{"feed":{"run":3,"record":7}},"learned_at":1780014403000000}]"#,
    );

    #[test]
    fn the_bytes_of_a_list_are_these() {
        let id = AssetId::new("ibc/27394").unwrap();
        let list = pinned::<Vec<LostWrite>>(&id, b"ibc/27394", LIST.as_bytes());
        assert_eq!(list[0].stamp(), Stamp::new(Micros(1_780_014_395_000_000), Lane::Price, 3));
        assert_eq!((list[1].origin, list[1].code.as_str()), (Origin::Feed { run: 3, record: 7 }, "tie"));
        assert!(list[1].concerns("name"));
    }
}

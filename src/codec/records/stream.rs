//! A partner's numbered price streams (G1), and the last time that was given to a write without one
//! (T1).
//!
//! - Key: `stream:` and the stream's name; `undated` for that time.
//! - Value: JSON of `StreamState`; microseconds, eight bytes, little-endian.
//! - Lifetime: for ever. A partner has a bounded number of streams, and each is replaced as it moves.

use super::form::{Encode, Record, RecordCause, from_json, json};
use crate::domain::{LastUndated, Micros, RecordKind, StreamState};
use compact_str::CompactString;

const STREAM_PREFIX: &[u8] = b"stream:";
const UNDATED_KEY: &[u8] = b"undated";

impl Record for StreamState {
    const KIND: RecordKind = RecordKind::Stream;
    const OTHERS: &'static [&'static [u8]] = &[UNDATED_KEY];
    type Key = CompactString;

    fn key(name: &CompactString) -> Box<[u8]> {
        [STREAM_PREFIX, name.as_bytes()].concat().into()
    }

    fn read_key(bytes: &[u8]) -> Option<CompactString> {
        let name = bytes.strip_prefix(STREAM_PREFIX)?;
        std::str::from_utf8(name).ok().map(CompactString::from)
    }

    fn decode(bytes: &[u8]) -> Result<StreamState, RecordCause> {
        from_json(bytes)
    }
}

impl Encode for StreamState {
    fn encode(&self) -> Box<[u8]> {
        json(self)
    }
}

impl Record for LastUndated {
    const KIND: RecordKind = RecordKind::Stream;
    type Key = ();

    fn key((): &()) -> Box<[u8]> {
        UNDATED_KEY.into()
    }

    fn read_key(bytes: &[u8]) -> Option<()> {
        (bytes == UNDATED_KEY).then_some(())
    }

    fn decode(bytes: &[u8]) -> Result<LastUndated, RecordCause> {
        let at = bytes.try_into().map_err(|_| RecordCause::Length(bytes.len()))?;
        Ok(LastUndated(Micros(i64::from_le_bytes(at))))
    }
}

impl Encode for LastUndated {
    fn encode(&self) -> Box<[u8]> {
        self.0.0.to_le_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::tests::pinned;
    use super::*;
    use crate::domain::MissingRange;

    #[test]
    fn the_bytes_of_a_stream_are_these() {
        let text = concat!(
            r#"{"last":9,"newest_as_of":1780014397000000,"#,
            r#""missing":[{"from":1,"to":2,"opened_at":1780014400000000}]}"#
        );
        let stream = pinned::<StreamState>(&"s".into(), b"stream:s", text.as_bytes());
        let missing = MissingRange { from: 1, to: 2, opened_at: 1_780_014_400_000_000 };
        assert_eq!((stream.last, &stream.missing[..]), (9, &[missing][..]));
        assert_eq!(StreamState::read_key(UNDATED_KEY), None);
    }

    #[test]
    fn the_bytes_of_the_last_undated_time_are_these() {
        let last = pinned::<LastUndated>(&(), b"undated", b"\x70\x9b\x2f\xe6\xe9\x52\x06\0");
        assert_eq!(last, LastUndated(Micros(1_780_014_403_001_200)));
        assert!(LastUndated::decode(&[0; 9]).is_err());
    }
}

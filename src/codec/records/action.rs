//! What operators did to assets by hand, with their reasons.
//!
//! - Key: the action's number, eight bytes, big-endian, rising per partner from 1.
//! - Value: JSON of `OperatorAction`.
//! - Lifetime: the newest are kept, a fixed number for each partner; each new one takes the place of
//!   the oldest.

use super::form::{Encode, Record, RecordCause, from_json, json, number_key, read_number};
use crate::domain::{OperatorAction, RecordKind};

impl Record for OperatorAction {
    const KIND: RecordKind = RecordKind::Action;
    type Key = u64;

    fn key(action: &u64) -> Box<[u8]> {
        number_key(*action)
    }

    fn read_key(bytes: &[u8]) -> Option<u64> {
        read_number(bytes)
    }

    fn decode(bytes: &[u8]) -> Result<OperatorAction, RecordCause> {
        from_json(bytes)
    }
}

impl Encode for OperatorAction {
    fn encode(&self) -> Box<[u8]> {
        json(self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::tests::pinned;
    use super::*;
    use crate::domain::ActionKind;

    #[test]
    fn the_bytes_of_an_action_are_these() {
        for kind in [ActionKind::Patch, ActionKind::Hide, ActionKind::Unhide] {
            let word = kind.as_str();
            let text = format!(
                r#"{{"at":1780014403000000,"kind":"{word}","asset":"p0","reason":"by court order"}}"#
            );
            let action = pinned::<OperatorAction>(&1, b"\0\0\0\0\0\0\0\x01", text.as_bytes());
            assert_eq!((action.kind, action.asset.as_str()), (kind, "p0"));
        }
    }
}

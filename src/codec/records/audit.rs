//! The trail of operators' acts, kept under the partner number 0: it outlives the partners that it is about.
//!
//! - Key: the act's number, eight bytes, big-endian, rising from 1.
//! - Value: JSON of `AuditEntry`.
//! - Lifetime: the newest are kept, up to a fixed number and a fixed age; each new one takes older ones away.

use super::form::{Encode, Record, RecordCause, from_json, json, number_key, read_number};
use crate::domain::{AuditEntry, RecordKind};

impl Record for AuditEntry {
    const KIND: RecordKind = RecordKind::Audit;
    type Key = u64;

    fn key(act: &u64) -> Box<[u8]> {
        number_key(*act)
    }

    fn read_key(bytes: &[u8]) -> Option<u64> {
        read_number(bytes)
    }

    fn decode(bytes: &[u8]) -> Result<AuditEntry, RecordCause> {
        from_json(bytes)
    }
}

impl Encode for AuditEntry {
    fn encode(&self) -> Box<[u8]> {
        json(self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::tests::pinned;
    use super::*;
    use crate::domain::{AuditAct, AuditOutcome, AuditTarget};

    #[test]
    fn the_bytes_of_an_act_are_these() {
        let text = r#"{"at":1780014403000000,"ended_at":1780014403500000,"who":"anna","address":"127.0.0.1","act":"approve","partner":"acme","target":{"kind":"plan","id":"3"},"reason":"they moved","outcome":"done","note":"150 deleted, 0 kept"}"#;
        let entry = pinned::<AuditEntry>(&1, b"\0\0\0\0\0\0\0\x01", text.as_bytes());
        assert_eq!((entry.act, entry.outcome), (AuditAct::Approve, AuditOutcome::Done));
        assert_eq!(entry.target, Some(AuditTarget::new("plan", "3")));
        for act in AuditAct::ALL {
            let text = format!(r#"{{"at":5,"who":"SIGHUP","act":"{}","outcome":"begun"}}"#, act.as_str());
            let entry = pinned::<AuditEntry>(&2, b"\0\0\0\0\0\0\0\x02", text.as_bytes());
            assert_eq!((entry.act, entry.at), (act, 5));
        }
        for outcome in [AuditOutcome::Begun, AuditOutcome::Done, AuditOutcome::Refused, AuditOutcome::Unknown]
        {
            let word = outcome.as_str();
            let text = format!(r#"{{"at":5,"who":"a","act":"run","outcome":"{word}","code":"no_feed"}}"#);
            let entry = pinned::<AuditEntry>(&3, b"\0\0\0\0\0\0\0\x03", text.as_bytes());
            assert_eq!((entry.outcome, entry.code.as_deref()), (outcome, Some("no_feed")));
        }
    }
}

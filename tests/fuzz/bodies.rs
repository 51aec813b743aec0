//! What is done with the bytes of a fuzzer, and what must hold. A body panics where it does not, and
//! says how far the bytes came.

#![allow(dead_code, reason = "each target has one of them")]

use std::path::Path;
use tidegate::codec::json::{self, Kind};
use tidegate::codec::mapping;
use tidegate::codec::snapshot::{self, Parents, SnapshotLimits};
use tidegate::config::read_partner;
use tidegate::domain::{Mapping, PartnerName};
use tidegate::rules::policy::Policy;

/// How far an input came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// It was refused at the door.
    Refused,
    /// The mapping is sound, or the text is JSON.
    Read,
    /// A record, or a container, was read to its end.
    Whole,
}

const LIMITS: SnapshotLimits =
    SnapshotLimits { record_bytes_max: 4_096, records_max: 1_000, served_as_lines: false, is_paged: false };

/// `[feed.mapping]` and a document, a zero byte between them: every byte of the document is read or refused,
/// the records are where the scanner says, and the same text gives the same record.
pub fn mapping(input: &[u8]) -> Reached {
    let end = input.iter().position(|byte| *byte == 0).unwrap_or(input.len());
    let (text, document) = (&input[..end], input.get(end + 1..).unwrap_or_default());
    let Some(mapping) = std::str::from_utf8(text).ok().and_then(mapping_of) else { return Reached::Refused };
    let parents = match mapping.looks_above() {
        true => snapshot::parents(document, &mapping, &LIMITS),
        false => Ok(Parents::default()),
    };
    let Ok(parents) = parents else { return Reached::Read };
    let (policy, mut records, mut sound) = (Policy::default(), 0, 0);
    let read = snapshot::scan(document, &mapping, &LIMITS, &parents, |raw| {
        let begin = raw.offset as usize;
        assert_eq!(
            &document[begin..begin + raw.text.len()],
            raw.text.as_bytes(),
            "a record is where it stands"
        );
        assert!(begin >= raw.lead as usize, "a key stands before its record");
        assert!(
            json::kind(raw.text) == Kind::Object || raw.text.trim() == raw.text,
            "a text is its value alone"
        );
        let first = mapping::decode(raw.text, raw.around, &mapping, &policy);
        let again = mapping::decode(raw.text, raw.around, &mapping, &policy);
        assert_eq!(first, again, "one text is one record");
        records += 1;
        sound += u64::from(first.is_ok());
    });
    match read {
        Ok(envelope) => {
            assert_eq!(envelope.records, records, "each record is shown once");
            assert!(envelope.count.is_none_or(|count| count == records), "a count agrees");
            if sound > 0 { Reached::Whole } else { Reached::Read }
        }
        Err(error) => {
            assert!(error.offset <= document.len() as u64, "a document fails within itself");
            Reached::Read
        }
    }
}

fn mapping_of(text: &str) -> Option<Mapping> {
    let key = "0".repeat(64);
    let file = format!(
        "keys = [\"sha256:{key}\"]\n[feed]\nurl = \"https://feeds.example/a.json\"\n[feed.mapping]\n{text}"
    );
    let name = PartnerName::new("acme").ok()?;
    read_partner(Path::new("/"), &name, &file).ok()?.feed.map(|feed| feed.mapping)
}

/// Any bytes as JSON: what we take the library takes, and what the library takes we take unless it breaks a
/// limit of ours; the canonical form is one.
pub fn json(input: &[u8]) -> Reached {
    let Ok(text) = std::str::from_utf8(input) else { return Reached::Refused };
    let ours = json::value(text);
    let theirs = serde_json::from_str::<&serde_json::value::RawValue>(text);
    match (&ours, theirs) {
        (Ok(value), Ok(raw)) => assert_eq!(*value, raw.get(), "both read the same text"),
        (Ok(_), Err(error)) => panic!("we take what is not JSON: {error}"),
        // the library passes over half a pair in a text that it does not decode
        (Err(error), Ok(_)) if error.code == "json_syntax" => {
            assert!(
                serde_json::from_str::<serde_json::Value>(text).is_err(),
                "we refuse what is JSON: {error:?}"
            );
        }
        (Err(_), Ok(_)) => {}
        (Err(_), Err(_)) => return Reached::Refused,
    }
    let Ok(value) = ours else { return Reached::Refused };
    let canonical = json::canonical(value).expect("what can be read has a form");
    assert_eq!(json::canonical(&canonical).as_deref(), Ok(canonical.as_str()), "the form is its own");
    assert_eq!(json::value_hash(value), json::value_hash(&canonical), "one value has one hash");
    match json::kind(value) {
        Kind::Object => assert!(json::members(value).is_ok()),
        Kind::Array => assert!(json::elements(value).is_ok()),
        Kind::String => assert!(json::string(value).is_ok()),
        _ => return Reached::Read,
    }
    Reached::Whole
}

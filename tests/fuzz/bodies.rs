//! What is done with the bytes of a fuzzer, and what must hold. A body panics where it does not, and
//! says how far the bytes came.

#![allow(dead_code, reason = "each target has one of them")]

use std::path::Path;
use std::sync::Arc;
use tidegate::codec::hook::{self, HookCall};
use tidegate::codec::json::{self, Kind};
use tidegate::codec::mapping;
use tidegate::codec::request::BodyLimits;
use tidegate::codec::signature;
use tidegate::codec::snapshot::{self, Parents, SnapshotLimits};
use tidegate::config::{PartnerSettings, read_partner};
use tidegate::domain::hook::{Hook, HookHeaders, SignatureScheme};
use tidegate::domain::{Mapping, Micros, PartnerName};
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
    let text = format!("[feed]\nurl = \"https://feeds.example/a.json\"\n[feed.mapping]\n{text}");
    partner_of(&text)?.feed.map(|feed| feed.mapping)
}

fn partner_of(text: &str) -> Option<PartnerSettings> {
    let file = format!("keys = [\"sha256:{}\"]\n{text}", "0".repeat(64));
    read_partner(Path::new("/"), &PartnerName::new("acme").ok()?, &file).ok()
}

/// The keys of a hook, a header a line, and a body, zero bytes between them: a call is refused as a whole, or
/// each of its writes has an id or says why not; the same call reads the same; and no headers are a
/// signature by a secret that nobody has.
pub fn hook(input: &[u8]) -> Reached {
    let mut parts = input.splitn(3, |byte| *byte == 0);
    let mut text = || parts.next().and_then(|part| std::str::from_utf8(part).ok()).unwrap_or_default();
    let (keys, lines) = (text(), text());
    let body = parts.next().unwrap_or_default();
    let Some(hook) = hook_of(keys) else { return Reached::Refused };
    let mut headers = HookHeaders::default();
    for (name, value) in lines.lines().filter_map(|line| line.split_once(':')) {
        headers.push(name.trim(), value.trim());
    }
    assert_unsigned(&headers, body);
    let (policy, limits) = (Policy::default(), BodyLimits { items_max: 100 });
    let call = HookCall { hook: &hook, headers: &headers, body, policy: &policy, limits };
    let (first, again) = (hook::read(&call), hook::read(&call));
    assert_eq!(first, again, "one call is read in one way");
    let Ok(read) = first else { return Reached::Read };
    let decoded = &read.decoded;
    assert_eq!(decoded.ids.len(), decoded.writes.len(), "each write has its place for an id");
    assert!(decoded.writes.len() <= limits.items_max, "no more than may be");
    for (write, id) in decoded.writes.iter().zip(&decoded.ids) {
        match write {
            Ok(write) => assert_eq!(write.id().as_str(), id.as_str(), "the id told is the one written"),
            Err(item) => assert!(item.note.as_ref().is_some_and(|note| !note.code.is_empty()), "it says why"),
        }
    }
    if decoded.writes.iter().any(Result::is_ok) { Reached::Whole } else { Reached::Read }
}

fn hook_of(keys: &str) -> Option<Arc<Hook>> {
    // a variable that is set wherever a program runs: the proof is not what is looked at
    let auth = "auth = { kind = \"bearer\", secret = { env = \"PATH\" } }";
    let partner = partner_of(&format!("[[hooks]]\nname = \"h\"\n{auth}\n{keys}"))?;
    partner.hooks.into_iter().next().map(|hook| hook.hook)
}

fn assert_unsigned(headers: &HookHeaders, body: &[u8]) {
    let now = Micros(1_780_000_000_000_000);
    let timestamped = SignatureScheme::Timestamped { header: "stripe-signature".into() };
    for scheme in [SignatureScheme::StandardWebhooks, timestamped] {
        if let Ok(claimed) = signature::claimed(&scheme, headers, now) {
            let secret = "whsec_bm9ib2R5IGhhcyB0aGlzIG9uZSwgYW5kIG5vYm9keSB3aWxs";
            assert!(claimed.verify([secret].into_iter(), body).is_err(), "signed by nobody's secret");
        }
    }
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

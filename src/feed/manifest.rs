//! A manifest: a document that lists the parts of one snapshot, each with its address, hash and count (F8).
//!
//! What it lists belongs together, whatever is published meanwhile: a part that is not the listed one is found
//! by its hash.

use super::error::{FetchError, PAGES_CHANGED};
use crate::codec::json;
use crate::config::{NextPage, PageSettings};
use crate::domain::Pointer;
use std::collections::HashSet;

/// Tens of thousands of parts.
pub const BYTES_MAX: u64 = 8 << 20;

/// A part as the manifest lists it.
#[derive(Debug, PartialEq, Eq)]
pub struct ListedPart {
    pub address: String,
    /// In hex, of small letters.
    sha256: String,
    count: u64,
}

/// The parts that a manifest lists, each once; at least one.
pub fn parts(text: &[u8], settings: &PageSettings) -> Result<Vec<ListedPart>, FetchError> {
    let NextPage::Manifest { parts, address, sha256, count } = &settings.next else { return Ok(Vec::new()) };
    if text.len() as u64 > BYTES_MAX {
        return Err(bad(format!("it is larger than {BYTES_MAX} bytes")));
    }
    let text = std::str::from_utf8(text).map_err(|_| bad("it is no UTF-8".into()))?;
    let raw = json::lookup_in_spoilt(text, &parts.0);
    let listed = raw
        .and_then(|raw| json::elements(raw).ok())
        .ok_or_else(|| bad(format!("there is no list at {parts}: check `parts`")))?;
    if listed.is_empty() || listed.len() as u64 > u64::from(settings.pages_max) {
        return Err(bad(format!(
            "it lists {} parts, and 1 to {} are taken",
            listed.len(),
            settings.pages_max
        )));
    }
    let mut addresses = HashSet::new();
    let part = |(place, raw): (usize, &&str)| {
        let said = |pointer: &Pointer| {
            let value = json::lookup_in_spoilt(raw, &pointer.0);
            value.ok_or_else(|| bad(format!("its part {} has nothing at {pointer}", place + 1)))
        };
        let text = |pointer: &Pointer| {
            let text = json::string(said(pointer)?);
            text.map_err(|_| bad(format!("its part {} has no text at {pointer}", place + 1)))
        };
        let (address, sha256) = (text(address)?.into_owned(), text(sha256)?.to_ascii_lowercase());
        let is_hash = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        let counted = said(count)?.parse().ok().filter(|_| is_hash);
        let count = counted.ok_or_else(|| bad(format!("its part {} has no hash or no count", place + 1)))?;
        match addresses.insert(address.clone()) {
            true => Ok(ListedPart { address, sha256, count }),
            false => Err(bad(format!("it lists {address} twice"))),
        }
    };
    listed.iter().enumerate().map(part).collect()
}

impl ListedPart {
    /// Whether what came is the listed part. One that is not was published anew, or is cut: all is fetched again
    /// once, by another manifest.
    pub fn check(&self, place: u32, records: u64, sha256: &str) -> Result<(), FetchError> {
        if self.sha256 == sha256 && self.count == records {
            return Ok(());
        }
        let detail = format!(
            "part {place} ({}) is not the one that the manifest lists: {records} records and {sha256}, where {} and {} \
             are listed; nothing was used",
            self.address, self.count, self.sha256
        );
        Err(FetchError::new(PAGES_CHANGED, detail))
    }
}

fn bad(what: String) -> FetchError {
    FetchError::new("bad_manifest", format!("the manifest cannot be used: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> PageSettings {
        let own = |name: &str| Pointer(vec![name.into()]);
        let (parts, address, sha256, count) = (own("parts"), own("url"), own("sha256"), own("count"));
        PageSettings {
            pages_max: 3,
            ..PageSettings::by(NextPage::Manifest { parts, address, sha256, count })
        }
    }

    #[test]
    fn f8_a_manifest_lists_parts_each_with_address_hash_and_count() {
        let hash = "AB".repeat(32);
        let part = |url: &str| format!(r#"{{"url":"{url}","sha256":"{hash}","count":5}}"#);
        let list = |items: &[String]| format!(r#"{{"parts":[{}]}}"#, items.join(","));
        let read = |text: &str| parts(text.as_bytes(), &settings()).map_err(|error| error.code);
        let found = read(&list(&[part("a.json"), part("b.json")])).unwrap();
        assert_eq!((found.len(), found[1].address.as_str()), (2, "b.json"));
        assert!(found[0].check(1, 5, &hash.to_lowercase()).is_ok());
        assert_eq!(found[0].check(1, 4, &hash.to_lowercase()).unwrap_err().code, PAGES_CHANGED);
        assert_eq!(found[0].check(1, 5, &"00".repeat(32)).unwrap_err().code, PAGES_CHANGED);
        let many: Vec<String> = (0..4).map(|n| part(&n.to_string())).collect();
        for wrong in [
            list(&[]),
            list(&many),
            list(&[part("a"), part("a")]),
            list(&[part("a").replace("5", "\"five\"")]),
            list(&[part("a").replace("AB", "XY")]),
            list(&[part("a").replace("url", "uri")]),
            "{}".into(),
            "<html>".into(),
        ] {
            assert_eq!(read(&wrong), Err("bad_manifest"), "{wrong}");
        }
    }
}

//! Conditional requests (RFC 9110, section 13): If-Match, then If-None-Match. We send no
//! Last-Modified, so conditions by date are ignored, as the RFC demands.

use crate::domain::{Decimal, Quote};
use crate::http::reply::Fault;
use crate::http::reply::view::Scene;
use crate::rules::push::condition::{Condition, Versions};
use crate::store::AssetRow;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use xxhash_rust::xxh3::Xxh3;

/// The tag of an asset as readers see it: the document's version, then a hash of document and
/// prices. A write is conditional on the version alone, for a price that ticked meanwhile is no
/// reason to refuse a change of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    version: u32,
    content: u64,
}

impl Tag {
    /// The tag of what this reader sees at this moment.
    pub fn of(row: &AssetRow, scene: &Scene<'_>) -> Tag {
        let mut hasher = Xxh3::new();
        hasher.update(&row.head.hash.to_le_bytes());
        hasher.update(&row.changed.0.to_le_bytes());
        hasher.update(&[u8::from(scene.partner.is_removed())]);
        for quote in &row.quotes {
            hash_quote(&mut hasher, quote);
            // a price that has gone stale looks different, though nothing was written
            let state = scene.reading(row, quote).map_or("", |reading| reading.state.as_str());
            hasher.update(state.as_bytes());
        }
        Tag { version: row.head.version, content: hasher.digest() }
    }

    fn text(&self) -> String {
        format!("{}-{:016x}", self.version, self.content)
    }

    /// As `ETag` writes it, of the bytes as they are.
    pub fn header(&self) -> HeaderValue {
        self.header_of("")
    }

    /// The same of those bytes in one of our codings.
    pub fn header_of(&self, suffix: &'static str) -> HeaderValue {
        HeaderValue::try_from(format!("\"{}{suffix}\"", self.text())).expect("digits and a word in quotes")
    }
}

/// What a reader can see of a quote; its stamp stands for the rest.
fn hash_quote(hasher: &mut Xxh3, quote: &Quote) {
    let (at, rank) = quote.stamp.to_words();
    hasher.update(quote.name.as_str().as_bytes());
    hasher.update(&at.to_le_bytes());
    hasher.update(&rank.to_le_bytes());
    hasher.update(quote.currency.as_str().as_bytes());
    hash_amount(hasher, quote.amount);
    if let Some(undated) = &quote.undated {
        hasher.update(&undated.snapshot.0.to_le_bytes());
        hash_amount(hasher, Some(undated.amount));
    }
}

fn hash_amount(hasher: &mut Xxh3, amount: Option<Decimal>) {
    let (mantissa, scale) = amount.map_or((0, u8::MAX), Decimal::parts);
    hasher.update(&mantissa.to_le_bytes());
    hasher.update(&[scale]);
}

/// The conditions of a write, which the actor judges; `None` where it has none.
pub fn for_write(headers: &HeaderMap) -> Result<Option<Condition>, Fault> {
    if !is_conditional(headers) {
        return Ok(None);
    }
    let (matches, matches_none) = (Tags::parse(headers, &IF_MATCH)?, Tags::parse(headers, &IF_NONE_MATCH)?);
    // If-Match compares strongly, If-None-Match weakly
    Ok(Some(Condition {
        matches: matches.map(|tags| tags.versions(false)),
        matches_none: matches_none.map(|tags| tags.versions(true)),
    }))
}

/// What stands behind a tag of bytes that went out compressed: whoever sends it back has that state too.
const TAG_SUFFIXES: [&str; 4] = ["", "-gzip", "-zstd", "-br"];

/// What a read's conditions demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demanded {
    /// To be answered in full.
    Full,
    /// The client has it already.
    NotModified {
        /// Of which of our codings the bytes are that it has, as its tag says it: `-gzip`.
        suffix: &'static str,
    },
    /// It is not what the client named.
    Failed,
}

/// Compares the headers with what is there. Errs where one of them is no list of tags.
pub fn for_read(headers: &HeaderMap, current: &Tag) -> Result<Demanded, Fault> {
    let text = current.text();
    if Tags::parse(headers, &IF_MATCH)?.is_some_and(|tags| tags.matching(false, &text).is_none()) {
        return Ok(Demanded::Failed);
    }
    let seen = Tags::parse(headers, &IF_NONE_MATCH)?.and_then(|tags| tags.matching(true, &text));
    Ok(seen.map_or(Demanded::Full, |suffix| Demanded::NotModified { suffix }))
}

fn is_conditional(headers: &HeaderMap) -> bool {
    headers.contains_key(IF_MATCH) || headers.contains_key(IF_NONE_MATCH)
}

/// The tags of one header field, which may stand on several lines.
struct Tags<'a> {
    star: bool,
    tags: Vec<(bool, &'a str)>,
}

impl<'a> Tags<'a> {
    fn parse(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<Tags<'a>>, Fault> {
        if !headers.contains_key(name) {
            return Ok(None);
        }
        let mut tags = Tags { star: false, tags: Vec::new() };
        for line in headers.get_all(name) {
            let line = line.to_str().ok();
            line.and_then(|line| tags.take_line(line)).ok_or(if *name == IF_MATCH {
                Fault::BadHeader { name: "If-Match", fault: "is no list of tags" }
            } else {
                Fault::BadHeader { name: "If-None-Match", fault: "is no list of tags" }
            })?;
        }
        Ok(Some(tags))
    }

    fn take_line(&mut self, line: &'a str) -> Option<()> {
        let mut rest = line.trim();
        if rest == "*" {
            self.star = true;
            return Some(());
        }
        while !rest.is_empty() {
            let (weak, quoted) = match rest.strip_prefix("W/") {
                Some(quoted) => (true, quoted),
                None => (false, rest),
            };
            let (tag, after) = quoted.strip_prefix('"')?.split_once('"')?;
            self.tags.push((weak, tag));
            let after = after.trim_start();
            rest = if after.is_empty() { after } else { after.strip_prefix(',')?.trim_start() };
        }
        Some(())
    }

    /// The versions that the tags stand for; one that is none of ours stands for no version.
    fn versions(self, weak_comparison: bool) -> Versions {
        if self.star {
            return Versions::Any;
        }
        let counts = |&(weak, _): &(bool, &str)| weak_comparison || !weak;
        let version = |(_, tag): (bool, &str)| tag.split_once('-')?.0.parse().ok();
        Versions::These(self.tags.into_iter().filter(counts).filter_map(version).collect())
    }

    /// What stands behind `text` in the first tag that names it: a coding of ours, or nothing. Weak tags
    /// count only where the comparison is weak.
    fn matching(&self, weak_comparison: bool, text: &str) -> Option<&'static str> {
        if self.star {
            return Some("");
        }
        let counting = self.tags.iter().filter(|(weak, _)| weak_comparison || !weak);
        counting
            .filter_map(|(_, tag)| tag.strip_prefix(text))
            .find_map(|suffix| TAG_SUFFIXES.into_iter().find(|known| *known == suffix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: Tag = Tag { version: 7, content: 0xab };
    const SAME: &str = "\"7-00000000000000ab\"";
    const SEEN: Demanded = Demanded::NotModified { suffix: "" };
    const TICKED: &str = "\"7-00000000000000cd\"";
    const OLDER: &str = "\"6-00000000000000ab\"";

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (n.clone(), HeaderValue::from_str(v).unwrap())).collect()
    }

    #[test]
    fn d9_a_read_is_answered_by_the_table() {
        let weak = format!("W/{SAME}");
        let list = format!("{OLDER} , {SAME}");
        for (name, value, answer) in [
            (IF_NONE_MATCH, SAME, SEEN),
            (IF_NONE_MATCH, &weak, SEEN),
            (IF_NONE_MATCH, &list, SEEN),
            (IF_NONE_MATCH, "*", SEEN),
            (IF_NONE_MATCH, "\"7-00000000000000ab-gzip\"", Demanded::NotModified { suffix: "-gzip" }),
            (IF_NONE_MATCH, "\"7-00000000000000ab-lzma\"", Demanded::Full),
            (IF_MATCH, "\"7-00000000000000ab-br\"", Demanded::Full),
            (IF_NONE_MATCH, TICKED, Demanded::Full),
            (IF_MATCH, SAME, Demanded::Full),
            (IF_MATCH, "*", Demanded::Full),
            (IF_MATCH, &weak, Demanded::Failed),
            (IF_MATCH, OLDER, Demanded::Failed),
        ] {
            assert_eq!(for_read(&headers(&[(name, value)]), &TAG).unwrap(), answer, "{value}");
        }
        let both = headers(&[(IF_MATCH, OLDER), (IF_NONE_MATCH, SAME)]);
        assert_eq!(for_read(&both, &TAG).unwrap(), Demanded::Failed, "If-Match comes first");
        assert_eq!(for_read(&HeaderMap::new(), &TAG).unwrap(), Demanded::Full);
    }

    #[test]
    fn b22_a_write_is_held_to_the_version_it_was_made_on() {
        let write = |name, value, current| {
            for_write(&headers(&[(name, value)])).unwrap().expect("a condition").holds(current)
        };
        assert!(write(IF_MATCH, SAME, Some(7)) && write(IF_MATCH, "*", Some(7)));
        assert!(write(IF_MATCH, TICKED, Some(7)), "a price has ticked, the document has not");
        assert!(write(IF_MATCH, "\"7-00000000000000ab-zstd\"", Some(7)), "it was read compressed");
        assert!(!write(IF_MATCH, OLDER, Some(7)) && !write(IF_MATCH, "*", None));
        assert!(!write(IF_NONE_MATCH, "*", Some(7)) && write(IF_NONE_MATCH, "*", None));
        let weak = format!("W/{SAME}");
        assert!(!write(IF_MATCH, &weak, Some(7)) && !write(IF_NONE_MATCH, &weak, Some(7)));
        assert!(!write(IF_MATCH, "\"another's\"", Some(7)), "it is none of our tags");
        assert_eq!(for_write(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        for bad in ["7-ab", "\"7", "\"a\" \"b\"", "w/\"a\""] {
            assert!(for_read(&headers(&[(IF_NONE_MATCH, bad)]), &TAG).is_err(), "{bad}");
        }
        assert!(for_read(&headers(&[(IF_NONE_MATCH, "\"a\",")]), &TAG).is_ok());
    }
}

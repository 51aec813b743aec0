//! What the reply to a push acknowledges, found out as cheaply as it can be.
//!
//! Nearly every reply says that all was applied: that takes one search. Only another one is parsed.

use memchr::memmem::Finder;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The counts stand at the beginning of a batch's reply.
const COUNTS_WITHIN: usize = 256;

static UPDATED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""outcome":"updated""#));
static UPDATED_COUNT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""updated":"#));

/// What became of the prices of one request.
#[derive(Debug, PartialEq, Eq)]
pub enum Receipt {
    AllUpdated,
    /// The outcome of each, in order.
    Each(Vec<String>),
    /// How often each outcome came, not for which price.
    Counts(BTreeMap<String, u64>),
    /// A success that does not say what became of the prices.
    Unreadable,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    outcome: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(default)]
    counts: BTreeMap<String, u64>,
    #[serde(default, borrow)]
    items: Vec<Item<'a>>,
}

impl Receipt {
    /// Reads the reply to a single price.
    pub fn of_single(body: &[u8]) -> Receipt {
        if UPDATED.find(body).is_some() {
            return Receipt::AllUpdated;
        }
        match serde_json::from_slice::<Item<'_>>(body) {
            Ok(item) => Receipt::Each(vec![item.outcome.into_owned()]),
            Err(_) => Receipt::Unreadable,
        }
    }

    /// Reads the reply to a batch of so many items.
    pub fn of_batch(body: &[u8], items: usize) -> Receipt {
        if updated_count(body) == Some(items) {
            return Receipt::AllUpdated;
        }
        match serde_json::from_slice::<Batch<'_>>(body) {
            Ok(batch) if batch.items.len() == items => {
                Receipt::Each(batch.items.into_iter().map(|item| item.outcome.into_owned()).collect())
            }
            Ok(batch) if batch.items.is_empty() && !batch.counts.is_empty() => Receipt::Counts(batch.counts),
            _ => Receipt::Unreadable,
        }
    }
}

fn updated_count(body: &[u8]) -> Option<usize> {
    let head = &body[..body.len().min(COUNTS_WITHIN)];
    let digits = &head[UPDATED_COUNT.find(head)? + UPDATED_COUNT.needle().len()..];
    let len = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    super::wire::number(&digits[..len])
}

/// Whether a price with this outcome is what readers see from then on, if nothing newer came.
pub fn stands(outcome: &str) -> bool {
    matches!(outcome, "created" | "updated" | "unchanged" | "duplicate")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_reply_names_its_outcome() {
        let applied = br#"{"id":"a","applied":true,"outcome":"updated","rule":"P1"}"#;
        assert_eq!(Receipt::of_single(applied), Receipt::AllUpdated);
        let parked = br#"{"id":"a", "applied": false, "outcome": "parked", "rule": "P3"}"#;
        assert_eq!(Receipt::of_single(parked), Receipt::Each(vec!["parked".into()]));
        assert_eq!(Receipt::of_single(b"fine"), Receipt::Unreadable);
    }

    #[test]
    fn a_batch_is_parsed_only_where_not_all_of_it_was_updated() {
        let all = br#"{"counts":{"updated":12,"parked":0},"items":["not even read"]}"#;
        assert_eq!(Receipt::of_batch(all, 12), Receipt::AllUpdated);
        let some = br#"{"counts":{"updated":1,"parked":1},
            "items":[{"id":"a","outcome":"parked"},{"id":"b","outcome":"updated"}]}"#;
        assert_eq!(Receipt::of_batch(some, 2), Receipt::Each(vec!["parked".into(), "updated".into()]));
        let minimal = br#"{"counts":{"updated":1,"parked":1}}"#;
        let counts = BTreeMap::from([("updated".to_owned(), 1), ("parked".to_owned(), 1)]);
        assert_eq!(Receipt::of_batch(minimal, 2), Receipt::Counts(counts));
        assert_eq!(Receipt::of_batch(b"{}", 2), Receipt::Unreadable);
        assert_eq!(Receipt::of_batch(some, 3), Receipt::Unreadable);
    }
}

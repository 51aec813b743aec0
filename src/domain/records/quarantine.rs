//! What is kept of a refused write: enough to see why, to mend it, and to have it decided again.

use crate::domain::hook::HookHeaders;
use serde::{Deserialize, Serialize};

/// The form that refused input had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedKind {
    /// A full write of an asset.
    Put,
    /// A partial write that may create its asset.
    Post,
    /// A partial write of an asset that is known.
    Patch,
    /// A delete, which has no text of its own.
    Delete,
    /// A price that names its asset itself.
    Price,
    /// A price whose asset the path named.
    AssetPrice,
    /// The withdrawal of a price, which has no text of its own.
    Withdrawal,
    /// Its type says whether it is an asset or a price.
    Event,
    /// A call of a hook, in its sender's own shape.
    Hook,
    /// One record of a feed's file, or its price alone.
    FeedRecord,
    /// A whole file: its run changed nothing (X4).
    Snapshot,
}

impl RefusedKind {
    /// Its word in rows and queries.
    pub fn as_str(self) -> &'static str {
        match self {
            RefusedKind::Put => "put",
            RefusedKind::Post => "post",
            RefusedKind::Patch => "patch",
            RefusedKind::Delete => "delete",
            RefusedKind::Price => "price",
            RefusedKind::AssetPrice => "asset_price",
            RefusedKind::Withdrawal => "withdrawal",
            RefusedKind::Event => "event",
            RefusedKind::Hook => "hook",
            RefusedKind::FeedRecord => "feed_record",
            RefusedKind::Snapshot => "snapshot",
        }
    }
}

/// Where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedOrigin {
    /// A partner's call.
    Push {
        /// The beginning of the hash of the delivery's id; 0 where it had none.
        delivery: u64,
    },
    /// The partner's feed.
    Feed {
        /// The number of the run.
        run: u64,
        /// The record's place in the file, from 0; also 0 for the file as a whole.
        record: u64,
    },
    /// It waited for its asset (P3), and no longer does.
    Parked,
}

/// What a hook's body was read with, and which of its items a row is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookItem {
    /// The hook's name.
    pub name: String,
    /// The headers that its mapping reads.
    pub headers: HookHeaders,
    /// Its place among the items of the body, from 0.
    pub place: u64,
}

/// One row of the quarantine. Times are microseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineRow {
    /// The form that the input had.
    pub kind: RefusedKind,
    /// The sender got a 422 for it; it is not expected to be released.
    pub rejected: bool,
    /// The asset's id; `None` where it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name of the quote; `None` where it is not about a price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
    /// Stable code of the reason.
    pub code: String,
    /// The id of the rule that refused it.
    pub rule: String,
    /// One sentence that says what to do.
    pub hint: String,
    /// JSON pointer into the item; empty: the item as a whole.
    #[serde(default)]
    pub pointer: String,
    /// Where the item's text began in its body or file, in bytes; `None` where it has no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// The name under which a feed's record stood in an object of records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What stood above a feed's record and its mapping reads; `None` also where that is too much to
    /// keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<RowAbove>,
    /// When it reached us, by our clock.
    pub received_at: i64,
    /// Its source time (T1 to T3); `None` where its file never got one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<i64>,
    /// Where it came from.
    pub origin: RefusedOrigin,
    /// Of a call of a hook, whose whole body is the row's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<HookItem>,
    /// The beginning of its text, at most `RAW_BYTES_MAX` bytes; empty where it has none.
    pub raw: String,
    /// Bytes of the whole text, of which `raw` may be the beginning only.
    pub raw_bytes: u64,
}

/// What stood above a feed's record in its file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowAbove {
    /// The names of the elements, the nearest first; an array's are their indices.
    pub keys: Vec<String>,
    /// The values that the mapping reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<ValueAbove>,
}

/// A value that stood above a feed's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueAbove {
    /// How many levels up, from 1.
    pub up: u8,
    /// The names that lead to it from there.
    pub at: Vec<String>,
    /// Its source text.
    pub raw: String,
}

impl QuarantineRow {
    /// A row of which nothing more is known.
    pub fn of(kind: RefusedKind, origin: RefusedOrigin) -> QuarantineRow {
        QuarantineRow {
            kind,
            rejected: false,
            id: None,
            quote: None,
            code: String::new(),
            rule: String::new(),
            hint: String::new(),
            pointer: String::new(),
            offset: None,
            key: None,
            above: None,
            received_at: 0,
            at: None,
            origin,
            hook: None,
            raw: String::new(),
            raw_bytes: 0,
        }
    }

    /// Bytes of source text that a row keeps.
    pub const RAW_BYTES_MAX: usize = 16 * 1024;

    /// Keeps the item's text, or as much of it as a row holds.
    #[must_use]
    pub fn with_raw(mut self, text: &str) -> QuarantineRow {
        self.raw_bytes = text.len() as u64;
        let mut end = text.len().min(Self::RAW_BYTES_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.raw = text[..end].to_owned();
        self
    }

    /// Whether the text is not all there, so that it cannot be decided again.
    pub fn is_cut(&self) -> bool {
        (self.raw.len() as u64) < self.raw_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_so() {
        let row = QuarantineRow::of(RefusedKind::Post, RefusedOrigin::Push { delivery: 0 });
        let short = row.clone().with_raw("{}");
        assert!(!short.is_cut() && short.raw == "{}");
        let long = row.with_raw(&"ü".repeat(QuarantineRow::RAW_BYTES_MAX));
        assert!(long.is_cut());
        assert_eq!(long.raw.len(), QuarantineRow::RAW_BYTES_MAX);
        let again: QuarantineRow = serde_json::from_slice(&serde_json::to_vec(&long).unwrap()).unwrap();
        assert_eq!(again, long);
    }
}

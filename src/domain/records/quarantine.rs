//! What is kept of a refused write: enough to see why, to mend it, and to have it decided again.

use serde::{Deserialize, Serialize};

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedKind {
    Put,
    Post,
    Patch,
    Delete,
    Price,
    /// A price whose asset the path named.
    AssetPrice,
    Withdrawal,
    /// Its type says whether it is an asset or a price.
    Event,
    FeedRecord,
    /// A whole file: its run changed nothing (X4).
    Snapshot,
}

/// Where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedOrigin {
    /// `delivery`: hash of the delivery's id, 0 where it had none.
    Push {
        delivery: u64,
    },
    Feed {
        run: u64,
        record: u64,
    },
    /// It waited for its asset (P3), and no longer does.
    Parked,
}

/// One row of the quarantine. Times are microseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineRow {
    pub kind: RefusedKind,
    /// The sender was told by a 422; it is not expected to be released.
    pub rejected: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
    pub code: String,
    pub rule: String,
    pub hint: String,
    /// JSON pointer into the item.
    #[serde(default)]
    pub pointer: String,
    /// Where the item's text began in its body or file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    pub received_at: i64,
    /// Source time as it was made out; `None` where the file never got one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<i64>,
    pub origin: RefusedOrigin,
    pub raw: String,
    /// Bytes of the whole text, of which `raw` may be the beginning only.
    pub raw_bytes: u64,
}

impl QuarantineRow {
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

    /// The text is not all there: it cannot be decided again.
    pub fn is_cut(&self) -> bool {
        (self.raw.len() as u64) < self.raw_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_so() {
        let row = QuarantineRow {
            kind: RefusedKind::Post,
            rejected: false,
            id: None,
            quote: None,
            code: "x".into(),
            rule: "T4".into(),
            hint: String::new(),
            pointer: String::new(),
            offset: None,
            received_at: 0,
            at: None,
            origin: RefusedOrigin::Push { delivery: 0 },
            raw: String::new(),
            raw_bytes: 0,
        };
        let short = row.clone().with_raw("{}");
        assert!(!short.is_cut() && short.raw == "{}");
        let long = row.with_raw(&"ü".repeat(QuarantineRow::RAW_BYTES_MAX));
        assert!(long.is_cut());
        assert_eq!(long.raw.len(), QuarantineRow::RAW_BYTES_MAX);
        let again: QuarantineRow = serde_json::from_slice(&serde_json::to_vec(&long).unwrap()).unwrap();
        assert_eq!(again, long);
    }
}

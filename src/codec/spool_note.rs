//! What is known of a spooled file beside its bytes, as it is written beside it. Nothing else reads it, and
//! nothing depends on it: a note of another version of the program is no note.

use crate::codec::json::FromObject;
use serde::{Deserialize, Serialize};

/// How a file was fetched, and what was found out meanwhile. Times are microseconds since 1970.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpoolNote {
    /// Where it was fetched.
    pub url: String,
    /// What its records are read by.
    pub mapping_print: u64,
    /// When the fetch began.
    pub started_at: i64,
    /// As received.
    pub wire_bytes: u64,
    /// As spooled.
    pub body_bytes: u64,
    /// Of the spooled bytes, lower-case hex.
    pub sha256: String,
    /// As the server wrote it.
    pub etag: Option<String>,
    /// As the server wrote it.
    pub last_modified: Option<String>,
    /// The same as a time.
    pub last_modified_at: Option<i64>,
    /// Its validators are those of no other version.
    pub is_settled: bool,
    /// The server calls it NDJSON.
    pub served_as_lines: bool,
    /// Whether it stood still while it was fetched.
    pub stood_still: Option<bool>,
    /// Why it may be a mixture of two versions (F1).
    pub doubt: Option<String>,
    /// Its server gave the validators of another content for it (A11).
    pub has_lied: bool,
}

impl SpoolNote {
    /// As it is written.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain fields")
    }

    /// `None` for what is torn, or of another version.
    pub fn decode(text: &[u8]) -> Option<SpoolNote> {
        serde_json::from_slice(text).ok().map(|FromObject(note)| note)
    }
}

//! What is kept of a numbered price stream: which of its numbers are missing, since when.

use crate::domain::Micros;
use serde::{Deserialize, Serialize};

/// Numbers `from..=to` that have not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingRange {
    /// The first of them.
    pub from: u64,
    /// The last of them.
    pub to: u64,
    /// When the gap was seen, microseconds.
    pub opened_at: i64,
}

/// What is remembered of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamState {
    /// The highest number seen; 0 before the first.
    pub last: u64,
    /// The newest `as_of` seen, microseconds.
    pub newest_as_of: i64,
    /// In order of number.
    pub missing: Vec<MissingRange>,
}

/// The last time that was given to a write without one: the next is given a later one (T1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastUndated(pub Micros);

//! What decoding a body gives: its writes in the order of its items, or why it is refused whole.

use crate::codec::problem::Problem;
use crate::domain::{ItemOutcome, Micros, Write};
use compact_str::CompactString;

/// What one body may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// More items refuse the body with 413.
    pub items_max: usize,
}

/// Whether the reply is one item or a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One: the body was one item.
    Single,
    /// A list: the body was an array, an envelope or NDJSON.
    Batch,
}

/// A body that could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// How the reply is written.
    pub shape: Shape,
    /// In the order of the items; what could not be decoded stands as its refusal.
    pub writes: Vec<Result<Write, Box<ItemOutcome>>>,
    /// The items' ids for the reply, empty where unreadable.
    pub ids: Vec<CompactString>,
}

/// Why a body is refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct BodyError {
    /// Stable: the codes of `JsonError`, `byte_order_mark`, `empty_body`, `body_type`,
    /// `put_needs_one`, `patch_needs_one`, `too_many_items`, `unknown_member`, `time_format`,
    /// `leap_second`, `member_type`.
    pub code: &'static str,
    /// What is wrong and what to send; never a piece of the body.
    pub detail: String,
    /// Bytes from the start of the body; `None` where it is not about one place there.
    pub offset: Option<usize>,
    /// 400, or 413 where there is too much.
    pub status_hint: u16,
}

impl BodyError {
    /// A refusal with 400, of no place in the body.
    pub(in crate::codec) fn new(code: &'static str, detail: impl Into<String>) -> BodyError {
        BodyError { code, detail: detail.into(), offset: None, status_hint: 400 }
    }

    /// The refusal as the partner sees it.
    pub fn problem(&self) -> Problem {
        let title = if self.status_hint == 413 { "The body is too large" } else { "The body cannot be read" };
        let problem = Problem::new(self.status_hint, self.code, title, self.detail.clone());
        match self.offset {
            Some(offset) => problem.with("offset", offset.to_string()),
            None => problem,
        }
    }
}

/// A time that an envelope gives to all its items.
pub(super) type Timestamp = Option<Micros>;

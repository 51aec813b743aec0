//! What reading a document gives: what it says of itself, its records, or why it fails.

use crate::codec::mapping::Around;
use crate::domain::Micros;

/// What one document may hold, and how its server calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotLimits {
    /// Bytes of one record.
    pub record_bytes_max: usize,
    /// Records of the document.
    pub records_max: u64,
    /// It is served as NDJSON: only then is a lone object one line of it, and not an answer that went
    /// wrong.
    pub served_as_lines: bool,
    /// It may be put together from pages, each after a [`super::PAGE_MARK`].
    pub is_paged: bool,
}

/// The document's own time, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopeTime {
    /// As it is written, shortened.
    pub text: String,
    /// Where it stands, in bytes.
    pub offset: u64,
    /// T2: where it cannot be read, what is wrong with it.
    pub at: Result<Micros, String>,
}

/// What the document says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// When it was made; `None` where it does not say.
    pub generated_at: Option<EnvelopeTime>,
    /// Until when it stands, as its maker sees it: a hint.
    pub valid_until: Option<Micros>,
    /// How many records it says that it holds.
    pub count: Option<u64>,
    /// `false` where it says so (F8), or says `complete` with anything that is not a boolean.
    pub complete: bool,
    /// Empty on purpose (F4).
    pub allow_empty: bool,
    /// F1: lines without a count, or pages without a mark after the last, which cannot prove that the file
    /// is whole.
    pub may_be_cut: bool,
    /// It was read as NDJSON.
    pub is_lines: bool,
    /// Records read.
    pub records: u64,
    /// Elements that the last `*` of `records` stepped into and that hold no records.
    pub elements_without: u64,
}

impl Envelope {
    /// What a page says and what those before it have said. `records` counts on over the pages.
    pub(super) fn after(self, before: Envelope) -> Envelope {
        let times = [before.generated_at, self.generated_at].into_iter().flatten();
        // the whole is no newer than its oldest page, and of no time where one cannot be read
        let generated_at = times.min_by_key(|time| time.at.clone().map_or(i64::MIN, |at| at.0));
        Envelope {
            generated_at,
            count: before.count.zip(self.count).map(|(before, own)| before.saturating_add(own)),
            complete: before.complete && self.complete,
            allow_empty: before.allow_empty && self.allow_empty,
            ..self
        }
    }
}

/// What one page gives by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Records that it holds.
    pub records: u64,
    /// It was read as NDJSON.
    pub is_lines: bool,
    /// The JSON texts at the places that were asked for, in their order; `null` also where something above
    /// the place is.
    pub said: Vec<Option<String>>,
}

/// One record's source text.
#[derive(Clone, Copy, Debug)]
pub struct RawRecord<'a> {
    /// Its place, from 0.
    pub record: u64,
    /// Its first byte in the document.
    pub offset: u64,
    /// Bytes from the beginning of its key to there; 0 where it has none.
    pub lead: u32,
    /// The number of its page, from 0.
    pub page: u32,
    /// The number of the element that it is in, for [`super::Parents::of`].
    pub element: u32,
    /// What it is read with.
    pub around: Around<'a>,
    /// Its source text.
    pub text: &'a str,
}

/// Why a run fails (F1). Records may have been visited before: they must not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail} (byte {offset})")]
pub struct SnapshotError {
    /// `empty_body`, `html`, `truncated`, `malformed`, `bad_utf8`, `no_records`,
    /// `record_too_large`, `too_many_records`, `parents_too_large`, `count_mismatch`, `read_failed`.
    pub code: &'static str,
    /// Where reading ended, in bytes.
    pub offset: u64,
    /// What is wrong and what to do; never a piece of the document.
    pub detail: String,
}

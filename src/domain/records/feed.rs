//! The state of a partner's feed between its runs.

use super::run::{RunId, RunTimings};
use serde::{Deserialize, Serialize};

/// What is kept of a feed between its runs; written with each run's effect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FeedState {
    /// The last run that has ended, whatever became of it; 0 before the first.
    pub last_run: RunId,
    /// `S` of the last accepted run, in microseconds as all times here; `None` before the first.
    pub last_snapshot_at: Option<i64>,
    /// The time that its file stated for itself, where it did: `S` may have been raised above it.
    pub last_stated_at: Option<i64>,
    /// Whether that snapshot was dated by T3, or by the floor.
    pub last_dated: bool,
    /// `S` of the newest dated and complete run whose absences counted at once (X3): what comes late
    /// and is stamped at or below it has been absent from that file already.
    pub last_absence_at: Option<i64>,
    /// Ids that the file of that run held although nothing of them was applied (F2, F6), sorted: they
    /// were not absent from it.
    pub last_absence_in_vain: Vec<String>,
    /// Start of the last fetch that was read whole, whatever became of its run: the floor of T3 for
    /// another body.
    pub floor_at: Option<i64>,
    /// SHA-256 of that body, hex.
    pub floor_body: Option<String>,
    /// The start of the last fetch that brought another body than that one: the floor where that body
    /// comes again.
    pub floor_before: Option<i64>,
    /// SHA-256 of the body of the last accepted run, hex.
    pub body_hash: Option<String>,
    /// The `ETag` of that body; `None` where its server gave none.
    pub etag: Option<String>,
    /// The `Last-Modified` of that body; `None` where its server gave none.
    pub last_modified: Option<String>,
    /// The URL that the two came from: they are sent to no other.
    pub validators_url: Option<String>,
    /// The two differ with each answer, and say nothing of the body (F1).
    pub validators_unsteady: bool,
    /// They were the same with another content: they are not used any more (A11).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub validators_lie: bool,
    /// What its server said at the last runs; `None` where that was anything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone: Option<GoneFeed>,
    /// The start of the last fetch that brought a body; `None` before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whole_at: Option<i64>,
    /// Fetches since then that were answered with 304.
    #[serde(skip_serializing_if = "is_none_yet")]
    pub unmodified_in_row: u32,
    /// Accepted counts, newest last, at most 7 (F4).
    pub accepted_counts: Vec<u64>,
    /// Deletes applied without a plan: when and how many, for the windows of F4.
    pub deletes: Vec<(i64, u64)>,
    /// When the last accepted run ended, by our clock; `None` before the first.
    pub last_success_at: Option<i64>,
    /// Runs that have failed or were refused since then.
    pub failures_in_row: u32,
    /// Runs in a row that were refused for their time (T3).
    pub time_refusals_in_row: u32,
    /// What the records of the last good file were read by, as a hash: with another mapping the same
    /// bytes are another body.
    pub mapping_print: Option<u64>,
    /// Accepted runs in a row that held records older than a stored push (T3).
    pub outdated_runs_in_row: u32,
    /// What is stamped at or below it creates nothing (X4); `None` before any tombstone was collected.
    pub history_floor: Option<i64>,
    /// Pushes accepted since the last accepted run (F9).
    pub pushes_since_run: u64,
    /// Pushes that the last applied run found to be missed: the rate of F9 is made of this and
    /// `last_pushes`.
    pub last_missed: u64,
    /// Pushes that were applied between that run and the accepted one before it.
    pub last_pushes: u64,
    /// Whether a push has ever been applied.
    pub pushes_at_all: bool,
    /// Whether one of a document has.
    pub pushes_documents: bool,
    /// Whether absence from the last accepted file means something (F2, F8).
    pub last_whole: bool,
    /// That file was NDJSON: of the next one a lone object is a line too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub last_lines: bool,
    /// That file may be cut or mixed, so that its absences count at the second one in a row (F1, F6).
    pub last_doubtful: bool,
    /// It may be mixed and is not cut: further files may confirm a plan of what it lacks (F4).
    pub last_only_mixed: bool,
    /// That file held no record.
    pub last_empty: bool,
    /// Its envelope said that this is meant (F4).
    pub last_empty_meant: bool,
    /// Ids that it held although nothing of them was applied (F2, F6): present all the same.
    pub last_unapplied: Vec<String>,
    /// A run has noted some absences and has not come to its end: what is noted may be that run's,
    /// which was not accepted and counts for nothing (X3).
    pub notes_torn: bool,
    /// Slots of the feed's cron expression up to here have had their run (A39, A40).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slots_served_at: Option<i64>,
    /// An operator has stopped its schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<Paused>,
    /// What the last applied run took: what the next one's time left is told by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_timings: Option<RunTimings>,
    /// Bytes of the last applied body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_body_bytes: Option<u64>,
    /// Times that our clock gave while it ran ahead are being moved back by this (T4).
    pub set_back: Option<SetBack>,
}

/// An address whose server says that the document is gone for ever (A13).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoneFeed {
    /// Which address: another one is asked at once.
    pub url: String,
    /// How many times in a row.
    pub times: u32,
}

/// A feed whose schedule an operator has stopped: nothing is fetched until it goes on, but what an
/// operator asks for by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// Since when, by our clock.
    pub at: i64,
    /// In the operator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How far times ahead of our clock are moved back (T4). What was moved lies below the limit, so that
/// moving twice does no more than moving once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetBack {
    /// Times beyond it are moved, in microseconds since 1970.
    pub limit: i64,
    /// By so many microseconds.
    pub by: i64,
}

/// The count of pushes that a partner has made since its feed's last run, recorded between two runs so
/// that the rate of lost pushes (F9) survives a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedPushes {
    /// The run since which they are counted: once a later one has ended this says nothing any more.
    pub last_run: RunId,
    /// Pushes that were applied since then.
    pub pushes: u64,
    /// Whether any push has ever been one of a document.
    #[serde(default)]
    pub documents: bool,
}

fn is_none_yet(count: &u32) -> bool {
    *count == 0
}

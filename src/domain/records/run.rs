//! Runs of a partner's feed, and the report that is kept of each.

use serde::{Deserialize, Serialize};

/// The number of a run, rising per partner from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunId(pub u64);

/// How a run ended: one label for each, public in reports and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// The catalogue follows the file, but for what was kept aside or held.
    Applied,
    /// Same bytes as the last accepted run (F7).
    Unchanged,
    /// Older than the last accepted snapshot (F5).
    SkippedOlder,
    /// Too many invalid records (F3).
    Refused,
    /// The fetch or the file was bad (F1); nothing changed.
    Failed,
}

impl RunStatus {
    /// All ways to end, each once.
    pub const ALL: [RunStatus; 5] = [
        RunStatus::Applied,
        RunStatus::Unchanged,
        RunStatus::SkippedOlder,
        RunStatus::Refused,
        RunStatus::Failed,
    ];

    /// Its word in reports and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            RunStatus::Applied => "applied",
            RunStatus::Unchanged => "unchanged",
            RunStatus::SkippedOlder => "skipped_older",
            RunStatus::Refused => "refused",
            RunStatus::Failed => "failed",
        }
    }

    /// Whether the snapshot was taken as true: applied, or known to be so already.
    pub fn is_accepted(self) -> bool {
        matches!(self, RunStatus::Applied | RunStatus::Unchanged)
    }
}

/// Counts of one run: records and what became of them, then the verdicts of F9.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunCounts {
    /// Records that the file held, invalid ones included.
    pub records: u64,
    /// Records that brought an asset to life.
    pub created: u64,
    /// Records that changed what readers see of a living asset.
    pub updated: u64,
    /// Records that changed nothing, those that lost to newer pushes included.
    pub unchanged: u64,
    /// Assets that were deleted for their absence.
    pub deleted: u64,
    /// Deletes that the guard kept back (F4).
    pub held: u64,
    /// Records that were kept aside whole (F2).
    pub quarantined: u64,
    /// Records whose price alone was kept aside, their documents applied (F2).
    pub prices_quarantined: u64,
    /// Of a feed of prices alone: prices that a register took, those that wait for their asset not
    /// counted.
    #[serde(skip_serializing_if = "is_zero")]
    pub prices: u64,
    /// Of a feed of prices alone: prices that wait for an asset that is unknown or dead (P3).
    #[serde(skip_serializing_if = "is_zero")]
    pub prices_parked: u64,
    /// Records that say again what another of the same id says (F6).
    pub repeated: u64,
    /// Undated prices that differ from the dated ones (P2).
    pub drift: u64,
    /// Records of assets that were unknown, where no push was to tell of them.
    pub new: u64,
    /// Records that say what is stored, and absences that change nothing.
    pub agree: u64,
    /// Records older than a push: expected.
    pub feed_stale: u64,
    /// Records that knew newer than any push: one never arrived.
    pub missed_push: u64,
    /// Absences that deleted: a delete never arrived.
    pub missed_delete: u64,
    /// Absences of assets that were pushed after the file was made: they stay.
    pub phantom: u64,
    /// Records that brought a deleted asset back (X2).
    pub resurrected: u64,
    /// Records that differ from what is stored at the same stamp.
    pub value_conflict: u64,
    /// First absences from an undated file (X3): nothing done yet.
    pub absent_once: u64,
    /// Rows of the quarantine that it closed: what they hold was taken, or is no longer in the file.
    #[serde(skip_serializing_if = "is_zero")]
    pub rows_closed: u64,
    /// Pushes that were applied between the accepted run before and this one (F9).
    pub pushes: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl RunCounts {
    /// The number of records of which nothing, or all but the price, was applied.
    pub fn kept_aside(&self) -> u64 {
        self.quarantined + self.prices_quarantined
    }
}

/// How long the phases of a run took, in milliseconds by the monotonic clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunTimings {
    /// For a place among the feeds that run.
    pub waiting_ms: u64,
    /// From the request to the last byte, checks of the same body included.
    pub fetching_ms: u64,
    /// The survey of the whole file.
    pub reading_ms: u64,
    /// The records that it holds.
    pub applying_ms: u64,
    /// The assets that it lacks, and its end.
    pub finishing_ms: u64,
}

/// What one run found and did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunReport {
    /// The run's number.
    pub run: RunId,
    /// How it ended.
    pub status: RunStatus,
    /// Stable code of the reason why the run was not applied, e.g. `truncated`, `html`; `None` where it
    /// was, or its status says it all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What happened and what to do, in words; `None` where there is nothing to add.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Start of the fetch, by our clock, in microseconds as all times here.
    pub started_at: i64,
    /// End of the run, by our clock.
    pub finished_at: i64,
    /// The snapshot's time `S`; `None` where the run ended before it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_at: Option<i64>,
    /// The snapshot carried a time of its own (T3).
    pub dated: bool,
    /// Bytes of the body without its content encoding; 0 where it was not read whole.
    pub body_bytes: u64,
    /// Bytes of the body as it came, compressed or not; `None` where nothing was fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wire_bytes: Option<u64>,
    /// How long each of its phases took; `None` of runs from before they were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timings: Option<RunTimings>,
    /// What the run found and did; of one that was refused, only the records that were looked at.
    pub counts: RunCounts,
    /// Whether the partner had ever pushed by then: only then is there a rate of loss (F9).
    #[serde(default)]
    pub pushes_at_all: bool,
    /// What is wrong with the file as a whole, then the first records that were kept aside: id where
    /// readable, code, what is wrong.
    #[serde(default)]
    pub faults: Vec<RecordFault>,
}

/// What is wrong with a record of a feed's file, or with the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordFault {
    /// The record's place in the file, from 0; `None`: the file as a whole is at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
    /// Where the record begins in the file, in bytes without a content encoding.
    pub offset: u64,
    /// The asset's id; `None` where it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Stable code of the fault.
    pub code: String,
    /// What is wrong, and what to do.
    pub detail: String,
    /// JSON pointer into the record; empty: the record as a whole.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pointer: String,
    /// How many records it is about, where it is not about one alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

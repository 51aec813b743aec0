//! Runs of a partner's feed, and the report that is kept of each.

use serde::{Deserialize, Serialize};

/// The number of a run, rising per partner from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunId(pub u64);

/// How a run ended: one label for each, public in reports and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
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
    pub const ALL: [RunStatus; 5] = [
        RunStatus::Applied,
        RunStatus::Unchanged,
        RunStatus::SkippedOlder,
        RunStatus::Refused,
        RunStatus::Failed,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            RunStatus::Applied => "applied",
            RunStatus::Unchanged => "unchanged",
            RunStatus::SkippedOlder => "skipped_older",
            RunStatus::Refused => "refused",
            RunStatus::Failed => "failed",
        }
    }

    /// The snapshot was taken as true: applied, or known to be so already.
    pub fn is_accepted(self) -> bool {
        matches!(self, RunStatus::Applied | RunStatus::Unchanged)
    }
}

/// How a fetch ended, before anything was read of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FetchOutcome {
    Fetched,
    NotModified,
}

/// Counts of one run: records first, then what became of the assets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunCounts {
    pub records: u64,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub deleted: u64,
    /// Deletes that the guard kept back (F4).
    pub held: u64,
    pub quarantined: u64,
    /// Records whose price alone was kept aside, their documents applied (F2).
    pub prices_quarantined: u64,
    /// Records that say again what another of the same id says (F6).
    pub repeated: u64,
    /// Undated prices that differ from the dated ones (P2).
    pub drift: u64,
    /// Verdicts (F9).
    pub new: u64,
    pub agree: u64,
    pub feed_stale: u64,
    pub missed_push: u64,
    pub missed_delete: u64,
    pub phantom: u64,
    pub resurrected: u64,
    pub value_conflict: u64,
    /// First absences from an undated file (X3): nothing done yet.
    pub absent_once: u64,
    /// Pushes that were applied between the accepted run before and this one (F9).
    pub pushes: u64,
}

impl RunCounts {
    /// Records of which nothing, or all but the price, was applied.
    pub fn kept_aside(&self) -> u64 {
        self.quarantined + self.prices_quarantined
    }
}

/// What one run found and did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunReport {
    pub run: RunId,
    pub status: RunStatus,
    /// Stable code of the reason where the run was not applied, e.g. `truncated`, `html`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What happened and what to do, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Start of the fetch, microseconds.
    pub started_at: i64,
    pub finished_at: i64,
    /// The snapshot's time `S`, microseconds, where the file got so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_at: Option<i64>,
    /// The snapshot bore a time of its own (T3).
    pub dated: bool,
    /// Decoded bytes.
    pub body_bytes: u64,
    pub counts: RunCounts,
    /// The partner had pushed by then, ever: only then is there a rate of loss (F9).
    #[serde(default)]
    pub pushes_at_all: bool,
    /// What is wrong with the file as a whole, then the first records that were kept aside: id where
    /// readable, code, what is wrong.
    #[serde(default)]
    pub faults: Vec<RecordFault>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordFault {
    /// `None`: it is the file's as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
    pub offset: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub code: String,
    pub detail: String,
    /// JSON pointer into the record, where it is about one place there.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pointer: String,
    /// How many records it is about, where it is not about one alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

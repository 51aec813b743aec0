//! What a run of the feed and the actor say to each other.

use crate::codec::mapping::Above;
use crate::domain::{AssetId, AssetWrite, ItemOutcome, Micros, RecordFault, RunId, Seq};
use crate::feed::FetchError;
use crate::rules::feed::snapshot::SnapshotTimes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// What was found out about a file while it was fetched.
#[derive(Clone, Debug, Default)]
pub struct VersionProof {
    /// Whether it stood still meanwhile; `None`: it was not asked.
    pub stood_still: Option<bool>,
    /// Why it may be a mixture of two versions all the same (F1).
    pub doubt: Option<String>,
    /// Its server gave the validators of another content for it (A11).
    pub has_lied: bool,
}

/// The body of a fetch, as far as it is kept between runs.
#[derive(Clone, Debug)]
pub struct FetchedFile {
    pub started_at: Micros,
    pub body_bytes: u64,
    /// As they came; `None`: nothing came.
    pub wire_bytes: Option<u64>,
    pub body_hash: String,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
    pub url: String,
    /// What its records are read by.
    pub mapping_print: u64,
    /// Whether it was of one version, and whether its validators are worth anything.
    pub proof: VersionProof,
    /// It was sent whole, not known by its validators.
    pub is_body: bool,
}

/// What a survey found, as far as the actor decides by it.
#[derive(Debug)]
pub struct SnapshotFacts {
    pub run: RunId,
    pub file: FetchedFile,
    pub times: SnapshotTimes,
    pub complete: bool,
    /// F8: prices alone, whose absence says nothing.
    pub prices_only: bool,
    pub allow_empty: bool,
    pub records: u64,
    /// Records of which nothing may be applied.
    pub quarantined: u64,
    /// Records that say again what another says (F6).
    pub repeated: u64,
    /// Different ids in the file.
    pub present: u64,
    pub deletes_barred: bool,
    /// Lines without a count: its absences count as an undated file's (F1).
    pub may_be_cut: bool,
    /// Ids stand more than once: its absences count at the second file in a row (F6).
    pub may_be_mixed: bool,
    /// It was read as NDJSON.
    pub is_lines: bool,
    pub faults: Vec<RecordFault>,
    /// A snapshot that was accepted before, read again for an operator.
    pub reread: Option<Reread>,
}

/// A snapshot that was accepted before: its time, and whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reread {
    pub snapshot: Micros,
    pub dated: bool,
    /// The run whose stored file it is; `None`: fetched, the same bytes as the last accepted.
    pub stored: Option<RunId>,
}

impl Reread {
    pub fn detail(self) -> String {
        match self.stored {
            Some(run) => format!("an operator had the stored file of run {} read again", run.0),
            None => "an operator had the unchanged file read again".into(),
        }
    }
}

/// Whether the run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStart {
    Apply,
    /// The actor has closed the run; there is nothing more to do.
    Stop,
}

/// One id of the snapshot.
#[derive(Debug)]
pub struct FeedRecord {
    pub id: AssetId,
    pub record: u32,
    /// Where its text begins in the file, and the text: for the quarantine.
    pub offset: u64,
    pub text: String,
    /// The name that it stands under, where its mapping keys records by name.
    pub key: Option<String>,
    /// What stands above it, where its mapping reads anything from there.
    pub above: Option<Arc<Above>>,
    /// `None`: present, but nothing of it may be applied (F2, F6).
    pub write: Option<Box<AssetWrite>>,
    /// F2: why prices of it are kept aside, of which the write says nothing.
    pub prices_aside: Vec<ItemOutcome>,
}

impl FeedRecord {
    /// A record of which nothing may be applied.
    pub fn present(id: AssetId) -> FeedRecord {
        let (text, prices_aside) = (String::new(), Vec::new());
        FeedRecord { id, record: 0, offset: 0, text, key: None, above: None, write: None, prices_aside }
    }
}

/// One part is decided.
#[derive(Debug)]
pub struct RunPart {
    pub durable: oneshot::Receiver<Seq>,
    /// With it the run is closed.
    pub is_last: bool,
}

#[derive(Debug)]
pub struct RunFailure {
    pub started_at: Micros,
    pub code: &'static str,
    pub detail: String,
    pub retry_after: Option<Duration>,
    /// F3: the file could be read, but too much of it is invalid.
    pub refused: bool,
    /// The hash of the body, where it was read whole (T3).
    pub whole_body: Option<String>,
    pub records: u64,
    pub invalid: u64,
    pub faults: Vec<RecordFault>,
}

impl RunFailure {
    pub fn plain(code: &'static str, detail: String, started_at: Micros) -> RunFailure {
        RunFailure {
            started_at,
            code,
            detail,
            retry_after: None,
            refused: false,
            whole_body: None,
            records: 0,
            invalid: 0,
            faults: Vec::new(),
        }
    }
}

pub fn failure_of(error: FetchError, started_at: Micros) -> RunFailure {
    RunFailure { retry_after: error.retry_after, ..RunFailure::plain(error.code, error.detail, started_at) }
}

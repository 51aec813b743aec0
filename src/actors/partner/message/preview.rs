//! What a look at a document and the actor say to each other.

use super::run::{FeedRecord, SnapshotFacts};
use crate::actors::partner::ledger::Prefetched;
use crate::domain::{Micros, RecordFault, RunCounts};
use crate::rules::feed::guard::GuardDecision;
use std::path::PathBuf;
use tokio::sync::oneshot;

/// One step of a look at a document that somebody shows us.
#[derive(Debug)]
pub enum PreviewStep {
    /// Say where it may be put meanwhile.
    Place { reply: oneshot::Sender<PathBuf> },
    /// It is read: say whether it would be applied.
    Begin { facts: Box<SnapshotFacts>, reply: oneshot::Sender<TrialStart> },
    /// Decide some of its records, and take that back.
    Try { records: Vec<FeedRecord>, prefetched: Prefetched, reply: oneshot::Sender<()> },
    /// Say what would become of it.
    End { reply: oneshot::Sender<TrialEnd> },
}

/// Whether a document that is only tried would be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialStart {
    Apply,
    /// Nothing of it would be, for the reason of this code.
    Skip(&'static str),
}

/// What would become of a document.
#[derive(Debug)]
pub struct TrialEnd {
    pub counts: RunCounts,
    pub snapshot: Micros,
    pub dated: bool,
    /// Assets that it lacks, and that would be deleted.
    pub deletes: u64,
    /// Whether those would be held (F4).
    pub guard: GuardDecision,
    pub faults: Vec<RecordFault>,
}

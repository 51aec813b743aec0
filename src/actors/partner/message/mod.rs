//! What a partner's actor is told.

pub mod orders;
pub mod preview;
pub mod quarantine;
pub mod run;

use crate::actors::partner::books::parked::{ParkedPlace, ParkedPrice};
use crate::actors::partner::ledger::Prefetched;
use crate::actors::push::{Push, PushAnswer, PushBody};
use crate::config::PartnerSettings;
use crate::domain::{Paused, QuarantineRow, RunId, Seq};
use orders::{Operated, Order, PlanOrder, PlanPart, PlanReply, RebuildFrom, RebuildRefused};
use preview::PreviewStep;
use quarantine::{RowAnswer, RowOrder};
use run::{FeedRecord, FetchedFile, RunFailure, RunPart, RunStart, SnapshotFacts};
use std::sync::Arc;
use tokio::sync::oneshot;

#[derive(Debug)]
pub enum PartnerMessage {
    /// Decide a batch, and answer when it is durable.
    Push {
        push: Box<Push>,
        prefetched: Prefetched,
        reply: oneshot::Sender<PushAnswer>,
    },
    /// Decide an operator's order; its effect is durable a little later.
    Operate {
        order: Order,
        prefetched: Prefetched,
        reply: oneshot::Sender<Operated>,
    },
    /// The timer of the schedule went off; an older timer's call is ignored.
    FetchDue {
        timer: u64,
    },
    /// A gap may have stayed open for long enough to fetch the feed early (G1).
    GapDue,
    /// Fetch now instead of at the next time; gives the run that does it.
    FetchNow {
        reply: oneshot::Sender<RunId>,
    },
    /// An operator stops the schedule, or lets it go on.
    Pause {
        paused: Option<Paused>,
        durable: oneshot::Sender<Seq>,
    },
    /// A run's file is read: decide whether and as of when it applies.
    BeginRun {
        facts: Box<SnapshotFacts>,
        reply: oneshot::Sender<RunStart>,
    },
    /// Apply some records of the run; answered when they are durable.
    ApplyRecords {
        run: RunId,
        records: Vec<FeedRecord>,
        prefetched: Prefetched,
        reply: oneshot::Sender<Seq>,
    },
    /// All records are applied: apply the next part of what was absent; the last closes the run.
    FinishRun {
        run: RunId,
        reply: oneshot::Sender<RunPart>,
    },
    /// The file was the same as the last accepted one (F7). Answered as `FinishRun`, which follows
    /// unless this was the last part.
    RunUnchanged {
        run: RunId,
        fetched: FetchedFile,
        reply: oneshot::Sender<RunPart>,
    },
    /// Nothing could be read of the feed (F1).
    RunFailed {
        run: RunId,
        failure: RunFailure,
        reply: oneshot::Sender<Seq>,
    },
    /// The run's report is durable.
    RunClosed {
        run: RunId,
    },
    /// A step of a look at a document that is not published yet.
    Preview(PreviewStep),
    /// Keep a run's invalid records; answered when that is durable.
    KeepRecords {
        run: RunId,
        rows: Vec<QuarantineRow>,
        reply: oneshot::Sender<Seq>,
    },
    /// Release or drop a row of the quarantine.
    DecideRow {
        key: u64,
        order: RowOrder,
        answer: oneshot::Sender<RowAnswer>,
        durable: oneshot::Sender<Seq>,
    },
    /// Drop rows of the quarantine.
    DropRows {
        keys: Vec<u64>,
        answer: oneshot::Sender<u64>,
        durable: oneshot::Sender<Seq>,
    },
    ListParked {
        after: Option<ParkedPlace>,
        limit: usize,
        reply: oneshot::Sender<Vec<ParkedPrice>>,
    },
    /// Look for what may be forgotten.
    SweepDue,
    /// Look for decided documents that need not be held any longer.
    LetGo,
    /// Read a whole snapshot again, whatever validators and F7 say.
    Rebuild {
        from: RebuildFrom,
        reply: oneshot::Sender<Result<RunId, RebuildRefused>>,
    },
    /// An operator decides on a plan (F4).
    DecidePlan {
        order: PlanOrder,
        reply: PlanReply,
    },
    /// Decide the next part of the plan that is being applied.
    ApplyPlanPart {
        reply: oneshot::Sender<PlanPart>,
    },
    /// Somebody looks at the plans: those that are overdue expire.
    LookAtPlans,
    /// The configuration of the partner has changed.
    Reconfigure(Arc<PartnerSettings>),
    /// For tests of supervision: the handler panics.
    #[doc(hidden)]
    Panic {
        /// What is to be blamed.
        deciding: Blamed,
    },
    /// For tests of supervision: the task of the run that is under way is ended, and says nothing.
    #[doc(hidden)]
    AbortRun,
}

/// What an actor that is made to panic has been at.
#[doc(hidden)]
#[derive(Debug)]
pub enum Blamed {
    Nothing,
    Push(PushBody),
    Run,
}

impl PartnerMessage {
    /// A step of a run of the feed.
    pub fn is_of_run(&self) -> bool {
        matches!(
            self,
            PartnerMessage::BeginRun { .. }
                | PartnerMessage::KeepRecords { .. }
                | PartnerMessage::ApplyRecords { .. }
                | PartnerMessage::FinishRun { .. }
                | PartnerMessage::RunUnchanged { .. }
                | PartnerMessage::Panic { deciding: Blamed::Run }
        )
    }
}

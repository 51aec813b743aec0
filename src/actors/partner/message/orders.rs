//! What an operator orders of a partner, and what the actor answers.

use crate::domain::{ActionKind, AssetId, AssetWrite, ItemOutcome, PlanState, RunId, Seq};
use crate::store::ReadError;
use tokio::sync::oneshot;

/// What an operator asks for.
#[derive(Debug)]
pub struct Order {
    /// The asset that is meant.
    pub id: AssetId,
    /// Why, in the operator's words; never empty.
    pub reason: String,
    /// What is ordered.
    pub kind: OrderKind,
    /// Who orders it, by the name of a token.
    pub by: Option<String>,
}

/// What an operator does with one asset.
#[derive(Debug)]
pub enum OrderKind {
    /// Speaks for the members that it names, and carries no price.
    Patch(Box<AssetWrite>),
    /// Readers do not see it any more.
    Hide,
    /// Readers see it again.
    Unhide,
}

impl OrderKind {
    /// As the record of operators' actions names it.
    pub fn action(&self) -> ActionKind {
        match self {
            OrderKind::Patch(_) => ActionKind::Patch,
            OrderKind::Hide => ActionKind::Hide,
            OrderKind::Unhide => ActionKind::Unhide,
        }
    }
}

/// What became of an order: decided, and soon durable.
#[derive(Debug)]
pub struct Operated {
    /// What was decided.
    pub item: ItemOutcome,
    /// The number of its record; `None` where there was nothing to do.
    pub action: Option<u64>,
    /// Heard once it survives a crash.
    pub durable: oneshot::Receiver<Seq>,
}

/// What an operator says to a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanVerdict {
    /// Its deletes are done.
    Approve,
    /// Its deletes are not done.
    Reject,
}

/// What an operator decides about a plan of held deletes.
#[derive(Debug)]
pub struct PlanOrder {
    /// The plan's number.
    pub plan: u64,
    /// The decision.
    pub verdict: PlanVerdict,
    /// Why, in the operator's words.
    pub reason: Option<String>,
    /// Who, by the name of a token.
    pub by: Option<String>,
}

/// What a decided plan came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanEnd {
    /// The plan's number.
    pub plan: u64,
    /// What it is now.
    pub state: PlanState,
    /// Assets that it has deleted.
    pub deleted: u64,
    /// Phantoms and what has come back (X3): kept.
    pub kept: u64,
}

/// Why an order is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanRefused {
    /// Unknown, or no longer held.
    NotHeld,
    /// It is being applied already, or another one is.
    Busy,
}

pub type PlanReply = oneshot::Sender<Result<PlanEnd, PlanRefused>>;

/// One part is decided; `end` where it was the last.
#[derive(Debug)]
pub struct PlanPart {
    pub durable: oneshot::Receiver<Seq>,
    pub end: Option<PlanEnd>,
}

/// Where the snapshot comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RebuildFrom {
    /// The feed is fetched again, and read whatever its validators say.
    Fetch,
    /// The stored file of this run is read again.
    Stored(RunId),
}

/// Why there is nothing to read again.
#[derive(Debug)]
pub enum RebuildRefused {
    /// The partner has no feed.
    NoFeed,
    /// A run is under way.
    Running,
    /// The run was not applied, or its file is no longer kept.
    NotStored,
    /// The run's report cannot be read from the store.
    Unread(ReadError),
}

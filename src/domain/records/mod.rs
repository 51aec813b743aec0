//! What is kept of a partner beside its assets and prices, as plain values: a file for each kind of
//! record. Their bytes are in `codec::records`.

mod action;
mod audit;
mod delivery;
mod feed;
mod kind;
mod lost;
mod partner;
mod plan;
mod quarantine;
mod run;
mod stream;

pub use action::{ActionKind, OperatorAction};
pub use audit::{AuditAct, AuditEntry, AuditOutcome, AuditTarget};
pub use delivery::{DeliveredItems, DeliveryAge, DeliveryKey, DeliveryRecord, Missing};
pub use feed::{FeedState, GoneFeed, Paused, RecordedPushes, SetBack};
pub use kind::{RecordChange, RecordKind};
pub use lost::{LostPart, LostWrite};
pub use partner::{PartnerNumber, PartnerStanding};
pub use plan::{IdsInHead, InlineIds, Plan, PlanPage, PlanPageKey, PlanState, SAMPLE_IDS};
pub use quarantine::{HookItem, QuarantineRow, RefusedKind, RefusedOrigin, RowAbove, ValueAbove};
pub use run::{RecordFault, RunCounts, RunId, RunReport, RunStatus, RunTimings};
pub use stream::{LastUndated, MissingRange, StreamState};

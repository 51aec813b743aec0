//! What is kept of a partner beside its assets and prices, as plain values: a file for each kind of
//! record. Their bytes are in `codec::records`.

mod action;
mod delivery;
mod feed;
mod kind;
mod lost;
mod plan;
mod quarantine;
mod run;
mod stream;

pub use action::{ActionKind, OperatorAction};
pub use delivery::{DeliveredItems, DeliveryKey, DeliveryRecord, Missing};
pub use feed::{FeedState, SetBack};
pub use kind::{RecordChange, RecordKind};
pub use lost::{LostPart, LostWrite};
pub use plan::{InlineIds, Plan, PlanPage, PlanState, SAMPLE_IDS, page_key, plan_of_page};
pub use quarantine::{QuarantineRow, RefusedKind, RefusedOrigin};
pub use run::{FetchOutcome, RecordFault, RunCounts, RunId, RunReport, RunStatus};
pub use stream::{MissingRange, StreamState};

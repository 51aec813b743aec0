//! The words of the house: ids, stamps, documents, prices, writes, changes, outcomes, records.
//!
//! Plain values without I/O, clock or async. All other rooms use them, and they know none. The rules
//! that compare these values are in `rules`, their bytes in `codec`.

mod change;
mod decimal;
mod document;
pub mod hook;
mod ids;
pub mod iso4217;
pub mod mapping;
mod origin;
mod outcome;
mod price;
mod records;
mod stamp;
mod write;

pub use change::{
    AssetChange, AssetEvent, AssetHead, Beaten, Change, ChangeKind, Committed, Exception, PriceChange, Seq,
    WriteSet,
};
pub use decimal::{Decimal, DecimalError};
pub use document::{Document, Member};
pub use ids::{AssetId, AssetIdError, PartnerName, PartnerNameError, PartnerNo, Slot};
pub use mapping::{Field, Mapping, Pointer, TimeFormat};
pub use origin::Origin;
pub use outcome::{ItemOutcome, Note, Outcome, Rule};
pub use price::{Currency, CurrencyError, Market, Quote, QuoteExtra, QuoteName, QuoteNameError, Undated};
pub use records::{
    ActionKind, AuditAct, AuditEntry, AuditOutcome, AuditTarget, DeliveredItems, DeliveryAge, DeliveryKey,
    DeliveryRecord, FeedState, GoneFeed, HookItem, IdsInHead, InlineIds, LastUndated, LostPart, LostWrite,
    Missing, MissingRange, OperatorAction, PartnerNumber, PartnerStanding, Paused, Plan, PlanPage,
    PlanPageKey, PlanState, QuarantineRow, RecordChange, RecordFault, RecordKind, RecordedPushes,
    RefusedKind, RefusedOrigin, RowAbove, RunCounts, RunId, RunReport, RunStatus, RunTimings, SAMPLE_IDS,
    SetBack, StreamState, ValueAbove,
};
pub use stamp::{Lane, Micros, Stamp};
pub use write::{AssetWrite, PriceWrite, Verb, Write};

/// Members whose meaning is fixed by the contract; all others are the partner's own.
pub const RESERVED_MEMBERS: [&str; 8] =
    ["id", "updated_at", "name", "class", "status", "legal_status", "currency", "price"];

//! The words of the house: ids, stamps, documents, prices, writes, changes, outcomes.
//!
//! Plain values without I/O, clock or async. Everything above speaks in them; nothing here knows
//! who does. The rules that compare these values live in `rules`, their bytes in `codec`.

mod change;
mod decimal;
mod document;
mod explain;
mod feed;
mod ids;
pub mod iso4217;
mod mapping;
mod origin;
mod outcome;
mod price;
mod quarantine;
mod stamp;
mod write;

pub use change::{
    AssetChange, AssetEvent, AssetHead, Beaten, Change, ChangeKind, Committed, Exception, PriceChange,
    RecordChange, RecordKind, Seq, WriteSet,
};
pub use decimal::{Decimal, DecimalError};
pub use document::{Document, Member};
pub use explain::{ActionKind, LostPart, LostWrite, OperatorAction};
pub use feed::{FeedState, FetchOutcome, RecordFault, RunCounts, RunId, RunReport, RunStatus, SetBack};
pub use ids::{AssetId, AssetIdError, PartnerName, PartnerNameError, PartnerNo, Slot};
pub use mapping::{Field, Mapping, Pointer, Source, TimeFormat};
pub use origin::Origin;
pub use outcome::{ItemOutcome, Note, Outcome, Rule};
pub use price::{Currency, CurrencyError, Market, Quote, QuoteExtra, QuoteName, QuoteNameError, Undated};
pub use quarantine::{QuarantineRow, RefusedKind, RefusedOrigin};
pub use stamp::{Lane, Micros, Stamp};
pub use write::{AssetWrite, PriceWrite, Verb, Write};

/// Members whose meaning is fixed by the contract; all others are the partner's own.
pub const RESERVED_MEMBERS: [&str; 8] =
    ["id", "updated_at", "name", "class", "status", "legal_status", "currency", "price"];

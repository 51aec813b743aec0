//! A reference model of one partner's catalogue, to test the daemon against.
//!
//! Written from RULES.md alone, without sight of the implementation. It is naive on purpose: an
//! asset is the list of everything that was ever accepted about it, and death, life, base,
//! exceptions, quotes and the visible document are computed from that list each time somebody asks.
//! Nothing here is fast, durable or concurrent. Left out: transport, delivery ids (G2), storage
//! (G4), parts of snapshots and the deviation guard (both "later").
//!
//! Where RULES.md can be read in two ways, the code gives the reason for the way that it takes.

mod absence;
pub(crate) mod amount;
mod asset;
pub(crate) mod currency;
mod gaps;
mod guard;
mod judge;
mod model;
pub mod osmosis;
mod price;
mod push;
mod reading;
mod records;
mod snapshot;
mod types;

#[cfg(test)]
mod examples;
#[cfg(test)]
mod examples_boundary;
#[cfg(test)]
mod examples_feed;
#[cfg(test)]
mod examples_guard;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod properties;

pub use self::guard::PlanState;
pub use self::model::{BEGINNING, Model};
pub use self::types::{
    Absent, Lane, Members, Outcome, Policy, PriceIn, PushIn, PushKind, QuoteState, RecordIn, RunReport,
    RunStatus, SnapshotIn, Verdict, Visible, VisibleAsset, VisibleQuote,
};

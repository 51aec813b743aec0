//! The bytes of records: what is kept of a partner beside its assets and prices. One file for each
//! kind states its key, its value and how long it is kept, and pins its bytes by a test.
//!
//! A value that is written today must be readable by every later release: a member is added with a
//! default and never changes its meaning. Kinds and their numbers are those of `domain::RecordKind`.

mod action;
mod audit;
mod delivery;
mod feed;
mod form;
mod lost;
mod partner;
mod plan;
mod plan_ids;
mod quarantine;
mod run;
mod stream;

pub use form::{Encode, Record, RecordCause, RecordError};

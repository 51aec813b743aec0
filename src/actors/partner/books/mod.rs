//! The books: what is kept of a partner beside its assets. A book is loaded, changed, and gives the
//! records that say so.

pub mod actions;
pub mod closing;
pub mod damaged;
pub mod deliveries;
pub mod gaps;
pub mod lost;
pub mod parked;
pub mod plans;
pub mod push_count;
pub mod quarantine;
pub mod record;
pub mod refusals;
pub mod runs;
pub mod streams;
pub mod undated;

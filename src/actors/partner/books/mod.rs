//! The books: what is kept of a partner beside its assets. A book is loaded, changed, and gives the
//! records that say so.

pub mod deliveries;
pub mod lost;
pub mod parked;
pub mod plans;
pub mod quarantine;
pub mod streams;

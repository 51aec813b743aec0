//! Verbs about a running daemon as a whole.

pub mod audit;
pub mod reload;
pub mod status;

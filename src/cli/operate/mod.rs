//! Verbs about a running daemon as a whole.

pub mod audit;
pub mod completions;
pub mod reload;
pub mod status;

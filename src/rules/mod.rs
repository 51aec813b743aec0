//! Decisions as pure functions: which write wins, and why (RULES.md). Sync, total, without clock,
//! I/O or randomness; each rule's code names its id.

pub mod policy;
pub mod reading;

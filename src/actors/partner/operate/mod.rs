//! The operator's wing: assets, plans, rebuilds and rows of the quarantine decided by hand.

pub mod assets;
pub mod plans;
pub mod quarantine;
pub mod rebuild;

//! The operator's wing: assets, plans, rebuilds and rows of the quarantine decided by hand.

mod assets;
mod plans;
mod quarantine;
mod rebuild;

//! The feed's wing: when a run starts, what its task does beside the actor, what the actor decides
//! of it, and how it ends.

pub mod absences;
pub mod bodies;
mod ending;
mod fetching;
mod gaps;
mod lints;
pub mod plans;
pub mod preview;
mod reading;
mod reconcile;
mod refused;
mod schedule;
pub mod spool;
mod survey;
mod task;

//! The feed's wing: when a run starts, what its task does beside the actor, what the actor decides
//! of it, and how it ends.

pub mod absences;
pub mod ending;
pub mod fetching;
pub mod gaps;
mod lints;
mod reconcile;
mod refused;
mod schedule;
pub mod spool;
mod survey;
mod task;

//! The feed's wing: when a run starts, what its task does beside the actor, what the actor decides
//! of it, and how it ends.

pub mod absences;
pub mod bodies;
pub mod earlier;
mod ending;
mod fetching;
mod gaps;
pub mod lints;
pub mod plans;
mod reading;
mod reconcile;
mod refused;
pub mod resume;
mod schedule;
pub mod spool;
pub mod survey;
pub mod task;

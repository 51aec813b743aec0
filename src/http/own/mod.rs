//! What is between one partner and us: its deliveries, its feed with its plans, its quarantine.

pub mod errors;
pub mod feed;
pub mod mending;
pub mod plans;
pub mod preview;
pub mod quarantine;
pub mod receipt;
pub mod sandbox;
mod waiting;

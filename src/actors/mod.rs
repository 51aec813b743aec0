//! The actors: one per partner that decides, one that commits, one that supervises.
//! `ractor` lives here and nowhere above.

mod admission;
mod handle;
pub mod partner;
pub mod storage;

pub use admission::{Admission, Limits, Permit, Shed};
pub use handle::{PartnerEntry, Push, PushReply, Registry, Unavailable};

//! The actors: one per partner that decides, one that commits, one that supervises.
//! `ractor` lives here and nowhere above.

mod admission;
mod handle;
mod partner;
mod storage;
mod supervisor;
mod tasks;

pub use admission::{Admission, Bucket, Limits, Permit, Shed};
pub use handle::{PartnerEntry, Push, PushReply, Registry, Unavailable};
pub use partner::{PlanEnd, PlanOrder, PlanRefused, PlanVerdict, RebuildFrom, RebuildRefused, Surroundings};
pub use storage::{StorageArguments, StorageHandle, StorageState, start as start_storage};
pub use supervisor::{ConfigureError, SupervisorArguments, SupervisorHandle, partner_numbers};

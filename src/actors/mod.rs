//! The actors: one per partner that decides, one that commits, one that supervises.
//! `ractor` lives here and nowhere above.

mod admission;
mod delivery;
mod partner;
mod poison;
mod purge;
mod registry;
mod starts;
mod storage;
mod supervisor;
mod tasks;

pub use admission::{Admission, Bucket, Limits, Permit, Shed};
pub use delivery::{Delivery, DeliveryKey, Repeats};
pub use partner::{Cannot, Deed, FeedGates, Operated, Order, ParkedPlace, ParkedPrice};
pub use partner::{PlanEnd, PlanOrder, PlanRefused, PlanVerdict, RebuildFrom, RebuildRefused, Surroundings};
pub use partner::{plan_page, plan_pages};
pub use purge::{Leftovers, Purge, count as count_leftovers};
pub use registry::entry::{NotDecided, PartnerEntry, Push, PushBody, PushReply, Registry, Unavailable};
pub use registry::quarantine::{KeptError, Release};
pub use storage::{StorageArguments, StorageHandle, StorageState, start as start_storage};
pub use supervisor::{ConfigureError, SupervisorArguments, SupervisorHandle, partner_numbers};

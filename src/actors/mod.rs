//! The actors: one per partner that decides, one that commits, one that supervises.
//! `ractor` lives here and nowhere above.

mod admission;
mod audit;
mod delivery;
mod gates;
mod limits;
mod numbers;
mod partner;
mod poison;
mod purge;
mod push;
mod registry;
mod storage;
mod strangers;
mod supervisor;
mod tasks;

pub use admission::{Admission, Permit, Shed};
pub use audit::{AUDIT_AGE_MAX, AUDIT_KEPT, AuditTrail, BegunAct, OfflineAct};
pub use delivery::{Delivery, Repeats};
pub use gates::FeedGates;
pub use limits::{Bucket, Limits, RateLane, Short};
pub use numbers::{NUMBERS, partner_numbers};
pub use partner::{CompareError, FilesCompared, compare_files};
pub use partner::{FeedBoard, Glance, ProgressSeen, PushedFigures, RunPhase, RunProgress, StandingFigures};
pub use partner::{Mending, Operated, Order, OrderKind, ParkedPlace, ParkedPrice, ReleaseRefused};
pub use partner::{
    PlanEnd, PlanOrder, PlanRefused, PlanVerdict, RebuildFrom, RebuildRefused, SharedServices,
};
pub use partner::{PreviewError, PreviewTerms, PreviewedFile, UnreadDocument, preview_document};
pub use partner::{clean_spool, plan_page, plan_pages, remove_feed_files};
pub use purge::{Leftovers, Purge, count as count_leftovers};
pub use push::{NotDecided, Push, PushAnswer, PushBody, PushEffect, PushedHook, Unavailable};
pub use registry::Registry;
pub use registry::entry::PartnerEntry;
pub use registry::quarantine::{Release, RowError};
pub use storage::{StorageArguments, StorageHandle, StorageState, start as start_storage};
pub use strangers::{Failure, Strangers};
pub use supervisor::{ConfigureError, SupervisorArguments, SupervisorHandle};

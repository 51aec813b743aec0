//! Decisions on a partner's feed: when it is fetched, which time its file has, whether the file is fit
//! to be applied, and what becomes of assets that it no longer names.
//!
//! In the order of a run: `schedule`, `snapshot`, `survey` and `drift` before anything is applied,
//! `record_time` for each record, `guard` and `plan` for what is absent, `verdict` for the report.

pub mod alike;
pub mod circuit;
pub mod cron;
pub mod drift;
pub mod guard;
pub mod oddities;
pub mod plan;
pub mod record_time;
pub mod schedule;
pub mod snapshot;
pub mod survey;
pub mod validators;
pub mod verdict;

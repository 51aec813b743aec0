//! Decisions as pure functions: which write wins, and why. `src/RULES.md` is the contract; each
//! rule's code names its id. Sync, total, without clock, I/O or randomness.

pub mod absence;
pub mod ahead;
pub mod alike;
pub mod condition;
pub mod deliveries;
pub mod document;
pub mod extent;
pub mod gaps;
pub mod guard;
pub mod keeping;
pub mod plan;
pub mod policy;
pub mod price;
pub mod reading;
pub mod record_time;
pub mod restart;
pub mod schedule;
pub mod snapshot;
pub mod source_time;
pub mod survey;
mod ties;
pub mod unread;
pub mod verdict;

#[cfg(test)]
mod boundary_tests;
#[cfg(test)]
mod price_boundary_tests;

//! Decisions as pure functions: which write wins, and why. `src/RULES.md` is the contract; each
//! rule's code names its id. Sync, total, without clock, I/O or randomness.
//!
//! A room for each thing that is decided on: an asset's `document`, a `price`, the `feed` that gives
//! both, the `push` that gives one of them; `time` is what all of them take for granted of clocks.
//! `policy` is what a partner's configuration says to any of them.

pub mod document;
pub mod feed;
pub mod policy;
pub mod price;
pub mod push;
pub mod restart;
pub mod time;

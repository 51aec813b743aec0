//! Decisions on what comes with a push, whatever it writes: the conditions that it sets, the id of its
//! delivery, and the number that it has in a stream of prices.

pub mod condition;
pub mod deliveries;
pub mod gaps;

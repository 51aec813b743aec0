//! The newest changes, read from the log once for all streams.
//!
//! One task reads the log while streams are open, renders each change that any of them shows, and keeps
//! the newest of it in memory, bounded by bytes. A stream that is at the end takes its frames from there;
//! one that is further behind reads the store until it has come to what is kept here. Both go by the
//! sequence, so that nothing is missed and nothing told twice where it changes over. A stream that waits
//! is woken by changes that it shows, and by nothing else.

mod block;
mod interest;
mod ring;
mod seats;
#[cfg(test)]
mod tests;

pub use block::RenderedBlock;
pub use interest::{ChangeForm, Interest, type_bit};
pub use ring::Look;
pub use seats::{Seat, Tail};

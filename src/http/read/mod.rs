//! Reads of the catalogue: one asset, lists, the change stream, and what led to a state.

pub mod asset;
pub mod changes;
mod damaged;
pub mod explain;
pub mod export;
mod follower;
mod form;
pub mod list;
pub mod me;
mod slow;
mod stream;
mod window;

//! What stands between a request and its handler: who calls, what is asked for, and how much of
//! it may be taken.

pub mod attendance;
pub mod auth;
pub mod cors;
pub mod limit;
pub mod pack;
pub mod path;
pub mod proof;
pub mod route;
pub mod shares;
pub mod tickets;

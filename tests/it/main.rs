//! The house as a whole, split by behaviour.

mod cli;
mod config;
mod archive;
mod fault_server;
mod feed_fetch;
mod feed_reach;
mod feed_server;
//! (tests)

mod load;

//! The house as a whole, split by behaviour.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

mod archive;
mod cli;
mod config;
mod daemon;
mod deliveries;
mod events;
mod examples;
mod fault_server;
mod feed_fetch;
mod feed_reach;
mod feed_server;
mod gaps;
mod http_changes;
mod http_push;
mod http_read;
mod load;
mod model;
mod oracle;
mod plans;
mod properties;
mod rebuild;
mod removal;
mod simdisk;
mod store_crash;
mod store_model;
mod store_open;
mod store_world;

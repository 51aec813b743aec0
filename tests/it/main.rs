//! The house as a whole, split by behaviour.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

mod cli;
mod config;

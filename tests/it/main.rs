//! The house as a whole, split by behaviour.

mod cli;
mod config;

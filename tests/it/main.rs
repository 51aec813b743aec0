//! The house as a whole, split by behaviour.

mod config;

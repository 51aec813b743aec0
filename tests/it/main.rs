//! The house as a whole, split by behaviour: a room each for the store, feeds, HTTP, operators, proofs and the tools
//! of others; what they share is in `support`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]
#![allow(clippy::print_stdout, reason = "a test says its seed, and how long a replay took")]

mod examples;
mod feed;
mod hooks;
mod http;
mod model;
mod operate;
mod oracle;
mod proofs;
mod properties;
mod signed;
mod store;
mod support;
mod tools;

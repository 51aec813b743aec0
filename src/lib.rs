//! Tidegate keeps a portal's catalogue of real-world assets in step with its partners.
//!
//! Floors, from the ground up; a floor imports only from those below (`tests/tidy.rs` holds it):
//! `domain` · `rules`, `codec` · `config`, `telemetry`, `clock` · `store`, `feed` · `actors` ·
//! `http` · `daemon`, `demo`, `load` · `cli`.

#![warn(missing_docs)]

pub mod actors;
pub mod cli;
pub mod clock;
pub mod codec;
pub mod config;
pub mod daemon;
pub mod demo;
pub mod domain;
pub mod feed;
pub mod http;
pub mod load;
pub mod rules;
pub mod store;
pub mod telemetry;

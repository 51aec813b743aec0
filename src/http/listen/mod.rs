//! Listeners and their connections: how many, for how long, how they end, and where their requests do.

mod connection;
mod files;
mod framing;
mod full;
mod request_id;
mod server;
mod slots;
mod wire;

pub use server::{Face, Listener, ServerHandle};

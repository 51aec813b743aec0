//! Listeners and their connections: how many, for how long, and how they end.

mod connection;
mod files;
mod request_id;
mod server;
mod slots;
mod wire;

pub use server::{Face, Listener, ServerHandle};

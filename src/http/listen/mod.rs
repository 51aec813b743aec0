//! Listeners and their connections: how many, for how long, how they end, and where their requests do.

mod connection;
mod desk;
mod files;
mod framing;
mod http2;
mod last_word;
mod request_id;
mod server;
mod slots;
mod socket;
mod tls;
mod wire;

pub use server::{Face, Listener, ServerHandle};
pub use tls::Certificates;

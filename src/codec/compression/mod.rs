//! Bodies that are compressed: what a client accepts, what we send, and what we take in within bounds.

mod accept;
mod coding;
mod decode;
mod encode;
mod pieces;

pub use accept::{Accepted, accepted};
pub use coding::Coding;
pub use decode::{DecodeError, decode};
pub use encode::encode;
pub use pieces::Pieces;

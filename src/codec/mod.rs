//! Bytes to domain and back: requests, feed documents, replies, log records, SSE frames. Pure.

pub mod compression;
pub mod cursor;
pub mod hook;
pub mod json;
pub mod kept_body;
pub mod log;
pub mod mapping;
pub mod piece;
pub mod problem;
pub mod records;
pub mod render;
pub mod request;
mod reserved;
mod segment;
pub mod signature;
pub mod snapshot;
pub mod spool_note;
pub mod suggest;
pub mod time;

pub use segment::segment;

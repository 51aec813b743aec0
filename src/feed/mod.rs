//! The feed's way in: one conditional GET, or one for each page, spooled to a file while it is hashed.
//!
//! A fetch either gives a complete, decoded body in a file, or says that nothing changed, or fails
//! with a stable code; it never gives part of a body. What the body says is the codec's to read.
//! A feed's server is not trusted: every hop, address, byte and second is bounded. Deliberately
//! absent: retries and schedules (the partner's actor has them), cookies, proxies, connection
//! reuse (a feed is fetched rarely, and a new connection is a newly checked address).

pub mod address;
mod auth;
mod body;
mod client;
mod disk;
mod error;
mod fetch;
mod freshness;
mod link;
mod manifest;
mod page_address;
mod pager;
mod pages;
pub mod retry_after;
mod spool;
mod validators;

pub use client::{Answers, Lookup};
pub use disk::Reserve;
pub use error::FetchError;
pub use fetch::Fetcher;
pub use validators::{StandsStill, is_same_tag};

use crate::config::FeedSettings;
use crate::domain::Micros;
use std::path::{Path, PathBuf};

/// One fetch: what to ask for, and where to put it.
#[derive(Clone, Copy, Debug)]
pub struct FetchRequest<'a> {
    /// Address, credentials and bounds.
    pub feed: &'a FeedSettings,
    /// Validators of the last accepted body, where it came from this same URL.
    pub etag: Option<&'a str>,
    /// Sent as `If-Modified-Since`, as the server wrote it.
    pub last_modified: Option<&'a str>,
    /// The file to write; it is removed again if the fetch fails.
    pub spool: &'a Path,
    /// The spool's file system keeps so much free: a body that would need it is `disk_full`.
    pub disk_free_bytes_min: u64,
    /// The wall clock's time, for a `Retry-After` that is a date.
    pub now: Micros,
}

/// What a fetch brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// 304 to a validator that was sent.
    NotModified,
    /// A whole body, in a file.
    Body(Spooled),
}

/// A complete body, decoded, in a file. Not synced: a crash costs one fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spooled {
    /// Where it is.
    pub path: PathBuf,
    /// As received, compressed or not.
    pub wire_bytes: u64,
    /// As written to the file.
    pub body_bytes: u64,
    /// Of the bytes in the file, lower-case hex.
    pub sha256: String,
    /// As the server wrote it.
    pub etag: Option<String>,
    /// As the server wrote it.
    pub last_modified: Option<String>,
    /// The same as a time, where it can be read.
    pub last_modified_at: Option<Micros>,
    /// It had stood still for a while when it was sent: its validators are those of no other version.
    pub is_settled: bool,
    /// Until when the server holds it to be fresh: a hint.
    pub fresh_until: Option<Micros>,
    /// The server calls it NDJSON.
    pub served_as_lines: bool,
}

//! How large a body may be, and what it may become.

use crate::config::FeedSettings;
use crate::feed::FetchError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Honest JSON stays below 1:50; what is beyond is made to hurt.
const RATIO_MAX: u64 = 200;
/// Below this much output any ratio is harmless.
const RATIO_FREE_BYTES: u64 = 1024 * 1024;

/// The bounds of one body, and what has come of it.
#[derive(Clone)]
pub struct Bounds {
    /// Bytes of the body that have come over the wire.
    received: Arc<AtomicU64>,
    wire_bytes_max: u64,
    body_bytes_max: u64,
    /// Received before it for the same document.
    wire_bytes_before: u64,
}

impl Bounds {
    pub fn of(feed: &FeedSettings, wire_bytes_before: u64) -> Bounds {
        Bounds::with(feed.wire_bytes_max, feed.body_bytes_max, wire_bytes_before)
    }

    pub fn with(wire_bytes_max: u64, body_bytes_max: u64, wire_bytes_before: u64) -> Bounds {
        Bounds { received: Arc::default(), wire_bytes_max, body_bytes_max, wire_bytes_before }
    }

    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Counts bytes as they come.
    pub fn receive(&self, bytes: usize) -> Result<(), FetchError> {
        let received = self.received.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        match self.wire_bytes_before + received > self.wire_bytes_max {
            true => Err(too_large(self.wire_bytes_max)),
            false => Ok(()),
        }
    }

    /// What a layer of compression has given so far.
    pub fn check_layer(&self, given: u64) -> Result<(), FetchError> {
        if given > self.body_bytes_max {
            return Err(self.inflates_too_far());
        }
        if given > RATIO_FREE_BYTES && given / RATIO_MAX > self.received() {
            let detail = format!("the body inflates to more than {RATIO_MAX} times its size");
            return Err(FetchError::new("decompress_limit", detail));
        }
        Ok(())
    }

    /// All that was written of the document so far.
    pub fn check_whole(&self, written: u64, is_inflated: bool) -> Result<(), FetchError> {
        match written > self.body_bytes_max {
            true if is_inflated => Err(self.inflates_too_far()),
            true => Err(too_large(self.body_bytes_max)),
            false => Ok(()),
        }
    }

    fn inflates_too_far(&self) -> FetchError {
        let limit = self.body_bytes_max;
        let detail = format!("the body inflates to more than body_bytes_max ({limit} bytes)");
        FetchError::new("decompress_limit", detail)
    }
}

pub fn too_large(limit: u64) -> FetchError {
    let detail =
        format!("the body is larger than {limit} bytes, the feed's limit (wire_bytes_max, body_bytes_max)");
    FetchError::new("too_large", detail)
}

//! What the store is opened with.

use crate::config::StoreSettings;

/// How much a store holds in memory, and how long it keeps changes.
#[derive(Clone, Copy, Debug)]
pub struct StoreOptions {
    /// Memory for pages of the tables.
    pub cache_bytes: usize,
    /// Above this the overlay is full. The store only begins checkpoints in time for it; refusing
    /// writes is the admission's part.
    pub overlay_bytes_max: usize,
    /// Microseconds for which changes are kept in the log.
    pub log_keep: i64,
    /// Bytes of log kept at most, what is not yet in the tables aside.
    pub log_bytes_max: u64,
    /// A missing file may be made although the marker says that it existed.
    pub init: bool,
}

impl StoreOptions {
    /// What the configuration says; `init` is only ever said by a person, once.
    pub fn of(settings: &StoreSettings, init: bool) -> StoreOptions {
        StoreOptions {
            cache_bytes: settings.cache_bytes,
            overlay_bytes_max: settings.overlay_bytes_max,
            log_keep: i64::try_from(settings.log_keep.as_micros()).unwrap_or(i64::MAX),
            log_bytes_max: settings.log_bytes_max,
            init,
        }
    }

    /// A small store that forgets nothing.
    #[cfg(test)]
    pub fn small() -> StoreOptions {
        StoreOptions {
            cache_bytes: 1 << 20,
            overlay_bytes_max: 1 << 20,
            log_keep: i64::MAX,
            log_bytes_max: u64::MAX,
            init: false,
        }
    }
}

//! The options of stores that tests open themselves.

use tidegate::store::StoreOptions;

/// A small store that forgets nothing.
pub const KEEP_ALL: StoreOptions = StoreOptions {
    cache_bytes: 1 << 20,
    overlay_bytes_max: 1 << 20,
    log_keep: i64::MAX,
    log_bytes_max: u64::MAX,
    init: false,
};

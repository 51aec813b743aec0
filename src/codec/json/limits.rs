//! How much a JSON text may hold.

/// Arrays and objects within each other.
pub const DEPTH_MAX: usize = 64;
/// Source text of one string, between its quotes.
pub const STRING_BYTES_MAX: usize = 64 * 1024;
/// Members of one object.
pub const MEMBERS_MAX: usize = 256;

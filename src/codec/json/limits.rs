//! How much a JSON text may hold.

/// The most arrays and objects within each other.
pub const DEPTH_MAX: usize = 64;
/// Bytes of the longest source text of one string, between its quotes.
pub const STRING_BYTES_MAX: usize = 64 * 1024;
/// The most members of one object.
pub const MEMBERS_MAX: usize = 256;

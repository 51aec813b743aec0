//! What pages of all lists have alike.

/// Items of a page at most.
pub const LIMIT_MAX: u64 = 1000;

/// A comma, unless the array has just been opened.
pub fn separate(out: &mut Vec<u8>) {
    if out.last() != Some(&b'[') {
        out.push(b',');
    }
}

//! (cursor)

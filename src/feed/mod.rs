//! (feed)

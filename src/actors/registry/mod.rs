//! The partners as the edge finds them: an entry for each, with typed calls to its actor.

pub mod entry;
pub mod quarantine;

//! How the verbs end that read a document: for the CI of a partner.

/// Everything was read.
pub const EXIT_SOUND: u8 = 0;
/// Some records or prices fail, or the guard would hold deletes.
pub const EXIT_FAULTS: u8 = 1;
/// The document cannot be read at all.
pub const EXIT_UNREAD: u8 = 2;

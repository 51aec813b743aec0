//! Values of labels that stand for what others know by other names.

/// Classes of status codes, from 1xx.
pub(super) const CODES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// What an item of a push speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// Assets.
    Asset,
    /// Prices.
    Price,
}

/// The place of a status code's class.
pub(super) fn class_of(status: u16) -> usize {
    usize::from(status / 100).clamp(1, CODES.len()) - 1
}

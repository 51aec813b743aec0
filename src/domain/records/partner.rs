//! The number that a partner was given.

use crate::domain::PartnerNo;

/// What is kept of a partner's name for ever: its number, which no other partner gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartnerNumber {
    /// The number under which all that the partner has is stored.
    pub no: PartnerNo,
    /// Whether all that it had has been taken away (`partner remove --purge`).
    pub is_purged: bool,
}

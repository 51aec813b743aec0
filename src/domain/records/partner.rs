//! The number that a partner was given, and what was last said of the partner itself.

use crate::domain::PartnerNo;

/// What is kept of a partner's name for ever: its number, which no other partner gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartnerNumber {
    /// The number under which all that the partner has is stored.
    pub no: PartnerNo,
    /// Whether it is configured.
    pub standing: PartnerStanding,
    /// Whether it is a sandbox: it was one from its first start on, and stays one.
    pub is_sandbox: bool,
    /// Whether all that a sandbox has is being taken away: what is still there goes at the next start.
    pub is_clearing: bool,
}

/// Whether a partner is configured, as followers of the changes were last told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartnerStanding {
    /// It has been since it was first named: nobody was told anything.
    Known,
    /// It is no longer: what it has stays, and does not move any more.
    Removed,
    /// All that it had has been taken away (`partner remove --purge`).
    Purged,
    /// It is again.
    Restored,
}

impl PartnerStanding {
    /// Whether it is configured.
    pub fn is_configured(self) -> bool {
        matches!(self, PartnerStanding::Known | PartnerStanding::Restored)
    }
}

impl PartnerNumber {
    /// Of a partner that has just been given its number.
    pub fn new(no: PartnerNo, is_sandbox: bool) -> PartnerNumber {
        PartnerNumber { no, standing: PartnerStanding::Known, is_sandbox, is_clearing: false }
    }

    /// Whether nothing is left of it.
    pub fn is_purged(self) -> bool {
        self.standing == PartnerStanding::Purged
    }
}

//! What of the log a stream shows.

use crate::codec::render::{Audience, CHANGE_TYPES};
use crate::domain::PartnerNo;
use std::collections::BTreeMap;

/// The changes that one reader sees, of those that readers see at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interest {
    /// Whose; `None`: of all.
    pub partners: Option<Vec<PartnerNo>>,
    /// Of which types, by their places in [`CHANGE_TYPES`]: a bit for each.
    pub types: u8,
    /// Who reads.
    pub audience: Audience,
}

impl Interest {
    /// All types.
    pub const ALL_TYPES: u8 = (1 << CHANGE_TYPES.len()) - 1;

    /// Whether changes of this partner are among them.
    pub fn includes(&self, partner: PartnerNo) -> bool {
        self.partners.as_ref().is_none_or(|partners| partners.contains(&partner))
    }

    /// Whether changes of this type are among them.
    pub fn has_type(&self, kind: &str) -> bool {
        type_bit(kind) & self.types != 0
    }
}

/// The bit of a type; none where readers see no such type.
pub fn type_bit(kind: &str) -> u8 {
    CHANGE_TYPES.iter().position(|known| *known == kind).map_or(0, |place| 1 << place)
}

/// Whose changes are read and rendered: those that any open stream shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cover {
    of_all: usize,
    by_partner: BTreeMap<PartnerNo, usize>,
}

impl Cover {
    /// A stream opens.
    pub fn add(&mut self, interest: &Interest) {
        match &interest.partners {
            None => self.of_all += 1,
            Some(partners) => {
                partners.iter().for_each(|no| *self.by_partner.entry(*no).or_default() += 1);
            }
        }
    }

    /// One of those that were added ends.
    pub fn remove(&mut self, interest: &Interest) {
        let Some(partners) = &interest.partners else {
            self.of_all -= 1;
            return;
        };
        for no in partners {
            if let Some(count) = self.by_partner.get_mut(no) {
                *count -= 1;
                if *count == 0 {
                    self.by_partner.remove(no);
                }
            }
        }
    }

    /// Whether this partner's changes are rendered.
    pub fn has(&self, partner: PartnerNo) -> bool {
        self.of_all > 0 || self.by_partner.contains_key(&partner)
    }

    /// Whether all is rendered that such a stream shows.
    pub fn suffices_for(&self, interest: &Interest) -> bool {
        match &interest.partners {
            None => self.of_all > 0,
            Some(partners) => partners.iter().all(|no| self.has(*no)),
        }
    }
}

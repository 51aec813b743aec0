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

/// What of a change is shown, and under which name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChangeForm {
    /// `full=true`: each with its whole asset as it is now, so that it can be created from the change.
    pub full: bool,
    /// `mode=conflated`: of the prices of one quote that are read together the last alone.
    pub conflated: bool,
    /// `mode=all`, said: not even where the reader is slow.
    pub unconflated: bool,
    /// `events=unnamed`: server-sent events without names, for `onmessage`.
    pub unnamed: bool,
}

/// The bit of a type; none where readers see no such type.
pub fn type_bit(kind: &str) -> u8 {
    CHANGE_TYPES.iter().position(|known| *known == kind).map_or(0, |place| 1 << place)
}

/// Whose changes are read, and which are rendered: those that any open stream shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cover {
    of_all: Counts,
    by_partner: BTreeMap<PartnerNo, Counts>,
}

/// Streams, by the types that they show.
type Counts = [usize; CHANGE_TYPES.len()];

fn types_of(counts: &Counts) -> u8 {
    counts.iter().enumerate().fold(0, |types, (place, count)| types | u8::from(*count > 0) << place)
}

impl Cover {
    /// A stream opens.
    pub fn add(&mut self, interest: &Interest) {
        self.change(interest, |count| *count += 1);
    }

    /// One of those that were added ends.
    pub fn remove(&mut self, interest: &Interest) {
        self.change(interest, |count| *count -= 1);
        self.by_partner.retain(|_, counts| types_of(counts) != 0);
    }

    fn change(&mut self, interest: &Interest, by: impl Fn(&mut usize)) {
        let change = |counts: &mut Counts| {
            let wanted = counts.iter_mut().enumerate().filter(|(place, _)| interest.types >> place & 1 == 1);
            wanted.for_each(|(_, count)| by(count));
        };
        match &interest.partners {
            None => change(&mut self.of_all),
            Some(partners) => {
                partners.iter().for_each(|no| change(self.by_partner.entry(*no).or_default()));
            }
        }
    }

    /// The types of this partner's changes that are rendered, a bit for each.
    pub fn types(&self, partner: PartnerNo) -> u8 {
        types_of(&self.of_all) | self.by_partner.get(&partner).map_or(0, types_of)
    }

    /// Whether all is rendered that such a stream shows.
    pub fn suffices_for(&self, interest: &Interest) -> bool {
        match &interest.partners {
            None => types_of(&self.of_all) & interest.types == interest.types,
            Some(partners) => partners.iter().all(|no| self.types(*no) & interest.types == interest.types),
        }
    }
}

//! Writes that were taken: what was refused of their assets before, and is no newer, is of no use any
//! more.
//!
//! Only of assets that something waits of is anything noted here, so that a push pays nothing for a
//! quarantine that holds nothing of its assets.

use crate::domain::{AssetId, AssetWrite, Lane, Outcome, QuoteName, Stamp, Verb};
use std::collections::BTreeSet;

/// What a write that was taken spoke for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakenPart {
    /// The whole document.
    Full,
    /// The members with these hashes, sorted.
    Members(Vec<u64>),
    /// The end of the asset.
    Delete,
    /// This quote.
    Price(QuoteName),
    /// A feed's record with all its prices.
    Record,
}

/// One write, or one price of it, that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The asset, as [`name_hash`] has it.
    pub subject: u64,
    /// The stamp that it was decided with.
    pub stamp: Stamp,
    /// What it spoke for.
    pub part: TakenPart,
}

/// The assets that rows wait of, each with the keys of its rows.
#[derive(Debug, Default)]
pub struct Awaited {
    rows: BTreeSet<(u64, u64)>,
}

impl Awaited {
    pub fn insert(&mut self, subject: u64, row: u64) {
        self.rows.insert((subject, row));
    }

    pub fn remove(&mut self, subject: u64, row: u64) {
        self.rows.remove(&(subject, row));
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn rows_of(&self, subject: u64) -> impl Iterator<Item = u64> {
        self.rows.range((subject, 0)..=(subject, u64::MAX)).map(|(_, row)| *row)
    }

    /// The hash of an asset that something waits of.
    pub fn find(&self, id: &AssetId) -> Option<u64> {
        if self.is_empty() {
            return None;
        }
        let subject = name_hash(id.as_str());
        self.rows_of(subject).next().map(|_| subject)
    }
}

/// What an id or the name of a member is known by.
pub fn name_hash(name: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(name.as_bytes()).max(1)
}

/// The same of several names, sorted.
pub fn name_hashes<'a>(names: impl Iterator<Item = &'a str>) -> Vec<u64> {
    let mut hashes: Vec<u64> = names.map(name_hash).collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

/// What of an asset's write was taken; its prices are noted one by one.
pub(super) fn of_asset(
    awaited: &Awaited,
    write: &AssetWrite,
    stamp: Stamp,
    outcome: Outcome,
) -> Option<Taken> {
    let is_missed = matches!(outcome, Outcome::NotFound | Outcome::Gone);
    // of a feed's record of prices alone each price speaks for itself
    if stamp.lane() == Lane::Feed && write.says_prices_alone() {
        return None;
    }
    // an operator's word says nothing of what the partner sends
    if outcome.is_refused() || is_missed || stamp.lane() == Lane::Admin {
        return None;
    }
    let subject = awaited.find(&write.id)?;
    let part = match write.verb {
        Verb::Put => TakenPart::Full,
        Verb::Delete => TakenPart::Delete,
        Verb::Post | Verb::Patch => {
            let set = write.members.members().iter().map(|member| member.name.as_str());
            let gone = write.removed.iter().chain(&write.kept).map(|name| name.as_str());
            let price = (!write.prices.is_empty()).then_some("price");
            TakenPart::Members(name_hashes(set.chain(gone).chain(price)))
        }
    };
    Some(Taken { subject, stamp, part })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_assets_that_something_waits_of_are_found() {
        let mut awaited = Awaited::default();
        let (a, b) = (AssetId::new("a").unwrap(), AssetId::new("b").unwrap());
        assert_eq!(awaited.find(&a), None);
        let subject = name_hash("a");
        awaited.insert(subject, 7);
        awaited.insert(subject, 3);
        assert_eq!((awaited.find(&a), awaited.find(&b)), (Some(subject), None));
        assert_eq!(awaited.rows_of(subject).collect::<Vec<_>>(), [3, 7]);
        awaited.remove(subject, 7);
        awaited.remove(subject, 3);
        assert!(awaited.is_empty() && awaited.find(&a).is_none());
    }
}

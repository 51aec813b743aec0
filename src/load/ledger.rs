//! What the server owes us: the newest acknowledged price of each asset of a partition.
//!
//! One connection writes all prices of its partition, one request after the other and each newer
//! than the last, so it knows what must be read afterwards. A price whose request found no answer
//! may or may not be there, until a newer one is acknowledged.

use super::prices::{Cents, Sent};
use std::collections::HashMap;

/// No amount is zero, so zero stands for "none acknowledged".
const NONE: Cents = 0;

#[derive(Debug)]
pub struct LoadLedger {
    acknowledged: Vec<Cents>,
    doubtful: HashMap<u32, Vec<Cents>>,
}

impl LoadLedger {
    pub fn new(places: u32) -> LoadLedger {
        LoadLedger { acknowledged: vec![NONE; places as usize], doubtful: HashMap::new() }
    }

    /// The server has said that this price stands.
    pub fn acknowledge(&mut self, sent: Sent) {
        self.acknowledged[sent.place as usize] = sent.amount;
        if !self.doubtful.is_empty() {
            self.doubtful.remove(&sent.place);
        }
    }

    /// Nobody knows whether this price was taken.
    pub fn doubt(&mut self, sent: Sent) {
        self.doubtful.entry(sent.place).or_default().push(sent.amount);
    }

    /// The places with an acknowledged price, in order, with its amount.
    pub fn owed(&self) -> impl Iterator<Item = (u32, Cents)> {
        (0..).zip(&self.acknowledged).filter(|(_, amount)| **amount != NONE).map(|(place, a)| (place, *a))
    }

    /// How many assets have a price that may or may not have been taken.
    pub fn doubtful(&self) -> usize {
        self.doubtful.len()
    }

    /// Whether a reader may find this amount (`None`: no price).
    pub fn allows(&self, place: u32, read: Option<Cents>) -> bool {
        let owed = self.acknowledged[place as usize];
        let Some(read) = read else {
            return owed == NONE;
        };
        read == owed || self.doubtful.get(&place).is_some_and(|amounts| amounts.contains(&read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(place: u32, amount: Cents) -> Sent {
        Sent { place, amount }
    }

    #[test]
    fn only_the_newest_acknowledged_amount_is_allowed() {
        let mut ledger = LoadLedger::new(3);
        ledger.acknowledge(price(1, 100));
        ledger.acknowledge(price(1, 200));
        assert!(ledger.allows(1, Some(200)));
        assert!(!ledger.allows(1, Some(100)));
        assert!(!ledger.allows(1, None));
        assert!(ledger.allows(0, None));
        assert_eq!(ledger.owed().collect::<Vec<_>>(), [(1, 200)]);
    }

    #[test]
    fn an_unanswered_price_may_be_there_until_a_newer_one_is_acknowledged() {
        let mut ledger = LoadLedger::new(1);
        ledger.acknowledge(price(0, 100));
        ledger.doubt(price(0, 200));
        assert!(ledger.allows(0, Some(100)) && ledger.allows(0, Some(200)));
        ledger.acknowledge(price(0, 300));
        assert!(!ledger.allows(0, Some(200)));
        assert_eq!(ledger.doubtful(), 0);
    }
}

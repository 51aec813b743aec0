//! Mischief: deliveries are repeated, held back behind newer ones, and lost, on purpose.
//!
//! Pure: what is offered goes in, what is to be sent now comes out. A delivery is held back for
//! a number of later offers, not for a time, so that the same seed does the same.

use crate::demo::dice::Dice;

/// How often what happens to a delivery, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryShares {
    pub repeated: u32,
    pub reordered: u32,
    pub lost: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MischiefCounts {
    pub offered: u64,
    pub repeated: u64,
    pub reordered: u64,
    pub lost: u64,
}

/// Held back for at most this many later offers.
const HELD_FOR_MAX: usize = 40;
/// Held back at once; beyond it deliveries go out in order.
const HELD_MAX: usize = 64;

/// Decides the fate of one partner's deliveries.
pub struct Mischief<T> {
    dice: Dice,
    /// With the number of offers at which each is released.
    held: Vec<(u64, T)>,
    pub counts: MischiefCounts,
}

impl<T: Clone> Mischief<T> {
    pub fn new(dice: Dice) -> Mischief<T> {
        Mischief { dice, held: Vec::new(), counts: MischiefCounts::default() }
    }

    /// What to send now: this delivery once, twice or not at all, then what was held long enough.
    pub fn offer(&mut self, delivery: T, shares: DeliveryShares) -> Vec<T> {
        self.counts.offered += 1;
        let mut now = Vec::with_capacity(1);
        if self.dice.chance(shares.lost) {
            self.counts.lost += 1;
        } else if self.held.len() < HELD_MAX && self.dice.chance(shares.reordered) {
            self.counts.reordered += 1;
            self.hold(delivery);
        } else {
            if self.dice.chance(shares.repeated) {
                self.counts.repeated += 1;
                match self.held.len() < HELD_MAX && self.dice.chance(500) {
                    true => self.hold(delivery.clone()),
                    false => now.push(delivery.clone()),
                }
            }
            now.push(delivery);
        }
        let offered = self.counts.offered;
        now.extend(self.held.extract_if(.., |(release, _)| *release <= offered).map(|(_, held)| held));
        now
    }

    /// Everything still held back: nothing newer will come.
    pub fn flush(&mut self) -> Vec<T> {
        self.held.drain(..).map(|(_, held)| held).collect()
    }

    fn hold(&mut self, delivery: T) {
        let release = self.counts.offered + 1 + self.dice.below(HELD_FOR_MAX) as u64;
        self.held.push((release, delivery));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(shares: DeliveryShares, offers: u64) -> (Vec<u64>, MischiefCounts) {
        let mut mischief = Mischief::new(Dice::new(9, "mischief"));
        let mut sent: Vec<u64> = (0..offers).flat_map(|n| mischief.offer(n, shares)).collect();
        sent.extend(mischief.flush());
        assert_eq!(mischief.flush(), Vec::<u64>::new());
        (sent, mischief.counts)
    }

    #[test]
    fn without_mischief_all_goes_out_once_and_in_order() {
        let (sent, counts) = sent(DeliveryShares { repeated: 0, reordered: 0, lost: 0 }, 500);
        assert_eq!(sent, (0..500).collect::<Vec<_>>());
        assert_eq!(counts, MischiefCounts { offered: 500, ..MischiefCounts::default() });
    }

    #[test]
    fn repeated_deliveries_go_out_twice_and_none_is_missing() {
        let (mut sent, counts) = sent(DeliveryShares { repeated: 100, reordered: 100, lost: 0 }, 5_000);
        assert_eq!(sent.len() as u64, 5_000 + counts.repeated);
        sent.sort_unstable();
        sent.dedup();
        assert_eq!(sent.len(), 5_000);
        assert!((350..650).contains(&counts.repeated), "{counts:?}");
    }

    #[test]
    fn reordered_deliveries_come_after_newer_ones_but_not_much_later() {
        let (sent, counts) = sent(DeliveryShares { repeated: 0, reordered: 50, lost: 0 }, 5_000);
        let overtaken = sent.windows(2).filter(|pair| pair[0] > pair[1]).count() as u64;
        assert!(counts.reordered > 150 && overtaken > counts.reordered / 2, "{overtaken} of {counts:?}");
        for (place, &n) in sent.iter().enumerate() {
            assert!((place as i64 - n as i64).unsigned_abs() <= (HELD_FOR_MAX + HELD_MAX) as u64);
        }
    }

    #[test]
    fn lost_deliveries_never_go_out() {
        let (sent, counts) = sent(DeliveryShares { repeated: 0, reordered: 0, lost: 20 }, 5_000);
        assert_eq!(sent.len() as u64, 5_000 - counts.lost);
        assert!((50..150).contains(&counts.lost), "{counts:?}");
    }

    #[test]
    fn the_same_seed_does_the_same_mischief() {
        let shares = DeliveryShares { repeated: 40, reordered: 40, lost: 15 };
        assert_eq!(sent(shares, 2_000), sent(shares, 2_000));
    }
}

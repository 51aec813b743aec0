//! Chance from a seed (SplitMix64): the same seed gives the same partners and the same mischief.

/// A source of chance. Cloning it repeats what follows.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Each `purpose` gets a stream of its own, so that one user's rolls do not shift another's.
    pub fn new(seed: u64, purpose: &str) -> Dice {
        Dice(seed ^ xxhash_rust::xxh3::xxh3_64(purpose.as_bytes()))
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Evenly from `0..bound`; 0 where `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.roll()) * bound as u128) >> 64) as usize
    }

    /// Evenly from `low..=high`.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1).max(1) as usize) as i64
    }

    pub fn chance(&mut self, per_mille: u32) -> bool {
        self.below(1000) < per_mille as usize
    }

    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_purpose_roll_the_same() {
        let rolls = |seed, purpose| {
            let mut dice = Dice::new(seed, purpose);
            (0..8).map(|_| dice.roll()).collect::<Vec<_>>()
        };
        assert_eq!(rolls(7, "a"), rolls(7, "a"));
        assert_ne!(rolls(7, "a"), rolls(8, "a"));
        assert_ne!(rolls(7, "a"), rolls(7, "b"));
    }

    #[test]
    fn chances_come_out_as_asked() {
        let mut dice = Dice::new(1, "chances");
        let hits = (0..100_000).filter(|_| dice.chance(20)).count();
        assert!((1_700..2_300).contains(&hits), "{hits}");
        assert!((0..1_000).all(|_| (3..=5).contains(&dice.between(3, 5))));
        assert_eq!(dice.below(0), 0);
    }
}

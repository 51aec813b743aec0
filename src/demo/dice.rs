//! Chance from a seed: the same seed gives the same partners and the same mischief.

use fastrand::Rng;

/// A source of chance. Cloning it repeats what follows.
#[derive(Clone, Debug)]
pub struct Dice(Rng);

impl Dice {
    /// Each `purpose` gets a stream of its own, so that one user's rolls do not shift another's.
    pub fn new(seed: u64, purpose: &str) -> Dice {
        Dice(Rng::with_seed(seed ^ xxhash_rust::xxh3::xxh3_64(purpose.as_bytes())))
    }

    /// Evenly from `0..bound`; 0 where `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0.usize(..bound.max(1))
    }

    /// Evenly from `low..=high`.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        self.0.i64(low..=high)
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
            (0..8).map(|_| dice.below(usize::MAX)).collect::<Vec<_>>()
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

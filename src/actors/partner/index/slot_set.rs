//! A set of slots, of one bit each.

use crate::domain::Slot;

/// Some of a partner's slots.
#[derive(Debug, Default)]
pub struct SlotSet(Vec<u64>);

impl SlotSet {
    pub fn insert(&mut self, slot: Slot) {
        let word = slot.0 as usize / 64;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (slot.0 % 64);
    }

    pub fn contains(&self, slot: Slot) -> bool {
        self.0.get(slot.0 as usize / 64).is_some_and(|word| word >> (slot.0 % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_set_holds_what_was_put_in() {
        let mut seen = SlotSet::default();
        for slot in [0, 63, 64, 1000] {
            seen.insert(Slot(slot));
        }
        assert!([0, 63, 64, 1000].into_iter().all(|slot| seen.contains(Slot(slot))));
        assert!([1, 62, 65, 999, 1001, 5000].into_iter().all(|slot| !seen.contains(Slot(slot))));
    }
}

//! What an accepted file lacks: who is absent from it, and what of that has been applied.

use crate::domain::{AssetHead, Micros, RunId, Slot};
use crate::rules::document::absence::{self, Absence};

/// What absences from an accepted file are judged by.
#[derive(Clone, Copy, Debug)]
pub struct AbsenceBasis {
    pub run: RunId,
    pub snapshot: Micros,
    /// Its absences count at the first (X3): it is dated, and neither cut nor mixed (F1, F6).
    pub counts_at_once: bool,
    /// F4: further files may confirm a plan of what it lacks: it is dated, and not cut (F1).
    pub is_confirmable: bool,
    /// It holds no record at all.
    pub empty: bool,
    /// Its envelope says that empty is meant.
    pub empty_meant: bool,
    /// Living assets before the run.
    pub living: u64,
}

impl AbsenceBasis {
    /// F4: an empty file over a catalogue is held at its first absence, dated or not.
    pub fn is_held_at_once(&self) -> bool {
        self.empty && !self.empty_meant
    }
}

/// Living assets that the file lacks, by what the guard has made of them; those before `next`, the
/// deletes first, have been applied.
#[derive(Debug)]
pub struct Absences {
    pub basis: AbsenceBasis,
    /// A run before has ended half-way: who has been noted as absent may be absent for the first time.
    pub torn: bool,
    /// Passed by the guard.
    pub deletes: Vec<Slot>,
    /// Absent for the first time, or held: one more absence is noted.
    pub notes: Vec<Slot>,
    pub next: usize,
}

impl Absences {
    pub fn is_untouched(&self) -> bool {
        self.next == 0
    }

    pub fn has_notes(&self) -> bool {
        !self.notes.is_empty()
    }

    pub fn is_empty(&self) -> bool {
        self.next == self.deletes.len() + self.notes.len()
    }

    /// X3 for one slot, as it stands now.
    pub fn judge(&self, head: &AssetHead) -> Absence {
        let AbsenceBasis { snapshot, counts_at_once, .. } = self.basis;
        match absence::decide(head, snapshot, counts_at_once) {
            Absence::Delete if self.torn && !counts_at_once => Absence::First,
            judged => judged,
        }
    }

    /// The next slot, and whether it is to be deleted or noted.
    pub fn take(&mut self) -> Option<(Slot, bool)> {
        let place = self.next;
        let slot = match place.checked_sub(self.deletes.len()) {
            None => (self.deletes[place], true),
            Some(place) => (*self.notes.get(place)?, false),
        };
        self.next += 1;
        Some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deletes_are_taken_first_and_each_slot_once() {
        let basis = AbsenceBasis {
            run: RunId(1),
            snapshot: Micros(1),
            counts_at_once: true,
            is_confirmable: true,
            empty: false,
            empty_meant: false,
            living: 5,
        };
        let slots = |all: &[u32]| all.iter().map(|&slot| Slot(slot)).collect();
        let (deletes, notes) = (slots(&[1, 4]), slots(&[0, 2]));
        let mut absences = Absences { basis, torn: false, deletes, notes, next: 0 };
        let taken: Vec<_> =
            std::iter::from_fn(|| absences.take()).map(|(slot, gone)| (slot.0, gone)).collect();
        assert_eq!(taken, [(1, true), (4, true), (0, false), (2, false)]);
        assert!(absences.is_empty());
    }
}

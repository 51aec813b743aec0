//! What an accepted file lacks (X3, X5), and whether its deletes pass the guard (F4).

use super::ledger::{LedgerError, Prefetched};
use super::plans::Opening;
use super::run::SlotSet;
use super::state::PartnerState;
use crate::domain::{Lane, Micros, Origin, RunCounts, RunId, Slot, Stamp, WriteSet};
use crate::rules::absence::{self, Absence};
use crate::rules::guard::{self, GuardDecision, GuardQuestion};

/// An accepted file, as far as absence from it goes.
#[derive(Clone, Copy, Debug)]
pub struct Silence {
    pub run: RunId,
    pub snapshot: Micros,
    pub dated: bool,
    /// It holds no record at all.
    pub empty: bool,
    /// Its envelope says that empty is meant.
    pub empty_meant: bool,
    /// Living assets before the run.
    pub living: u64,
}

impl Silence {
    /// F4: an empty file over a catalogue is held at its first absence, dated or not.
    fn is_held_at_once(&self) -> bool {
        self.empty && !self.empty_meant
    }
}

/// Living assets that the file lacks, by what becomes of them.
#[derive(Default)]
struct Absences {
    delete: Vec<Slot>,
    first: Vec<Slot>,
    phantom: u64,
    agree: u64,
}

impl PartnerState {
    /// Deletes what the file lacks, or holds it; notes first absences.
    pub fn apply_absences(
        &mut self,
        silence: Silence,
        is_absent: impl Fn(Slot) -> bool,
        counts: &mut RunCounts,
    ) -> Result<WriteSet, LedgerError> {
        let absences = self.absences(silence, is_absent);
        counts.phantom += absences.phantom;
        counts.agree += absences.agree;
        counts.absent_once += absences.first.len() as u64;
        let now = self.around.clock.now();
        let deletes = absences.delete.len() as u64;
        let question = GuardQuestion {
            deletes,
            living: silence.living,
            empty: silence.empty,
            allow_empty: silence.empty_meant,
            now,
        };
        let decision = guard::decide(question, &self.feed);
        if let GuardDecision::Held { baseline, allowed } = decision {
            let Silence { run, snapshot, .. } = silence;
            self.hold(&absences.delete, Opening { run, snapshot, baseline, allowed, now });
        }
        let origin = Origin::Feed { run: silence.run.0, record: u32::MAX };
        let mut ledger = self.ledger(origin, Prefetched::new());
        absences.first.into_iter().for_each(|slot| ledger.note_absence(slot));
        match decision {
            GuardDecision::Pass => {
                let stamp = Stamp::new(silence.snapshot, Lane::Feed, 0);
                for slot in absences.delete {
                    ledger.remove_absent(slot, stamp)?;
                }
                counts.deleted += deletes;
                counts.missed_delete += deletes;
            }
            GuardDecision::Held { .. } => {
                absences.delete.into_iter().for_each(|slot| ledger.note_absence(slot));
                counts.held += deletes;
            }
        }
        let set = std::mem::replace(&mut ledger.set, WriteSet::new(self.no));
        if decision == GuardDecision::Pass && !silence.empty_meant {
            // what is said on purpose does not use up the guard
            guard::remember_deletes(&mut self.feed, deletes, now);
        }
        Ok(set)
    }

    fn absences(&self, silence: Silence, is_absent: impl Fn(Slot) -> bool) -> Absences {
        let spoken_for: SlotSet = self.plans.spoken_for(&self.index);
        let mut absences = Absences::default();
        for slot in self.index.iter_living().filter(|&slot| is_absent(slot)) {
            match absence::decide(&self.index.head(slot), silence.snapshot, silence.dated) {
                Absence::Phantom => absences.phantom += 1,
                Absence::Agree => absences.agree += 1,
                // its plan waits, or was turned down and the file has not changed since
                Absence::Delete | Absence::First if spoken_for.contains(slot) => {}
                Absence::First if !silence.is_held_at_once() => absences.first.push(slot),
                Absence::Delete | Absence::First => absences.delete.push(slot),
            }
        }
        absences
    }

    fn hold(&mut self, deletes: &[Slot], opening: Opening) {
        let ids = deletes.iter().map(|&slot| self.index.id(slot).as_str().to_owned()).collect();
        let (partner, plan) = (self.settings.name.as_str(), self.plans.open(opening, ids));
        let Opening { baseline, allowed, .. } = opening;
        tracing::warn!(
            partner,
            plan,
            deletes = deletes.len(),
            baseline,
            allowed,
            "delete guard held a feed's deletes, approve or reject them"
        );
    }
}

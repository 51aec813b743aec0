//! What an accepted file lacks (X3, X5), and whether its deletes pass the guard (F4).
//!
//! The guard decides once, over the whole count; what it lets through is applied part by part. The
//! slots stay those of their assets meanwhile: nothing is forgotten while a run is applied.

use crate::actors::partner::books::plans::draft::Opening;
use crate::actors::partner::index::slot_set::SlotSet;
use crate::actors::partner::ledger::{LedgerError, Prefetched};
use crate::actors::partner::run::absences::{AbsenceBasis, Absences};
use crate::actors::partner::state::PartnerState;
use crate::domain::{Lane, Origin, RunCounts, Slot, Stamp, WriteSet};
use crate::rules::document::absence::Absence;
use crate::rules::feed::guard::{self, GuardDecision, GuardQuestion};
use std::ops::Range;
use tokio::task::yield_now;

/// Slots decided in one set: some 100 kB, a millisecond or two …
const PART_SLOTS: usize = 1_000;
/// … and bytes of the documents that are read for it, where absence makes assets inactive.
pub const PART_BYTES: usize = 1 << 20;

/// Slots looked through in one go: then others have their turn.
const WALK_SLOTS: usize = 2_000;

/// All slots before `end`, in stretches that are short enough to be looked through in one go.
pub fn stretches(end: u32) -> impl Iterator<Item = Range<u32>> {
    let stretch = move |from: u32| from..end.min(from.saturating_add(WALK_SLOTS as u32));
    (0..end).step_by(WALK_SLOTS).map(stretch)
}

impl PartnerState {
    /// Decides on all that the file lacks, and opens the plan of what is held.
    pub async fn decide_absences(
        &mut self,
        basis: AbsenceBasis,
        body: &str,
        is_absent: impl Fn(Slot) -> bool + Send,
        counts: &mut RunCounts,
    ) -> Absences {
        let mut absences = self.absences(basis, is_absent, counts).await;
        let now = self.shared.clock.now();
        let question = GuardQuestion {
            deletes: absences.deletes.len() as u64,
            living: basis.living,
            empty: basis.empty,
            allow_empty: basis.empty_meant,
            now,
        };
        let decision = guard::decide(question, &self.feed);
        if decision == GuardDecision::Pass && basis.counts_at_once {
            // with the first part, not with the run: a push that lands between two parts is late too
            self.feed.last_absence_at = self.feed.last_absence_at.max(Some(basis.snapshot.0));
        }
        match decision {
            GuardDecision::Pass if basis.empty_meant => {} // on purpose: it does not use up the guard
            GuardDecision::Pass => guard::remember_deletes(&mut self.feed, question.deletes, now),
            GuardDecision::Held { baseline, allowed } => {
                let AbsenceBasis { run, snapshot, is_confirmable, empty, living, .. } = basis;
                // that an empty file is meant is said by itself or by an operator, never by more of them
                let confirmable = is_confirmable && !empty;
                let body = body.to_owned();
                let opening = Opening { run, snapshot, baseline, allowed, living, confirmable, body, now };
                self.hold(absences.deletes.clone(), opening);
                absences.notes.append(&mut absences.deletes);
                counts.held += question.deletes;
            }
        }
        absences
    }

    /// Deletes and notes the next part of what is absent, each slot by what holds for it now.
    pub fn apply_absences(
        &mut self,
        absences: &mut Absences,
        counts: &mut RunCounts,
    ) -> Result<WriteSet, LedgerError> {
        let AbsenceBasis { run, snapshot, .. } = absences.basis;
        let stamp = Stamp::new(snapshot, Lane::Feed, 0);
        let mut ledger = self.ledger(Origin::Feed { run: run.0, record: u32::MAX }, Prefetched::new());
        for _ in 0..PART_SLOTS {
            if ledger.loaded >= PART_BYTES {
                break;
            }
            let Some((slot, is_delete)) = absences.take() else { break };
            let head = ledger.index.head(slot);
            if !head.is_alive() {
                continue; // a push, or an approved plan, has deleted it meanwhile
            }
            match absences.judge(&head) {
                Absence::Phantom => counts.phantom += 1,
                Absence::Agree => counts.agree += 1,
                Absence::Delete if is_delete => {
                    let is_gone = ledger.remove_absent(slot, stamp)?;
                    counts.deleted += u64::from(is_gone);
                    counts.missed_delete += u64::from(is_gone);
                    if is_gone && ledger.index.head(slot).is_alive() {
                        // X5: marked inactive, it has not died, and a push may make it active again
                        ledger.note_absence(slot);
                    }
                }
                Absence::First if absences.torn && head.absences > 0 => {} // noted half-way
                Absence::Delete | Absence::First => ledger.note_absence(slot),
            }
        }
        let decisions = ledger.finish();
        Ok(self.account_for(decisions))
    }

    pub async fn absences(
        &mut self,
        basis: AbsenceBasis,
        is_absent: impl Fn(Slot) -> bool + Send,
        counts: &mut RunCounts,
    ) -> Absences {
        let spoken_for: SlotSet = self.plans.spoken_for();
        let torn = self.feed.notes_torn;
        let mut absences = Absences { basis, torn, deletes: Vec::new(), notes: Vec::new(), next: 0 };
        for slots in stretches(self.index.slot_end()) {
            for slot in self.index.living_in(slots).filter(|&slot| is_absent(slot)) {
                match absences.judge(&self.index.head(slot)) {
                    Absence::Phantom => counts.phantom += 1,
                    Absence::Agree => counts.agree += 1,
                    // its plan waits, or was turned down and the file has not changed since
                    Absence::Delete | Absence::First if spoken_for.contains(slot) => {}
                    Absence::First if !basis.is_held_at_once() => absences.notes.push(slot),
                    Absence::Delete | Absence::First => absences.deletes.push(slot),
                }
            }
            // other partners' actors, and connections, run on the same thread
            yield_now().await;
        }
        counts.absent_once += absences.notes.len() as u64;
        absences
    }

    fn hold(&mut self, deletes: Vec<Slot>, opening: Opening) {
        let Opening { baseline, allowed, living, .. } = opening;
        let (partner, count) = (self.settings.name.as_str(), deletes.len());
        let plan = self.plans.begin(opening, deletes);
        tracing::warn!(
            partner,
            plan,
            deletes = count,
            living,
            baseline,
            allowed,
            "delete guard held a feed's deletes, approve or reject them"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a9_a_catalogue_is_looked_through_in_short_stretches_that_leave_nothing_out() {
        for end in [0, 1, 1_999, 2_000, 2_001, 150_000] {
            let all: Vec<_> = stretches(end).collect();
            assert!(all.iter().all(|slots| slots.len() <= WALK_SLOTS), "{end}");
            assert!(all.into_iter().flatten().eq(0..end), "{end}");
        }
    }
}

//! The end of a run: what the file lacks is applied part by part, each in a commit of its own, and
//! the last part records the run (X3, F4, F7, F9).
//!
//! In one piece a catalogue's worth of absences would hold up everybody's commits, and be in memory
//! several times. Pushes that land between two parts are ordered by their stamp (G3): each slot is
//! decided again when its part is applied. Until the last part the file is not accepted: what a run
//! that ends half-way leaves undone the next one finds again, and what it has noted counts for
//! nothing. A plan that the run opens comes first, page by page.

use super::absences::stretches;
use super::lints;
use super::plans::PlanError;
use crate::actors::partner::books::runs::state_record;
use crate::actors::partner::index::slot_set::SlotSet;
use crate::actors::partner::message::run::{FetchedFile, RunPart};
use crate::actors::partner::run::absences::AbsenceBasis;
use crate::actors::partner::run::active::{ActiveRun, UNAPPLIED_KEPT, accept, remember_file};
use crate::actors::partner::run::ending::{EndOf, Ending};
use crate::actors::partner::run::report::{applied_report, short_report};
use crate::actors::partner::state::PartnerState;
use crate::domain::{AssetId, Lane, Micros, RunId, RunStatus, Seq, Slot, Stamp, WriteSet};
use crate::rules::feed::record_time;
use crate::rules::policy::RecordTime;
use std::collections::VecDeque;
use tokio::sync::oneshot;
use tokio::task::yield_now;

impl PartnerState {
    /// Applies the next part of what the snapshot lacks; behind the last one closes the run.
    pub async fn finish_run(&mut self, reply: oneshot::Sender<RunPart>) -> Result<(), PlanError> {
        let Some(running) = &mut self.running else { return Ok(()) };
        let ending = match (running.ending.take(), running.active.take()) {
            (Some(ending), _) => ending,
            (None, Some(active)) => self.end_applied(active).await?,
            (None, None) => return Ok(()),
        };
        self.apply_part(ending, reply)
    }

    /// F7: the same bytes again. They count as one more absence for what the file lacks.
    pub async fn run_unchanged(
        &mut self,
        run: RunId,
        file: FetchedFile,
        reply: oneshot::Sender<RunPart>,
    ) -> Result<(), PlanError> {
        let now = self.shared.clock.now();
        self.plans.abandon(); // what a run has left that ended half-way
        self.plans.expire(&self.feed, now);
        let mut report = Box::new(short_report(run, RunStatus::Unchanged, &file, now));
        let accepted = self.feed.last_snapshot_at.map(Micros).filter(|_| self.feed.last_whole);
        let mut absences = None;
        if let Some(snapshot) = accepted {
            let basis = AbsenceBasis {
                run,
                snapshot,
                counts_at_once: self.feed.last_dated && !self.feed.last_doubtful,
                is_confirmable: self.feed.last_dated
                    && (!self.feed.last_doubtful || self.feed.last_only_mixed),
                empty: self.feed.last_empty,
                empty_meant: self.feed.last_empty_meant,
                living: self.index.living() as u64,
            };
            report.snapshot_at = Some(snapshot.0);
            report.dated = self.feed.last_dated;
            let lacking = self.lacking(snapshot).await;
            let before = self.feed.last_absence_at;
            let is_absent = |slot| lacking.contains(slot);
            let counts = &mut report.counts;
            absences = Some(self.decide_absences(basis, &file.body_hash, is_absent, counts).await);
            if self.feed.last_absence_at != before {
                self.remember_in_vain(self.feed.last_unapplied.clone());
            }
        }
        let end = EndOf::Unchanged { file, report };
        let (approved, confirmed) = (Vec::new(), VecDeque::new());
        self.apply_part(Box::new(Ending { absences, end, approved, confirmed }), reply)
    }

    /// X3, F4: decides on what the snapshot lacks, as a whole.
    async fn end_applied(&mut self, mut active: Box<ActiveRun>) -> Result<Box<Ending>, PlanError> {
        let now = self.shared.clock.now();
        self.plans.abandon(); // what a run has left that ended half-way
        self.plans.expire(&self.feed, now);
        let reread = active.facts.reread;
        let mut confirmed = VecDeque::new();
        if reread.is_none() && !active.facts.prices_only {
            self.plans.snapshot_changed(&active.seen, now);
            confirmed = self.confirm_plans(&active).into();
        }
        let approved = self.approve_confirmed(&mut confirmed)?;
        // an undated file's absences are counted by its own fetches only
        let counts_absence = active.is_whole() && (active.absence_basis().counts_at_once || reread.is_none());
        let mut absences = None;
        if counts_absence {
            let (basis, seen) = (active.absence_basis(), std::mem::take(&mut active.seen));
            let (before, body) = (self.feed.last_absence_at, &active.facts.file.body_hash);
            let is_absent = |slot| !seen.contains(slot);
            absences = Some(self.decide_absences(basis, body, is_absent, &mut active.counts).await);
            if self.feed.last_absence_at != before {
                self.remember_in_vain(active.unapplied.clone());
            }
        }
        Ok(Box::new(Ending { absences, end: EndOf::Applied(active), approved, confirmed }))
    }

    /// What the file whose absences have just counted held although nothing of it was applied.
    fn remember_in_vain(&mut self, mut ids: Vec<String>) {
        if ids.len() > UNAPPLIED_KEPT {
            // who was in it is not known: what comes late is taken as if it had been
            (self.feed.last_absence_at, ids) = (None, Vec::new());
        }
        ids.sort_unstable();
        self.feed.last_absence_in_vain = ids;
    }

    fn apply_part(
        &mut self,
        mut ending: Box<Ending>,
        reply: oneshot::Sender<RunPart>,
    ) -> Result<(), PlanError> {
        let mut set = WriteSet::new(self.no);
        set.changes = std::mem::take(&mut ending.approved);
        if set.changes.is_empty() {
            set.changes = self.approve_confirmed(&mut ending.confirmed)?;
        }
        set.changes.extend(self.plans.write_page(&self.index));
        let mut is_last = !self.plans.is_writing() && ending.confirmed.is_empty();
        if let Some(absences) = ending.absences.as_mut().filter(|_| is_last) {
            let is_first = absences.is_untouched();
            set.changes.extend(self.apply_absences(absences, ending.end.counts())?.changes);
            is_last = absences.is_empty();
            if is_first && !is_last {
                self.feed.notes_torn |= absences.has_notes();
                // property 10: a crash must not forget deletes that it leaves applied. Those that it
                // leaves undone are counted again with the next run: the guard errs to the safe side
                set.changes.push(state_record(&self.feed));
            }
        }
        let (durable, committed) = oneshot::channel();
        if is_last {
            self.close_ending(*ending, set, durable);
        } else {
            if let Some(running) = &mut self.running {
                running.ending = Some(ending);
            }
            self.commit_plans(set, durable);
        }
        // a task that has gone needs no answer
        let _ = reply.send(RunPart { durable: committed, is_last });
        Ok(())
    }

    fn close_ending(&mut self, ending: Ending, mut set: WriteSet, durable: oneshot::Sender<Seq>) {
        let now = self.shared.clock.now();
        self.feed.notes_torn &= ending.absences.is_none();
        let report = match ending.end {
            EndOf::Applied(mut active) => {
                self.accept(&mut active, &mut set, now);
                applied_report(&active, self.feed.pushes_at_all, now)
            }
            EndOf::Unchanged { file, mut report } => {
                remember_file(&mut self.feed, &file, now);
                report.finished_at = now.0;
                *report
            }
        };
        self.close_run(report, None, set, durable);
    }

    fn accept(&mut self, active: &mut ActiveRun, set: &mut WriteSet, now: Micros) {
        if active.facts.reread.is_none_or(|reread| reread.stored.is_none()) {
            let file = active.accepted_file(self.settings.policy.quarantine_max);
            let mut closed = self.quarantine.close(&active.prices_taken(), set);
            closed += self.quarantine.close_left(&file, set);
            self.count_closed(closed);
            active.counts.rows_closed += closed;
        }
        match active.facts.reread {
            None => {
                active.counts.pushes = self.feed.pushes_since_run;
                if active.facts.complete {
                    set.changes.extend(self.heal_gaps(active));
                }
                self.note_outdated(active);
                let unapplied = std::mem::take(&mut active.unapplied);
                accept(&mut self.feed, active, unapplied, now);
            }
            Some(reread) if reread.stored.is_none() => {
                remember_file(&mut self.feed, &active.facts.file, now);
            }
            Some(_) => {}
        }
    }

    /// T3: an export that lags behind its own envelope turns pushes back, run after run.
    fn note_outdated(&mut self, active: &mut ActiveRun) {
        let runs = if active.outdated > 0 { self.feed.outdated_runs_in_row.saturating_add(1) } else { 0 };
        self.feed.outdated_runs_in_row = runs;
        if runs >= record_time::OUTDATED_RUNS_TOLD {
            active.facts.faults.insert(0, lints::outdated(active.outdated));
        }
    }

    /// What the last accepted file lacked: every asset in it has a life at or above its time, except
    /// those in `last_unapplied`.
    async fn lacking(&mut self, snapshot: Micros) -> SlotSet {
        let stamp = Stamp::new(snapshot, Lane::Feed, 0);
        let mut unapplied = SlotSet::default();
        let ids = self.feed.last_unapplied.iter().filter_map(|id| AssetId::new(id.as_str()).ok());
        ids.filter_map(|id| self.index.find(&id)).for_each(|slot| unapplied.insert(slot));
        let mut lacking = SlotSet::default();
        let by_record = self.settings.policy.record_time == RecordTime::Record;
        for slots in stretches(self.index.slot_end()) {
            let index = &self.index;
            let lacks = |&slot: &Slot| {
                // a record's own time has raised no life to that of the file: what it lacked was noted
                let is_absent = match by_record {
                    true => index.head(slot).absences > 0,
                    false => index.life(slot) < stamp,
                };
                is_absent && !unapplied.contains(slot)
            };
            index.living_in(slots).filter(lacks).for_each(|slot| lacking.insert(slot));
            yield_now().await;
        }
        lacking
    }
}

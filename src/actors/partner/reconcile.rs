//! A run of the feed, as the actor decides it: begin, records, absences, end (T3, X2, X3, F1–F9).

use super::ledger::{Lanes, LedgerError, Prefetched};
use super::message::{FeedRecord, FetchedFile, RunFailure, RunStart, SnapshotFacts};
use super::quarantine::{RefusedRecord, row_of_record, row_of_snapshot};
use super::run::{self, ActiveRun};
use super::state::PartnerState;
use crate::domain::{
    Lane, Micros, Origin, Outcome, RunCounts, RunId, RunReport, RunStatus, Seq, Slot, Stamp, WriteSet,
};
use crate::rules::absence::{self, Absence};
use crate::rules::guard::{self, GuardDecision, GuardQuestion};
use crate::rules::snapshot::{self, SnapshotDecision};
use crate::rules::verdict;
use std::time::Duration;
use tokio::sync::oneshot;

/// X4: the file is kept as a row of the quarantine.
const OLDER_THAN_HISTORY: &str = "older_than_history";

/// Living assets that the snapshot lacks, by what becomes of them.
#[derive(Default)]
struct Absences {
    delete: Vec<Slot>,
    first: Vec<Slot>,
    phantom: u64,
    agree: u64,
}

impl PartnerState {
    /// T3, F5: whether the run applies, and as of when.
    pub fn begin_run(&mut self, facts: SnapshotFacts, reply: oneshot::Sender<RunStart>) {
        let decision = snapshot::decide(facts.times, &self.feed);
        let (snapshot, dated) = match decision {
            SnapshotDecision::Apply { snapshot, dated } => (snapshot, dated),
            SnapshotDecision::SkippedOlder { snapshot } => {
                return self.skip_run(facts, snapshot, "snapshot_older", reply);
            }
            SnapshotDecision::OlderThanHistory { snapshot } => {
                return self.skip_run(facts, snapshot, OLDER_THAN_HISTORY, reply);
            }
        };
        let (records, quarantined) = (facts.records, facts.quarantined);
        let counts = RunCounts { records, quarantined, ..RunCounts::default() };
        let active = ActiveRun { snapshot, dated, counts, seen: Default::default(), facts };
        if let Some(running) = &mut self.running {
            running.active = Some(Box::new(active));
        }
        // a task that has gone needs no answer
        let _ = reply.send(RunStart::Apply);
    }

    /// Applies some records, each at `(S, feed)`, and commits them.
    pub fn apply_records(
        &mut self,
        records: Vec<FeedRecord>,
        prefetched: Prefetched,
        reply: oneshot::Sender<Seq>,
    ) -> Result<(), LedgerError> {
        let Some(mut active) = self.running.as_mut().and_then(|running| running.active.take()) else {
            return Ok(());
        };
        let lanes = Lanes::Feed { snapshot: active.snapshot, fetch_started_at: active.facts.file.started_at };
        let run = active.facts.run.0;
        let mut ledger = self.ledger(Origin::Feed { run, record: 0 }, prefetched);
        let mut kept = Vec::new();
        for record in records {
            ledger.origin = Origin::Feed { run, record: record.record };
            // without a write the id is present, and counted as quarantined already
            if let Some(write) = record.write {
                let decided = ledger.asset(&write, lanes)?;
                count_record(&mut active.counts, decided.item.outcome);
                let refused = RefusedRecord {
                    id: &record.id,
                    offset: record.offset,
                    text: &record.text,
                    snapshot: active.snapshot,
                    received_at: active.facts.file.started_at,
                    origin: ledger.origin,
                };
                kept.extend(row_of_record(&refused, &decided.item));
                verdict::count(&mut active.counts, verdict::of_record(decided.facts));
            }
            if let Some(slot) = ledger.index.find(&record.id) {
                ledger.clear_absences(slot);
                active.seen.insert(slot);
            }
        }
        let losses = std::mem::take(&mut ledger.losses);
        let mut set = std::mem::replace(&mut ledger.set, WriteSet::new(self.no));
        self.record_losses(losses, &mut set);
        if let Some(running) = &mut self.running {
            running.active = Some(active);
        }
        if !kept.is_empty() {
            self.quarantine(kept, &mut set);
        }
        self.commit(set, reply);
        Ok(())
    }

    /// X3, F4: decides on what the snapshot lacks, and closes the run.
    pub fn finish_run(&mut self, reply: oneshot::Sender<Seq>) -> Result<(), LedgerError> {
        let Some(mut active) = self.running.as_mut().and_then(|running| running.active.take()) else {
            return Ok(());
        };
        let now = self.around.clock.now();
        let mut set = WriteSet::new(self.no);
        // F2, F8: absence proves nothing where the file is not whole
        if active.facts.complete && !active.facts.deletes_barred {
            let absences = self.absences(active.snapshot, active.dated, |slot| !active.seen.contains(slot));
            let question = GuardQuestion {
                deletes: 0,
                living: self.index.living() as u64,
                empty: active.facts.present == 0,
                allow_empty: active.facts.allow_empty,
                now,
            };
            let origin = Origin::Feed { run: active.facts.run.0, record: u32::MAX };
            set = self.apply_absences(absences, question, active.snapshot, origin, &mut active.counts)?;
        }
        set.changes.extend(self.heal_gaps(&active));
        run::accept(&mut self.feed, &active, now);
        let report = run::applied_report(&active, now);
        self.close_run(report, None, set, reply);
        Ok(())
    }

    /// F7: the same bytes again. They count as one more absence for what the file lacks.
    pub fn run_unchanged(
        &mut self,
        run: RunId,
        file: FetchedFile,
        reply: oneshot::Sender<Seq>,
    ) -> Result<(), LedgerError> {
        let now = self.around.clock.now();
        let mut report = run::short_report(run, RunStatus::Unchanged, &file, now);
        let mut set = WriteSet::new(self.no);
        if let Some(snapshot) = self.feed.last_snapshot_at.filter(|_| !self.feed.last_dated).map(Micros) {
            // the file lacks what it lacked before: all that has been noted as absent
            let lacks = |state: &PartnerState, slot| state.index.head(slot).absences > 0;
            let lacking: Vec<Slot> = self.index.iter_living().filter(|&slot| lacks(self, slot)).collect();
            let absences = self.absences(snapshot, false, |slot| lacking.binary_search(&slot).is_ok());
            let question = GuardQuestion {
                deletes: 0,
                living: self.index.living() as u64,
                empty: false,
                allow_empty: false,
                now,
            };
            let origin = Origin::Feed { run: run.0, record: u32::MAX };
            set = self.apply_absences(absences, question, snapshot, origin, &mut report.counts)?;
            report.snapshot_at = Some(snapshot.0);
            guard::remember_deletes(&mut self.feed, report.counts.deleted, now);
        }
        run::remember_file(&mut self.feed, &file, now);
        self.close_run(report, None, set, reply);
        Ok(())
    }

    /// F1, F3: nothing of the file is applied; the last good state stays.
    pub fn run_failed(&mut self, run: RunId, failure: RunFailure, reply: oneshot::Sender<Seq>) {
        self.feed.failures_in_row += 1;
        let retry_after = failure.retry_after;
        let report = run::failed_report(run, failure, self.around.clock.now());
        self.close_run(report, retry_after, WriteSet::new(self.no), reply);
    }

    fn skip_run(
        &mut self,
        facts: SnapshotFacts,
        snapshot: Micros,
        code: &'static str,
        reply: oneshot::Sender<RunStart>,
    ) {
        let report = RunReport {
            code: Some(code.into()),
            detail: Some(
                "the snapshot is older than what has been accepted; nothing was applied (F5)".into(),
            ),
            snapshot_at: Some(snapshot.0),
            dated: true,
            ..run::short_report(facts.run, RunStatus::SkippedOlder, &facts.file, self.around.clock.now())
        };
        let (durable, _) = oneshot::channel();
        let mut set = WriteSet::new(self.no);
        if code == OLDER_THAN_HISTORY {
            let row = row_of_snapshot(facts.run, code, snapshot, facts.file.started_at);
            self.quarantine(vec![row], &mut set);
        }
        self.close_run(report, None, set, durable);
        let _ = reply.send(RunStart::Stop);
    }

    fn absences(&self, snapshot: Micros, dated: bool, is_absent: impl Fn(Slot) -> bool) -> Absences {
        let mut absences = Absences::default();
        for slot in self.index.iter_living().filter(|&slot| is_absent(slot)) {
            match absence::decide(&self.index.head(slot), snapshot, dated) {
                Absence::Delete => absences.delete.push(slot),
                Absence::First => absences.first.push(slot),
                Absence::Phantom => absences.phantom += 1,
                Absence::Agree => absences.agree += 1,
            }
        }
        absences
    }

    fn apply_absences(
        &mut self,
        mut absences: Absences,
        question: GuardQuestion,
        snapshot: Micros,
        origin: Origin,
        counts: &mut RunCounts,
    ) -> Result<WriteSet, LedgerError> {
        if question.empty && !question.allow_empty {
            // F4: an empty file over a catalogue is held at its first absence, dated or not
            absences.delete.append(&mut absences.first);
        }
        counts.phantom += absences.phantom;
        counts.agree += absences.agree;
        counts.absent_once += absences.first.len() as u64;
        let deletes = absences.delete.len() as u64;
        let decision = guard::decide(GuardQuestion { deletes, ..question }, &self.feed);
        if let GuardDecision::Held { baseline, allowed } = decision {
            let partner = self.settings.name.as_str();
            tracing::warn!(partner, deletes, baseline, allowed, "delete guard held a feed's deletes");
        }
        let mut ledger = self.ledger(origin, Prefetched::new());
        for slot in absences.first {
            ledger.note_absence(slot);
        }
        match decision {
            GuardDecision::Pass => {
                let stamp = Stamp::new(snapshot, Lane::Feed, 0);
                for slot in absences.delete {
                    ledger.remove_absent(slot, stamp)?;
                }
                counts.deleted += deletes;
                counts.missed_delete += deletes;
            }
            GuardDecision::Held { .. } => counts.held += deletes,
        }
        let set = std::mem::replace(&mut ledger.set, WriteSet::new(self.no));
        Ok(set)
    }

    /// Records the end of a run; the report is public once it is durable.
    fn close_run(
        &mut self,
        report: RunReport,
        retry_after: Option<Duration>,
        mut set: WriteSet,
        reply: oneshot::Sender<Seq>,
    ) {
        self.feed.last_run = report.run;
        set.changes.extend(run::closing_changes(&self.feed, &report));
        if let Some(running) = &mut self.running {
            running.active = None;
            running.closing = Some((report, retry_after));
        }
        self.commit(set, reply);
    }
}

fn count_record(counts: &mut RunCounts, outcome: Outcome) {
    match outcome {
        Outcome::Created => counts.created += 1,
        Outcome::Updated => counts.updated += 1,
        Outcome::Quarantined | Outcome::Rejected => counts.quarantined += 1,
        _ => counts.unchanged += 1,
    }
}

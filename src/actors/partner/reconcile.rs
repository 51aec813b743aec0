//! A run of the feed, as the actor decides it: begin, records, and the end of one that is not
//! applied (T3, X2, F1–F3, F5). What follows on the last record is `ending`'s.

use super::items::is_refused;
use super::ledger::{Lanes, LedgerError, Prefetched};
use super::message::{FeedRecord, RunFailure, RunStart, SnapshotFacts};
use super::quarantine::{RefusedRecord, row_of_record, row_of_snapshot};
use super::run::{self, ActiveRun};
use super::state::PartnerState;
use crate::domain::{Micros, Origin, Outcome, RunCounts, RunId, RunReport, RunStatus, Seq, WriteSet};
use crate::rules::snapshot::{self, SnapshotDecision};
use crate::rules::verdict;
use std::time::Duration;
use tokio::sync::oneshot;

/// X4: the file is kept as a row of the quarantine.
const OLDER_THAN_HISTORY: &str = "older_than_history";

impl PartnerState {
    /// T3, F5: whether the run applies, and as of when.
    pub fn begin_run(&mut self, facts: SnapshotFacts, reply: oneshot::Sender<RunStart>) {
        let decision = match facts.again {
            // an operator's: the snapshot keeps its time, so that the rules make it harmless (F5)
            Some(again) => snapshot::decide_again(again.snapshot, again.dated, &self.feed),
            None => snapshot::decide(facts.times, &self.feed),
        };
        let (snapshot, dated) = match decision {
            SnapshotDecision::Apply { snapshot, dated } => (snapshot, dated),
            SnapshotDecision::SkippedOlder { snapshot } => {
                return self.skip_run(facts, snapshot, "snapshot_older", reply);
            }
            SnapshotDecision::OlderThanHistory { snapshot } => {
                return self.skip_run(facts, snapshot, OLDER_THAN_HISTORY, reply);
            }
        };
        let (records, quarantined, repeated) = (facts.records, facts.quarantined, facts.repeated);
        let counts = RunCounts { records, quarantined, repeated, ..RunCounts::default() };
        let living = self.index.living() as u64;
        let unapplied = Vec::new();
        let active =
            ActiveRun { snapshot, dated, counts, seen: Default::default(), facts, living, unapplied };
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
            let applied = match record.write {
                // counted as quarantined already, by the survey
                None => false,
                Some(write) => {
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
                    let fault = decided.price_aside.as_ref().unwrap_or(&decided.item);
                    kept.extend(row_of_record(&refused, fault));
                    let applied = !is_refused(decided.item.outcome);
                    // F9: what is kept aside has neither agreed nor healed anything
                    if applied || decided.facts.price == Some(Outcome::Rejected) {
                        verdict::count(&mut active.counts, verdict::of_record(decided.facts));
                    }
                    applied
                }
            };
            if !applied {
                active.note_unapplied(&record.id);
            }
            if let Some(slot) = ledger.index.find(&record.id) {
                ledger.clear_absences(slot);
                active.seen.insert(slot);
            }
        }
        let (ambiguous, losses) = (ledger.ambiguous, std::mem::take(&mut ledger.losses));
        active.counts.drift += ledger.drift;
        let mut set = std::mem::replace(&mut ledger.set, WriteSet::new(self.no));
        self.metrics.ambiguous_order(ambiguous);
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

    /// F1, F3: nothing of the file is applied; the last good state stays.
    pub fn run_failed(&mut self, run: RunId, failure: RunFailure, reply: oneshot::Sender<Seq>) {
        let is_fetch = self.running.as_ref().is_none_or(|running| !running.is_replay);
        self.feed.failures_in_row += u32::from(is_fetch);
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
        let detail = match code {
            OLDER_THAN_HISTORY => {
                "the snapshot is older than the history that is kept; nothing was applied (X4)"
            }
            _ => "the snapshot is older than what has been accepted; nothing was applied (F5)",
        };
        let report = RunReport {
            code: Some(code.into()),
            detail: Some(detail.into()),
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

    /// Records the end of a run; the report is public once it is durable.
    pub fn close_run(
        &mut self,
        report: RunReport,
        retry_after: Option<Duration>,
        mut set: WriteSet,
        reply: oneshot::Sender<Seq>,
    ) {
        self.feed.last_run = report.run;
        set.changes.extend(self.plans.changes());
        set.changes.extend(run::closing_changes(&self.feed, &report));
        self.count_plans();
        if let Some(running) = &mut self.running {
            (running.active, running.ending) = (None, None);
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

//! A run of the feed, as the actor decides it: begin, records, and the end of one that is not
//! applied (T3, X2, F1–F3, F5). What follows on the last record is `ending`'s.

use crate::actors::partner::books::refusals::{RefusedRecord, row_of_record, row_of_snapshot};
use crate::actors::partner::books::runs::closing_changes;
use crate::actors::partner::index::slot_set::SlotSet;
use crate::actors::partner::ledger::{Decided, Ledger, LedgerError, Prefetched, WriteTime};
use crate::actors::partner::message::run::{FeedRecord, RunFailure, RunStart, SnapshotFacts};
use crate::actors::partner::run::active::ActiveRun;
use crate::actors::partner::run::report::{failed_report, short_report};
use crate::actors::partner::state::PartnerState;
use crate::codec::time;
use crate::domain::{
    AssetHead, AssetWrite, ItemOutcome, Micros, Origin, Outcome, QuarantineRow, Rule, RunCounts, RunId,
    RunReport, RunStatus, Seq, WriteSet,
};
use crate::rules::feed::snapshot::{self, SnapshotDecision};
use crate::rules::feed::{record_time, verdict};
use crate::rules::policy::RecordTime;
use std::time::Duration;
use tokio::sync::oneshot;

/// X4: the file is kept as a row of the quarantine.
const OLDER_THAN_HISTORY: &str = "older_than_history";
/// F1: another look may be as vain, so the next fetch does without.
const CHANGED_WHILE_FETCHED: &str = "changed_while_fetched";
/// T3: from so many on in a row, runs that are refused for their time are failures.
const TIME_REFUSALS_MAX: u32 = 3;

impl PartnerState {
    /// T3, F5: whether the run applies, and as of when.
    pub fn begin_run(&mut self, facts: SnapshotFacts, reply: oneshot::Sender<RunStart>) {
        let decision = match facts.reread {
            // an operator's: the snapshot keeps its time, so that the rules make it harmless (F5)
            Some(reread) => snapshot::decide_again(reread.snapshot, reread.dated, &self.feed),
            None => snapshot::decide(facts.times, &self.feed),
        };
        if facts.reread.is_none_or(|reread| reread.stored.is_none()) {
            snapshot::remember_fetch(&mut self.feed, facts.file.started_at, &facts.file.body_hash);
        }
        let (snapshot, dated) = match decision {
            SnapshotDecision::Apply { snapshot, dated } => (snapshot, dated),
            SnapshotDecision::SkippedOlder { snapshot } => {
                return self.skip_run(facts, snapshot, "snapshot_older", reply);
            }
            SnapshotDecision::OlderThanHistory { snapshot } => {
                return self.skip_run(facts, snapshot, OLDER_THAN_HISTORY, reply);
            }
        };
        self.quarantine.begin_run();
        let active = ActiveRun::new(facts, (snapshot, dated), &self.feed, self.index.living() as u64);
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
        let by = self.settings.policy.record_time;
        // F4: a plan goes by the file's time, and must see that this file holds its ids again
        let planned = if by == RecordTime::Record { self.plans.spoken_for() } else { SlotSet::default() };
        let run = active.facts.run.0;
        active.decided += records.len() as u64;
        let is_awaited = !self.quarantine.awaited().is_empty();
        let mut ledger = self.ledger(Origin::Feed { run, record: 0 }, prefetched);
        let (mut kept, mut upheld) = (Vec::new(), Vec::new());
        for record in records {
            ledger.origin = Origin::Feed { run, record: record.record };
            let asides = kept.len();
            let applied = match &record.write {
                // counted as quarantined already, by the survey
                None => false,
                Some(write) => active.apply((&record, write), (by, &planned), &mut ledger, &mut kept)?,
            };
            let is_whole = applied && kept.len() == asides;
            if active.facts.prices_only {
                // F8: neither presence nor absence; other records of the asset may follow
                active.note_prices(&record.id, is_whole, is_awaited);
            } else {
                if !applied {
                    active.note_unapplied(&record.id);
                }
                if is_whole {
                    ledger.record_taken(&record.id, active.snapshot);
                }
                if let Some(slot) = ledger.index.find(&record.id) {
                    ledger.clear_absences(slot);
                    active.seen.insert(slot);
                }
            }
            if is_awaited && !is_whole {
                upheld.push(record.id);
            }
        }
        active.counts.drift += ledger.drift;
        let decisions = ledger.finish();
        let before = self.quarantine.len();
        let mut set = self.account_for(decisions);
        active.counts.rows_closed += (before - self.quarantine.len()) as u64;
        upheld.iter().for_each(|id| self.quarantine.uphold(id));
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
        self.feed.validators_unsteady |= failure.code == CHANGED_WHILE_FETCHED;
        if is_fetch {
            self.note_failure(failure.code);
        }
        if let Some(body_hash) = failure.whole_body.as_ref().filter(|_| is_fetch) {
            snapshot::remember_fetch(&mut self.feed, failure.started_at, body_hash);
        }
        let retry_after = failure.retry_after;
        let report = failed_report(run, failure, self.shared.clock.now());
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
        if facts.reread.is_none() {
            self.note_time_refusal(snapshot);
        }
        let report = RunReport {
            code: Some(code.into()),
            detail: Some(detail.into()),
            snapshot_at: Some(snapshot.0),
            dated: true,
            faults: facts.faults,
            ..short_report(facts.run, RunStatus::SkippedOlder, &facts.file, self.shared.clock.now())
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

    /// T3: a feed whose files are refused run after run for their time has failed.
    fn note_time_refusal(&mut self, snapshot: Micros) {
        self.feed.time_refusals_in_row = self.feed.time_refusals_in_row.saturating_add(1);
        let refusals = self.feed.time_refusals_in_row;
        if refusals >= TIME_REFUSALS_MAX {
            self.feed.failures_in_row += 1;
            let (partner, snapshot) = (self.settings.name.as_str(), time::format(snapshot));
            tracing::warn!(partner, refusals, snapshot, "feed is refused for its time again and again");
        }
    }

    /// Records the end of a run; the report is public once it is durable.
    pub fn close_run(
        &mut self,
        mut report: RunReport,
        retry_after: Option<Duration>,
        mut set: WriteSet,
        reply: oneshot::Sender<Seq>,
    ) {
        self.feed.last_run = report.run;
        if let Some(running) = &self.running {
            let timings = running.progress.timings();
            report.timings = Some(timings);
            if report.status == RunStatus::Applied && !running.is_replay {
                (self.feed.last_timings, self.feed.last_body_bytes) =
                    (Some(timings), Some(report.body_bytes));
            }
        }
        set.changes.extend(self.plans.changes());
        set.changes.extend(closing_changes(&self.feed, &report));
        self.count_plans();
        if let Some(running) = &mut self.running {
            (running.active, running.ending) = (None, None);
            running.report = Some((report, retry_after));
        }
        self.commit(set, reply);
    }
}

impl ActiveRun {
    /// Decides one record, and gathers what of it is kept aside; whether its document applied.
    pub fn apply(
        &mut self,
        (record, write): (&FeedRecord, &AssetWrite),
        (by, planned): (RecordTime, &SlotSet),
        ledger: &mut Ledger<'_>,
        kept: &mut Vec<QuarantineRow>,
    ) -> Result<bool, LedgerError> {
        let (snapshot, fetch_started_at) = (self.snapshot, self.facts.file.started_at);
        let slot = ledger.index.find(&record.id).filter(|_| write.at.is_some());
        let head = slot.map(|slot| ledger.index.head(slot));
        let stamped_at = match slot.is_some_and(|slot| planned.contains(slot)) {
            true => snapshot,
            false => record_time::of_record(by, write.at, snapshot, head.as_ref()),
        };
        let turns_back = |head: &AssetHead| record_time::is_outdated(write.at, snapshot, head);
        self.outdated += u64::from(by == RecordTime::Snapshot && head.as_ref().is_some_and(turns_back));
        let comes_back = |head: &AssetHead| record_time::comes_back(by, write.at, snapshot, head);
        let came_back = slot.filter(|_| head.as_ref().is_some_and(comes_back));
        let mut decided = match came_back {
            Some(slot) if !ledger.come_back(slot)? => Decided::damaged(Rule::X2),
            _ => ledger.asset(write, WriteTime::Feed { snapshot, stamped_at, fetch_started_at })?,
        };
        if came_back.is_some() && !decided.item.outcome.is_refused() {
            (decided.item.outcome, decided.facts.document) = (Outcome::Created, Outcome::Created);
            decided.facts.document_rule = Rule::X1;
        }
        count_record(&mut self.counts, decided.item.outcome);
        let applied = !decided.item.outcome.is_refused();
        let refused = RefusedRecord {
            id: &record.id,
            offset: record.offset,
            text: &record.text,
            key: record.key.as_deref(),
            above: record.above.as_deref(),
            snapshot,
            received_at: fetch_started_at,
            origin: ledger.origin,
        };
        let asides: Vec<&ItemOutcome> = match applied {
            true => record.prices_aside.iter().chain(&decided.prices_aside).collect(),
            false => vec![&decided.item],
        };
        self.counts.prices_quarantined += if applied { asides.len() as u64 } else { 0 };
        for aside in asides {
            if let Some(row) = row_of_record(&refused, aside) {
                kept.push(row);
                self.note_fault(record, aside);
            }
        }
        if self.facts.prices_only {
            self.counts.prices += decided.prices_taken;
            self.counts.prices_parked += decided.prices_parked;
            return Ok(applied); // it has no verdict (F8)
        }
        // F9: what is kept aside has neither agreed nor healed anything
        if applied || decided.facts.price == Some(Outcome::Rejected) {
            verdict::count(&mut self.counts, verdict::of_record(decided.facts, self.expects_push));
        }
        Ok(applied)
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

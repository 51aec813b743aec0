//! The state of a run that is being applied, and how its end is recorded.

use crate::actors::partner::feed::absences::Silence;
use crate::actors::partner::index::slot_set::SlotSet;
use crate::actors::partner::message::run::{Again, FeedRecord, FetchedFile, RunFailure, SnapshotFacts};
use crate::domain::{
    AssetId, ChangeKind, FeedState, ItemOutcome, Micros, RecordChange, RecordFault, RecordKind, RunCounts,
    RunId, RunReport, RunStatus,
};
use crate::rules::guard;
use crate::rules::survey::FAULTS_KEPT;

/// Reports kept per partner; older ones are dropped as new ones come.
const REPORTS_KEPT: u64 = 200;
/// With more ids present but not applied, the same file again says nothing about absence.
pub const UNAPPLIED_KEPT: usize = 10_000;

/// A run between its beginning and its end.
#[derive(Debug)]
pub struct ActiveRun {
    pub facts: SnapshotFacts,
    pub snapshot: Micros,
    pub dated: bool,
    pub counts: RunCounts,
    pub seen: SlotSet,
    /// Living assets before the run.
    pub living: u64,
    /// Ids that the file held although nothing of them was applied (F2, F6), known here or not:
    /// when the same file comes again, they are present in it.
    pub unapplied: Vec<String>,
    /// F9: what is unknown here should have been pushed.
    pub expects_push: bool,
    /// T3: records that are older than what was pushed, and turn it back.
    pub outdated: u64,
}

impl ActiveRun {
    pub fn new(
        facts: SnapshotFacts,
        (snapshot, dated): (Micros, bool),
        state: &FeedState,
        living: u64,
    ) -> ActiveRun {
        let (records, quarantined, repeated) = (facts.records, facts.quarantined, facts.repeated);
        ActiveRun {
            facts,
            snapshot,
            dated,
            counts: RunCounts { records, quarantined, repeated, ..RunCounts::default() },
            seen: SlotSet::default(),
            living,
            unapplied: Vec::new(),
            expects_push: state.pushes_documents && state.last_snapshot_at.is_some(),
            outdated: 0,
        }
    }

    /// Names a record that was kept aside, among the first.
    pub fn note_fault(&mut self, record: &FeedRecord, item: &ItemOutcome) {
        if self.facts.faults.len() >= FAULTS_KEPT {
            return;
        }
        let note = item.note.as_deref();
        self.facts.faults.push(RecordFault {
            record: Some(u64::from(record.record)),
            offset: record.offset,
            id: Some(record.id.as_str().to_owned()),
            code: note.map_or_else(String::new, |note| note.code.to_string()),
            detail: note.map_or_else(String::new, |note| note.hint.clone()),
        });
    }

    /// F2, F8: absence proves nothing where the file is not whole.
    pub fn is_whole(&self) -> bool {
        self.facts.complete && !self.facts.deletes_barred
    }

    pub fn note_unapplied(&mut self, id: &AssetId) {
        if self.unapplied.len() <= UNAPPLIED_KEPT {
            self.unapplied.push(id.as_str().to_owned());
        }
    }

    pub fn silence(&self) -> Silence {
        Silence {
            run: self.facts.run,
            snapshot: self.snapshot,
            counts_at_once: self.dated && !self.facts.doubtful,
            empty: self.facts.present == 0,
            empty_meant: self.facts.allow_empty,
            living: self.living,
        }
    }
}

/// The feed's state after an accepted run. `unapplied` are the ids that its file held although
/// nothing of them was applied.
pub fn accept(state: &mut FeedState, run: &ActiveRun, unapplied: Vec<String>, now: Micros) {
    let file = &run.facts.file;
    state.last_snapshot_at = Some(run.snapshot.0);
    // an undated file in between does not make the partner's clock begin anew
    state.last_stated_at = run.facts.times.stated().map(|at| at.0).or(state.last_stated_at);
    state.last_dated = run.dated;
    state.last_whole = run.is_whole() && unapplied.len() <= UNAPPLIED_KEPT;
    state.last_doubtful = run.facts.doubtful;
    state.last_empty = run.facts.present == 0;
    state.last_empty_meant = run.facts.allow_empty;
    state.last_unapplied = if state.last_whole { unapplied } else { Vec::new() };
    if run.facts.complete {
        // a part says nothing about the size of the whole
        guard::remember(state, run.facts.present, 0, now);
    }
    remember_file(state, file, now);
    state.last_missed = run.counts.missed_push;
    state.last_pushes = std::mem::take(&mut state.pushes_since_run);
}

/// What every fetch that found a good file leaves, the same one or another.
pub fn remember_file(state: &mut FeedState, file: &FetchedFile, now: Micros) {
    state.floor_at = Some(file.started_at.0);
    state.body_hash = Some(file.body_hash.clone());
    state.etag.clone_from(&file.etag);
    state.last_modified.clone_from(&file.last_modified);
    state.validators_url = Some(file.url.clone());
    state.validators_unsteady = file.stood_still.map_or(state.validators_unsteady, |still| !still);
    state.last_success_at = Some(now.0);
    state.failures_in_row = 0;
    state.time_refusals_in_row = 0;
    state.mapping_print = Some(file.mapping_print);
}

/// The report of a run that was applied.
pub fn applied_report(run: &ActiveRun, pushes_at_all: bool, finished_at: Micros) -> RunReport {
    RunReport {
        run: run.facts.run,
        status: RunStatus::Applied,
        code: None,
        detail: run.facts.again.map(Again::detail),
        started_at: run.facts.file.started_at.0,
        finished_at: finished_at.0,
        snapshot_at: Some(run.snapshot.0),
        dated: run.dated,
        body_bytes: run.facts.file.body_bytes,
        counts: run.counts,
        pushes_at_all,
        faults: run.facts.faults.clone(),
    }
}

/// The report of a run that ended before anything was applied.
pub fn short_report(run: RunId, status: RunStatus, file: &FetchedFile, finished_at: Micros) -> RunReport {
    RunReport {
        run,
        status,
        code: None,
        detail: None,
        started_at: file.started_at.0,
        finished_at: finished_at.0,
        snapshot_at: None,
        dated: false,
        body_bytes: file.body_bytes,
        counts: RunCounts::default(),
        pushes_at_all: false,
        faults: Vec::new(),
    }
}

/// The report of a run whose fetch or file was bad.
pub fn failed_report(run: RunId, failure: RunFailure, finished_at: Micros) -> RunReport {
    RunReport {
        run,
        status: if failure.refused { RunStatus::Refused } else { RunStatus::Failed },
        code: Some(failure.code.into()),
        detail: Some(failure.detail),
        started_at: failure.started_at.0,
        finished_at: finished_at.0,
        snapshot_at: None,
        dated: false,
        body_bytes: 0,
        counts: RunCounts { records: failure.records, quarantined: failure.invalid, ..RunCounts::default() },
        pushes_at_all: false,
        faults: failure.faults,
    }
}

/// The changes that record a run's end: the feed's state, the report, one old report dropped.
pub fn closing_changes(state: &FeedState, report: &RunReport) -> Vec<ChangeKind> {
    let key = |run: u64| -> Box<[u8]> { run.to_be_bytes().into() };
    let mut changes =
        vec![state_record(state), record(RecordKind::Run, key(report.run.0), Some(json(report)))];
    if let Some(old) = report.run.0.checked_sub(REPORTS_KEPT).filter(|&old| old > 0) {
        changes.push(record(RecordKind::Run, key(old), None));
    }
    changes
}

/// The change that records the feed's state.
pub fn state_record(state: &FeedState) -> ChangeKind {
    record(RecordKind::Feed, Box::default(), Some(json(state)))
}

fn record(kind: RecordKind, key: Box<[u8]>, value: Option<Box<[u8]>>) -> ChangeKind {
    ChangeKind::Record(Box::new(RecordChange { kind, key, value }))
}

fn json(value: &impl serde::Serialize) -> Box<[u8]> {
    serde_json::to_vec(value).expect("plain structs serialise").into_boxed_slice()
}

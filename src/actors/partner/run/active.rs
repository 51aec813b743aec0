//! The state of a run that is being applied, and how its end is recorded.

use super::absences::AbsenceBasis;
use crate::actors::partner::books::closing::AcceptedFile;
use crate::actors::partner::index::slot_set::SlotSet;
use crate::actors::partner::ledger::taken::{Taken, TakenPart, name_hash};
use crate::actors::partner::message::run::{FeedRecord, FetchedFile, SnapshotFacts};
use crate::domain::{AssetId, FeedState, ItemOutcome, Lane, Micros, RecordFault, RunCounts, Stamp};
use crate::rules::feed::guard;
use crate::rules::feed::snapshot::remember_fetch;
use crate::rules::feed::survey::FAULTS_KEPT;
use std::collections::BTreeSet;

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
    /// Ids of the file that have been decided.
    pub decided: u64,
    /// T3: records that are older than what was pushed, and turn it back.
    pub outdated: u64,
    /// F8: assets of whose prices this run has kept some aside, by the hashes of their ids …
    prices_refused: BTreeSet<u64>,
    /// … and those that it has taken prices of.
    prices_taken: BTreeSet<u64>,
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
            decided: 0,
            outdated: 0,
            prices_refused: BTreeSet::new(),
            prices_taken: BTreeSet::new(),
        }
    }

    /// F8: one of an asset's records, of which there may be several. `is_awaited`: rows wait of some asset.
    pub fn note_prices(&mut self, id: &AssetId, is_whole: bool, is_awaited: bool) {
        if !is_whole {
            self.prices_refused.insert(name_hash(id.as_str()));
        } else if is_awaited {
            self.prices_taken.insert(name_hash(id.as_str()));
        }
    }

    /// F8: the assets all of whose records were taken, which closes their rows.
    pub fn prices_taken(&self) -> Vec<Taken> {
        let stamp = Stamp::new(self.snapshot, Lane::Feed, 0);
        let whole = self.prices_taken.difference(&self.prices_refused);
        whole.map(|&subject| Taken { subject, stamp, part: TakenPart::Record }).collect()
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
            pointer: note.map_or_else(String::new, |note| note.pointer.clone()),
            count: None,
        });
    }

    /// F2, F8: absence proves nothing where the file is not whole, or says prices alone.
    pub fn is_whole(&self) -> bool {
        self.names_each_id() && !self.facts.prices_only
    }

    fn names_each_id(&self) -> bool {
        self.facts.complete && !self.facts.deletes_barred
    }

    /// What the file says of records that it does not hold, where up to `kept_max` of its invalid ones are
    /// kept.
    pub fn accepted_file(&self, kept_max: usize) -> AcceptedFile {
        AcceptedFile {
            snapshot: self.snapshot,
            names_each_id: self.names_each_id(),
            names_each_invalid: self.facts.complete && self.facts.quarantined <= kept_max as u64,
        }
    }

    pub fn note_unapplied(&mut self, id: &AssetId) {
        if self.unapplied.len() <= UNAPPLIED_KEPT {
            self.unapplied.push(id.as_str().to_owned());
        }
    }

    pub fn absence_basis(&self) -> AbsenceBasis {
        AbsenceBasis {
            run: self.facts.run,
            snapshot: self.snapshot,
            counts_at_once: self.dated && !self.facts.may_be_cut && !self.facts.may_be_mixed,
            is_confirmable: self.dated && !self.facts.may_be_cut,
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
    // an undated file in between does not make the partner's clock begin again
    state.last_stated_at = run.facts.times.stated().map(|at| at.0).or(state.last_stated_at);
    state.last_dated = run.dated;
    state.last_whole = run.is_whole() && unapplied.len() <= UNAPPLIED_KEPT;
    state.last_doubtful = run.facts.may_be_cut || run.facts.may_be_mixed;
    state.last_only_mixed = run.facts.may_be_mixed && !run.facts.may_be_cut;
    state.last_lines = run.facts.is_lines;
    state.last_empty = run.facts.present == 0;
    state.last_empty_meant = run.facts.allow_empty;
    state.last_unapplied = if state.last_whole { unapplied } else { Vec::new() };
    if run.facts.complete && !run.facts.prices_only {
        // a part says nothing about the size of the whole
        guard::remember(state, run.facts.present, 0, now);
    }
    remember_file(state, file, now);
    state.last_missed = run.counts.missed_push;
    state.last_pushes = std::mem::take(&mut state.pushes_since_run);
}

/// What every fetch that found a good file leaves, the same one or another.
pub fn remember_file(state: &mut FeedState, file: &FetchedFile, now: Micros) {
    remember_fetch(state, file.started_at, &file.body_hash);
    state.body_hash = Some(file.body_hash.clone());
    state.etag.clone_from(&file.etag);
    state.last_modified.clone_from(&file.last_modified);
    let is_same_url = state.validators_url.as_deref() == Some(&file.url);
    state.validators_lie = (state.validators_lie && is_same_url) || file.proof.has_lied;
    state.validators_url = Some(file.url.clone());
    state.validators_unsteady = file.proof.stood_still.map_or(state.validators_unsteady, |still| !still);
    (state.whole_at, state.unmodified_in_row) = match file.is_body {
        true => (Some(file.started_at.0), 0),
        false => (state.whole_at, state.unmodified_in_row.saturating_add(1)),
    };
    state.last_success_at = Some(now.0);
    state.failures_in_row = 0;
    state.gone = None;
    state.time_refusals_in_row = 0;
    state.mapping_print = Some(file.mapping_print);
}

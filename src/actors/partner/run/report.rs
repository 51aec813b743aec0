//! The report that a run ends with.

use super::active::ActiveRun;
use crate::actors::partner::message::run::{FetchedFile, Reread, RunFailure};
use crate::domain::{Micros, RunCounts, RunId, RunReport, RunStatus};

/// The report of a run that was applied.
pub fn applied_report(run: &ActiveRun, pushes_at_all: bool, finished_at: Micros) -> RunReport {
    RunReport {
        run: run.facts.run,
        status: RunStatus::Applied,
        code: None,
        detail: run.facts.reread.map(Reread::detail),
        started_at: run.facts.file.started_at.0,
        finished_at: finished_at.0,
        snapshot_at: Some(run.snapshot.0),
        dated: run.dated,
        body_bytes: run.facts.file.body_bytes,
        wire_bytes: run.facts.file.wire_bytes,
        timings: None,
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
        wire_bytes: file.wire_bytes,
        timings: None,
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
        wire_bytes: None,
        timings: None,
        counts: RunCounts { records: failure.records, quarantined: failure.invalid, ..RunCounts::default() },
        pushes_at_all: false,
        faults: failure.faults,
    }
}

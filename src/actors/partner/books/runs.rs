//! The feed's state and the reports of its runs.

use super::record;
use crate::domain::{ChangeKind, FeedState, PartnerNo, RunId, RunReport};
use crate::store::{ReadError, Reader};

/// Reports kept per partner; older ones are dropped as new ones come.
const REPORTS_KEPT: u64 = 200;

/// The feed's state as it was recorded last; that of a feed without runs where it never was.
pub fn state(reader: &Reader, no: PartnerNo) -> Result<FeedState, ReadError> {
    Ok(reader.record(no, &())?.unwrap_or_default())
}

/// The changes that record a run's end: the feed's state, the report, one old report dropped.
pub fn closing_changes(state: &FeedState, report: &RunReport) -> Vec<ChangeKind> {
    let mut changes = vec![state_record(state), record::put(&report.run, report)];
    if let Some(old) = report.run.0.checked_sub(REPORTS_KEPT).filter(|&old| old > 0) {
        changes.push(record::remove::<RunReport>(&RunId(old)));
    }
    changes
}

/// The change that records the feed's state.
pub fn state_record(state: &FeedState) -> ChangeKind {
    record::put(&(), state)
}

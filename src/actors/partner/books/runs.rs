//! The feed's state and the reports of its runs.

use super::record;
use crate::domain::{ChangeKind, FeedState, PartnerNo, RecordKind, RunReport};
use crate::store::{ReadError, Reader};

/// Reports kept per partner; older ones are dropped as new ones come.
const REPORTS_KEPT: u64 = 200;

/// The feed's state as it was recorded last.
pub fn state(reader: &Reader, no: PartnerNo) -> Result<FeedState, ReadError> {
    let state = reader.record(RecordKind::Feed, no, &[])?;
    Ok(state.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
}

/// The changes that record a run's end: the feed's state, the report, one old report dropped.
pub fn closing_changes(state: &FeedState, report: &RunReport) -> Vec<ChangeKind> {
    let mut changes =
        vec![state_record(state), record::put(RecordKind::Run, &report.run.0.to_be_bytes(), report)];
    if let Some(old) = report.run.0.checked_sub(REPORTS_KEPT).filter(|&old| old > 0) {
        changes.push(record::gone(RecordKind::Run, &old.to_be_bytes()));
    }
    changes
}

/// The change that records the feed's state.
pub fn state_record(state: &FeedState) -> ChangeKind {
    record::put(RecordKind::Feed, &[], state)
}

//! What is wrong, or odd, with a file as a whole, in the words of a run's report: it stands before
//! the faults of single records, and names none.

use crate::codec::snapshot::EnvelopeTime;
use crate::domain::{Micros, RecordFault};
use crate::rules::snapshot::SnapshotTimes;
use crate::rules::survey::Surveyed;

/// T2, T4, F6: what the file's envelope and its ids give away.
pub fn of_file(time: Option<&EnvelopeTime>, times: &SnapshotTimes, surveyed: &Surveyed) -> Vec<RecordFault> {
    let mut lints: Vec<RecordFault> = time.and_then(|time| of_envelope(time, times)).into_iter().collect();
    if surveyed.may_be_mixed {
        let detail = format!(
            "an id stands more than once, {} records say what another says: the file may be a mixture of two \
             versions, so what it lacks counts at the second such file in a row (F6)",
            surveyed.repeated
        );
        lints.push(lint("ids_repeated", 0, detail));
    }
    lints
}

fn of_envelope(time: &EnvelopeTime, times: &SnapshotTimes) -> Option<RecordFault> {
    let EnvelopeTime { text, offset, at } = time;
    match at {
        Err(wrong) => {
            let detail =
                format!("the document's own time {text} cannot be read, so the run is undated (T2): {wrong}");
            Some(lint("time_format", *offset, detail))
        }
        Ok(at) if times.envelope_is_ahead() => {
            let seconds = at.since(times.fetch_started_at) / Micros::SECOND;
            let detail = format!(
                "the document's own time {text} lies {seconds} s ahead of our clock, so the run is undated (T4): \
                 check the clock and the offset of the exporter"
            );
            Some(lint("future_time", *offset, detail))
        }
        Ok(_) => None,
    }
}

/// T3: the setting for an export that lags behind its own envelope.
pub fn outdated(records: u64) -> RecordFault {
    let detail = format!(
        "{records} records of this run, as of the one before, are older by their updated_at than what was pushed, \
         in a file that is newer: where the export lags behind its own time, set record_time = \"record\" (T3)"
    );
    lint("records_outdated", 0, detail)
}

fn lint(code: &str, offset: u64, detail: String) -> RecordFault {
    RecordFault { record: None, offset, id: None, code: code.into(), detail }
}

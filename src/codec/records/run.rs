//! The reports of a feed's runs.
//!
//! - Key: the run's number, eight bytes, big-endian.
//! - Value: JSON of `RunReport`.
//! - Lifetime: the newest reports are kept, a fixed number for each partner; each new one takes the
//!   place of the oldest.

use super::form::{Encode, Record, RecordCause, from_json, json, number_key, read_number};
use crate::domain::{RecordKind, RunId, RunReport};

impl Record for RunReport {
    const KIND: RecordKind = RecordKind::Run;
    type Key = RunId;

    fn key(run: &RunId) -> Box<[u8]> {
        number_key(run.0)
    }

    fn read_key(bytes: &[u8]) -> Option<RunId> {
        read_number(bytes).map(RunId)
    }

    fn decode(bytes: &[u8]) -> Result<RunReport, RecordCause> {
        from_json(bytes)
    }
}

impl Encode for RunReport {
    fn encode(&self) -> Box<[u8]> {
        json(self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::tests::pinned;
    use super::*;
    use crate::domain::RunStatus;

    const APPLIED: &str = concat!(
        r#"{"run":4,"status":"applied","started_at":1780010800000000,"finished_at":1780010800000000,"#,
        r#""snapshot_at":1780007200000001,"dated":false,"body_bytes":89,"counts":{"records":3,"created":0,"#,
        r#""updated":2,"unchanged":0,"deleted":0,"held":0,"quarantined":1,"prices_quarantined":1,"#,
        r#""repeated":0,"drift":0,"new":0,"agree":0,"feed_stale":0,"missed_push":2,"missed_delete":0,"#,
        r#""phantom":0,"resurrected":0,"value_conflict":0,"absent_once":0,"pushes":0},"#,
        r#""pushes_at_all":false,"faults":[{"record":1,"offset":34,"code":"id_length","detail":"send an id"},"#,
        r#"{"offset":53,"id":"a1","code":"invalid_number","detail":"send the amount"}]}"#,
    );
    const FAILED: &str = concat!(
        r#"{"run":5,"status":"failed","code":"html","detail":"the answer is a web page","#,
        r#""started_at":1780014400000000,"finished_at":1780014400000000,"dated":false,"body_bytes":0,"#,
        r#""counts":{"records":0,"created":0,"updated":0,"unchanged":0,"deleted":0,"held":0,"#,
        r#""quarantined":0,"prices_quarantined":0,"repeated":0,"drift":0,"new":0,"agree":0,"#,
        r#""feed_stale":0,"missed_push":0,"missed_delete":0,"phantom":0,"resurrected":0,"#,
        r#""value_conflict":0,"absent_once":0,"pushes":0},"pushes_at_all":false,"faults":[]}"#,
    );

    #[test]
    fn the_bytes_of_a_report_are_these() {
        let report = pinned::<RunReport>(&RunId(4), b"\0\0\0\0\0\0\0\x04", APPLIED.as_bytes());
        assert_eq!((report.run, report.status, report.counts.updated), (RunId(4), RunStatus::Applied, 2));
        assert_eq!((report.faults[0].record, report.faults[1].record), (Some(1), None));
        let report = pinned::<RunReport>(&RunId(5), b"\0\0\0\0\0\0\0\x05", FAILED.as_bytes());
        assert_eq!((report.status, report.code.as_deref()), (RunStatus::Failed, Some("html")));
    }

    #[test]
    fn each_way_to_end_has_its_word() {
        for status in RunStatus::ALL {
            let text = FAILED.replace("\"failed\"", &format!("\"{}\"", status.as_str()));
            assert_eq!(RunReport::decode(text.as_bytes()).unwrap().status, status);
        }
        assert!(RunReport::decode(FAILED.replace("\"failed\"", "\"other\"").as_bytes()).is_err());
    }
}

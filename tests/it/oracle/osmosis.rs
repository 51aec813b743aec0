//! Replays successive versions of one real feed through the model.
//!
//! The records lie under `/assets`, the id is `/base`; every top-level member of a record is an
//! ordinary member of the asset, `name` and `base` included. There is no envelope date: either
//! `Last-Modified` is declared as the data's time (dated), or there is only an ETag (undated).

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use super::model::Model;
use super::types::{Policy, RecordIn, RunReport, SnapshotIn};

/// Each version is fetched twice at its publish time; the second fetch is a 304. The reports come
/// in that order, two per version.
pub fn replay(files: impl Iterator<Item = (i64, Vec<u8>)>, dated: bool) -> Vec<RunReport> {
    replay_into(files, dated).1
}

/// As `replay`, with the model as it ends.
pub fn replay_into(files: impl Iterator<Item = (i64, Vec<u8>)>, dated: bool) -> (Model, Vec<RunReport>) {
    let policy = Policy { last_modified_is_data_time: dated, ..Policy::default() };
    let mut model = Model::new(policy);
    let mut reports = Vec::new();
    for (published, body) in files {
        let first = snapshot(published, &body, dated);
        let again = SnapshotIn {
            fetch_start: published,
            body_hash: first.body_hash,
            not_modified: true,
            ..SnapshotIn::default()
        };
        reports.push(model.snapshot(published, first));
        reports.push(model.snapshot(published, again));
    }
    (model, reports)
}

/// One version as the feed's server gives it.
pub fn snapshot(published: i64, body: &[u8], dated: bool) -> SnapshotIn {
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let records = parsed.as_ref().and_then(|file| file.pointer("/assets")?.as_array());
    SnapshotIn {
        fetch_start: published,
        body_hash: hash(body),
        last_modified: dated.then_some(published),
        closed: records.is_some(),
        records: records.map(|r| r.iter().map(record).collect()).unwrap_or_default(),
        ..SnapshotIn::default()
    }
}

fn record(record: &Value) -> RecordIn {
    let members = record.as_object();
    RecordIn {
        id: record.pointer("/base").and_then(Value::as_str).map(String::from),
        updated_at: None,
        members: members.map(|m| m.clone().into_iter().collect()).unwrap_or_default(),
        price: None,
        valid: members.is_some(),
    }
}

fn hash(body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::types::{RunReport, RunStatus};
    use super::replay;
    use crate::support::archive;

    fn totals(reports: &[RunReport]) -> BTreeMap<&'static str, usize> {
        let mut totals = BTreeMap::new();
        for (index, report) in reports.iter().enumerate() {
            let mut add = |name, n| *totals.entry(name).or_default() += n;
            add("created", report.created);
            add("updated", report.updated);
            add("unchanged", report.unchanged);
            add("deleted", report.deleted);
            add("held", report.held);
            add("quarantined", report.quarantined);
            add("repeated", report.repeated);
            add("absent_once", report.absent_once);
            add("suppressed", report.suppressed);
            let first = index % 2 == 0;
            add("first fetches applied", usize::from(first && report.status == RunStatus::Applied));
            add("first fetches unchanged", usize::from(first && report.status == RunStatus::Unchanged));
            let still = report.created + report.updated + report.deleted + report.absent_once == 0;
            add("versions without a change", usize::from(first && still));
            add("versions with quarantine", usize::from(first && report.quarantined > 0));
            let odd = !matches!(report.status, RunStatus::Applied | RunStatus::Unchanged);
            add("other statuses", usize::from(odd));
            for (verdict, n) in &report.verdicts {
                add(verdict, *n);
            }
        }
        totals
    }

    #[test]
    fn the_real_history_replays_as_its_readme_says() {
        let Some(versions) = archive::osmosis() else { return };
        for dated in [true, false] {
            let files =
                versions.iter().map(|(at, path)| (at.0, std::fs::read(path).expect("a version can be read")));
            let reports = replay(files, dated);
            let totals = totals(&reports);
            println!("dated {dated}: {totals:#?}");
            // The README counts the last of two records with the same id; F6 takes neither, and
            // the history begins with two assets.
            let expected = [
                ("created", 614 + 2),
                ("updated", 2_664 - 3),
                ("deleted", 19),
                ("held", 0),
                ("versions without a change", 7),
                ("versions with quarantine", 4),
                ("first fetches applied", 360),
            ];
            for (name, total) in expected {
                assert_eq!(totals[name], total, "{name}");
            }
        }
    }
}

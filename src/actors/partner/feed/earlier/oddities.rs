//! The lints that need the document before this one, or its records beside its envelope.

use super::marks;
use crate::actors::partner::feed::lints::lint;
use crate::actors::partner::feed::survey::ReadFile;
use crate::codec::time;
use crate::domain::{FeedState, Micros, RecordFault};
use crate::rules::feed::oddities::{self, OddTime};
use crate::rules::feed::snapshot::{SnapshotTimes, is_same_body};
use crate::rules::feed::survey::Presence;
use std::path::Path;

/// What is odd about a file beside the last accepted one, whose marks lie in `bodies`. Blocking.
pub fn of_file(
    read: &ReadFile,
    times: &SnapshotTimes,
    (state, body_hash): (&FeedState, &str),
    bodies: &Path,
) -> Vec<RecordFault> {
    let mut lints: Vec<RecordFault> = Vec::new();
    let is_same = is_same_body(state, body_hash);
    lints.extend(of_time(times, state, is_same));
    lints.extend(newer_records(read, times));
    if !is_same {
        lints.extend(changed_records(read, bodies));
        lints.extend(shrinking(read, state));
    }
    lints
}

fn of_time(times: &SnapshotTimes, state: &FeedState, is_same: bool) -> Option<RecordFault> {
    let (stated, last) = (times.stated(), state.last_stated_at.map(Micros));
    let odd = oddities::odd_time(stated, last, is_same)?;
    let (stated, last) = (time::format(stated?), time::format(last?));
    Some(match odd {
        OddTime::WentBack { by } => {
            let seconds = by / Micros::SECOND;
            let detail = format!(
                "the document's time {stated} lies {seconds} s before {last}, that of the last accepted one: an older \
                 file is served (a cache, one of several servers), or the exporter's clock was put back"
            );
            lint("time_went_back", 0, detail)
        }
        OddTime::StoodStill => {
            let detail = format!(
                "the document says something else than the last one, under the same time {stated}: set it whenever the \
                 export is made, or leave it out; pushes since then cannot be told from those before"
            );
            lint("time_unchanged", 0, detail)
        }
    })
}

/// Records that are newer by their own word than the document that holds them.
fn newer_records(read: &ReadFile, times: &SnapshotTimes) -> Option<RecordFault> {
    let made_at = times.generated_at.filter(|_| !times.envelope_is_wrong())?;
    let mut newer = read.surveyed.present.iter().filter_map(|(id, presence)| match presence {
        Presence::Valid(record) if record.updated_at > Some(made_at) => Some((id, record)),
        _ => None,
    });
    let (id, first) = newer.next()?;
    let count = 1 + newer.count() as u64;
    let detail = format!(
        "{count} records are newer by their updated_at than the document itself, such as `{id}` of {} in a document \
         of {}: they count as of the document's time; set that when the last record has been read",
        time::format(first.updated_at?),
        time::format(made_at)
    );
    Some(RecordFault {
        record: Some(u64::from(first.record)),
        id: Some(id.as_str().into()),
        count: Some(count),
        ..lint("record_newer_than_document", first.offset, detail)
    })
}

fn changed_records(read: &ReadFile, bodies: &Path) -> Option<RecordFault> {
    let before = marks::read(bodies);
    let (places, now): (Vec<usize>, Vec<_>) = marks::marks(&read.surveyed.present).unzip();
    let changed = oddities::changed_under_their_time(&before, now.into_iter());
    let (id, presence) = &read.surveyed.present[places[*changed.first()?]];
    let Presence::Valid(record) = presence else { return None };
    let count = changed.len() as u64;
    let detail = format!(
        "{count} records say something else than in the last document while their updated_at is the same, such as \
         `{id}` of {}: set it whenever a record changes; by record_time = \"record\" such a change would be lost",
        time::format(record.updated_at?)
    );
    Some(RecordFault {
        record: Some(u64::from(record.record)),
        id: Some(id.as_str().into()),
        count: Some(count),
        ..lint("changed_without_time", record.offset, detail)
    })
}

fn shrinking(read: &ReadFile, state: &FeedState) -> Option<RecordFault> {
    if !read.envelope.complete || read.prices_only {
        return None;
    }
    let counts = oddities::shrinking(&state.accepted_counts, read.surveyed.present.len() as u64)?;
    let shown: Vec<String> = counts.iter().map(u64::to_string).collect();
    let detail = format!(
        "each of the last {} documents held fewer records than the one before: {}: what sells out is expected, an \
         export that loses a page each day is not",
        counts.len(),
        shown.join(", ")
    );
    Some(RecordFault { count: counts.last().copied(), ..lint("feed_shrinks", 0, detail) })
}

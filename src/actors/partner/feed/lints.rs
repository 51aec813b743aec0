//! What is wrong, or odd, with a file as a whole, in the words of a run's report: it stands before
//! the faults of single records, and names none.

use crate::actors::partner::message::run::VersionProof;
use crate::codec::mapping::{MappedRecord, optional_fields};
use crate::codec::snapshot::{Envelope, EnvelopeTime, RawRecord};
use crate::domain::mapping::{Mapping, Place};
use crate::domain::{Micros, RecordFault};
use crate::rules::feed::snapshot::SnapshotTimes;
use crate::rules::feed::survey::Surveyed;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// T2, T4, F6: what the file's envelope and its ids give away.
pub fn of_file(time: Option<&EnvelopeTime>, times: &SnapshotTimes, surveyed: &Surveyed) -> Vec<RecordFault> {
    let mut lints: Vec<RecordFault> = time.and_then(|time| of_envelope(time, times)).into_iter().collect();
    if let Some(alike) = &surveyed.alike {
        let detail = format!(
            "{} ids differ from others only in the case of letters or in blanks around them, such as `{}` and `{}`: \
             they are assets of their own; where they are meant to be one, write lower = true or trim = true at the \
             mapping's id",
            alike.count, alike.example.0, alike.example.1
        );
        lints.push(RecordFault { count: Some(alike.count), ..lint("ids_alike", 0, detail) });
    }
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

/// F1, A11: what the fetch gives away of the file's server. `is_known`: it has lied before.
pub fn of_fetch(proof: &VersionProof, is_known: bool) -> Vec<RecordFault> {
    let mut lints = Vec::new();
    if proof.has_lied || is_known {
        let detail = "the server gave an ETag or Last-Modified of one content for another, or answers 304 to it                       after a change: its validators are used no more, each fetch brings the whole body (A11);                       their owner should make them of the content";
        lints.push(lint("validators_lie", 0, detail.into()));
    }
    if let Some(doubt) = &proof.doubt {
        let detail = format!(
            "nothing proves that the body is of one version of the document: {doubt}; what it lacks counts at the \
             second such body in a row (F1)"
        );
        lints.push(lint("version_unproven", 0, detail));
    }
    lints
}

/// T3: the setting for an export that lags behind its own envelope.
pub fn outdated(records: u64) -> RecordFault {
    let detail = format!(
        "{records} records of this run, as of the two before, are older by their updated_at than what was pushed, \
         in a file that is newer: where the export lags behind its own time, set record_time = \"record\" (T3)"
    );
    lint("records_outdated", 0, detail)
}

/// F1: pages of which nothing says that the last was the last.
pub fn unproven_pages() -> RecordFault {
    let detail = "nothing proves that the last page was the last one (its lines may be cut, or no page had anything \
                  where the next one is looked for), so what the document lacks counts at the second such one in a \
                  row (F1): check what leads to the next page, or name count or more in [feed.pages]";
    lint("pages_unproven", 0, detail.into())
}

/// One that names no record.
pub fn lint(code: &str, offset: u64, detail: String) -> RecordFault {
    RecordFault { offset, code: code.into(), detail, ..RecordFault::default() }
}

/// Kinds of lints of records that one report names; what is beyond is left out.
const KINDS_MAX: usize = 50;

/// Gathers what is odd about records: each kind once for each place, with its number and its first
/// record.
pub struct Lints<'m> {
    mapping: &'m Mapping,
    kinds: BTreeMap<(&'static str, String), RecordFault>,
    /// Of `mapping::optional_fields`, those of which any record had something.
    found: u64,
    records: u64,
    prices: u64,
}

impl<'m> Lints<'m> {
    /// For the records of one file.
    pub fn of(mapping: &'m Mapping) -> Lints<'m> {
        Lints { mapping, kinds: BTreeMap::new(), found: 0, records: 0, prices: 0 }
    }

    /// Takes note of what one sound record gave.
    pub fn note(&mut self, raw: &RawRecord<'_>, read: &MappedRecord) {
        self.records += 1;
        self.found |= read.found;
        self.prices += (read.write.prices.len() + read.prices_aside.len()) as u64;
        for lint in &read.lints {
            let kinds = self.kinds.len();
            let entry = match self.kinds.entry((lint.code, lint.pointer.clone())) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(_) if kinds == KINDS_MAX => continue,
                Entry::Vacant(entry) => entry.insert(RecordFault {
                    record: Some(raw.record),
                    offset: raw.offset,
                    id: Some(read.write.id.as_str().to_owned()),
                    code: lint.code.into(),
                    detail: lint.detail.clone().into_owned(),
                    pointer: lint.pointer.clone(),
                    count: Some(0),
                }),
            };
            entry.count = entry.count.map(|count| count + 1);
        }
    }

    /// All of them, with what no record at all had. `prices_only`: the feed says prices alone (F8).
    pub fn finish(self, envelope: &Envelope, prices_only: bool) -> Vec<RecordFault> {
        let mut lints: Vec<RecordFault> = self.kinds.into_values().collect();
        if envelope.elements_without > 0 {
            let detail = "elements that the * of `records` steps into hold no records: they count as empty";
            lints.push(RecordFault {
                count: Some(envelope.elements_without),
                ..lint("no_records", 0, detail.into())
            });
        }
        let reads_own = self.mapping.quotes.iter().all(|quote| quote.is_own);
        if prices_only && reads_own && self.records > 0 && self.prices == 0 {
            let detail = "no record of this feed of prices has a `price`: map where its amounts are";
            lints.push(RecordFault {
                pointer: "/price".into(),
                count: Some(self.records),
                ..lint("nothing_found", 0, detail.into())
            });
        }
        let absent = optional_fields(self.mapping).enumerate().take(64);
        for (_, field) in absent.filter(|(bit, _)| self.records > 0 && self.found & (1 << bit) == 0) {
            let pointer = field.places.iter().find_map(pointer_of).unwrap_or_default();
            let detail = "no record has a value where the mapping points: check the pointer, or leave it out";
            lints.push(RecordFault {
                pointer,
                count: Some(self.records),
                ..lint("nothing_found", 0, detail.into())
            });
        }
        lints
    }
}

fn pointer_of(place: &Place) -> Option<String> {
    match place {
        Place::At(pointer) => Some(pointer.to_string()),
        Place::Above { at, .. } => Some(at.to_string()),
        _ => None,
    }
}

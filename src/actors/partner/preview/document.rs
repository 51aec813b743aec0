//! A document read as a run would read it, for somebody who looks first: nothing is applied or kept.

use crate::actors::partner::feed::lints;
use crate::actors::partner::feed::survey::{FileFault, ReadFile, survey_showing};
use crate::codec::mapping::MappedRecord;
use crate::codec::render::{DocumentPreview, PreviewedRecord};
use crate::codec::time;
use crate::config::PartnerSettings;
use crate::domain::{Micros, RecordFault};
use std::path::Path;

/// Faults of prices that are named; all are counted.
const FAULTS_KEPT: usize = 100;

/// Why a document cannot be read at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct UnreadDocument {
    /// Stable, as in a run's report.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub detail: String,
}

/// A document that has been read, and what is needed to go on with it.
pub struct PreviewedFile {
    /// What is shown of it.
    pub shown: DocumentPreview,
    /// `None` where too much of it is invalid (F3).
    pub read: Option<ReadFile>,
}

/// How a document is looked at.
#[derive(Clone, Copy, Debug)]
pub struct PreviewTerms {
    /// A lone object is one line.
    pub as_lines: bool,
    /// So many records are shown.
    pub records_shown: usize,
    /// The time of the look.
    pub now: Micros,
    /// No catalogue is at hand that may know the currency of a price that names none (P4).
    pub is_alone: bool,
}

/// Reads a document by a partner's settings, and shows its first records.
pub fn preview(
    settings: &PartnerSettings,
    path: &Path,
    terms: PreviewTerms,
) -> Result<PreviewedFile, UnreadDocument> {
    let PreviewTerms { as_lines, records_shown, now, is_alone } = terms;
    let needs_currency = is_alone && settings.policy.default_currency.is_none();
    let mut shown = DocumentPreview::default();
    let mut price_faults = Vec::new();
    let read = survey_showing(settings, path, as_lines, |raw, read| {
        shown.prices += read.write.prices.len() as u64;
        shown.prices_quarantined += read.prices_aside.len() as u64;
        let unpriced = if needs_currency { without_currency(read) } else { 0 };
        shown.prices -= unpriced;
        shown.prices_quarantined += unpriced;
        let left = FAULTS_KEPT - price_faults.len();
        price_faults.extend(faults_of_prices(raw.record, raw.offset, read).take(left));
        if unpriced > 0 && price_faults.len() < FAULTS_KEPT {
            price_faults.push(currency_missing(raw.record, raw.offset, read));
        }
        if shown.first.len() < records_shown {
            shown.first.push(PreviewedRecord::of(raw.record, &read.write));
        }
    });
    let read = match read {
        Ok(read) => {
            let times = read.times(None, now, false);
            let written = read.envelope.generated_at.as_ref();
            shown.lints = lints::of_file(written, &times, &read.surveyed);
            shown.lints.extend(read.lints.iter().cloned());
            shown.records = read.surveyed.records;
            shown.quarantined = read.surveyed.quarantined;
            shown.faults = read.surveyed.faults.clone();
            shown.generated_at = times.generated_at.map(time::format);
            Some(read)
        }
        Err(FileFault::Refused(refused, _)) => {
            shown.records = refused.records;
            shown.quarantined = refused.invalid;
            shown.faults = refused.faults.clone();
            shown.refused = true;
            None
        }
        Err(FileFault::Scan(error)) => {
            let detail = format!("{} (at byte {})", error.detail, error.offset);
            return Err(UnreadDocument { code: error.code, detail });
        }
        Err(FileFault::Unreadable(error)) => {
            return Err(UnreadDocument { code: "read_failed", detail: error.to_string() });
        }
    };
    shown.faults.extend(price_faults);
    shown.faults.sort_by_key(|fault| fault.record);
    Ok(PreviewedFile { shown, read })
}

/// Prices of a record whose currency neither they, nor its document name.
fn without_currency(read: &MappedRecord) -> u64 {
    let is_named = read.write.members.get("currency").is_some();
    let unnamed = read.write.prices.iter().filter(|price| price.currency.is_none() && price.amount.is_some());
    if is_named { 0 } else { unnamed.count() as u64 }
}

fn currency_missing(record: u64, offset: u64, read: &MappedRecord) -> RecordFault {
    let detail = "the price names no currency: map it (currency = \"/…\" or { const = \"EUR\" } beside the amount), or \
                  set the partner's `currency`";
    RecordFault {
        record: Some(record),
        offset,
        id: Some(read.write.id.as_str().to_owned()),
        code: "currency_missing".to_owned(),
        detail: detail.to_owned(),
        ..RecordFault::default()
    }
}

fn faults_of_prices(
    record: u64,
    offset: u64,
    read: &MappedRecord,
) -> impl Iterator<Item = RecordFault> + use<'_> {
    let notes = read.prices_aside.iter().filter_map(|aside| aside.note.as_deref());
    notes.map(move |note| RecordFault {
        record: Some(record),
        offset,
        id: Some(read.write.id.as_str().to_owned()),
        code: note.code.to_string(),
        detail: note.hint.clone(),
        pointer: note.pointer.clone(),
        count: None,
    })
}

//! A feed's document, read record by record with bounded memory (F1).
//!
//! An array of records, an object that holds the array somewhere, or NDJSON. The document's syntax
//! is checked to its last byte; what a record means is for `record::decode`. Names repeated within
//! a record, and its limits, are the record's own fault (F2); broken syntax, half characters and
//! half surrogate pairs anywhere fail the run. An NDJSON file cut between two lines cannot be told
//! from a shorter one: only arrays and objects prove that they are whole. An object alone is no list:
//! errors are answered with 200 and look like it.

mod envelope;
mod lines;
mod pages;
mod parents;
mod role;
mod source;
mod walk;

pub use envelope::{Envelope, EnvelopeTime, Page, RawRecord, SnapshotError, SnapshotLimits};
pub use parents::Parents;
pub use source::PAGE_MARK;

use crate::domain::{Mapping, Pointer};
use source::Source;
use std::io::Read;
use walk::Walk;

/// Reads a whole document, and shows each record to `visit` in order. `parents` is what [`parents`] gave
/// for the same document.
pub fn scan<R: Read>(
    source: R,
    mapping: &Mapping,
    limits: &SnapshotLimits,
    parents: &Parents,
    visit: impl FnMut(RawRecord<'_>),
) -> Result<Envelope, SnapshotError> {
    Walk::showing(Source::new(source), mapping, limits, parents, visit).document()
}

/// Reads one page by itself, shows each record to `visit`, and gives the values at the `wanted` places
/// beside the records. What the page says of itself is for [`scan`] to read, of all pages together.
pub fn page<R: Read>(
    source: R,
    mapping: &Mapping,
    limits: &SnapshotLimits,
    wanted: &[&Pointer],
    visit: impl FnMut(RawRecord<'_>),
) -> Result<Page, SnapshotError> {
    let mapping = Mapping { generated_at: None, count: None, ..mapping.clone() };
    let limits = SnapshotLimits { is_paged: false, ..*limits };
    let parents = Parents::default();
    Walk::showing(Source::new(source), &mapping, &limits, &parents, visit).page(wanted)
}

/// What stands above the records of a document, where the mapping reads anything from there: to be read
/// only where it does ([`Mapping::looks_above`]).
pub fn parents<R: Read>(
    source: R,
    mapping: &Mapping,
    limits: &SnapshotLimits,
) -> Result<Parents, SnapshotError> {
    Walk::<R, fn(RawRecord<'_>)>::parents(Source::new(source), mapping, limits)
}

#[cfg(test)]
mod pages_tests;
#[cfg(test)]
mod tests;

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
mod parents;
mod role;
mod source;
mod walk;

pub use envelope::{Envelope, EnvelopeTime, RawRecord, SnapshotError, SnapshotLimits};
pub use parents::Parents;

use crate::domain::Mapping;
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
mod tests;

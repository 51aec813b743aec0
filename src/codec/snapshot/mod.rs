//! A feed's document, read record by record with bounded memory (F1).
//!
//! An array of records, an object that holds the array somewhere, or NDJSON. The document's syntax
//! is checked to its last byte; what a record means is for `record::decode`. Names repeated within
//! a record, and its limits, are the record's own fault (F2); broken syntax, half characters and
//! half surrogate pairs anywhere fail the run. An NDJSON file cut between two lines cannot be told
//! from a shorter one: only arrays and objects prove that they are whole. An object alone is no list:
//! errors are answered with 200 and look like it.

mod envelope;
mod source;
mod walk;

pub use envelope::{Envelope, EnvelopeTime, RawRecord, SnapshotError, SnapshotLimits};

use crate::domain::Mapping;
use source::Source;
use std::io::Read;
use walk::Walk;

/// Reads a whole document, and shows each record to `visit` in order.
pub fn scan<R: Read>(
    source: R,
    mapping: &Mapping,
    limits: &SnapshotLimits,
    visit: impl FnMut(RawRecord<'_>),
) -> Result<Envelope, SnapshotError> {
    Walk::new(Source::new(source), mapping, limits, visit).document()
}

#[cfg(test)]
mod tests;

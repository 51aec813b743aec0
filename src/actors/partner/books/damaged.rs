//! Damaged records that a start goes on without, and says so.

use crate::codec::records::Record;
use crate::domain::{PartnerName, RecordKind};
use crate::store::StoreError;

/// How many records of each kind a start has met damaged, and goes on without.
#[derive(Debug, Default)]
pub struct DamagedRecords(Vec<(RecordKind, u64)>);

impl DamagedRecords {
    /// The record's value; one that is damaged is counted, and `None`.
    pub fn unless<R: Record>(&mut self, value: Result<R, StoreError>) -> Option<R> {
        value.inspect_err(|_| self.note(R::KIND)).ok()
    }

    fn note(&mut self, kind: RecordKind) {
        match self.0.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, records)) => *records += 1,
            None => self.0.push((kind, 1)),
        }
    }

    /// Says in the log whose they are, and what to do.
    pub fn log(self, partner: &PartnerName) {
        for (kind, records) in self.0 {
            let kind = kind.as_str();
            tracing::error!(
                %partner,
                kind,
                records,
                "records are damaged, the partner goes on without them: restore a backup to have them again"
            );
        }
    }
}

//! Documents that begin with an object: one document, or lines of them.

use super::envelope::{RawRecord, SnapshotError};
use super::role::Role;
use super::walk::Walk;
use crate::codec::json::{self, Kind};
use crate::domain::mapping::PathStep;
use compact_str::CompactString;
use std::io::Read;

impl<R: Read, V: FnMut(RawRecord<'_>)> Walk<'_, R, V> {
    /// NDJSON, where another object follows the first and the first does not hold the records.
    pub(super) fn object_or_lines(&mut self) -> Result<(), SnapshotError> {
        let records = &self.mapping.records;
        let Some(length) = self.source.value_length(self.limits.record_bytes_max)? else {
            if records.steps.is_empty() {
                return Err(self.record_too_large());
            }
            return self.value(0, Role::Above);
        };
        let lines = match (records.lines, self.source.byte_after(length)?) {
            (true, _) => true,
            (false, Some(b'{')) => !self.holds_records(length)?,
            (false, None) => self.is_lone_line(length)?,
            (false, Some(_)) => false,
        };
        if !lines {
            return self.value(0, Role::Above);
        }
        if records.is_written && !records.steps.is_empty() {
            let detail = "these are lines of JSON, and the mapping's `records` points into one document: \
                          write records = { lines = true }";
            return Err(self.fault("no_records", detail));
        }
        (self.found_records, self.is_lines) = (true, true);
        while self.source.peek()? == Some(b'{') {
            self.record(None)?;
            self.source.skip_space()?;
        }
        Ok(())
    }

    /// Whether an object holds the records, as far as its first steps show.
    fn holds_records(&self, length: usize) -> Result<bool, SnapshotError> {
        let steps = &self.mapping.records.steps;
        let names = steps.iter().map_while(|step| match step {
            PathStep::Into(name) => Some(name.clone()),
            PathStep::Each => None,
        });
        let names: Vec<CompactString> = names.collect();
        let kind = json::lookup_in_spoilt(self.source.text(length)?, &names).map(json::kind);
        let is_container = match names.len() < steps.len() {
            true => matches!(kind, Some(Kind::Array | Kind::Object)),
            false => kind == Some(Kind::Array),
        };
        Ok(is_container && !steps.is_empty())
    }

    /// An object alone is a line only where its server says so: an error's answer looks the same.
    fn is_lone_line(&mut self, length: usize) -> Result<bool, SnapshotError> {
        if self.mapping.records.steps.is_empty() && !self.limits.served_as_lines {
            let detail = "one object is no list of records, and may be an error's answer: serve an array, or one line \
                          of NDJSON as application/x-ndjson, or write records = { lines = true } in the mapping";
            return Err(self.fault("no_records", detail));
        }
        Ok(self.limits.served_as_lines && !self.holds_records(length)?)
    }
}

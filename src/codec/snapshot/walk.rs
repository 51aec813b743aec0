//! The way through a document: which of its shapes it has, and where on the way the records and
//! the envelope's members are. What lies beside them is checked and passed, never held.

use super::envelope::{Envelope, EnvelopeTime, RawRecord, SnapshotError, SnapshotLimits};
use super::source::{Source, truncated};
use crate::codec::json::{self, DEPTH_MAX, Kind, STRING_BYTES_MAX};
use crate::codec::record;
use crate::codec::reserved::shortened;
use crate::domain::Mapping;
use compact_str::{CompactString, ToCompactString};
use std::io::Read;

/// What a place in the document is to us.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Records,
    Said(Saying),
    /// Something of ours lies within.
    Above,
    Nothing,
}

/// What a document can say of itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Saying {
    GeneratedAt,
    Count,
    Complete,
    AllowEmpty,
}

pub(super) struct Walk<'m, R, V> {
    source: Source<R>,
    mapping: &'m Mapping,
    limits: &'m SnapshotLimits,
    visit: V,
    /// Names and indices that lead to here, as long as something of ours may lie within.
    path: Vec<CompactString>,
    /// Places of ours that have been passed: none may come twice.
    seen: Vec<Vec<CompactString>>,
    found_records: bool,
    is_lines: bool,
    records: u64,
    /// With the byte at which it stands.
    said: Vec<(Saying, u64, String)>,
}

impl<'m, R: Read, V: FnMut(RawRecord<'_>)> Walk<'m, R, V> {
    pub fn new(source: Source<R>, mapping: &'m Mapping, limits: &'m SnapshotLimits, visit: V) -> Self {
        Walk {
            source,
            mapping,
            limits,
            visit,
            path: Vec::new(),
            seen: Vec::new(),
            found_records: false,
            is_lines: false,
            records: 0,
            said: Vec::new(),
        }
    }

    pub fn document(mut self) -> Result<Envelope, SnapshotError> {
        self.source.strip_mark()?;
        self.source.skip_space()?;
        match self.source.peek()? {
            None => return Err(self.fault("empty_body", "the document is empty: an empty catalogue is `[]`")),
            Some(b'<') => {
                return Err(
                    self.fault("html", "this is HTML or XML, not JSON: check the feed's address and login")
                );
            }
            Some(b'[') => self.array_of_records()?,
            Some(b'{') => self.object_or_lines()?,
            Some(_) => self.scalar()?,
        }
        self.source.skip_space()?;
        if self.source.peek()?.is_some() {
            return Err(
                self.fault("malformed", "something follows the document: serve one JSON value, or NDJSON")
            );
        }
        if !self.found_records {
            let detail = "no array of records is where the mapping's `records` points: check the pointer";
            return Err(self.fault("no_records", detail));
        }
        self.envelope()
    }

    /// NDJSON, where another object follows the first and the first does not hold the records.
    fn object_or_lines(&mut self) -> Result<(), SnapshotError> {
        let pointer = &self.mapping.records.0;
        let Some(length) = self.source.value_length(self.limits.record_bytes_max)? else {
            if pointer.is_empty() {
                return Err(self.record_too_large());
            }
            return self.value(0, true);
        };
        let lines = match self.source.byte_after(length)? {
            Some(b'{') => {
                let first = self.source.text(length)?;
                json::lookup_in_spoilt(first, pointer).is_none_or(|raw| json::kind(raw) != Kind::Array)
            }
            None => self.is_lone_line(length, pointer)?,
            Some(_) => false,
        };
        if !lines {
            return self.value(0, true);
        }
        (self.found_records, self.is_lines) = (true, true);
        while self.source.peek()? == Some(b'{') {
            self.record()?;
            self.source.skip_space()?;
        }
        Ok(())
    }

    /// An object alone is a line only where its server says so: an error's answer looks the same.
    fn is_lone_line(&mut self, length: usize, pointer: &[CompactString]) -> Result<bool, SnapshotError> {
        let first = self.source.text(length)?;
        let holds_records = !pointer.is_empty()
            && json::lookup_in_spoilt(first, pointer).is_some_and(|raw| json::kind(raw) == Kind::Array);
        if pointer.is_empty() && !self.limits.served_as_lines {
            let detail = "one object is no list of records, and may be an error's answer: serve an array, or one line \
                          of NDJSON as application/x-ndjson";
            return Err(self.fault("no_records", detail));
        }
        Ok(self.limits.served_as_lines && !holds_records)
    }

    fn array_of_records(&mut self) -> Result<(), SnapshotError> {
        self.found_records = true;
        self.source.pass(1);
        self.source.skip_space()?;
        if self.source.peek()? == Some(b']') {
            self.source.pass(1);
            return Ok(());
        }
        loop {
            self.record()?;
            if self.closed(b']')? {
                return Ok(());
            }
        }
    }

    fn record(&mut self) -> Result<(), SnapshotError> {
        let Some(length) = self.source.value_length(self.limits.record_bytes_max)? else {
            return Err(self.record_too_large());
        };
        if self.records == self.limits.records_max {
            let detail = format!("more than {} records: raise `records_max`", self.limits.records_max);
            return Err(self.fault("too_many_records", detail));
        }
        let text = self.source.text(length)?;
        (self.visit)(RawRecord { record: self.records, offset: self.source.offset(), text });
        self.records += 1;
        self.source.pass(length);
        Ok(())
    }

    /// Passes a value within `depth` containers. `watched`: something of ours may lie within.
    fn value(&mut self, depth: usize, watched: bool) -> Result<(), SnapshotError> {
        let role = if watched { self.role()? } else { Role::Nothing };
        let watched = role == Role::Above;
        match (role, self.source.peek()?) {
            (Role::Records, Some(b'[')) => self.array_of_records(),
            (Role::Records, Some(_)) => {
                let detail = "what the mapping's `records` points to is no array: check the pointer";
                Err(self.fault("no_records", detail))
            }
            (Role::Said(saying), Some(_)) => self.saying(saying),
            (_, Some(b'{' | b'[')) if depth == DEPTH_MAX => {
                Err(self.fault("malformed", format!("nested deeper than {DEPTH_MAX}: flatten it")))
            }
            (_, Some(b'{')) => self.object(depth + 1, watched),
            (_, Some(b'[')) => self.array(depth + 1, watched),
            _ => self.scalar(),
        }
    }

    fn object(&mut self, depth: usize, watched: bool) -> Result<(), SnapshotError> {
        self.source.pass(1);
        self.source.skip_space()?;
        if self.source.peek()? == Some(b'}') {
            self.source.pass(1);
            return Ok(());
        }
        loop {
            let name = self.member_name()?;
            self.path.extend(watched.then_some(name));
            self.value(depth, watched)?;
            if watched {
                self.path.pop();
            }
            if self.closed(b'}')? {
                return Ok(());
            }
        }
    }

    fn array(&mut self, depth: usize, watched: bool) -> Result<(), SnapshotError> {
        self.source.pass(1);
        self.source.skip_space()?;
        if self.source.peek()? == Some(b']') {
            self.source.pass(1);
            return Ok(());
        }
        let mut index = 0u64;
        loop {
            self.path.extend(watched.then(|| index.to_compact_string()));
            self.value(depth, watched)?;
            if watched {
                self.path.pop();
            }
            index += 1;
            if self.closed(b']')? {
                return Ok(());
            }
        }
    }

    fn member_name(&mut self) -> Result<CompactString, SnapshotError> {
        match self.source.peek()? {
            Some(b'"') => {}
            Some(_) => {
                return Err(self.fault("malformed", "not JSON: a member's name in quotes is expected here"));
            }
            None => return Err(truncated(self.source.offset())),
        }
        let length = self.short_value()?;
        let text = self.source.text(length)?;
        let name = json::string(text).map(CompactString::from).map_err(|e| SnapshotError {
            code: "malformed",
            offset: self.source.offset(),
            detail: e.detail,
        })?;
        self.source.pass(length);
        self.source.skip_space()?;
        match self.source.peek()? {
            Some(b':') => self.source.pass(1),
            Some(_) => return Err(self.fault("malformed", "not JSON: a colon is expected here")),
            None => return Err(truncated(self.source.offset())),
        }
        self.source.skip_space()?;
        Ok(name)
    }

    /// Whether the container ends here; if not, its next item begins.
    fn closed(&mut self, bracket: u8) -> Result<bool, SnapshotError> {
        self.source.skip_space()?;
        let closed = match self.source.peek()? {
            Some(b',') => false,
            Some(byte) if byte == bracket => true,
            Some(_) => {
                return Err(
                    self.fault("malformed", "not JSON: a comma or the closing bracket is expected here")
                );
            }
            None => return Err(truncated(self.source.offset())),
        };
        self.source.pass(1);
        if !closed {
            self.source.skip_space()?;
        }
        Ok(closed)
    }

    fn scalar(&mut self) -> Result<(), SnapshotError> {
        let length = self.short_value()?;
        self.source.text(length)?;
        self.source.pass(length);
        Ok(())
    }

    /// The length of a value beside the records that has to be held whole.
    fn short_value(&mut self) -> Result<usize, SnapshotError> {
        let bytes_max = self.limits.record_bytes_max.max(STRING_BYTES_MAX);
        match self.source.value_length(bytes_max)? {
            Some(length) => Ok(length),
            None => Err(self
                .fault("malformed", format!("a value beside the records is longer than {bytes_max} bytes"))),
        }
    }

    fn saying(&mut self, saying: Saying) -> Result<(), SnapshotError> {
        let length = self.short_value()?;
        let offset = self.source.offset();
        self.said.push((saying, offset, self.source.text(length)?.to_owned()));
        self.source.pass(length);
        Ok(())
    }

    fn role(&mut self) -> Result<Role, SnapshotError> {
        let role = self.role_of_path();
        if role == Role::Nothing {
            return Ok(role);
        }
        if self.seen.contains(&self.path) {
            return Err(self.fault("malformed", "an object names a member twice: send each name once"));
        }
        self.seen.push(self.path.clone());
        Ok(role)
    }

    fn role_of_path(&self) -> Role {
        let path = self.path.as_slice();
        let mapping = self.mapping;
        if path == mapping.records.0 {
            return Role::Records;
        }
        let is = |pointer: &Option<crate::domain::Pointer>| pointer.as_ref().is_some_and(|p| p.0 == path);
        if is(&mapping.generated_at) {
            return Role::Said(Saying::GeneratedAt);
        }
        if is(&mapping.count) {
            return Role::Said(Saying::Count);
        }
        match path {
            [name] if name == "complete" => return Role::Said(Saying::Complete),
            [name] if name == "allow_empty" => return Role::Said(Saying::AllowEmpty),
            [] => return Role::Above,
            _ => {}
        }
        let pointers = [Some(&mapping.records), mapping.generated_at.as_ref(), mapping.count.as_ref()];
        let within = pointers.into_iter().flatten().any(|pointer| pointer.0.starts_with(path));
        if within { Role::Above } else { Role::Nothing }
    }

    fn envelope(&self) -> Result<Envelope, SnapshotError> {
        let said = |wanted: Saying| {
            let found = self.said.iter().find(|(saying, ..)| *saying == wanted);
            found.map(|(_, offset, raw)| (*offset, raw.as_str())).filter(|(_, raw)| *raw != "null")
        };
        let says_true = |wanted| said(wanted).is_some_and(|(_, raw)| raw == "true");
        let count = match said(Saying::Count) {
            Some((_, raw)) => Some(self.count(raw)?),
            None => None,
        };
        Ok(Envelope {
            generated_at: said(Saying::GeneratedAt).map(|(offset, raw)| self.time(offset, raw)),
            count,
            complete: said(Saying::Complete).is_none_or(|(_, raw)| raw == "true"),
            // F4: an empty file is meant only where it says all three
            allow_empty: says_true(Saying::AllowEmpty) && says_true(Saying::Complete),
            may_be_cut: self.is_lines && count.is_none(),
            records: self.records,
        })
    }

    fn time(&self, offset: u64, raw: &str) -> EnvelopeTime {
        let at = record::read_time(raw, self.mapping.time_format).map_err(|refusal| refusal.hint);
        EnvelopeTime { text: shortened(raw).into_owned(), offset, at }
    }

    fn count(&self, raw: &str) -> Result<u64, SnapshotError> {
        let digits = raw.trim_matches('"');
        match digits.parse::<u64>() {
            Ok(count) if count == self.records => Ok(count),
            Ok(count) => {
                let detail = format!("the document says {count} records and holds {}", self.records);
                Err(self.fault("count_mismatch", detail))
            }
            Err(_) => Err(self.fault("count_mismatch", "the document's `count` is no whole number")),
        }
    }

    fn record_too_large(&self) -> SnapshotError {
        let detail = format!(
            "a record is longer than {} bytes: raise `record_bytes_max`",
            self.limits.record_bytes_max
        );
        self.fault("record_too_large", detail)
    }

    fn fault(&self, code: &'static str, detail: impl Into<String>) -> SnapshotError {
        SnapshotError { code, offset: self.source.offset(), detail: detail.into() }
    }
}

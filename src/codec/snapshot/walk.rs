//! The way through a document: which of its shapes it has, and where on the way the records and
//! the envelope's members are. What lies beside them is checked and passed, never held.

use super::envelope::{Envelope, EnvelopeTime, RawRecord, SnapshotError, SnapshotLimits};
use super::parents::{Gathering, Parents};
use super::role::{Role, Roles, Saying};
use super::source::{Source, truncated};
use crate::codec::json::{self, DEPTH_MAX, STRING_BYTES_MAX};
use crate::codec::mapping::{Around, read_time, value_of};
use crate::codec::reserved::shortened;
use crate::codec::time;
use crate::domain::mapping::{Mapping, TimeField, TimeFormat};
use compact_str::{CompactString, ToCompactString};
use std::collections::HashSet;
use std::io::Read;

/// What a walk is for.
enum Purpose<'m, V> {
    /// Its records are shown, with what stands above them.
    Show { visit: V, parents: &'m Parents },
    /// What stands above the records is gathered.
    Gather(Gathering),
}

pub(super) struct Walk<'m, R, V> {
    pub(super) source: Source<R>,
    pub(super) mapping: &'m Mapping,
    pub(super) roles: Roles<'m>,
    pub(super) limits: &'m SnapshotLimits,
    purpose: Purpose<'m, V>,
    /// Names and indices that lead to here, as long as something of ours may lie within.
    pub(super) path: Vec<CompactString>,
    pub(super) found_records: bool,
    pub(super) is_lines: bool,
    pub(super) records: u64,
    /// The number of the page, and of its first record.
    pub(super) page: u32,
    pub(super) page_begins: u64,
    /// What has been found at the places asked for.
    pub(super) wanted: Vec<Option<String>>,
    /// By the number of `*` on the way: elements that it stepped into, and those that lead on to records.
    elements: Vec<u64>,
    containers: Vec<u64>,
    elements_without: u64,
    /// With the byte at which it stands.
    pub(super) said: Vec<(Saying, u64, String)>,
}

impl<'m, R: Read, V: FnMut(RawRecord<'_>)> Walk<'m, R, V> {
    fn new(
        source: Source<R>,
        mapping: &'m Mapping,
        limits: &'m SnapshotLimits,
        purpose: Purpose<'m, V>,
    ) -> Self {
        Walk {
            source,
            mapping,
            roles: Roles::of(mapping),
            limits,
            purpose,
            path: Vec::new(),
            found_records: false,
            is_lines: false,
            records: 0,
            page: 0,
            page_begins: 0,
            wanted: Vec::new(),
            elements: vec![0; mapping.records.depth() + 1],
            containers: vec![0; mapping.records.depth() + 1],
            elements_without: 0,
            said: Vec::new(),
        }
    }

    /// A walk that shows each record.
    pub fn showing(
        source: Source<R>,
        mapping: &'m Mapping,
        limits: &'m SnapshotLimits,
        parents: &'m Parents,
        visit: V,
    ) -> Self {
        Walk::new(source, mapping, limits, Purpose::Show { visit, parents })
    }

    /// Reads the whole document, and gives what stands above its records.
    pub fn parents(
        source: Source<R>,
        mapping: &'m Mapping,
        limits: &'m SnapshotLimits,
    ) -> Result<Parents, SnapshotError> {
        let gathering = Purpose::Gather(Gathering::new(mapping));
        let mut walk: Walk<'_, R, V> = Walk::new(source, mapping, limits, gathering);
        walk.each_page(|_| Ok(()))?;
        match walk.purpose {
            Purpose::Gather(gathering) => Ok(gathering.finish(&walk.roles)),
            Purpose::Show { .. } => Ok(Parents::default()),
        }
    }

    /// Reads one document, or one page of it.
    pub(super) fn whole(&mut self) -> Result<(), SnapshotError> {
        if let Purpose::Gather(gathering) = &mut self.purpose {
            gathering.enter_document();
        }
        self.source.strip_mark()?;
        self.source.skip_space()?;
        let records = &self.mapping.records;
        match self.source.peek()? {
            None => return Err(self.fault("empty_body", "the document is empty: an empty catalogue is `[]`")),
            Some(b'<') => {
                return Err(
                    self.fault("html", "this is HTML or XML, not JSON: check the feed's address and login")
                );
            }
            // a document that is the array needs no pointer; one that is written must apply
            Some(b'[') if !records.by_key && (!records.is_written || records.steps.is_empty()) => {
                self.array_of_records()?;
            }
            Some(b'{') if !records.by_key => self.object_or_lines()?,
            Some(_) => self.value(0, self.roles.of_path(&[], self.gathers()))?,
        }
        self.source.skip_space()?;
        if self.source.peek()?.is_some() {
            return Err(
                self.fault("malformed", "something follows the document: serve one JSON value, or NDJSON")
            );
        }
        let leads_nowhere = |(elements, containers): (&u64, &u64)| *elements > 0 && *containers == 0;
        if !self.found_records || self.elements.iter().zip(&self.containers).any(leads_nowhere) {
            let detail = "no array of records is where the mapping's `records` points: check the pointer";
            return Err(self.fault("no_records", detail));
        }
        Ok(())
    }

    fn gathers(&self) -> bool {
        matches!(self.purpose, Purpose::Gather(_))
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
            self.record(None)?;
            if self.closed(b']')? {
                return Ok(());
            }
        }
    }

    /// The members of an object, each a record.
    fn object_of_records(&mut self) -> Result<(), SnapshotError> {
        self.found_records = true;
        self.source.pass(1);
        self.source.skip_space()?;
        if self.source.peek()? == Some(b'}') {
            self.source.pass(1);
            return Ok(());
        }
        loop {
            let offset = self.source.offset();
            let name = self.member_name()?;
            self.record(Some((name, offset)))?;
            if self.closed(b'}')? {
                return Ok(());
            }
        }
    }

    /// One record; of an object's member its name, and where that begins.
    pub(super) fn record(&mut self, key: Option<(CompactString, u64)>) -> Result<(), SnapshotError> {
        let bytes_max = self.limits.record_bytes_max;
        // what stands above is gathered in a walk of its own, behind which this one's records are checked
        let length = match self.gathers() {
            true => self.source.skimmed_length(bytes_max)?,
            false => self.source.value_length(bytes_max)?,
        };
        let Some(length) = length else { return Err(self.record_too_large()) };
        if self.records == self.limits.records_max {
            let detail = format!("more than {} records: raise `records_max`", self.limits.records_max);
            return Err(self.fault("too_many_records", detail));
        }
        let offset = self.source.offset();
        let lead = key.as_ref().map_or(0, |(_, at)| offset - at);
        let Ok(lead) = u32::try_from(lead) else {
            return Err(self.fault("malformed", "there is too much blank space between a key and its value"));
        };
        if let Purpose::Show { visit, parents } = &mut self.purpose {
            // without a * the element is the page
            let is_page = self.mapping.records.depth() == 0;
            let element = if is_page {
                self.page
            } else {
                (self.elements[self.mapping.records.depth()] as u32).saturating_sub(1)
            };
            let key = key.as_ref().map(|(name, _)| name.as_str());
            let around = Around { key, above: parents.of(element).map(AsRef::as_ref), headers: None };
            let (record, page) = (self.records, self.page);
            let text = self.source.text(length)?;
            visit(RawRecord { record, offset, lead, page, element, around, text });
        }
        self.records += 1;
        self.source.pass(length);
        Ok(())
    }

    /// Passes a value within `depth` containers, doing with it what its role asks for.
    pub(super) fn value(&mut self, depth: usize, role: Role) -> Result<(), SnapshotError> {
        let element = if role == Role::Nothing { None } else { self.roles.depth_of_element(&self.path) };
        let Some(stars) = element else { return self.value_of_role(depth, role) };
        let containers = self.containers[stars];
        self.enter_element(stars)?;
        self.value_of_role(depth, role)?;
        if stars == self.mapping.records.depth() && self.containers[stars] == containers {
            self.elements_without += 1;
        }
        Ok(())
    }

    fn enter_element(&mut self, stars: usize) -> Result<(), SnapshotError> {
        self.elements[stars] += 1;
        let (offset, key) = (self.source.offset(), self.path.last().cloned().unwrap_or_default());
        match &mut self.purpose {
            Purpose::Gather(gathering) => gathering.enter(stars, &key, offset),
            Purpose::Show { .. } => Ok(()),
        }
    }

    fn value_of_role(&mut self, depth: usize, role: Role) -> Result<(), SnapshotError> {
        let by_key = self.mapping.records.by_key;
        let is_stepped_into = role == Role::Above && self.roles.is_stepped_into(&self.path);
        let stars = self.roles.stars(&self.path);
        match (role, self.source.peek()?) {
            (Role::Records, Some(b'[')) if !by_key => {
                self.containers[stars] += 1;
                self.array_of_records()
            }
            (Role::Records, Some(b'{')) if by_key => {
                self.containers[stars] += 1;
                self.object_of_records()
            }
            // one of many elements may have none
            (Role::Records, Some(b'n')) if stars > 0 => self.scalar(),
            (Role::Records, Some(_)) => Err(self.no_container(by_key)),
            (Role::Said(_) | Role::Slot(_) | Role::Wanted(_), Some(_)) => self.take(role),
            (Role::Above, Some(byte @ (b'{' | b'['))) if is_stepped_into => {
                self.found_records = true;
                self.containers[stars] += 1;
                if byte == b'{' { self.object(depth + 1, true) } else { self.array(depth + 1, true) }
            }
            (Role::Above, Some(b'n')) if stars > 0 || !is_stepped_into => self.null_above(),
            (Role::Above, Some(_)) if is_stepped_into => Err(self.no_container(false)),
            (_, Some(b'{' | b'[')) if depth == DEPTH_MAX => {
                Err(self.fault("malformed", format!("nested deeper than {DEPTH_MAX}: flatten it")))
            }
            (_, Some(b'{')) => self.object(depth + 1, role == Role::Above),
            (_, Some(b'[')) => self.array(depth + 1, role == Role::Above),
            _ => self.scalar(),
        }
    }

    fn no_container(&self, by_key: bool) -> SnapshotError {
        let detail = match by_key {
            true => {
                "what the mapping's `records` points to is no object: leave `by_key` out where it is an array"
            }
            false => {
                "what the mapping's `records` points to is no array: check the pointer, or write \
                 { at = \"…\", by_key = true } where it is an object of records by their ids"
            }
        };
        self.fault("no_records", detail)
    }

    fn object(&mut self, depth: usize, watched: bool) -> Result<(), SnapshotError> {
        self.source.pass(1);
        self.source.skip_space()?;
        if self.source.peek()? == Some(b'}') {
            self.source.pass(1);
            return Ok(());
        }
        // names of ours: none may come twice
        let mut seen = HashSet::new();
        loop {
            let name = self.member_name()?;
            let role = self.enter(watched, || name.clone());
            if role != Role::Nothing && !seen.insert(name) {
                return Err(self.fault("malformed", "an object names a member twice: send each name once"));
            }
            self.value(depth, role)?;
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
            let role = self.enter(watched, || index.to_compact_string());
            self.value(depth, role)?;
            if watched {
                self.path.pop();
            }
            index += 1;
            if self.closed(b']')? {
                return Ok(());
            }
        }
    }

    /// Goes on to a value of a container, and gives its role.
    fn enter(&mut self, watched: bool, part: impl FnOnce() -> CompactString) -> Role {
        if !watched {
            return Role::Nothing;
        }
        self.path.push(part());
        self.roles.of_path(&self.path, self.gathers())
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

    pub(super) fn scalar(&mut self) -> Result<(), SnapshotError> {
        let length = self.short_value()?;
        self.source.text(length)?;
        self.source.pass(length);
        Ok(())
    }

    /// The length of a value beside the records that has to be held whole.
    pub(super) fn short_value(&mut self) -> Result<usize, SnapshotError> {
        let bytes_max = self.limits.record_bytes_max.max(STRING_BYTES_MAX);
        match self.source.value_length(bytes_max)? {
            Some(length) => Ok(length),
            None => Err(self
                .fault("malformed", format!("a value beside the records is longer than {bytes_max} bytes"))),
        }
    }

    /// Takes a value whole, and with it what else of ours lies within.
    fn take(&mut self, role: Role) -> Result<(), SnapshotError> {
        let length = self.short_value()?;
        let offset = self.source.offset();
        let text = self.source.text(length)?.to_owned();
        for (inner, rest) in self.roles.within(role, &self.path) {
            if let Ok(Some(found)) = json::lookup(&text, &rest.0) {
                self.put(inner, found, offset)?;
            }
        }
        self.put(role, &text, offset)?;
        self.source.pass(length);
        Ok(())
    }

    fn put(&mut self, role: Role, text: &str, offset: u64) -> Result<(), SnapshotError> {
        match (role, &mut self.purpose) {
            (Role::Said(saying), _) => self.said.push((saying, offset, text.to_owned())),
            (Role::Wanted(place), _) => self.wanted[place] = Some(text.to_owned()),
            (Role::Slot(slot), Purpose::Gather(gathering)) => {
                gathering.put(self.roles.slots[slot].depth, slot, text, offset)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// What the document, or its page, says of itself.
    pub(super) fn envelope(&self) -> Result<Envelope, SnapshotError> {
        let said = |wanted: Saying| {
            let found = self.said.iter().find(|(saying, ..)| *saying == wanted);
            found.map(|(_, offset, raw)| (*offset, raw.as_str())).filter(|(_, raw)| *raw != "null")
        };
        let says_true = |wanted| said(wanted).is_some_and(|(_, raw)| raw == "true");
        let count = match said(Saying::Count) {
            Some((_, raw)) => Some(self.count(raw)?),
            None => None,
        };
        let generated_at = self.mapping.generated_at.as_ref().and_then(|time| self.said_time(time, said));
        let valid_until = said(Saying::ValidUntil).and_then(|(_, raw)| json::string(raw).ok());
        Ok(Envelope {
            generated_at,
            valid_until: valid_until.and_then(|text| time::parse(&text, TimeFormat::Rfc3339).ok()),
            count,
            complete: said(Saying::Complete).is_none_or(|(_, raw)| raw == "true"),
            // F4: an empty file is meant only where it says all three
            allow_empty: says_true(Saying::AllowEmpty) && says_true(Saying::Complete),
            may_be_cut: self.is_lines && count.is_none(),
            is_lines: self.is_lines,
            records: self.records,
            elements_without: self.elements_without,
        })
    }

    fn said_time<'a>(
        &'a self,
        time: &'a TimeField,
        said: impl Fn(Saying) -> Option<(u64, &'a str)>,
    ) -> Option<EnvelopeTime> {
        let place_of = |parts: &[CompactString]| self.roles.generated_at.iter().position(|at| at.0 == parts);
        let said_at = |parts: &[CompactString]| said(Saying::GeneratedAt(place_of(parts)?));
        let (parts, value) = value_of(&time.field, |pointer| said_at(&pointer.0).map(|(_, raw)| raw))?;
        let (offset, raw) = said_at(parts)?;
        let at = read_time(&value, &time.reading).map_err(|refusal| refusal.hint);
        Some(EnvelopeTime { text: shortened(raw).into_owned(), offset, at })
    }

    fn count(&self, raw: &str) -> Result<u64, SnapshotError> {
        let digits = if raw.starts_with('"') { json::string(raw).unwrap_or_default() } else { raw.into() };
        let records = self.records - self.page_begins;
        match digits.parse::<u64>() {
            Ok(count) if count == records => Ok(count),
            Ok(count) => {
                let detail = format!("the document says {count} records and holds {records}");
                Err(self.fault("count_mismatch", detail))
            }
            Err(_) => Err(self.fault("count_mismatch", "the document's `count` is no whole number")),
        }
    }

    pub(super) fn record_too_large(&self) -> SnapshotError {
        let detail = format!(
            "a record is longer than {} bytes: raise `record_bytes_max`",
            self.limits.record_bytes_max
        );
        self.fault("record_too_large", detail)
    }

    pub(super) fn fault(&self, code: &'static str, detail: impl Into<String>) -> SnapshotError {
        SnapshotError { code, offset: self.source.offset(), detail: detail.into() }
    }
}

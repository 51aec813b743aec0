//! What a backup holds, verified piece by piece as its bytes come.

use super::error::BackupError;
use super::format::{
    BackupEnd, BackupPiece, BackupStart, FORMAT_VERSION, HEAD_BYTES, LINE_BYTES_MAX, LINE_START, RowCounts,
    RowKey, Section, packed_length, rows, take_piece,
};
use crate::codec::log::{FrameKey, LogError, open_frame, record_head};
use crate::domain::Seq;
use crate::store::tables::meta::SCHEMA_VERSION;
use crate::store::tables::{assets, documents, log, prices, records};
use std::io::{self, Read};

/// What a whole backup comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupSummary {
    /// What it said first.
    pub start: BackupStart,
    /// What it said last.
    pub end: BackupEnd,
    /// Its size.
    pub bytes: u64,
}

/// Takes the bytes of a backup as they come, and verifies all of it: every piece, every row in its frame and
/// in its place, the log without a gap, and the numbers of rows.
#[derive(Default)]
pub struct BackupParser {
    unread: Vec<u8>,
    bytes: u64,
    has_line: bool,
    pieces: u64,
    start: Option<BackupStart>,
    end: Option<BackupEnd>,
    seen: RowCounts,
    last: Option<(Section, Vec<u8>)>,
    /// The sequence that the next record of the log must begin with.
    next_logged: u64,
}

/// Rows that have been verified.
pub struct VerifiedRows {
    /// Of which table.
    pub section: Section,
    body: Vec<u8>,
}

impl VerifiedRows {
    /// Key and value of each.
    pub fn rows(&self) -> impl Iterator<Item = (RowKey<'_>, &[u8])> {
        let read = |row: Result<_, _>| {
            let (key, value): (&[u8], &[u8]) = row.ok()?;
            Some((RowKey::take(self.section, key).ok()?, value))
        };
        rows(&self.body).map_while(read)
    }
}

impl BackupParser {
    /// Takes bytes in.
    pub fn push(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// What the first piece said, once it has come.
    pub fn start(&self) -> Option<&BackupStart> {
        self.start.as_ref()
    }

    /// Rows that have come so far.
    pub fn seen(&self) -> RowCounts {
        self.seen
    }

    /// Verifies all that has come; errs where it is not a backup, or damaged.
    pub fn verify(&mut self) -> Result<(), BackupError> {
        while self.next_piece()?.is_some() {}
        Ok(())
    }

    /// The next piece, verified: `None` until more bytes have come, an empty list for what is no row.
    pub fn next_piece(&mut self) -> Result<Option<Option<VerifiedRows>>, BackupError> {
        if !self.has_line && !self.take_line()? {
            return Ok(None);
        }
        let Some(head) = self.unread.first_chunk::<HEAD_BYTES>().copied() else { return Ok(None) };
        if self.end.is_some() {
            return Err(BackupError::Longer);
        }
        let number = self.pieces;
        let length = packed_length(number, &head).map_err(|cause| self.damaged(cause))?;
        let Some(packed) = self.unread.get(HEAD_BYTES..HEAD_BYTES + length) else { return Ok(None) };
        let piece = take_piece(number, &head, packed).map_err(|cause| self.damaged(cause))?;
        let verified = self.admit(piece)?;
        self.unread.drain(..HEAD_BYTES + length);
        self.pieces += 1;
        Ok(Some(verified))
    }

    /// The first line: false until it has come.
    fn take_line(&mut self) -> Result<bool, BackupError> {
        let known = self.unread.len().min(LINE_START.len());
        if self.unread[..known] != LINE_START[..known] {
            return Err(BackupError::NoBackup);
        }
        let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') else {
            return if self.unread.len() > LINE_BYTES_MAX { Err(BackupError::NoBackup) } else { Ok(false) };
        };
        let version = std::str::from_utf8(&self.unread[known.min(end)..end]).ok();
        match version.and_then(|version| version.parse().ok()) {
            Some(FORMAT_VERSION) => {}
            Some(found) if found > FORMAT_VERSION => {
                return Err(BackupError::Newer { what: "format", found, known: FORMAT_VERSION });
            }
            _ => return Err(BackupError::NoBackup),
        }
        self.unread.drain(..=end);
        self.has_line = true;
        Ok(true)
    }

    fn admit(&mut self, piece: BackupPiece) -> Result<Option<VerifiedRows>, BackupError> {
        match (piece, self.start) {
            (BackupPiece::Start(start), None) if start.schema > SCHEMA_VERSION => {
                Err(BackupError::Newer { what: "schema", found: start.schema, known: SCHEMA_VERSION })
            }
            (BackupPiece::Start(start), None) => {
                self.next_logged = start.checkpoint.0 + 1;
                self.start = Some(start);
                Ok(None)
            }
            (BackupPiece::Failed(why), _) => Err(BackupError::Unfinished { why }),
            (BackupPiece::Start(_), Some(_)) | (_, None) => {
                Err(self.said("a piece that is not in its place"))
            }
            (BackupPiece::Rows(section, body), Some(_)) => {
                self.verify_rows(section, &body).map_err(|cause| self.row_damaged(section, cause))?;
                Ok(Some(VerifiedRows { section, body }))
            }
            (BackupPiece::End(end), Some(_)) => {
                if end.rows != self.seen {
                    return Err(self.said("rows are missing"));
                }
                if end.reached.0 + 1 != self.next_logged {
                    return Err(self.said("the log does not reach the end"));
                }
                self.end = Some(end);
                Ok(None)
            }
        }
    }

    fn verify_rows(&mut self, section: Section, body: &[u8]) -> Result<(), LogError> {
        for row in rows(body) {
            let (key, value) = row?;
            let place = RowKey::take(section, key)?;
            *self.seen.of(section) += 1;
            if let RowKey::Log(first) = place {
                let head = record_head(value, Seq(first))?;
                if first != self.next_logged {
                    return Err(LogError::Misplaced);
                }
                self.next_logged = log::last_seq(first, head.count).0 + 1;
                continue;
            }
            open_frame(value, frame_key(section, place))?;
            if let Some((last_section, last)) = &self.last {
                let is_after = match section == *last_section {
                    true => RowKey::take(section, last)? < place,
                    false => *last_section < section,
                };
                if !is_after {
                    return Err(LogError::Misplaced);
                }
            }
            self.last = Some((section, key.into()));
        }
        Ok(())
    }

    /// Ends the backup: errs where it is not whole.
    pub fn finish(&self) -> Result<BackupSummary, BackupError> {
        match (self.start, self.end) {
            (Some(start), Some(end)) if self.unread.is_empty() => {
                Ok(BackupSummary { start, end, bytes: self.bytes })
            }
            (Some(_), Some(_)) => Err(BackupError::Longer),
            _ if !self.has_line
                && !LINE_START.starts_with(&self.unread)
                && !self.unread.starts_with(LINE_START) =>
            {
                Err(BackupError::NoBackup)
            }
            _ => Err(BackupError::CutOff { pieces: self.pieces, bytes: self.bytes }),
        }
    }

    /// Reads a backup to its end, and gives each piece of rows to `take`.
    pub fn read_all<E: From<BackupError>>(
        mut self,
        mut input: impl Read,
        take: &mut dyn FnMut(&BackupParser, Option<VerifiedRows>) -> Result<(), E>,
    ) -> Result<BackupSummary, E> {
        let mut buffer = vec![0; 256 << 10];
        loop {
            let count = match input.read(&mut buffer) {
                Ok(0) => return Ok(self.finish()?),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(BackupError::Unread { source }.into()),
            };
            self.push(&buffer[..count]);
            while let Some(piece) = self.next_piece()? {
                take(&self, piece)?;
            }
        }
    }

    fn damaged(&self, cause: LogError) -> BackupError {
        self.said(&cause.to_string())
    }

    fn row_damaged(&self, section: Section, cause: LogError) -> BackupError {
        self.said(&format!("a row of {}: {cause}", section.name()))
    }

    fn said(&self, what: &str) -> BackupError {
        BackupError::Damaged { piece: self.pieces, what: what.to_owned() }
    }
}

/// The place of a row of that table, for its checksum.
pub fn frame_key(section: Section, key: RowKey<'_>) -> FrameKey {
    match (section, key) {
        (_, RowKey::Log(first)) => FrameKey::of_record(first),
        (_, RowKey::Document(partner, id)) => documents::key_of(partner, id),
        (_, RowKey::Record(kind, partner, key)) => records::key_of((kind, partner, key)),
        (Section::Assets, RowKey::Block(partner, number)) => assets::key_of((partner, number)),
        (_, RowKey::Block(partner, number)) => prices::key_of((partner, number)),
    }
}

//! The bytes of a document: a window that is filled as it is read, and grows to hold one value.

use super::envelope::SnapshotError;
use crate::codec::json::{DEPTH_MAX, Fault, Rules, Scanner};
use std::io::{ErrorKind, Read};

/// Bytes read at once; many records for each refill.
const WINDOW_BYTES: usize = 256 * 1024;

pub(super) struct Source<R> {
    reader: R,
    buffer: Vec<u8>,
    /// What has been read and not yet passed: `buffer[start..end]`.
    start: usize,
    end: usize,
    /// The place of `start` in the document.
    offset: u64,
    ended: bool,
    /// The document is put together from pages: it ends where the next of them begins.
    is_paged: bool,
}

/// What stands before each page of a document that is put together from pages, and after the last one
/// if that was proven to be the last. No JSON text contains it, which RFC 7464 makes use of too.
pub const PAGE_MARK: u8 = 0x1e;

impl<R: Read> Source<R> {
    pub fn new(reader: R) -> Source<R> {
        Source { reader, buffer: Vec::new(), start: 0, end: 0, offset: 0, ended: false, is_paged: false }
    }

    /// Passes the mark of the next page; `false` where there is none.
    pub fn enter_page(&mut self) -> Result<bool, SnapshotError> {
        self.is_paged = false;
        self.is_paged = self.peek()? == Some(PAGE_MARK);
        if self.is_paged {
            self.pass(1);
        }
        Ok(self.is_paged)
    }

    /// Where the next byte stands in the document.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    pub fn window(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub fn pass(&mut self, bytes: usize) {
        self.start += bytes;
        self.offset += bytes as u64;
    }

    /// The next byte, or `None` at the end of the document or page.
    pub fn peek(&mut self) -> Result<Option<u8>, SnapshotError> {
        if self.is_at_end()? {
            return Ok(None);
        }
        let byte = self.buffer[self.start];
        Ok((byte != PAGE_MARK || !self.is_paged).then_some(byte))
    }

    /// Whether not even another page follows.
    pub fn is_at_end(&mut self) -> Result<bool, SnapshotError> {
        while self.start == self.end {
            if !self.fill()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub fn skip_space(&mut self) -> Result<(), SnapshotError> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek()? {
            self.pass(1);
        }
        Ok(())
    }

    /// Takes one byte order mark away.
    pub fn strip_mark(&mut self) -> Result<(), SnapshotError> {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        while self.window().len() < MARK.len() && self.fill()? {}
        if self.window().starts_with(MARK) {
            self.pass(MARK.len());
        }
        Ok(())
    }

    /// The length of the value that begins here, its syntax checked; `None` where it is longer
    /// than `bytes_max`. The window then holds the whole value. A scan that runs into the end of
    /// the window is begun again with twice as much: the work stays within twice the length.
    pub fn value_length(&mut self, bytes_max: usize) -> Result<Option<usize>, SnapshotError> {
        loop {
            let window = self.window();
            let mut scanner = Scanner::new(window, &Rules::SYNTAX);
            let scanned = scanner.value(0);
            let length = scanner.at();
            match scanned {
                // A number at the window's end may go on behind it.
                Ok(()) if length < window.len() || self.ended => {
                    return Ok((length <= bytes_max).then_some(length));
                }
                Err(fault) if self.ended || !fault.is_early_end(window.len()) => {
                    return Err(self.broken(fault));
                }
                _ if window.len() > bytes_max => return Ok(None),
                _ => self.fill().map(|_| ())?,
            }
        }
    }

    /// The same by brackets and quotes alone, for a walk behind which another one checks the syntax.
    pub fn skimmed_length(&mut self, bytes_max: usize) -> Result<Option<usize>, SnapshotError> {
        loop {
            let window = self.window();
            match skimmed(window) {
                Some(length) if length < window.len() || self.ended => {
                    return Ok((length <= bytes_max).then_some(length));
                }
                None if self.ended => return Err(truncated(self.offset + window.len() as u64)),
                _ if window.len() > bytes_max => return Ok(None),
                _ => self.fill().map(|_| ())?,
            }
        }
    }

    /// The next byte that is no space after `length` more bytes; nothing is passed.
    pub fn byte_after(&mut self, length: usize) -> Result<Option<u8>, SnapshotError> {
        let mut at = length;
        loop {
            match self.window().get(at).copied() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => at += 1,
                Some(PAGE_MARK) if self.is_paged => return Ok(None),
                Some(byte) => return Ok(Some(byte)),
                None if !self.fill()? => return Ok(None),
                None => {}
            }
        }
    }

    /// The next bytes as text.
    pub fn text(&self, length: usize) -> Result<&str, SnapshotError> {
        std::str::from_utf8(&self.window()[..length])
            .map_err(|e| bad_utf8(self.offset + e.valid_up_to() as u64))
    }

    fn broken(&self, fault: Fault) -> SnapshotError {
        let window = self.window();
        let offset = self.offset + fault.at as u64;
        if fault.is_early_end(window.len()) {
            return truncated(offset);
        }
        match std::str::from_utf8(&window[fault.at..]) {
            Err(e) if e.valid_up_to() == 0 && e.error_len().is_some() => bad_utf8(offset),
            _ => SnapshotError { code: "malformed", offset, detail: fault.error(window.len()).detail },
        }
    }

    /// Reads on until the window is full; `false` at the end of the document.
    fn fill(&mut self) -> Result<bool, SnapshotError> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            self.buffer.resize((self.buffer.len() * 2).max(WINDOW_BYTES), 0);
        }
        while self.end < self.buffer.len() {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(bytes) => self.end += bytes,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => {
                    let detail = format!("the document could not be read: {e}");
                    let offset = self.offset + self.end as u64;
                    return Err(SnapshotError { code: "read_failed", offset, detail });
                }
            }
        }
        Ok(true)
    }
}

/// Where the value ends that these bytes begin with, if they are JSON; `None` where that is not among them.
fn skimmed(bytes: &[u8]) -> Option<usize> {
    let (mut depth, mut at) = (0usize, 0);
    loop {
        match *bytes.get(at)? {
            b'"' => at += string_length(&bytes[at..])?,
            // deeper than is taken: what stands here is then no end of a record
            b'{' | b'[' if depth == DEPTH_MAX => return Some(at),
            b'{' | b'[' => (depth, at) = (depth + 1, at + 1),
            b'}' | b']' if depth > 0 => (depth, at) = (depth - 1, at + 1),
            _ if depth > 0 => {
                at += 1;
                continue;
            }
            // a number or a word ends before what follows it
            _ => {
                let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
                return Some(bytes[at..].iter().position(is_end).map_or(bytes.len(), |length| at + length));
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

/// Of a string with its quotes.
fn string_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

pub(super) fn truncated(offset: u64) -> SnapshotError {
    let detail = "the document ends before its JSON is closed: serve it whole".to_owned();
    SnapshotError { code: "truncated", offset, detail }
}

fn bad_utf8(offset: u64) -> SnapshotError {
    let detail = "this is not UTF-8: serve the document as UTF-8".to_owned();
    SnapshotError { code: "bad_utf8", offset, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_skimmed_ends_where_its_json_does() {
        for value in [
            r#"{"a":[1,{"b":"}]\\\""}],"c":"\\"}"#,
            "[]",
            "{}",
            r#""a\"b""#,
            "-1.5e3",
            "null",
            r#"[["]"],{}]"#,
            "7",
        ] {
            for rest in [",{}", "}", " ]", "\n"] {
                let text = format!("{value}{rest}");
                assert_eq!(skimmed(text.as_bytes()), Some(value.len()), "{text}");
            }
            if value.starts_with(['{', '[', '"']) {
                for end in 0..value.len() {
                    assert_eq!(skimmed(&value.as_bytes()[..end]), None, "{end} bytes of {value}");
                }
            }
        }
    }
}

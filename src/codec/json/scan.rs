//! The scanner: one pass over the bytes, by recursion bounded in depth.
//!
//! It works on bytes so that a feed's buffer can be scanned before it is known to be UTF-8; the
//! spans that it gives begin and end at ASCII characters.

use super::{DEPTH_MAX, JsonError, MEMBERS_MAX, STRING_BYTES_MAX};
use crate::codec::json::text;
use std::borrow::Cow;
use std::ops::Range;

/// How much a text may hold.
#[derive(Debug)]
pub(crate) struct Rules {
    depth_max: usize,
    string_bytes_max: usize,
    members_max: usize,
    unique_names: bool,
}

impl Rules {
    /// What we take for JSON everywhere.
    pub(crate) const STRICT: Rules = Rules {
        depth_max: DEPTH_MAX,
        string_bytes_max: STRING_BYTES_MAX,
        members_max: MEMBERS_MAX,
        unique_names: true,
    };
    /// Grammar alone: tells a record that is invalid by itself from a document that is broken.
    pub(crate) const SYNTAX: Rules = Rules {
        depth_max: 4 * DEPTH_MAX,
        string_bytes_max: usize::MAX,
        members_max: usize::MAX,
        unique_names: false,
    };
}

/// The contents of a string, between its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StringSpan {
    pub start: usize,
    pub end: usize,
    pub escaped: bool,
}

pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    rules: &'static Rules,
    /// Names of all objects that are open, innermost last.
    names: Vec<(Cow<'a, [u8]>, usize)>,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(bytes: &'a [u8], rules: &'static Rules) -> Scanner<'a> {
        Scanner { bytes, at: 0, rules, names: Vec::new() }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(crate) fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Nothing but space may follow.
    pub(crate) fn finish(&mut self) -> Result<(), JsonError> {
        self.skip_space();
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(JsonError::new(
                self.at,
                "json_trailing",
                "something follows the value: send one JSON value",
            )),
        }
    }

    /// Passes one value; `depth` counts the containers around it.
    pub(crate) fn value(&mut self, depth: usize) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'{') => self.object(depth + 1, |_, _| {}),
            Some(b'[') => self.array(depth + 1, |_| {}),
            Some(b'"') => self.string().map(|_| ()),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            Some(b'n') => self.literal(b"null"),
            _ => Err(self.unexpected("a value")),
        }
    }

    /// Passes an object whose depth, itself included, is `depth`.
    pub(crate) fn object(
        &mut self,
        depth: usize,
        mut visit: impl FnMut(StringSpan, Range<usize>),
    ) -> Result<(), JsonError> {
        self.open(b'{', depth, "an object")?;
        let first = self.names.len();
        let mut count = 0;
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            let name = self.member_name(&mut count)?;
            let start = self.at;
            self.value(depth)?;
            visit(name, start..self.at);
            if self.close_or_next(b'}')? {
                return self.forget_names(first);
            }
        }
    }

    /// Passes an array whose depth, itself included, is `depth`.
    pub(crate) fn array(
        &mut self,
        depth: usize,
        mut visit: impl FnMut(Range<usize>),
    ) -> Result<(), JsonError> {
        self.open(b'[', depth, "an array")?;
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            let start = self.at;
            self.value(depth)?;
            visit(start..self.at);
            if self.close_or_next(b']')? {
                return Ok(());
            }
        }
    }

    /// Passes a string, and gives the place of its contents.
    pub(crate) fn string(&mut self) -> Result<StringSpan, JsonError> {
        self.expect(b'"', "a string")?;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += text::plain_run(&self.bytes[self.at..]);
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.syntax("a control character stands in a string: escape it")),
                None => return Err(self.unexpected("the end of a string")),
            }
        }
        let end = self.at;
        self.at += 1;
        if end - start > self.rules.string_bytes_max {
            let detail = format!("a string is longer than {STRING_BYTES_MAX} bytes: shorten it");
            return Err(JsonError::new(start - 1, "json_too_long", detail));
        }
        Ok(StringSpan { start, end, escaped })
    }

    fn open(&mut self, bracket: u8, depth: usize, what: &str) -> Result<(), JsonError> {
        if self.peek() == Some(bracket) && depth > self.rules.depth_max {
            let detail = format!("nested deeper than {}: flatten it", self.rules.depth_max);
            return Err(JsonError::new(self.at, "json_depth", detail));
        }
        self.expect(bracket, what)
    }

    /// Whether the container closed here; if not, the next item begins.
    fn close_or_next(&mut self, bracket: u8) -> Result<bool, JsonError> {
        self.skip_space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.skip_space();
                Ok(false)
            }
            Some(b) if b == bracket => {
                self.at += 1;
                Ok(true)
            }
            _ => Err(self.unexpected("a comma or the closing bracket")),
        }
    }

    /// Passes name and colon, and remembers the name until its object closes.
    fn member_name(&mut self, count: &mut usize) -> Result<StringSpan, JsonError> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("a member's name in quotes"));
        }
        let offset = self.at;
        let name = self.string()?;
        *count += 1;
        if *count > self.rules.members_max {
            let detail = format!("an object has more than {MEMBERS_MAX} members: send fewer, or nest them");
            return Err(JsonError::new(offset, "json_too_long", detail));
        }
        if self.rules.unique_names {
            self.names.push((text::decoded_bytes(self.bytes, name), offset));
        }
        self.skip_space();
        self.expect(b':', "a colon")?;
        self.skip_space();
        Ok(name)
    }

    /// Drops the names of the object that has closed, and refuses one that came twice.
    fn forget_names(&mut self, first: usize) -> Result<(), JsonError> {
        let names = &mut self.names[first..];
        let twice = match names.len() {
            0 | 1 => None,
            2..=12 => (1..names.len())
                .find(|&later| names[..later].iter().any(|(name, _)| *name == names[later].0))
                .map(|later| names[later].1),
            _ => {
                names.sort_unstable();
                names.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1).min()
            }
        };
        self.names.truncate(first);
        match twice {
            None => Ok(()),
            Some(offset) => {
                let detail = "an object names a member twice: send each name once";
                Err(JsonError::new(offset, "json_duplicate_name", detail))
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => self.unicode_escape(start),
            _ => Err(self.unexpected("an escape that JSON knows")),
        }
    }

    fn unicode_escape(&mut self, start: usize) -> Result<(), JsonError> {
        let lone = || {
            let detail = "half a surrogate pair in a string: send both halves, or the character itself";
            JsonError::new(start, "json_surrogate", detail)
        };
        match self.hex4()? {
            0xD800..=0xDBFF => {}
            0xDC00..=0xDFFF => return Err(lone()),
            _ => return Ok(()),
        }
        match (self.peek(), self.bytes.get(self.at + 1)) {
            (Some(b'\\'), Some(b'u')) => self.at += 1,
            (None, _) | (Some(b'\\'), None) => {
                self.at = self.bytes.len();
                return Err(self.unexpected("the other half of a surrogate pair"));
            }
            _ => return Err(lone()),
        }
        match self.hex4()? {
            0xDC00..=0xDFFF => Ok(()),
            _ => Err(lone()),
        }
    }

    /// Passes the `u` and four hexadecimal digits.
    fn hex4(&mut self) -> Result<u32, JsonError> {
        self.at += 1;
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|b| char::from(b).to_digit(16));
            let Some(digit) = digit else { return Err(self.unexpected("four hexadecimal digits")) };
            unit = unit << 4 | digit;
            self.at += 1;
        }
        Ok(unit)
    }

    pub(crate) fn number(&mut self) -> Result<(), JsonError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(self.unexpected("a digit")) }
    }

    pub(crate) fn literal(&mut self, word: &[u8]) -> Result<(), JsonError> {
        for &letter in word {
            if self.peek() != Some(letter) {
                return Err(self.unexpected("a value"));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn expect(&mut self, byte: u8, what: &str) -> Result<(), JsonError> {
        if self.peek() != Some(byte) {
            return Err(self.unexpected(what));
        }
        self.at += 1;
        Ok(())
    }

    fn unexpected(&self, wanted: &str) -> JsonError {
        match self.peek() {
            None => self.syntax(&format!("the text ends where {wanted} is expected: send it whole")),
            Some(_) => self.syntax(&format!("not JSON: {wanted} is expected here")),
        }
    }

    fn syntax(&self, detail: &str) -> JsonError {
        JsonError::new(self.at, "json_syntax", detail)
    }
}

//! The scanner: one pass over the bytes, by recursion bounded in depth.
//!
//! It works on bytes so that a feed's buffer can be scanned before it is known to be UTF-8; the
//! spans that it gives begin and end at ASCII characters.

use super::fault::{Fault, What};
use super::limits::{DEPTH_MAX, MEMBERS_MAX, STRING_BYTES_MAX};
use super::text::{self, StringSpan};
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
    /// Grammar alone: a record may break the other limits in a document that is sound.
    pub(crate) const SYNTAX: Rules = Rules {
        depth_max: 4 * DEPTH_MAX,
        string_bytes_max: usize::MAX,
        members_max: usize::MAX,
        unique_names: false,
    };
}

/// A name of an object that is still open. Names whose `key` differs are different.
#[derive(Clone, Copy)]
struct Name {
    key: u64,
    span: StringSpan,
}

/// A pass over a text.
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    rules: &'static Rules,
    /// Names of all objects that are open, innermost last.
    names: Vec<Name>,
}

impl<'a> Scanner<'a> {
    /// A pass that begins at the first byte.
    pub(crate) fn new(bytes: &'a [u8], rules: &'static Rules) -> Scanner<'a> {
        Scanner { bytes, at: 0, rules, names: Vec::new() }
    }

    /// How many bytes have been passed.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Passes white space, if there is any.
    #[inline]
    pub(crate) fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Nothing but space may follow.
    pub(crate) fn finish(&mut self) -> Result<(), Fault> {
        self.skip_space();
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.fault(What::Trailing)) }
    }

    /// Passes one value; `depth` counts the containers around it.
    pub(crate) fn value(&mut self, depth: usize) -> Result<(), Fault> {
        match self.peek() {
            Some(b'{') => self.object(depth + 1, |_, _| {}),
            Some(b'[') => self.array(depth + 1, |_| {}),
            Some(b'"') => self.string().map(|_| ()),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            Some(b'n') => self.literal(b"null"),
            _ => Err(self.fault(What::Value)),
        }
    }

    /// Passes an object whose depth, itself included, is `depth`.
    pub(crate) fn object(
        &mut self,
        depth: usize,
        mut visit: impl FnMut(StringSpan, Range<usize>),
    ) -> Result<(), Fault> {
        self.open(b'{', depth, What::Object)?;
        let first = self.names.len();
        let mut count = 0;
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            count += 1;
            let name = self.member_name(count)?;
            let start = self.at;
            self.value(depth)?;
            visit(name, start..self.at);
            if self.close_or_next(b'}')? {
                return self.forget_names(first);
            }
        }
    }

    /// Passes an array whose depth, itself included, is `depth`.
    pub(crate) fn array(&mut self, depth: usize, mut visit: impl FnMut(Range<usize>)) -> Result<(), Fault> {
        self.open(b'[', depth, What::Array)?;
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
    #[inline]
    pub(crate) fn string(&mut self) -> Result<StringSpan, Fault> {
        self.expect(b'"', What::String)?;
        let start = self.at;
        self.at += text::plain_run(&self.bytes[start..]);
        let escaped = self.peek() != Some(b'"') && self.rest_of_string()?;
        let end = self.at;
        self.at += 1;
        if end - start > self.rules.string_bytes_max {
            return Err(Fault { at: start - 1, what: What::TooLong });
        }
        Ok(StringSpan { start, end, escaped })
    }

    /// Goes on to the closing quote of a string that is not plain throughout.
    fn rest_of_string(&mut self) -> Result<bool, Fault> {
        loop {
            match self.peek() {
                Some(b'"') => return Ok(true),
                Some(b'\\') => self.escape()?,
                Some(_) => return Err(self.fault(What::Control)),
                None => return Err(self.fault(What::StringEnd)),
            }
            self.at += text::plain_run(&self.bytes[self.at..]);
        }
    }

    #[inline]
    fn open(&mut self, bracket: u8, depth: usize, what: What) -> Result<(), Fault> {
        if depth > self.rules.depth_max && self.peek() == Some(bracket) {
            return Err(self.fault(What::TooDeep));
        }
        self.expect(bracket, what)
    }

    /// Whether the container closed here; if not, the next item begins.
    #[inline]
    fn close_or_next(&mut self, bracket: u8) -> Result<bool, Fault> {
        self.skip_space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.skip_space();
                Ok(false)
            }
            Some(byte) if byte == bracket => {
                self.at += 1;
                Ok(true)
            }
            _ => Err(self.fault(What::CommaOrBracket)),
        }
    }

    /// Passes name and colon, and remembers the name until its object closes.
    #[inline]
    fn member_name(&mut self, count: usize) -> Result<StringSpan, Fault> {
        if self.peek() != Some(b'"') {
            return Err(self.fault(What::Name));
        }
        if count > self.rules.members_max {
            return Err(self.fault(What::TooMany));
        }
        let span = self.string()?;
        if self.rules.unique_names {
            self.names.push(Name { key: self.name_key(span), span });
        }
        self.skip_space();
        self.expect(b':', What::Colon)?;
        self.skip_space();
        Ok(span)
    }

    /// The first bytes of a name. An escaped one may equal any: its key says only that.
    fn name_key(&self, span: StringSpan) -> u64 {
        if span.escaped {
            return 0;
        }
        let name = &self.bytes[span.start..span.end];
        match name.first_chunk::<8>() {
            Some(first) => u64::from_le_bytes(*first),
            None => name.iter().fold(1, |key, &byte| key << 8 | u64::from(byte)),
        }
    }

    /// Drops the names of the object that has closed, and refuses one that came twice.
    fn forget_names(&mut self, first: usize) -> Result<(), Fault> {
        let names = &self.names[first..];
        let twice = match names.len() {
            0 | 1 => None,
            2..=16 => (1..names.len())
                .find(|&later| names[..later].iter().any(|name| self.same(name, &names[later])))
                .map(|later| names[later].span.start),
            _ => self.twice_among_many(names),
        };
        self.names.truncate(first);
        match twice {
            None => Ok(()),
            Some(start) => Err(Fault { at: start - 1, what: What::Twice }),
        }
    }

    fn same(&self, a: &Name, b: &Name) -> bool {
        let comparable = a.key == b.key || a.span.escaped || b.span.escaped;
        comparable && text::decoded_bytes(self.bytes, a.span) == text::decoded_bytes(self.bytes, b.span)
    }

    fn twice_among_many(&self, names: &[Name]) -> Option<usize> {
        let decoded = |name: &Name| (text::decoded_bytes(self.bytes, name.span), name.span.start);
        let mut sorted: Vec<_> = names.iter().map(decoded).collect();
        sorted.sort_unstable();
        sorted.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1).min()
    }

    fn escape(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => self.unicode_escape(start),
            _ => Err(self.fault(What::Escape)),
        }
    }

    fn unicode_escape(&mut self, start: usize) -> Result<(), Fault> {
        let lone = Fault { at: start, what: What::LoneSurrogate };
        match self.hex4()? {
            0xD800..=0xDBFF => {}
            0xDC00..=0xDFFF => return Err(lone),
            _ => return Ok(()),
        }
        match (self.peek(), self.bytes.get(self.at + 1)) {
            (Some(b'\\'), Some(b'u')) => self.at += 1,
            (None, _) | (Some(b'\\'), None) => {
                self.at = self.bytes.len();
                return Err(self.fault(What::OtherHalf));
            }
            _ => return Err(lone),
        }
        match self.hex4()? {
            0xDC00..=0xDFFF => Ok(()),
            _ => Err(lone),
        }
    }

    /// Passes the `u` and four hexadecimal digits.
    fn hex4(&mut self) -> Result<u32, Fault> {
        self.at += 1;
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|b| char::from(b).to_digit(16));
            let Some(digit) = digit else { return Err(self.fault(What::Hex)) };
            unit = unit << 4 | digit;
            self.at += 1;
        }
        Ok(unit)
    }

    fn number(&mut self) -> Result<(), Fault> {
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

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(self.fault(What::Digit)) }
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), Fault> {
        for &letter in word {
            self.expect(letter, What::Value)?;
        }
        Ok(())
    }

    #[inline]
    fn expect(&mut self, byte: u8, what: What) -> Result<(), Fault> {
        if self.peek() != Some(byte) {
            return Err(self.fault(what));
        }
        self.at += 1;
        Ok(())
    }

    fn fault(&self, what: What) -> Fault {
        Fault { at: self.at, what }
    }
}

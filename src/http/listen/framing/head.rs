//! The head of a request, line by line as they come: nothing is copied, and no byte is looked at twice
//! for its end of line.

use crate::http::reply::HeadFault;
use hyper::{Method, Uri};
use memchr::memchr;

/// Longer names mean nothing to anyone, and hyper has a bound of its own.
const NAME_BYTES_MAX: usize = 256;
/// hyper reads no longer one.
const TARGET_BYTES_MAX: usize = 32 * 1024;
/// More digits are no length that anyone sends.
const LENGTH_DIGITS_MAX: usize = 18;

/// What a head may hold.
#[derive(Clone, Copy, Debug)]
pub struct HeadBounds {
    /// From its first byte to the empty line.
    pub bytes_max: usize,
    /// Lines between the first and the empty one.
    pub headers_max: usize,
}

/// How far a head has come, and what its lines have said.
#[derive(Debug, Default)]
pub struct HeadScan {
    /// Where the line begins that is not complete.
    line: usize,
    /// No line feed before this byte.
    seen: usize,
    /// The first line has come.
    begun: bool,
    is_old: bool,
    headers: usize,
    has_host: bool,
    length: Option<u64>,
    is_chunked: bool,
}

/// How long the body is that follows a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// So many bytes, or none.
    Bytes(u64),
    /// It says so itself.
    Chunked,
}

/// What became of the bytes that were shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// More must come.
    Incomplete,
    /// The head ends after so many bytes, and can be read in one way only.
    Complete { bytes: usize, body: BodyLength },
    /// It is not to be read.
    Refused(HeadFault),
}

impl HeadScan {
    /// Whether of `held` bytes more than empty lines have come.
    pub fn has_begun(&self, held: usize) -> bool {
        self.begun || held > self.line
    }

    /// Goes over the bytes of this head that have come, from its first.
    pub fn advance(&mut self, bytes: &[u8], bounds: &HeadBounds) -> Step {
        match self.lines(bytes, bounds) {
            Ok(step) => step,
            Err(why) => Step::Refused(why),
        }
    }

    fn lines(&mut self, bytes: &[u8], bounds: &HeadBounds) -> Result<Step, HeadFault> {
        while let Some(found) = memchr(b'\n', &bytes[self.seen..]) {
            let end = self.seen + found;
            if end >= bounds.bytes_max {
                return Err(too_large(bounds));
            }
            let line = bytes[self.line..end].strip_suffix(b"\r").ok_or(HeadFault::Line)?;
            self.line = end + 1;
            self.seen = self.line;
            match (self.begun, line.is_empty()) {
                // empty lines before a request are read over (RFC 9112 §2.2)
                (false, true) => {}
                (false, false) => self.request_line(line)?,
                (true, false) => self.header(line, bounds)?,
                (true, true) => return Ok(Step::Complete { bytes: self.line, body: self.body()? }),
            }
        }
        self.seen = bytes.len();
        if bytes.len() >= bounds.bytes_max {
            return Err(too_large(bounds));
        }
        // a client that speaks another protocol, such as TLS, may send no line at all
        match bytes.get(self.line) {
            Some(first) if !self.begun && *first != b'\r' && !is_token(&[*first]) => Err(HeadFault::Line),
            _ => Ok(Step::Incomplete),
        }
    }

    fn request_line(&mut self, line: &[u8]) -> Result<(), HeadFault> {
        self.begun = true;
        let mut words = line.split(|byte| *byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(HeadFault::Line);
        };
        self.is_old = match version {
            b"HTTP/1.1" => false,
            b"HTTP/1.0" => true,
            _ if version.starts_with(b"HTTP/") => return Err(HeadFault::Version),
            _ => return Err(HeadFault::Line),
        };
        if !is_token(method) || !is_target(target) || Method::from_bytes(method).is_err() {
            return Err(HeadFault::Line);
        }
        Ok(())
    }

    fn header(&mut self, line: &[u8], bounds: &HeadBounds) -> Result<(), HeadFault> {
        self.headers += 1;
        if self.headers > bounds.headers_max {
            return Err(too_large(bounds));
        }
        let colon = memchr(b':', line).ok_or(HeadFault::Line)?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        // a space before the colon, and a line that goes on the one before it, are no names
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !is_token(name) || !is_value(value) {
            return Err(HeadFault::Line);
        }
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.host(value.trim_ascii()),
            14 if name.eq_ignore_ascii_case(b"content-length") => self.content_length(value.trim_ascii()),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                self.transfer_encoding(value.trim_ascii())
            }
            _ => Ok(()),
        }
    }

    fn host(&mut self, value: &[u8]) -> Result<(), HeadFault> {
        if self.has_host || !value.iter().all(|byte| is_of_host(*byte)) {
            return Err(HeadFault::Host);
        }
        self.has_host = true;
        Ok(())
    }

    fn content_length(&mut self, value: &[u8]) -> Result<(), HeadFault> {
        let digits = (1..=LENGTH_DIGITS_MAX).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
        if self.length.is_some() || !digits {
            return Err(HeadFault::BodyLength);
        }
        let length = value.iter().fold(0, |length, digit| length * 10 + u64::from(digit - b'0'));
        self.length = Some(length);
        Ok(())
    }

    fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), HeadFault> {
        if self.is_chunked || self.is_old || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(HeadFault::BodyLength);
        }
        self.is_chunked = true;
        Ok(())
    }

    fn body(&self) -> Result<BodyLength, HeadFault> {
        if !self.has_host && !self.is_old {
            return Err(HeadFault::Host);
        }
        match (self.is_chunked, self.length) {
            (true, Some(_)) => Err(HeadFault::BodyLength),
            (true, None) => Ok(BodyLength::Chunked),
            (false, length) => Ok(BodyLength::Bytes(length.unwrap_or(0))),
        }
    }
}

fn too_large(bounds: &HeadBounds) -> HeadFault {
    HeadFault::TooLarge { bytes_max: bounds.bytes_max, headers_max: bounds.headers_max }
}

/// Whether all bytes may stand in a name (RFC 9110 §5.6.2).
pub(super) fn is_token(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |all, byte| all & TOKEN[usize::from(*byte)])
}

/// Whether all bytes may stand in a value (RFC 9110 §5.5); no condition breaks the loop off, so that it
/// is done for many bytes at once.
pub(super) fn is_value(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |all, byte| all & ((*byte >= b' ' && *byte != 0x7f) | (*byte == b'\t')))
}

/// What hyper reads as the target of a request. The usual one is a path of plain bytes; any other is
/// shown to the parser that hyper uses.
fn is_target(target: &[u8]) -> bool {
    if target.len() > TARGET_BYTES_MAX {
        return false;
    }
    let is_plain = |all: bool, byte: &u8| all & (PLAIN[usize::from(*byte)]);
    if target.first() == Some(&b'/') && target.iter().fold(true, is_plain) {
        return true;
    }
    // a fragment is never sent (RFC 9112 §3.2), and hyper would read over it
    let is_read = |byte: &u8| *byte > b' ' && *byte != 0x7f && *byte != b'#';
    target.iter().all(is_read) && Uri::try_from(target).is_ok()
}

/// A host and a port (RFC 3986 §3.2), as far as its bytes say: no list, no path, no user.
fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']' | b'%' | b'~')
}

const TOKEN: [bool; 256] = with(b"!#$%&'*+-.^_`|~");
const PLAIN: [bool; 256] = with(b"/?%-._~!$&'()*+,;=:@");

/// Letters, digits, and these.
const fn with(marks: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let mut i = 0;
    while i < marks.len() {
        table[marks[i] as usize] = true;
        i += 1;
    }
    table
}

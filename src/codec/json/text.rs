//! Strings: finding their end, taking escapes out and putting them in.

use std::borrow::Cow;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The contents of a string, between its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StringSpan {
    /// The byte after the opening quote.
    pub start: usize,
    /// The closing quote.
    pub end: usize,
    /// Whether there are escapes in between.
    pub escaped: bool,
}

/// How many bytes from the start are neither quote, backslash nor control character; eight at a
/// time.
pub(super) fn plain_run(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let special = special_bytes(u64::from_le_bytes(*chunk));
        if special != 0 {
            return at + (special.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while at < bytes.len() && bytes[at] >= 0x20 && bytes[at] != b'"' && bytes[at] != b'\\' {
        at += 1;
    }
    at
}

/// The high bit of each byte that is special. Bits above the lowest may be set wrongly (the
/// subtractions borrow); only the lowest is looked at.
fn special_bytes(word: u64) -> u64 {
    let zeros = |x: u64| x.wrapping_sub(ONES) & !x;
    let quote = zeros(word ^ (ONES * b'"' as u64));
    let backslash = zeros(word ^ (ONES * b'\\' as u64));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (quote | backslash | control) & HIGHS
}

/// The value of a string that has been scanned.
pub(super) fn decoded(text: &str, span: StringSpan) -> Cow<'_, str> {
    let raw = &text[span.start..span.end];
    if !span.escaped {
        return Cow::Borrowed(raw);
    }
    let bytes = unescaped(raw.as_bytes());
    Cow::Owned(String::from_utf8(bytes).expect("UTF-8 with whole characters put in stays UTF-8"))
}

/// The same as bytes.
pub(super) fn decoded_bytes(bytes: &[u8], span: StringSpan) -> Cow<'_, [u8]> {
    let raw = &bytes[span.start..span.end];
    if span.escaped { Cow::Owned(unescaped(raw)) } else { Cow::Borrowed(raw) }
}

fn unescaped(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while at < raw.len() {
        let run = memchr::memchr(b'\\', &raw[at..]).unwrap_or(raw.len() - at);
        out.extend_from_slice(&raw[at..at + run]);
        at += run;
        let Some(&letter) = raw.get(at + 1) else { break };
        at += 2;
        match letter {
            b'b' => out.push(0x08),
            b'f' => out.push(0x0C),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let (character, length) = unicode(&raw[at..]);
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                at += length;
            }
            other => out.push(other),
        }
    }
    out
}

/// The character of a `\u` escape that has been scanned, and how many bytes it takes after the
/// first `\u`.
fn unicode(rest: &[u8]) -> (char, usize) {
    let unit = |digits: &[u8]| {
        digits.iter().fold(0u32, |unit, &b| unit << 4 | char::from(b).to_digit(16).unwrap_or(0))
    };
    let first = unit(&rest[..4]);
    if !(0xD800..0xDC00).contains(&first) {
        return (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 4);
    }
    let second = unit(&rest[6..10]);
    let scalar = 0x10000 + ((first - 0xD800) << 10) + second.wrapping_sub(0xDC00);
    (char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER), 10)
}

/// Writes a text as a JSON string, with the fewest escapes.
pub fn quote(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    let mut at = 0;
    loop {
        let run = plain_run(&bytes[at..]);
        out.extend_from_slice(&bytes[at..at + run]);
        at += run;
        let Some(&special) = bytes.get(at) else { break };
        at += 1;
        escape(out, special);
    }
    out.push(b'"');
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let letter = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0C => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            let hex = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            out.extend_from_slice(b"\\u00");
            return out.extend_from_slice(&hex);
        }
    };
    out.extend_from_slice(&[b'\\', letter]);
}

/// As `quote`, into a text of its own.
pub fn quoted(text: &str) -> String {
    let mut out = Vec::new();
    quote(&mut out, text);
    String::from_utf8(out).expect("a quoted text is UTF-8")
}

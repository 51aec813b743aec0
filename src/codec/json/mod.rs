//! A strict reader of JSON text that never turns a number into a float.
//!
//! RFC 8259 with the narrowing of I-JSON (RFC 7493): names are unique at every level, surrogates
//! come in pairs. Values are handed on as their source text; what they mean is decided by whoever
//! asks. Depth, lengths and counts are bounded, so that no input costs more than its length.
//! There is no tree of values here on purpose: a document keeps each member's source
//! text, so that no number in it passes through a float.

mod canonical;
mod fault;
mod object;
mod scan;
mod text;

pub use canonical::{canonical, value_hash};
pub(crate) use fault::Fault;
pub use object::FromObject;
pub(crate) use scan::{Rules, Scanner};
pub use text::{quote, quoted};

use compact_str::CompactString;

use std::borrow::Cow;

/// Arrays and objects within each other.
pub const DEPTH_MAX: usize = 64;
/// Source text of one string, between its quotes.
pub const STRING_BYTES_MAX: usize = 64 * 1024;
/// Members of one object.
pub const MEMBERS_MAX: usize = 256;

/// Where and why a text is not what we take for JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail} (byte {offset})")]
pub struct JsonError {
    /// Bytes from the start of the text that was read.
    pub offset: usize,
    /// `json_syntax`, `json_depth`, `json_duplicate_name`, `json_utf8`, `json_surrogate`,
    /// `json_too_long`, `json_trailing`.
    pub code: &'static str,
    /// What is wrong and what to send instead; never a piece of the text.
    pub detail: String,
}

impl JsonError {
    /// The same error, seen from a text that begins `offset` bytes earlier.
    pub fn moved(self, offset: usize) -> JsonError {
        JsonError { offset: self.offset + offset, ..self }
    }
}

/// What a value is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

/// The kind of a value that has been scanned before.
pub fn kind(text: &str) -> Kind {
    match text.bytes().find(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::String,
        Some(b't' | b'f') => Kind::Boolean,
        Some(b'n') => Kind::Null,
        _ => Kind::Number,
    }
}

/// Takes bytes for text, or says at which byte they cease to be UTF-8.
pub fn utf8(bytes: &[u8]) -> Result<&str, JsonError> {
    std::str::from_utf8(bytes).map_err(|e| JsonError {
        offset: e.valid_up_to(),
        code: "json_utf8",
        detail: "this is not UTF-8: send the text as UTF-8".into(),
    })
}

/// Scans one value with nothing but space around it.
fn whole<T>(
    text: &str,
    rules: &'static Rules,
    scan: impl FnOnce(&mut Scanner<'_>) -> Result<T, Fault>,
) -> Result<T, JsonError> {
    let mut scanner = Scanner::new(text.as_bytes(), rules);
    scanner.skip_space();
    let scanned = scan(&mut scanner).and_then(|found| scanner.finish().map(|()| found));
    scanned.map_err(|fault| fault.error(text.len()))
}

/// The members of one object in their order: name, and the source text of the value. The whole
/// text is checked.
pub fn members(text: &str) -> Result<Vec<(Cow<'_, str>, &str)>, JsonError> {
    members_by(text, &Rules::STRICT)
}

fn members_by<'a>(text: &'a str, rules: &'static Rules) -> Result<Vec<(Cow<'a, str>, &'a str)>, JsonError> {
    let mut found = Vec::with_capacity(12);
    whole(text, rules, |scanner| {
        scanner.object(1, |name, value| found.push((text::decoded(text, name), &text[value])))
    })?;
    Ok(found)
}

/// The source texts of one array's elements. The whole text is checked.
pub fn elements(text: &str) -> Result<Vec<&str>, JsonError> {
    let mut found = Vec::new();
    whole(text, &Rules::STRICT, |scanner| scanner.array(1, |element| found.push(&text[element])))?;
    Ok(found)
}

/// Checks that the text is one value, and gives it without the space around it.
pub fn value(text: &str) -> Result<&str, JsonError> {
    let span = whole(text, &Rules::STRICT, |scanner| {
        let start = scanner.at();
        scanner.value(0).map(|()| start..scanner.at())
    })?;
    Ok(&text[span])
}

/// The value of a JSON string.
pub fn string(text: &str) -> Result<Cow<'_, str>, JsonError> {
    if let Some(inner) = plain(text) {
        return Ok(Cow::Borrowed(inner));
    }
    let span = whole(text, &Rules::STRICT, |scanner| scanner.string())?;
    Ok(text::decoded(text, span))
}

/// The contents of a string that has neither escapes nor faults.
fn plain(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let plain = inner.len() <= STRING_BYTES_MAX && text::plain_run(inner.as_bytes()) == inner.len();
    plain.then_some(inner)
}

/// The source text at a JSON pointer (RFC 6901), or `None` where there is nothing. The whole
/// text is checked.
pub fn lookup<'a>(text: &'a str, pointer: &[CompactString]) -> Result<Option<&'a str>, JsonError> {
    let Some((first, rest)) = pointer.split_first() else { return value(text).map(Some) };
    let next = match kind(text) {
        Kind::Object => members(text)?.into_iter().find(|(name, _)| name == first.as_str()).map(|(_, v)| v),
        Kind::Array => {
            let elements = elements(text)?;
            array_index(first).and_then(|index| elements.get(index).copied())
        }
        _ => {
            value(text)?;
            None
        }
    };
    match next {
        Some(inner) => lookup(inner, rest),
        None => Ok(None),
    }
}

/// As `lookup`, but in a text that may break the limits and repeat names. A name on the way that
/// comes twice says nothing: `None`. For reading the id of a record that is to be refused.
pub(crate) fn lookup_in_spoilt<'a>(text: &'a str, pointer: &[CompactString]) -> Option<&'a str> {
    let Some((first, rest)) = pointer.split_first() else { return Some(text) };
    if kind(text) != Kind::Object {
        return None;
    }
    let members = members_by(text, &Rules::SYNTAX).ok()?;
    let mut named = members.into_iter().filter(|(name, _)| name == first.as_str());
    let (_, inner) = named.next()?;
    if named.next().is_some() {
        return None;
    }
    lookup_in_spoilt(inner, rest)
}

/// A pointer's part as the place in an array: digits without a leading zero.
pub(crate) fn array_index(part: &str) -> Option<usize> {
    let plain = part == "0" || (!part.starts_with('0') && part.bytes().all(|b| b.is_ascii_digit()));
    plain.then(|| part.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;

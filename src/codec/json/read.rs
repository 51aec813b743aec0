//! Reading: what a text holds, as the source texts of its parts.

use super::fault::{Fault, JsonError};
use super::limits::STRING_BYTES_MAX;
use super::scan::{Rules, Scanner};
use super::text;
use compact_str::CompactString;
use std::borrow::Cow;

/// What a value is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It begins with `{`.
    Object,
    /// It begins with `[`.
    Array,
    /// It begins with a quote.
    String,
    /// It begins with a digit or a minus sign.
    Number,
    /// It is `true` or `false`.
    Boolean,
    /// It is `null`.
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

/// The bytes as text. Errs with the byte at which they are no UTF-8 any more.
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

/// The members of one object in their order: name, and the source text of the value. Errs where any
/// part of the text is not JSON, beyond the limits, or no object.
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

/// What one value is made of, however large it is: beyond the limits, and with names that come twice.
pub(crate) enum Parts<'a> {
    /// Members of an object, in their order.
    Members(Vec<(Cow<'a, str>, &'a str)>),
    /// Elements of an array.
    Elements(Vec<&'a str>),
    /// A value without parts.
    None,
}

/// The parts of a value in a text that may break the limits. Errs where the text is no JSON.
pub(crate) fn parts(text: &str) -> Result<Parts<'_>, JsonError> {
    Ok(match kind(text) {
        Kind::Object => Parts::Members(members_by(text, &Rules::SYNTAX)?),
        Kind::Array => {
            let mut found = Vec::new();
            whole(text, &Rules::SYNTAX, |scanner| scanner.array(1, |element| found.push(&text[element])))?;
            Parts::Elements(found)
        }
        _ => {
            whole(text, &Rules::SYNTAX, |scanner| scanner.value(0))?;
            Parts::None
        }
    })
}

/// The values of a text that holds one after another, as NDJSON does, with blanks between them.
pub(crate) fn sequence(text: &str) -> Result<Vec<&str>, JsonError> {
    let mut scanner = Scanner::new(text.as_bytes(), &Rules::SYNTAX);
    let mut found = Vec::new();
    scanner.skip_space();
    while scanner.at() < text.len() {
        let start = scanner.at();
        scanner.value(0).map_err(|fault| fault.error(text.len()))?;
        found.push(&text[start..scanner.at()]);
        scanner.skip_space();
    }
    Ok(found)
}

/// The source texts of one array's elements. Errs where any part of the text is not JSON, beyond the
/// limits, or no array.
pub fn elements(text: &str) -> Result<Vec<&str>, JsonError> {
    let mut found = Vec::new();
    whole(text, &Rules::STRICT, |scanner| scanner.array(1, |element| found.push(&text[element])))?;
    Ok(found)
}

/// The text of one value, without the space around it. Errs where the text is not one value.
pub fn value(text: &str) -> Result<&str, JsonError> {
    let span = whole(text, &Rules::STRICT, |scanner| {
        let start = scanner.at();
        scanner.value(0).map(|()| start..scanner.at())
    })?;
    Ok(&text[span])
}

/// The value of a JSON string, its escapes resolved. Errs where the text is anything else.
pub fn string(text: &str) -> Result<Cow<'_, str>, JsonError> {
    if let Some(inner) = plain(text) {
        return Ok(Cow::Borrowed(inner));
    }
    let span = whole(text, &Rules::STRICT, |scanner| scanner.string())?;
    Ok(text::decoded(text, span))
}

/// The contents of a string that has neither escapes nor faults.
pub(super) fn plain(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let plain = inner.len() <= STRING_BYTES_MAX && text::plain_run(inner.as_bytes()) == inner.len();
    plain.then_some(inner)
}

/// The source text at a JSON pointer (RFC 6901); `None` where there is nothing. Errs where any part of
/// the text is not JSON, or beyond the limits.
pub fn lookup<'a>(text: &'a str, pointer: &[CompactString]) -> Result<Option<&'a str>, JsonError> {
    let Some((first, rest)) = pointer.split_first() else { return value(text).map(Some) };
    let next = match kind(text) {
        Kind::Object => members(text)?.into_iter().find(|(name, _)| name == first.as_str()).map(|(_, v)| v),
        Kind::Array => {
            let elements = elements(text)?;
            array_index(first, elements.len()).and_then(|index| elements.get(index).copied())
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

/// A pointer's part as a place in an array of so many elements: digits without a leading zero, or a
/// minus sign before them, which counts from the end.
fn array_index(part: &str, length: usize) -> Option<usize> {
    let plain = |digits: &str| {
        let plain = digits == "0" || (!digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()));
        plain.then(|| digits.parse::<usize>().ok()).flatten()
    };
    match part.strip_prefix('-') {
        Some(from_end) => plain(from_end).filter(|n| *n > 0).and_then(|n| length.checked_sub(n)),
        None => plain(part),
    }
}

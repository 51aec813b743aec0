//! Pieces of JSON that everything rendered is made of.

use crate::codec::{json, time};
use crate::domain::Micros;

/// Appends `,"name":`, without the comma where the object has just been opened.
pub(super) fn name(out: &mut Vec<u8>, name: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    json::quote(out, name);
    out.push(b':');
}

/// Appends a member whose value is a text.
pub(super) fn text(out: &mut Vec<u8>, member: &str, value: &str) {
    name(out, member);
    json::quote(out, value);
}

/// Appends a member whose value is a time, or null where it has never been or cannot be written.
pub(super) fn at(out: &mut Vec<u8>, member: &str, value: Option<Micros>) {
    name(out, member);
    match value {
        Some(at) if time::is_known(at) => {
            out.push(b'"');
            time::write(out, at);
            out.push(b'"');
        }
        _ => out.extend_from_slice(b"null"),
    }
}

/// Appends a number's digits.
pub(super) fn number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}

/// JSON text on one line: a line break in it can only stand between tokens, where a space does as
/// well.
pub(super) fn one_line(out: &mut Vec<u8>, json: &[u8]) {
    let mut rest = json;
    while let Some(place) = memchr::memchr2(b'\n', b'\r', rest) {
        out.extend_from_slice(&rest[..place]);
        out.push(b' ');
        rest = &rest[place + 1..];
    }
    out.extend_from_slice(rest);
}

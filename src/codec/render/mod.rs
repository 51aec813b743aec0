//! What leaves the house as JSON: replies to pushes, assets, prices, changes, SSE frames.
//!
//! Appended to a buffer by hand: a reply to a batch holds a thousand items. Everything is on one
//! line, so that the same bytes serve as NDJSON and as SSE data; members keep their source text
//! but for line breaks between their tokens.

mod asset;
mod change;
mod explain;
mod reply;
mod sse;

pub use asset::{AssetView, PriceView, asset, heartbeat, price};
pub use change::{Audience, CHANGE_TYPES, change};
pub use explain::{ExplainView, explain, short_hash};
pub use reply::{Reply, ReplyStyle, push_reply};
pub use sse::sse_frame;

use super::{json, time};
use crate::domain::Micros;

/// Appends `,"name":`, without the comma where the object has just been opened.
fn name(out: &mut Vec<u8>, name: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    json::quote(out, name);
    out.push(b':');
}

fn text(out: &mut Vec<u8>, member: &str, value: &str) {
    name(out, member);
    json::quote(out, value);
}

/// A time, or null where it has never been or cannot be told.
fn at(out: &mut Vec<u8>, member: &str, value: Option<Micros>) {
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

fn number(out: &mut Vec<u8>, mut value: u64) {
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
fn one_line(out: &mut Vec<u8>, json: &[u8]) {
    let mut rest = json;
    while let Some(place) = memchr::memchr2(b'\n', b'\r', rest) {
        out.extend_from_slice(&rest[..place]);
        out.push(b' ');
        rest = &rest[place + 1..];
    }
    out.extend_from_slice(rest);
}

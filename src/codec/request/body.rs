//! A body's shape: which texts are its items, and the envelope's time.

use super::decoded::{BodyError, BodyLimits, Shape, Timestamp};
use crate::codec::json::{self, JsonError, Kind};
use crate::codec::reserved;
use crate::domain::Rule;
use compact_str::CompactString;
use std::borrow::Cow;

/// A body taken apart: each item is one JSON value that has been checked.
pub(super) struct Items<'a> {
    /// Whether the reply is one item or a list.
    pub shape: Shape,
    /// The envelope's time.
    pub timestamp: Timestamp,
    /// The source texts of the items, in their order.
    pub items: Vec<&'a str>,
}

impl From<JsonError> for BodyError {
    fn from(error: JsonError) -> BodyError {
        BodyError { code: error.code, detail: error.detail, offset: Some(error.offset), status_hint: 400 }
    }
}

/// The body as text, checked once.
pub(in crate::codec) fn text(body: &[u8]) -> Result<&str, BodyError> {
    let text = json::utf8(body)?;
    if text.starts_with('\u{feff}') {
        let detail = "the body begins with a byte order mark: leave it out";
        return Err(BodyError::new("byte_order_mark", detail));
    }
    if text.bytes().all(|b| b.is_ascii_whitespace()) {
        return Err(BodyError::new("empty_body", "the body is empty: send JSON"));
    }
    Ok(text)
}

/// Takes a body apart. `envelope` names the array that an envelope object would hold.
pub(super) fn split<'a>(
    text: &'a str,
    ndjson: bool,
    envelope: Option<&str>,
    limits: &BodyLimits,
) -> Result<Items<'a>, BodyError> {
    let items = match json::kind(text) {
        _ if ndjson => Items { shape: Shape::Batch, timestamp: None, items: lines(text)? },
        Kind::Array => Items { shape: Shape::Batch, timestamp: None, items: json::elements(text)? },
        Kind::Object => object(text, envelope)?,
        _ => {
            json::value(text)?;
            return Err(BodyError::new("body_type", "send a JSON object, or an array of them"));
        }
    };
    if items.items.len() > limits.items_max {
        let detail = format!("send at most {} items in one body", limits.items_max);
        return Err(BodyError { status_hint: 413, ..BodyError::new("too_many_items", detail) });
    }
    Ok(items)
}

fn lines(text: &str) -> Result<Vec<&str>, BodyError> {
    let mut items = Vec::new();
    let mut offset = 0;
    for line in text.split('\n') {
        if !line.trim_matches([' ', '\t', '\r']).is_empty() {
            items.push(json::value(line).map_err(|e| e.moved(offset))?);
        }
        offset += line.len() + 1;
    }
    Ok(items)
}

/// One item, or `{"timestamp", "prices": [...]}`: an envelope names no id and holds its array.
fn object<'a>(text: &'a str, envelope: Option<&str>) -> Result<Items<'a>, BodyError> {
    let members = json::members(text)?;
    let list =
        members.iter().find(|(name, raw)| Some(name.as_ref()) == envelope && json::kind(raw) == Kind::Array);
    let Some(&(_, list)) = list.filter(|_| members.iter().all(|(name, _)| name != "id")) else {
        return Ok(Items { shape: Shape::Single, timestamp: None, items: vec![text] });
    };
    let timestamp = timestamp(&members, envelope)?;
    Ok(Items { shape: Shape::Batch, timestamp, items: json::elements(list)? })
}

fn timestamp(members: &[(Cow<'_, str>, &str)], envelope: Option<&str>) -> Result<Timestamp, BodyError> {
    let mut timestamp = None;
    for (name, raw) in members {
        if name == "timestamp" {
            timestamp = reserved::time(raw, Rule::T1)
                .map_err(|refusal| BodyError::new(refusal.code, format!("`timestamp`: {}", refusal.hint)))?;
        } else if Some(name.as_ref()) != envelope {
            let detail = "an envelope holds `timestamp` and its list: leave other members out";
            return Err(BodyError::new("unknown_member", detail));
        }
    }
    Ok(timestamp)
}

/// The id of an item that is refused, for the reply; empty where there is none to read.
pub(super) fn readable_id(raw: &str) -> CompactString {
    json::lookup_in_spoilt(raw, &["id".into()])
        .and_then(|raw| reserved::id(raw, Rule::D1).ok())
        .map(|id| CompactString::from(id.as_str()))
        .unwrap_or_default()
}

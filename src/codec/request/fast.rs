//! The fast path for prices: simd-json into typed structs, over a copy of the body.
//!
//! It accepts a body whole or not at all. Whatever is out of the ordinary — a float amount (which
//! simd-json would round), an unknown member, a type that differs, an escape, an item that the
//! policy refuses — makes it give up, and the exact path reads the body again. So refusals are
//! made in one place only, and no number has ever been a float.

use super::decoded::Shape;
use super::price::{Parts, checked_sequence};
use crate::codec::json::{self, FromObject, Kind, STRING_BYTES_MAX};
use crate::codec::reserved;
use crate::domain::{AssetId, Decimal, ItemOutcome, PriceWrite, Rule, Write};
use crate::rules::policy::Policy;
use serde::Deserialize;
use serde::de::{self, Visitor};
use simd_json::Buffers;
use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

thread_local! {
    /// The copy that simd-json spoils, and its own buffers: kept, as with them it is quicker than
    /// the exact path even for a single price.
    static SCRATCH: RefCell<(Vec<u8>, Buffers)> =
        RefCell::new((Vec::new(), Buffers::with_max_depth(0, json::DEPTH_MAX)));
}

type Writes = Vec<Result<Write, Box<ItemOutcome>>>;

/// All of a body, or `None` where anything in it needs the exact path.
pub(super) fn prices(text: &str, ndjson: bool, policy: &Policy) -> Option<(Shape, Writes)> {
    if memchr::memchr(b'\\', text.as_bytes()).is_some() {
        return None;
    }
    SCRATCH.with_borrow_mut(|(copy, buffers)| {
        copy.clear();
        if ndjson {
            let lines = copy_lines(copy, text)?;
            let writes = array(copy, buffers, policy)?;
            return (writes.len() == lines).then_some((Shape::Batch, writes));
        }
        copy.extend_from_slice(text.as_bytes());
        match json::kind(text) {
            Kind::Array => Some((Shape::Batch, array(copy, buffers, policy)?)),
            Kind::Object if memchr::memmem::find(text.as_bytes(), b"\"prices\"").is_some() => {
                Some((Shape::Batch, envelope(copy, buffers, policy)?))
            }
            Kind::Object => Some((Shape::Single, single(copy, buffers, policy)?)),
            _ => None,
        }
    })
}

/// Makes an array of NDJSON. As every line begins and ends an object, every newline is kept (no
/// string can hold one) and a price nests nothing, as many items as lines means one on each.
fn copy_lines(copy: &mut Vec<u8>, text: &str) -> Option<usize> {
    let mut lines = 0;
    for line in text.split('\n').map(|line| line.trim_matches([' ', '\t', '\r'])) {
        if line.is_empty() {
            continue;
        }
        if !line.starts_with('{') || !line.ends_with('}') {
            return None;
        }
        copy.extend_from_slice(if lines == 0 { b"[" } else { b",\n" });
        copy.extend_from_slice(line.as_bytes());
        lines += 1;
    }
    copy.push(b']');
    Some(lines)
}

fn array(copy: &mut [u8], buffers: &mut Buffers, policy: &Policy) -> Option<Writes> {
    let items: Vec<FromObject<PriceIn<'_>>> =
        simd_json::serde::from_slice_with_buffers(copy, buffers).ok()?;
    let read = |FromObject(item): FromObject<PriceIn<'_>>| Some(Ok(Write::Price(item.read(policy)?)));
    items.into_iter().map(read).collect()
}

fn single(copy: &mut [u8], buffers: &mut Buffers, policy: &Policy) -> Option<Writes> {
    let FromObject(item): FromObject<PriceIn<'_>> =
        simd_json::serde::from_slice_with_buffers(copy, buffers).ok()?;
    Some(vec![Ok(Write::Price(item.read(policy)?))])
}

fn envelope(copy: &mut [u8], buffers: &mut Buffers, policy: &Policy) -> Option<Writes> {
    let FromObject(envelope): FromObject<EnvelopeIn<'_>> =
        simd_json::serde::from_slice_with_buffers(copy, buffers).ok()?;
    let timestamp = match envelope.timestamp {
        Some(text) if text.len() > STRING_BYTES_MAX => return None,
        Some(text) => Some(reserved::time_text(text, Rule::T1).ok()?),
        None => None,
    };
    let read = |FromObject(item): FromObject<PriceIn<'_>>| {
        let mut write = item.read(policy)?;
        write.at = write.at.or(timestamp);
        Some(Ok(Write::Price(write)))
    };
    envelope.prices.into_iter().map(read).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvelopeIn<'a> {
    #[serde(borrow, default)]
    timestamp: Option<&'a str>,
    #[serde(borrow)]
    prices: Vec<FromObject<PriceIn<'a>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceIn<'a> {
    #[serde(borrow)]
    id: TextOrWhole<'a>,
    #[serde(borrow)]
    amount: TextOrWhole<'a>,
    #[serde(borrow, default)]
    currency: Option<&'a str>,
    #[serde(borrow, default)]
    as_of: Option<&'a str>,
    #[serde(borrow, default)]
    quote: Option<&'a str>,
    #[serde(borrow, default)]
    kind: Option<&'a str>,
    #[serde(borrow, default)]
    per: Option<&'a str>,
    #[serde(default)]
    sequence: Option<u64>,
    #[serde(borrow, default)]
    stream: Option<&'a str>,
    #[serde(borrow, default)]
    market: Option<&'a str>,
}

impl PriceIn<'_> {
    fn read(self, policy: &Policy) -> Option<PriceWrite> {
        let id = match self.id {
            TextOrWhole::Text(text) => AssetId::named(text).ok()?,
            TextOrWhole::Whole(number) => AssetId::new(&number.to_string()).ok()?,
        };
        let amount = match self.amount {
            TextOrWhole::Text(text) if text.len() > STRING_BYTES_MAX => return None,
            TextOrWhole::Text(text) => Decimal::parse(text).ok()?,
            TextOrWhole::Whole(number) => Decimal::from_parts(number, 0)?,
        };
        let amount = reserved::check_amount(amount, policy).ok()?;
        if self.as_of.is_some_and(|text| text.len() > STRING_BYTES_MAX) {
            return None;
        }
        let parts = Parts {
            currency: self.currency.map(Cow::Borrowed),
            as_of: self.as_of.map(Cow::Borrowed),
            quote: self.quote.map(Cow::Borrowed),
            kind: self.kind.map(Cow::Borrowed),
            per: self.per.map(Cow::Borrowed),
            sequence: match self.sequence {
                Some(number) => checked_sequence(number)?,
                None => 0,
            },
            stream: self.stream.map(Cow::Borrowed),
            market: self.market.map(Cow::Borrowed),
        };
        parts.assemble(id, amount, policy).ok()
    }
}

/// A string, or an integer. A float is refused: its source text is what counts.
enum TextOrWhole<'a> {
    Text(&'a str),
    Whole(i128),
}

impl<'de: 'a, 'a> Deserialize<'de> for TextOrWhole<'a> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<TextOrWhole<'a>, D::Error> {
        deserializer.deserialize_any(TextOrWholeVisitor)
    }
}

struct TextOrWholeVisitor;

impl<'de> Visitor<'de> for TextOrWholeVisitor {
    type Value = TextOrWhole<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an integer")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(TextOrWhole::Text(text))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(TextOrWhole::Whole(i128::from(number)))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(TextOrWhole::Whole(i128::from(number)))
    }
}

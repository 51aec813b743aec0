//! The bodies of pushes: prices and assets, one object, an array, an envelope or NDJSON.
//!
//! A body that is not JSON at all, or not of a shape that is known, is refused whole
//! (`BodyError`). What is wrong with one item stands in its place among the writes, with the rest
//! untouched. Times are source times (T1, T2): the item's own, else the envelope's, else none.

pub mod again;
mod asset;
pub(super) mod body;
mod decoded;
mod event;
mod fast;
pub(super) mod price;
mod warn;

pub use decoded::{BodyError, BodyLimits, Decoded, Shape};
pub use warn::{ItemWarning, warnings};

use super::json::{self, FromObject, Kind};
use super::reserved::Refusal;
use crate::domain::{AssetId, ItemOutcome, Outcome, QuoteName, Verb, Write};
use crate::rules::policy::Policy;
use body::Items;
use compact_str::CompactString;
use price::Owner;
use serde::de::DeserializeOwned;

/// Decodes the body of `POST /api/prices`. Errs where it is refused as a whole, as do the others here.
pub fn prices(body: &[u8], ndjson: bool, policy: &Policy, limits: &BodyLimits) -> Result<Decoded, BodyError> {
    let text = body::text(body)?;
    if let Some((shape, writes)) = fast::prices(text, ndjson, policy)
        && writes.len() <= limits.items_max
    {
        let id = |write: &Result<Write, _>| match write {
            Ok(write) => CompactString::from(write.id().as_str()),
            Err(_) => CompactString::default(),
        };
        let ids = writes.iter().map(id).collect();
        return Ok(Decoded { shape, writes, ids });
    }
    prices_exactly(text, ndjson, policy, limits)
}

/// The exact path: any body, item by item.
fn prices_exactly(
    text: &str,
    ndjson: bool,
    policy: &Policy,
    limits: &BodyLimits,
) -> Result<Decoded, BodyError> {
    let items = body::split(text, ndjson, Some("prices"), limits)?;
    let timestamp = items.timestamp;
    Ok(decoded(&items, None, |raw| {
        let mut write = price::decode(raw, Owner::Named, policy).map_err(Refusal::into_outcome)?;
        write.at = write.at.or(timestamp);
        Ok(Write::Price(write))
    }))
}

/// Decodes the body of `POST /api/assets`, `PUT /api/assets`, `PUT · PATCH /api/assets/{id}`. A PUT or a
/// call that names its asset in the path takes one object only.
pub fn assets(
    body: &[u8],
    ndjson: bool,
    verb: Verb,
    path_id: Option<&AssetId>,
    policy: &Policy,
    limits: &BodyLimits,
) -> Result<Decoded, BodyError> {
    let text = body::text(body)?;
    let one_only = verb == Verb::Put || path_id.is_some();
    let envelope = (!one_only).then_some("assets");
    let items = body::split(text, ndjson, envelope, limits)?;
    if one_only && items.shape == Shape::Batch {
        return Err(needs_one(verb));
    }
    let timestamp = items.timestamp;
    Ok(decoded(&items, path_id, |raw| {
        let write = asset::decode(raw, verb, path_id, policy).map_err(Refusal::into_outcome)?;
        Ok(event::dated(Write::Asset(Box::new(write)), timestamp))
    }))
}

/// Decodes the body of `PUT /api/assets/{id}/price`.
pub fn asset_price(
    body: &[u8],
    id: &AssetId,
    quote: Option<QuoteName>,
    policy: &Policy,
) -> Result<Decoded, BodyError> {
    // a list is refused as such, whatever its length
    let items = body::split(body::text(body)?, false, None, &BodyLimits { items_max: usize::MAX })?;
    if items.shape == Shape::Batch {
        return Err(needs_one(Verb::Put));
    }
    Ok(decoded(&items, Some(id), |raw| {
        price::decode(raw, Owner::Path(id, quote), policy).map(Write::Price).map_err(Refusal::into_outcome)
    }))
}

/// Decodes the body of `POST /api/events`.
pub fn events(body: &[u8], ndjson: bool, policy: &Policy, limits: &BodyLimits) -> Result<Decoded, BodyError> {
    let items = body::split(body::text(body)?, ndjson, None, limits)?;
    let mut decoded = decoded(&items, None, |raw| event::decode(raw, policy));
    for ((id, write), raw) in decoded.ids.iter_mut().zip(&decoded.writes).zip(&items.items) {
        *id = match write {
            Ok(_) => continue,
            Err(item) if item.outcome == Outcome::Ignored => CompactString::default(),
            Err(_) => event::readable_id(raw),
        };
    }
    Ok(decoded)
}

/// Decodes a body that is one object of a shape of our own. Errs where it is anything else, or a
/// member is not what the shape asks for.
pub fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, BodyError> {
    let text = body::text(body)?;
    json::value(text)?;
    if json::kind(text) != Kind::Object {
        return Err(BodyError::new("body_type", "send one JSON object"));
    }
    let read = serde_json::from_str(text).map(|FromObject(read)| read);
    read.map_err(|error| BodyError::new("member_type", error.to_string()))
}

fn needs_one(verb: Verb) -> BodyError {
    match verb {
        Verb::Patch => {
            BodyError::new("patch_needs_one", "a PATCH speaks for one asset: send one JSON object")
        }
        _ => BodyError::new(
            "put_needs_one",
            "a PUT speaks for one asset and never replaces the catalogue: send one JSON object, or POST a list",
        ),
    }
}

fn decoded(
    items: &Items<'_>,
    path_id: Option<&AssetId>,
    mut decode: impl FnMut(&str) -> Result<Write, Box<ItemOutcome>>,
) -> Decoded {
    let mut writes = Vec::with_capacity(items.items.len());
    let mut ids = Vec::with_capacity(items.items.len());
    for &raw in &items.items {
        let write = decode(raw);
        ids.push(match (&write, path_id) {
            (Ok(write), _) => CompactString::from(write.id().as_str()),
            (Err(_), Some(id)) => CompactString::from(id.as_str()),
            (Err(_), None) => body::readable_id(raw),
        });
        writes.push(write);
    }
    Decoded { shape: items.shape, writes, ids }
}

#[cfg(test)]
mod tests;

//! Finding the items of a body again, once one of them was refused and is to be kept: where each
//! began, and its text. Most bodies are never looked at a second time.

use super::body;
use super::{BodyLimits, Decoded};
use crate::domain::{AssetId, Micros, QuoteName, RefusedKind, Verb, Write};
use crate::rules::policy::Policy;
use compact_str::CompactString;

/// How a body was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// A line for each item.
    pub ndjson: bool,
    /// What its items are.
    pub kind: RefusedKind,
}

/// The items of a body in their order.
#[derive(Debug, Default)]
pub struct Texts<'a> {
    /// The envelope's time; `None` where it gave none.
    pub timestamp: Option<Micros>,
    /// Each with the byte at which it begins.
    pub items: Vec<(usize, &'a str)>,
}

/// Takes a body apart that has been decoded before; empty where it cannot be.
pub fn texts(body: &[u8], form: Form) -> Texts<'_> {
    let envelope = match form.kind {
        RefusedKind::Price => Some("prices"),
        RefusedKind::Post => Some("assets"),
        _ => None,
    };
    let found = body::text(body).ok().and_then(|text| {
        let items = body::split(text, form.ndjson, envelope, &BodyLimits { items_max: usize::MAX }).ok()?;
        let offset = |item: &str| item.as_ptr() as usize - body.as_ptr() as usize;
        let items_at = items.items.iter().map(|item| (offset(item), *item)).collect();
        Some(Texts { timestamp: items.timestamp, items: items_at })
    });
    found.unwrap_or_default()
}

/// The id of a refused item; empty where there is none to read.
pub fn id_of(item: &str) -> CompactString {
    body::readable_id(item)
}

/// What the path and the query said of an item, where its kind has such.
#[derive(Clone, Copy, Debug, Default)]
pub struct Named<'a> {
    /// The asset that the path named.
    pub id: Option<&'a AssetId>,
    /// The quote that the query named.
    pub quote: Option<QuoteName>,
}

/// Decodes one item by itself, as its body had been. `None`: such an item has no text.
pub fn decode(item: &str, kind: RefusedKind, named: Named<'_>, policy: &Policy) -> Option<Write> {
    let limits = BodyLimits { items_max: 1 };
    let assets = |verb| super::assets(item.as_bytes(), false, verb, named.id, policy, &limits);
    let decoded = match kind {
        RefusedKind::Put => assets(Verb::Put),
        RefusedKind::Post => assets(Verb::Post),
        RefusedKind::Patch => assets(Verb::Patch),
        RefusedKind::Event => super::events(item.as_bytes(), false, policy, &limits),
        RefusedKind::Price => super::prices(item.as_bytes(), false, policy, &limits),
        RefusedKind::AssetPrice => super::asset_price(item.as_bytes(), named.id?, named.quote, policy),
        RefusedKind::Delete | RefusedKind::Withdrawal | RefusedKind::FeedRecord | RefusedKind::Snapshot => {
            return None;
        }
    };
    let Decoded { mut writes, .. } = decoded.ok()?;
    writes.pop()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(body: &str, ndjson: bool, kind: RefusedKind) -> Vec<(usize, &str)> {
        texts(body.as_bytes(), Form { ndjson, kind }).items
    }

    #[test]
    fn items_are_found_where_they_stand() {
        assert_eq!(found("[{\"id\":1}, 7]", false, RefusedKind::Price), [(1, "{\"id\":1}"), (11, "7")]);
        assert_eq!(found(" {\"id\":1}", false, RefusedKind::Put).len(), 1);
        assert_eq!(found("{}\n\n {\"a\":2}\n", true, RefusedKind::Post), [(0, "{}"), (5, "{\"a\":2}")]);
        let envelope = "{\"timestamp\":\"2026-01-01T00:00:00Z\",\"prices\":[{}]}";
        let texts = texts(envelope.as_bytes(), Form { ndjson: false, kind: RefusedKind::Price });
        assert!(texts.timestamp.is_some() && texts.items == [(46, "{}")]);
        assert!(found("not JSON", false, RefusedKind::Post).is_empty());
    }

    #[test]
    fn an_item_is_decoded_by_itself_as_it_was_in_its_body() {
        let policy = Policy::default();
        let id = AssetId::new("a").unwrap();
        let price = "{\"amount\":\"1\",\"currency\":\"EUR\"}";
        let of_path = Named { id: Some(&id), quote: None };
        assert!(decode(price, RefusedKind::AssetPrice, of_path, &policy).is_some());
        assert!(decode(price, RefusedKind::Price, Named::default(), &policy).is_none(), "it names no asset");
        assert!(decode("{\"name\":\"x\"}", RefusedKind::Patch, of_path, &policy).is_some());
        assert!(decode("", RefusedKind::Delete, of_path, &policy).is_none());
    }
}

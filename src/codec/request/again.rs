//! Finding the items of a body again, once one of them was refused and is to be kept: where each
//! began, and its text. Most bodies are never looked at a second time.

use super::BodyLimits;
use super::body;
use crate::codec::{json, reserved};
use crate::domain::{AssetId, ItemOutcome, Micros, Outcome, QuoteName, RefusedKind, Rule, Verb, Write};
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
    /// The text of every item, where none has one of its own.
    pub whole: Option<&'a str>,
}

impl<'a> Texts<'a> {
    /// The text of the item at this place, with the byte at which it begins.
    pub fn at(&self, place: usize) -> Option<(usize, &'a str)> {
        self.items.get(place).copied().or(self.whole.map(|text| (0, text)))
    }
}

/// Takes a body apart that has been decoded before; empty where it cannot be.
pub fn texts(body: &[u8], form: Form) -> Texts<'_> {
    if form.kind == RefusedKind::Hook {
        // each item is read of the whole
        let whole = std::str::from_utf8(body).unwrap_or_default();
        return Texts { whole: Some(whole), ..Texts::default() };
    }
    let envelope = match form.kind {
        RefusedKind::Price => Some("prices"),
        RefusedKind::Post => Some("assets"),
        _ => None,
    };
    let found = body::text(body).ok().and_then(|text| {
        let items = body::split(text, form.ndjson, envelope, &BodyLimits { items_max: usize::MAX }).ok()?;
        let offset = |item: &str| item.as_ptr() as usize - body.as_ptr() as usize;
        let items_at = items.items.iter().map(|item| (offset(item), *item)).collect();
        Some(Texts { timestamp: items.timestamp, items: items_at, whole: None })
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

/// Decodes one item by itself, as its body had been; what is wrong with it is said as of a push.
pub fn decode(
    item: &str,
    kind: RefusedKind,
    named: Named<'_>,
    policy: &Policy,
) -> Result<Write, Box<ItemOutcome>> {
    let limits = BodyLimits { items_max: 1 };
    let assets = |verb| super::assets(item.as_bytes(), false, verb, named.id, policy, &limits);
    let decoded = match (kind, named.id) {
        (RefusedKind::Put, _) => assets(Verb::Put),
        (RefusedKind::Post, _) => assets(Verb::Post),
        (RefusedKind::Patch, _) => assets(Verb::Patch),
        (RefusedKind::Event, _) => super::events(item.as_bytes(), false, policy, &limits),
        (RefusedKind::Price, _) => super::prices(item.as_bytes(), false, policy, &limits),
        (RefusedKind::AssetPrice, Some(id)) => super::asset_price(item.as_bytes(), id, named.quote, policy),
        _ => {
            return Err(no_item("nothing_to_decide", "a row of this kind has no text that could be decided"));
        }
    };
    let decoded = decoded.map_err(|error| no_item(error.code, &error.detail))?;
    let mut writes = decoded.writes;
    writes.pop().unwrap_or_else(|| Err(no_item("item_missing", "send one item")))
}

fn no_item(code: &'static str, hint: &str) -> Box<ItemOutcome> {
    Box::new(ItemOutcome::noted(Outcome::Rejected, Rule::D1, code, hint))
}

/// What an item says of its asset: what a later write must speak for to make it of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpokenFor {
    /// The whole document.
    Full,
    /// The members of these names, `price` among them; `None` where they cannot be read.
    Members(Option<Vec<String>>),
    /// The end of the asset.
    Delete,
    /// The price of this quote.
    Price(QuoteName),
    /// It cannot be told.
    Unclear,
}

/// What an item that was refused speaks for, as far as its text can be read. `quote`: as it is known
/// otherwise.
pub fn spoken_for(item: &str, kind: RefusedKind, quote: Option<QuoteName>) -> SpokenFor {
    let price = |item| SpokenFor::Price(quote.or_else(|| quote_of(item)).unwrap_or(QuoteName::PRICE));
    match kind {
        RefusedKind::Put => SpokenFor::Full,
        RefusedKind::Post | RefusedKind::Patch => SpokenFor::Members(names_of(item)),
        RefusedKind::Delete => SpokenFor::Delete,
        RefusedKind::Price | RefusedKind::AssetPrice | RefusedKind::Withdrawal => price(item),
        RefusedKind::Event => {
            let data = enclosed_in(item);
            match text_at(item, "type").as_deref() {
                Some("asset.upserted") => SpokenFor::Members(data.and_then(names_of)),
                Some("asset.replaced") => SpokenFor::Full,
                Some("asset.deleted") => SpokenFor::Delete,
                Some("price.updated") => price(data.unwrap_or_default()),
                _ => SpokenFor::Unclear,
            }
        }
        RefusedKind::Hook | RefusedKind::FeedRecord | RefusedKind::Snapshot => SpokenFor::Unclear,
    }
}

/// An item's own time, where it has one that can be read.
pub fn time_of(item: &str, kind: RefusedKind) -> Option<Micros> {
    let time = |item, name: &str| {
        let raw = json::lookup_in_spoilt(item, &[name.into()])?;
        reserved::time(raw, Rule::T1).ok().flatten()
    };
    match kind {
        RefusedKind::Price | RefusedKind::AssetPrice => time(item, "as_of"),
        RefusedKind::Event => {
            let own =
                enclosed_in(item).and_then(|data| time(data, "as_of").or_else(|| time(data, "updated_at")));
            own.or_else(|| time(item, "timestamp"))
        }
        // its hook says where that is
        RefusedKind::Hook => None,
        _ => time(item, "updated_at"),
    }
}

fn enclosed_in(item: &str) -> Option<&str> {
    json::lookup_in_spoilt(item, &["data".into()])
}

fn quote_of(item: &str) -> Option<QuoteName> {
    QuoteName::new(&text_at(item, "quote")?).ok()
}

fn text_at(item: &str, name: &str) -> Option<String> {
    let raw = json::lookup_in_spoilt(item, &[name.into()])?;
    reserved::text(raw, Rule::D1).ok().map(std::borrow::Cow::into_owned)
}

/// The names of an item's members but for its id and time.
fn names_of(item: &str) -> Option<Vec<String>> {
    if item.is_empty() || json::kind(item) != json::Kind::Object {
        return None;
    }
    let members = json::members(item).ok()?;
    let names = members.into_iter().map(|(name, _)| name.into_owned());
    Some(names.filter(|name| name != "id" && name != "updated_at").collect())
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
        assert!(decode(price, RefusedKind::AssetPrice, of_path, &policy).is_ok());
        let nameless = decode(price, RefusedKind::Price, Named::default(), &policy).unwrap_err();
        assert_eq!(nameless.note.unwrap().code, "id_missing");
        assert!(decode("{\"name\":\"x\"}", RefusedKind::Patch, of_path, &policy).is_ok());
        let two = decode("[{\"id\":\"a\"},{\"id\":\"b\"}]", RefusedKind::Post, Named::default(), &policy);
        assert_eq!(two.unwrap_err().note.unwrap().code, "too_many_items");
        assert!(decode("", RefusedKind::Delete, of_path, &policy).is_err());
    }

    #[test]
    fn what_an_item_speaks_for_is_read_as_far_as_its_text_goes() {
        let of = |item, kind| spoken_for(item, kind, None);
        let nav = QuoteName::new("nav").unwrap();
        let members =
            |names: &[&str]| SpokenFor::Members(Some(names.iter().map(|name| (*name).to_owned()).collect()));
        let item = r#"{"id":"a","updated_at":"2026-01-01T00:00:00Z","name":"x","price":7}"#;
        assert_eq!(of(item, RefusedKind::Put), SpokenFor::Full);
        assert_eq!(of(item, RefusedKind::Post), members(&["name", "price"]));
        assert_eq!(of("{\"id\":", RefusedKind::Patch), SpokenFor::Members(None));
        assert_eq!(of(r#"{"quote":"nav","amount":"x"}"#, RefusedKind::Price), SpokenFor::Price(nav));
        assert_eq!(of("7", RefusedKind::AssetPrice), SpokenFor::Price(QuoteName::PRICE));
        assert_eq!(spoken_for("7", RefusedKind::AssetPrice, Some(nav)), SpokenFor::Price(nav));
        let event = |kind: &str| {
            let item = format!(r#"{{"type":"{kind}","data":{{"id":"a","quote":"nav"}}}}"#);
            spoken_for(&item, RefusedKind::Event, None)
        };
        assert_eq!(event("asset.upserted"), members(&["quote"]));
        assert_eq!(event("asset.replaced"), SpokenFor::Full);
        assert_eq!(event("asset.deleted"), SpokenFor::Delete);
        assert_eq!(event("price.updated"), SpokenFor::Price(nav));
        assert_eq!(event("asset.moved"), SpokenFor::Unclear);
        assert!(time_of(item, RefusedKind::Post).is_some() && time_of(item, RefusedKind::Price).is_none());
    }
}

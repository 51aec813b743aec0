//! Events: what senders post that know one URL only: `{"type", "timestamp", "data"}`. The data is
//! an asset or a price as the other calls take it; `timestamp` is the envelope's time (T1).
//!
//! A sender posts all its events to that URL, and takes a refusal for our fault: a type that
//! says nothing about assets or prices is `ignored`, whatever else its envelope holds. A type that
//! begins like one of ours is a spelling error, and is refused.

use super::price::{self, Owner};
use super::{asset, body};
use crate::codec::json::{self, Kind};
use crate::codec::reserved::{self, Refusal};
use crate::domain::{AssetWrite, ItemOutcome, Micros, Outcome, Rule, Verb, Write};
use crate::rules::policy::Policy;
use compact_str::CompactString;
use std::borrow::Cow;

const TYPES: &str = "asset.upserted, asset.replaced, asset.deleted, price.updated";

/// Reads one event from its source text, which has been scanned before.
pub(super) fn decode(raw: &str, policy: &Policy) -> Result<Write, Box<ItemOutcome>> {
    let members = members(raw).map_err(Refusal::into_outcome)?;
    if is_foreign(&members) {
        return Err(Box::new(ignored()));
    }
    ours(&members, policy).map_err(Refusal::into_outcome)
}

type Members<'a> = Vec<(Cow<'a, str>, &'a str)>;

fn members(raw: &str) -> Result<Members<'_>, Refusal> {
    if json::kind(raw) != Kind::Object {
        return Err(Refusal::new(Rule::D1, "item_type", "send each event as a JSON object"));
    }
    json::members(raw).map_err(|e| Refusal::new(Rule::D1, e.code, e.detail))
}

/// Whether the event's type says nothing about assets or prices.
fn is_foreign(members: &Members<'_>) -> bool {
    let kind = members.iter().find(|(name, raw)| name == "type" && json::kind(raw) == Kind::String);
    kind.and_then(|(_, raw)| json::string(raw).ok()).is_some_and(|kind| !begins_like_ours(&kind))
}

fn begins_like_ours(kind: &str) -> bool {
    let begins = |word: &str| kind.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
    kind.trim().is_empty() || begins("asset") || begins("price")
}

fn ignored() -> ItemOutcome {
    let hint = format!(
        "this type says nothing about assets or prices, and was left alone; those that do are {TYPES}"
    );
    ItemOutcome::noted(Outcome::Ignored, Rule::D1, "event_type_foreign", hint)
}

fn ours(members: &Members<'_>, policy: &Policy) -> Result<Write, Refusal> {
    let (mut kind, mut timestamp, mut data) = (None, None, None);
    for (name, raw) in members {
        match name.as_ref() {
            "type" => kind = Some(reserved::text(raw, Rule::D1).map_err(|e| e.within("type"))?),
            "timestamp" => timestamp = reserved::time(raw, Rule::T1).map_err(|e| e.within("timestamp"))?,
            "data" => data = Some(*raw),
            other => {
                let hint = "leave this member out: an event holds type, timestamp and data";
                return Err(Refusal::new(Rule::D1, "unknown_member", hint).within(other));
            }
        }
    }
    let kind = kind.ok_or_else(|| unknown_type("send the event's `type`"))?;
    let data = data.ok_or_else(|| {
        Refusal::new(Rule::D1, "data_missing", "send the asset or the price as `data`").within("data")
    })?;
    let write = match kind.as_ref() {
        "asset.upserted" => asset::decode(data, Verb::Post, None, policy).map(Box::new).map(Write::Asset),
        "asset.replaced" => asset::decode(data, Verb::Put, None, policy).map(Box::new).map(Write::Asset),
        "asset.deleted" => deleted(data).map(Box::new).map(Write::Asset),
        "price.updated" => price::decode(data, Owner::Named, policy).map(Write::Price),
        _ => return Err(unknown_type("this type of event is not known")),
    };
    Ok(dated(write.map_err(|refusal| refusal.within("data"))?, timestamp))
}

fn unknown_type(what: &str) -> Refusal {
    Refusal::new(Rule::D1, "event_type_unknown", format!("{what}; there are {TYPES}")).within("type")
}

/// T1, T2: what has no time of its own takes that of what it stands in.
pub(super) fn dated(mut write: Write, timestamp: Option<Micros>) -> Write {
    match &mut write {
        Write::Asset(write) => {
            write.at = write.at.or(timestamp);
            for price in &mut write.prices {
                price.at = price.at.or(write.at);
            }
        }
        Write::Price(write) => write.at = write.at.or(timestamp),
    }
    write
}

/// `{"id", "updated_at"?}`; other members say what the asset was, and are of no use any more.
fn deleted(data: &str) -> Result<AssetWrite, Refusal> {
    if json::kind(data) != Kind::Object {
        return Err(Refusal::new(Rule::X1, "item_type", "send the deleted asset as a JSON object"));
    }
    let members = json::members(data).map_err(|e| Refusal::new(Rule::X1, e.code, e.detail))?;
    let find = |wanted: &str| members.iter().find(|(name, _)| name == wanted).map(|(_, raw)| *raw);
    let Some(id) = find("id") else {
        return Err(Refusal::new(Rule::X1, "id_missing", "send the asset's `id`").within("id"));
    };
    let updated_at = find("updated_at").map_or(Ok(None), |raw| reserved::time(raw, Rule::T1));
    let id = reserved::id(id, Rule::X1).map_err(|refusal| refusal.within("id"))?;
    let at = updated_at.map_err(|refusal| refusal.within("updated_at"))?;
    Ok(AssetWrite::delete(id, at))
}

/// The id of an event that is refused, for the reply.
pub(super) fn readable_id(raw: &str) -> CompactString {
    json::lookup_in_spoilt(raw, &["data".into()]).map(body::readable_id).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::{BodyLimits, Shape, events};
    use super::*;
    use crate::domain::Outcome;

    fn one(event: &str) -> Result<Write, (CompactString, String, String)> {
        let decoded =
            events(event.as_bytes(), false, &Policy::default(), &BodyLimits { items_max: 10 }).unwrap();
        assert_eq!(decoded.shape, Shape::Single);
        let id = decoded.ids[0].clone();
        decoded.writes.into_iter().next().unwrap().map_err(|outcome| {
            assert_eq!(outcome.outcome, Outcome::Rejected);
            let note = outcome.note.unwrap();
            (id, note.code.into_owned(), note.pointer)
        })
    }

    fn asset(event: &str) -> AssetWrite {
        match one(event) {
            Ok(Write::Asset(write)) => *write,
            other => panic!("not an asset: {other:?}"),
        }
    }

    const AT: &str = r#""timestamp":"2026-11-24T03:10:00Z""#;
    const AT_MICROS: Option<Micros> = Some(Micros(1_795_489_800_000_000));

    #[test]
    fn t1_an_event_is_the_write_that_its_type_names_at_the_envelopes_time() {
        let data = r#""data":{"id":"a","name":"A"}"#;
        let upserted = asset(&format!(r#"{{"type":"asset.upserted",{AT},{data}}}"#));
        assert_eq!((upserted.verb, upserted.at, upserted.id.as_str()), (Verb::Post, AT_MICROS, "a"));
        assert_eq!(asset(&format!(r#"{{"type":"asset.replaced",{AT},{data}}}"#)).verb, Verb::Put);
        let deleted = asset(&format!(r#"{{"type":"asset.deleted",{AT},{data}}}"#));
        assert_eq!((deleted.verb, deleted.at, deleted.members.members().len()), (Verb::Delete, AT_MICROS, 0));
        let own = r#"{"id":"a","updated_at":"2026-11-24T03:10:00.000001Z"}"#;
        let own = asset(&format!(r#"{{"type":"asset.upserted",{AT},"data":{own}}}"#));
        assert_eq!(own.at.map(|at| at.0), AT_MICROS.map(|at| at.0 + 1), "its own time goes first");
        let price = one(&format!(
            r#"{{"type":"price.updated",{AT},"data":{{"id":"a","amount":"1","currency":"EUR"}}}}"#
        ));
        assert!(matches!(price, Ok(Write::Price(price)) if price.at == AT_MICROS));
    }

    #[test]
    fn an_event_that_says_nothing_about_assets_or_prices_is_ignored_whatever_else_it_holds() {
        for event in [
            r#"{"type":"order.created","timestamp":"2026-11-24T03:10:00Z","data":{"id":"o1"}}"#,
            r#"{"type":"ping"}"#,
            r#"{"id":"evt_1","type":"user/joined","created":7,"data":[1,2]}"#,
            r#"{"type":"order.created","timestamp":"yesterday","data":null,"kind":1}"#,
        ] {
            let body = event.as_bytes();
            let decoded = events(body, false, &Policy::default(), &BodyLimits { items_max: 1 }).unwrap();
            let item = decoded.writes[0].clone().unwrap_err();
            let code = item.note.unwrap().code;
            assert_eq!((item.outcome, &*code), (Outcome::Ignored, "event_type_foreign"), "{event}");
            assert_eq!(decoded.ids, [""], "it names no asset: {event}");
        }
    }

    #[test]
    fn an_event_that_is_not_understood_is_refused_with_a_pointer_into_it() {
        for (event, id, code, pointer) in [
            (r#"{"type":"asset.moved","data":{"id":"a"}}"#, "a", "event_type_unknown", "/type"),
            (r#"{"type":"priceUpdated","data":{"id":"a"}}"#, "a", "event_type_unknown", "/type"),
            (r#"{"type":"Asset.Upserted","data":{"id":"a"}}"#, "a", "event_type_unknown", "/type"),
            (r#"{"type":" ","data":{"id":"a"}}"#, "a", "event_type_unknown", "/type"),
            (r#"{"type":7,"data":{"id":"a"}}"#, "a", "member_type", "/type"),
            (r#"{"data":{"id":"a"}}"#, "a", "event_type_unknown", "/type"),
            (r#"{"type":"asset.upserted","data":["a","A"]}"#, "", "item_type", "/data"),
            (r#"{"type":"price.updated","data":["a","1","EUR"]}"#, "", "item_type", "/data"),
            (r#"{"type":"asset.deleted","data":["a"]}"#, "", "item_type", "/data"),
            (r#"{"type":"asset.upserted"}"#, "", "data_missing", "/data"),
            (r#"{"type":"asset.upserted","data":{"name":"A"}}"#, "", "id_missing", "/data/id"),
            (r#"{"type":"asset.deleted","data":"a"}"#, "", "item_type", "/data"),
            (r#"{"type":"asset.deleted","data":{}}"#, "", "id_missing", "/data/id"),
            (r#"{"type":"price.updated","data":{"id":"a"}}"#, "a", "amount_missing", "/data/amount"),
            (
                r#"{"type":"asset.upserted","timestamp":"now","data":{"id":"a"}}"#,
                "a",
                "time_format",
                "/timestamp",
            ),
            (r#"{"type":"asset.upserted","kind":1,"data":{"id":"a"}}"#, "a", "unknown_member", "/kind"),
        ] {
            assert_eq!(one(event).unwrap_err(), (id.into(), code.into(), pointer.into()), "{event}");
        }
    }
}

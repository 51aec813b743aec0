//! JSON and times as the simulated partners write them. On purpose not the daemon's own codec:
//! a slip in that must show as a difference, not cancel itself out.

use crate::demo::truth::asset::{AssetStep, Price, SimulatedAsset, Snapshot};
use crate::domain::Micros;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// RFC 3339 in UTC, to the microsecond.
pub fn time(at: Micros) -> String {
    jiff::Timestamp::from_microsecond(at.0).unwrap_or_default().to_string()
}

pub fn parse_time(text: &str) -> Option<Micros> {
    Some(Micros(text.parse::<jiff::Timestamp>().ok()?.as_microsecond()))
}

/// A JSON string.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// One price for `POST /api/prices`; without `id` for a price that stands inside an asset. The
/// partner's default currency is left out, as partners do.
pub fn price(id: Option<&str>, price: &Price, default_currency: &str) -> String {
    let mut out = String::from("{");
    if let Some(id) = id {
        write!(out, "\"id\":{},", quoted(id)).expect("a string takes all");
    }
    write!(out, "\"amount\":\"{}\",\"as_of\":\"{}\"", price.amount, time(price.as_of))
        .expect("a string takes all");
    if price.currency.as_str() != default_currency {
        write!(out, ",\"currency\":\"{}\"", price.currency.as_str()).expect("a string takes all");
    }
    out.push('}');
    out
}

/// The body of a write of one asset.
pub fn asset_step(step: &AssetStep, default_currency: &str) -> String {
    let mut out = format!("{{\"id\":{},\"updated_at\":\"{}\"", quoted(&step.id), time(step.at));
    for (name, text) in &step.members {
        let text = text.as_deref().unwrap_or("null");
        write!(out, ",{}:{text}", quoted(name)).expect("a string takes all");
    }
    if let Some(of) = &step.price {
        write!(out, ",\"price\":{}", price(None, of, default_currency)).expect("a string takes all");
    }
    out.push('}');
    out
}

/// A feed document in our default shape.
pub fn feed(snapshot: &Snapshot) -> String {
    let count = snapshot.living().count();
    let generated_at = time(snapshot.generated_at);
    let mut out = String::with_capacity(128 + count * 512);
    write!(out, "{{\"generated_at\":\"{generated_at}\",\"count\":{count},\"complete\":true,\"assets\":[")
        .expect("a string takes all");
    for (place, asset) in snapshot.living().enumerate() {
        out.push_str(if place == 0 { "\n" } else { ",\n" });
        record(&mut out, asset);
    }
    out.push_str("\n]}\n");
    out
}

fn record(out: &mut String, asset: &SimulatedAsset) {
    write!(out, "{{\"id\":{},\"updated_at\":\"{}\"", quoted(&asset.id), time(asset.updated_at))
        .expect("a string takes all");
    for (name, text) in &asset.members {
        write!(out, ",{}:{text}", quoted(name)).expect("a string takes all");
    }
    // a feed always names the currency
    write!(out, ",\"price\":{}}}", price(None, &asset.price, "")).expect("a string takes all");
}

/// Whether two JSON texts say the same: numbers by their text, members in any order.
pub fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.trim(), b.trim());
    if a == b {
        return true;
    }
    match (a.as_bytes().first(), b.as_bytes().first()) {
        (Some(b'{'), Some(b'{')) => members(a).zip(members(b)).is_some_and(|(a, b)| {
            let mut pairs = a.iter().zip(&b);
            a.len() == b.len() && pairs.all(|(a, b)| a.0 == b.0 && same(a.1.get(), b.1.get()))
        }),
        (Some(b'['), Some(b'[')) => elements(a).zip(elements(b)).is_some_and(|(a, b)| {
            a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| same(a.get(), b.get()))
        }),
        (Some(b'"'), Some(b'"')) => string(a).zip(string(b)).is_some_and(|(a, b)| a == b),
        _ => false,
    }
}

/// The members of an object, each with its source text.
pub fn members(text: &str) -> Option<BTreeMap<String, Box<RawValue>>> {
    serde_json::from_str(text).ok()
}

pub fn elements(text: &str) -> Option<Vec<Box<RawValue>>> {
    serde_json::from_str(text).ok()
}

pub fn string(text: &str) -> Option<String> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::super::dice::Dice;
    use super::*;
    use crate::demo::truth::Truth;
    use crate::demo::truth::asset::TruthWrite;
    use crate::demo::truth::book::Book;

    const NOW: Micros = Micros(1_800_000_000_123_456);

    #[test]
    fn a_feed_holds_what_lives_with_its_members_and_prices() {
        let mut truth = Truth::new(Book::Mixed, 40, true, Dice::new(1, "feed"), NOW);
        while truth.snapshot(NOW).assets.iter().all(|asset| !asset.deleted) {
            truth.change(NOW);
        }
        let snapshot = truth.snapshot(NOW);
        let text = feed(&snapshot);
        let envelope = members(&text).unwrap();
        assert_eq!(envelope["complete"].get(), "true");
        assert_eq!(string(envelope["generated_at"].get()).unwrap(), time(snapshot.generated_at));
        let records = elements(envelope["assets"].get()).unwrap();
        assert_eq!(envelope["count"].get(), records.len().to_string());
        assert_eq!(records.len(), snapshot.living().count());
        for (asset, text) in snapshot.living().zip(&records) {
            let record = members(text.get()).unwrap();
            assert_eq!(string(record["id"].get()).unwrap(), asset.id);
            assert!(asset.members.iter().all(|(name, text)| record[name.as_str()].get() == text));
            let price = members(record["price"].get()).unwrap();
            assert_eq!(string(price["amount"].get()).unwrap(), asset.price.amount.to_string());
            assert_eq!(parse_time(&string(price["as_of"].get()).unwrap()), Some(asset.price.as_of));
        }
    }

    #[test]
    fn a_step_names_its_members_and_removes_by_null() {
        let mut truth = Truth::new(Book::Bond, 30, true, Dice::new(2, "steps"), NOW);
        let mut removals = 0;
        for _ in 0..500 {
            let Some(TruthWrite::Asset(step)) = truth.change(NOW) else { continue };
            let body = members(&asset_step(&step, "EUR")).unwrap();
            removals += step.members.iter().filter(|(_, text)| text.is_none()).count();
            for (name, text) in &step.members {
                assert_eq!(body[name.as_str()].get(), text.as_deref().unwrap_or("null"));
            }
        }
        assert!(removals > 0);
    }

    #[test]
    fn the_default_currency_is_left_out_of_pushes() {
        let truth = Truth::new(Book::Fund, 1, false, Dice::new(2, "price"), NOW);
        let of = &truth.tell_all()[0].price.clone().unwrap();
        assert!(!price(Some("x"), of, of.currency.as_str()).contains("currency"));
        assert!(price(Some("x"), of, "XXX").contains("currency"));
    }

    #[test]
    fn values_are_the_same_by_content_and_numbers_by_text() {
        assert!(same(r#"{"a":[1,{"b":"\u00fc"}],"c":null}"#, r#"{ "c": null, "a": [1, {"b": "ü"}] }"#));
        assert!(!same(r#"{"a":1}"#, r#"{"a":1,"b":2}"#));
        assert!(!same("1000000000000000000000001", "1000000000000000000000002"));
        assert!(!same("[1,2]", "[2,1]") && !same("null", "\"null\"") && !same("{", "{}"));
    }

    #[test]
    fn ids_fit_into_one_segment_and_times_read_back() {
        assert_eq!(parse_time(&time(NOW)), Some(NOW));
    }
}

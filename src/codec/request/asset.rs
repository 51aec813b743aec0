//! One asset item: any JSON object with an id. `id`, `updated_at` and `price` are split off; all
//! other members are kept as their source text, the reserved ones checked.

use super::price::{self, Owner};
use crate::codec::json::{self, Kind};
use crate::codec::reserved::{self, Refusal};
use crate::domain::{AssetId, AssetWrite, Document, PriceWrite, Quote, Rule, Verb};
use crate::rules::policy::Policy;
use std::borrow::Cow;

/// Reads one item from its source text, which has been scanned before.
pub(super) fn decode(
    raw: &str,
    verb: Verb,
    path_id: Option<&AssetId>,
    policy: &Policy,
) -> Result<AssetWrite, Refusal> {
    if json::kind(raw) != Kind::Object {
        return Err(Refusal::new(Rule::D1, "item_type", "send each asset as a JSON object"));
    }
    let found = json::members(raw).map_err(|e| Refusal::new(Rule::D1, e.code, e.detail))?;
    let id = id(&found, path_id)?;
    let (mut at, mut prices) = (None, Vec::new());
    let (mut members, mut removed) = (Vec::with_capacity(found.len()), Vec::new());
    for (name, raw) in &found {
        match name.as_ref() {
            "id" => {}
            "updated_at" => at = reserved::time(raw, Rule::T1).map_err(|e| e.within("updated_at"))?,
            "price" => prices = self::prices(raw, &id, policy).map_err(|e| e.within("price"))?,
            name if verb != Verb::Put && json::kind(raw) == Kind::Null => removed.push(name.into()),
            name => {
                reserved::check_member(name, raw, policy)?;
                members.push(reserved::member(name, raw)?);
            }
        }
    }
    let members = Document::from_members(members);
    Ok(AssetWrite { verb, id, at, sequence: 0, members, removed, kept: Vec::new(), prices })
}

fn id(found: &[(Cow<'_, str>, &str)], path_id: Option<&AssetId>) -> Result<AssetId, Refusal> {
    let named = found.iter().find(|(name, _)| name == "id").map(|(_, raw)| reserved::id(raw, Rule::D1));
    match (named.transpose().map_err(|refusal| refusal.within("id"))?, path_id) {
        (Some(named), Some(id)) if named != *id => {
            let hint = "send the id of the path, or leave it out";
            Err(Refusal::new(Rule::D1, "id_mismatch", hint).within("id"))
        }
        (_, Some(id)) => Ok(id.clone()),
        (Some(named), None) => Ok(named),
        (None, None) => Err(Refusal::new(Rule::D1, "id_missing", "send the asset's `id`").within("id")),
    }
}

/// The price of an item: an object, or an array of them with a quote each.
fn prices(raw: &str, id: &AssetId, policy: &Policy) -> Result<Vec<PriceWrite>, Refusal> {
    match json::kind(raw) {
        Kind::Object => Ok(vec![price::decode(raw, Owner::Item(id), policy)?]),
        Kind::Array => several_prices(raw, id, policy),
        Kind::Null => {
            Err(Refusal::new(Rule::P3, "price_null", "to withdraw a price send DELETE to the asset's /price"))
        }
        _ => {
            let hint = "send the price as an object, such as {\"amount\": \"101.25\", \"currency\": \"EUR\"}";
            Err(Refusal::new(Rule::P4, "price_type", hint))
        }
    }
}

fn several_prices(raw: &str, id: &AssetId, policy: &Policy) -> Result<Vec<PriceWrite>, Refusal> {
    let elements = json::elements(raw).map_err(|e| Refusal::new(Rule::P4, e.code, e.detail))?;
    if elements.len() > Quote::PER_ASSET_MAX {
        let hint = format!("send at most {} quotes of one asset", Quote::PER_ASSET_MAX);
        return Err(Refusal::new(Rule::P1, "too_many_quotes", hint));
    }
    let mut prices: Vec<PriceWrite> = Vec::with_capacity(elements.len());
    for (index, raw) in elements.iter().enumerate() {
        let here = |refusal: Refusal| refusal.within(&index.to_string());
        let price = price::decode(raw, Owner::Item(id), policy).map_err(here)?;
        if prices.iter().any(|other| other.quote == price.quote) {
            let hint = "give each price of the list a `quote` of its own";
            return Err(here(Refusal::new(Rule::P1, "quote_twice", hint)));
        }
        prices.push(price);
    }
    Ok(prices)
}

//! The operator's calls about one asset: patch, hide, unhide, each with its reason.

use crate::actors::{Deed, Operated, Order, PartnerEntry};
use crate::codec::cursor;
use crate::codec::json::{self, Kind};
use crate::codec::request::{self, BodyError, BodyLimits};
use crate::domain::{AssetId, AssetWrite, Document, ItemOutcome, Outcome, Rule, Verb, Write};
use crate::http::client::Client;
use crate::http::gate::path::{self, Query};
use crate::http::push;
use crate::http::reply::{self, Body, Fault};
use crate::http::request::intake::{self, Accept};
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Method, Response};
use std::borrow::Cow;
use std::sync::Arc;

/// An operator writes by hand: what is larger is something else.
const BODY_BYTES_MAX: usize = 256 * 1024;
const REASON_BYTES_MAX: usize = 1024;

/// Which asset is meant, and what is to become of it.
pub struct Target<'a> {
    partner: &'a str,
    id: &'a str,
    deed: &'a str,
}

/// `/admin/partners/{p}/assets/{id}/{patch|hide|unhide}`; `None` for any other path.
pub fn target(path: &str) -> Option<Target<'_>> {
    let rest = path.strip_prefix("/admin/partners/")?;
    let mut parts = rest.split('/');
    let (partner, assets, id, deed) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let sound = assets == "assets" && parts.next().is_none() && matches!(deed, "patch" | "hide" | "unhide");
    sound.then_some(Target { partner, id, deed })
}

/// Patches, hides or unhides the asset, and answers once that is durable.
pub async fn answer(
    client: &Client,
    head: &Parts,
    target: Target<'_>,
    mut body: Incoming,
) -> Result<Response<Body>, Fault> {
    if head.method != Method::POST {
        return Err(Fault::MethodNotAllowed { allow: "POST".into() });
    }
    let app = &client.app;
    let query = Query::parse(head.uri.query())?;
    query.only(&["id"])?;
    let name = path::decode(target.partner).ok_or(Fault::NoSuchPartner)?;
    let partner = app.registry.by_name(&name).ok_or(Fault::NoSuchPartner)?;
    let id = path::asset_id(target.id, &query)?;
    app.may_order(&partner)?;
    intake::announced(&head.headers, Accept::Object, BODY_BYTES_MAX)?;
    let bytes = intake::collect(&mut body, BODY_BYTES_MAX, &client.pulse).await?;
    match order(&bytes, &partner, id.clone(), target.deed)? {
        Ok(order) => {
            let operated = partner.operate(order).await?;
            wait_until_durable(&partner, &id, operated, app.reader.journal()).await
        }
        Err(refused) => Ok(render_outcome(&partner, &id, (&refused, None), String::new())),
    }
}

/// Waits until the decision is durable.
async fn wait_until_durable(
    partner: &PartnerEntry,
    id: &AssetId,
    operated: Operated,
    journal: u32,
) -> Result<Response<Body>, Fault> {
    let Operated { item, action, durable } = operated;
    let durable = durable.await.map_err(|_| Fault::OutcomeUnknown)?;
    Ok(render_outcome(partner, id, (&item, action), cursor::encode(journal, durable)))
}

fn render_outcome(
    partner: &PartnerEntry,
    id: &AssetId,
    (item, action): (&ItemOutcome, Option<u64>),
    cursor: String,
) -> Response<Body> {
    let mut said = serde_json::json!({
        "id": id.as_str(),
        "partner": partner.name.as_str(),
        "applied": item.outcome.applied(),
        "outcome": item.outcome.as_str(),
        "rule": item.rule.as_str(),
        "action": action,
    });
    if !cursor.is_empty() {
        said["cursor"] = cursor.into();
    }
    if let Some(note) = &item.note {
        for (member, value) in [("code", note.code.to_string()), ("hint", note.hint.clone())] {
            if !value.is_empty() {
                said[member] = value.into();
            }
        }
        if !note.superseded.is_empty() {
            said["superseded"] = note.superseded.iter().map(|name| name.as_str()).collect();
        }
    }
    reply::json(push::status_of_item(item), said.to_string())
}

/// What the body asks for; inside, what is wrong with the patch as an item.
fn order(
    body: &[u8],
    partner: &Arc<PartnerEntry>,
    id: AssetId,
    deed: &str,
) -> Result<Result<Order, Box<ItemOutcome>>, Fault> {
    let text = json::utf8(body).map_err(|error| bad(error.code, error.detail))?;
    json::value(text).map_err(|error| bad(error.code, error.detail))?;
    if json::kind(text) != Kind::Object {
        return Err(bad("body_type", "send one JSON object"));
    }
    let members = json::members(text).map_err(|error| bad(error.code, error.detail))?;
    let known: &[&str] = if deed == "patch" { &["reason", "set", "remove"] } else { &["reason"] };
    if members.iter().any(|(name, _)| !known.contains(&name.as_ref())) {
        return Err(bad("unknown_member", format!("known members: {}", known.join(", "))));
    }
    let find = |wanted: &str| members.iter().find(|(name, _)| name == wanted).map(|(_, raw)| *raw);
    let reason = reason(find("reason"))?;
    let deed = match deed {
        "hide" => Deed::Hide,
        "unhide" => Deed::Unhide,
        _ => match patch(find("set"), find("remove"), partner, &id)? {
            Ok(write) => Deed::Patch(write),
            Err(refused) => return Ok(Err(refused)),
        },
    };
    Ok(Ok(Order { id, reason, deed }))
}

fn reason(raw: Option<&str>) -> Result<String, Fault> {
    let text = raw.filter(|raw| json::kind(raw) == Kind::String).and_then(|raw| json::string(raw).ok());
    let text = text.map(|text| text.trim().to_owned()).unwrap_or_default();
    match text.len() {
        1..=REASON_BYTES_MAX => Ok(text),
        _ => Err(bad("reason_missing", "send a `reason` of 1 to 1024 bytes: it stands in explain")),
    }
}

/// A PATCH in the words of a partner's, without time and price: those are not the operator's.
fn patch(
    set: Option<&str>,
    remove: Option<&str>,
    partner: &PartnerEntry,
    id: &AssetId,
) -> Result<Result<Box<AssetWrite>, Box<ItemOutcome>>, Fault> {
    let set = set.unwrap_or("{}");
    if json::kind(set) != Kind::Object {
        return Err(bad("member_type", "send `set` as an object of members"));
    }
    let names = json::members(set).map_err(|error| bad(error.code, error.detail))?;
    if names.iter().any(|(name, _)| is_not_theirs(name)) {
        return Err(bad(
            "member_reserved",
            "`id`, `updated_at` and `price` cannot be patched by an operator",
        ));
    }
    let settings = partner.settings.load();
    let limits = BodyLimits { items_max: 1 };
    let decoded = request::assets(set.as_bytes(), false, Verb::Patch, Some(id), &settings.policy, &limits)?;
    let mut write = match decoded.writes.into_iter().next() {
        Some(Ok(Write::Asset(write))) => write,
        Some(Err(refused)) => return Ok(Err(refused)),
        _ => return Err(bad("body_type", "send `set` as an object of members")),
    };
    write.removed.extend(removed(remove, &write.members)?.iter().map(|name| name.as_ref().into()));
    if write.members.is_empty() && write.removed.is_empty() {
        return Ok(Err(nothing_named()));
    }
    Ok(Ok(write))
}

fn is_not_theirs(name: &str) -> bool {
    matches!(name, "id" | "updated_at" | "price")
}

fn removed<'a>(raw: Option<&'a str>, set: &Document) -> Result<Vec<Cow<'a, str>>, Fault> {
    let Some(raw) = raw else { return Ok(Vec::new()) };
    let wrong = || bad("member_type", "send `remove` as a list of names that are not in `set`");
    let elements = json::elements(raw).map_err(|_| wrong())?;
    let mut names = Vec::with_capacity(elements.len());
    for element in elements {
        let name = json::string(element).map_err(|_| wrong())?;
        if is_not_theirs(&name) || set.get(&name).is_some() || names.contains(&name) {
            return Err(wrong());
        }
        names.push(name);
    }
    Ok(names)
}

fn nothing_named() -> Box<ItemOutcome> {
    let hint = "name a member in `set` or in `remove`";
    Box::new(ItemOutcome::noted(Outcome::Rejected, Rule::D1, "nothing_named", hint))
}

fn bad(code: &'static str, detail: impl Into<String>) -> Fault {
    Fault::Body(BodyError { code, detail: detail.into(), offset: None, status_hint: 400 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operators_path_names_partner_asset_and_deed() {
        let target = target("/admin/partners/acme/assets/a%2Fb/hide").unwrap();
        assert_eq!((target.partner, target.id, target.deed), ("acme", "a%2Fb", "hide"));
        for other in
            ["/admin/partners", "/admin/partners/acme/assets/a/drop", "/admin/partners/a/assets/b/hide/c"]
        {
            assert!(super::target(other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_reason_is_needed() {
        assert_eq!(reason(Some("\" by court order \"")).unwrap(), "by court order");
        let long = format!("\"{}\"", "x".repeat(1025));
        for bad in [None, Some("\"  \""), Some("1"), Some(long.as_str())] {
            assert!(reason(bad).is_err());
        }
    }
}

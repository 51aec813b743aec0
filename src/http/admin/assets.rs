//! The operator's calls about one asset: patch, hide, unhide, each with its reason.

use super::call::OperatorCall;
use super::reason::{bad, trimmed};
use crate::actors::{Operated, Order, OrderKind, PartnerEntry};
use crate::codec::cursor;
use crate::codec::json::{self, Kind};
use crate::codec::request::{self, BodyLimits};
use crate::domain::{AssetId, AssetWrite, AuditAct, Document, ItemOutcome, Outcome, Rule, Verb, Write};
use crate::http::gate::path;
use crate::http::gate::route::Answer;
use crate::http::push;
use crate::http::reply::{self, Body, Fault};
use crate::http::request::intake::{self, Accept};
use bytes::Bytes;
use hyper::Response;
use hyper::body::Incoming;
use std::borrow::Cow;

/// An operator writes by hand: what is larger is something else.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// Sets and removes members; answers once that is durable.
pub async fn patch(call: &OperatorCall<'_>, body: Incoming) -> Answer {
    let id = path::asset_id(call.id, &call.query)?;
    let body = take_in(call, body).await?;
    let asked = Asked::read(&body, &["reason", "set", "remove"])?;
    let reason = asked.reason()?;
    match patch_of(asked.member("set"), asked.member("remove"), &call.partner, &id)? {
        Ok(write) => operate(call, (id, reason), OrderKind::Patch(write)).await,
        Err(refused) => Ok(render_outcome(&call.partner, &id, (&refused, None), String::new())),
    }
}

/// Hides the asset from readers; answers once that is durable.
pub async fn hide(call: &OperatorCall<'_>, body: Incoming) -> Answer {
    show_or_hide(call, body, OrderKind::Hide).await
}

/// Shows the asset to readers again; answers once that is durable.
pub async fn unhide(call: &OperatorCall<'_>, body: Incoming) -> Answer {
    show_or_hide(call, body, OrderKind::Unhide).await
}

async fn show_or_hide(call: &OperatorCall<'_>, body: Incoming, kind: OrderKind) -> Answer {
    let id = path::asset_id(call.id, &call.query)?;
    let body = take_in(call, body).await?;
    let reason = Asked::read(&body, &["reason"])?.reason()?;
    operate(call, (id, reason), kind).await
}

async fn take_in(call: &OperatorCall<'_>, mut body: Incoming) -> Result<Bytes, Fault> {
    intake::announced_plain(&call.head.headers, Accept::Object, BODY_BYTES_MAX)?;
    intake::collect(&mut body, BODY_BYTES_MAX, &call.client.pulse).await
}

async fn operate(call: &OperatorCall<'_>, (id, reason): (AssetId, String), kind: OrderKind) -> Answer {
    let act = match &kind {
        OrderKind::Patch(_) => AuditAct::Patch,
        OrderKind::Hide => AuditAct::Hide,
        OrderKind::Unhide => AuditAct::Unhide,
    };
    call.begin(act, ("asset", id.as_str()), Some(reason.clone())).await?;
    let order = Order { id: id.clone(), reason, kind, by: Some(call.acting.who.clone()) };
    let Operated { item, action, durable } = call.partner.operate(order).await?;
    let durable = durable.await.map_err(|_| Fault::OutcomeUnknown)?;
    call.acting.note(item.outcome.as_str().to_owned());
    let cursor = cursor::encode(call.app().reader.journal(), durable);
    Ok(render_outcome(&call.partner, &id, (&item, action), cursor))
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

/// An order's body: the texts of its members.
struct Asked<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Asked<'a> {
    /// Errs at all but one JSON object with members of these names.
    fn read(body: &'a [u8], known: &[&str]) -> Result<Asked<'a>, Fault> {
        let text = json::utf8(body).map_err(|error| bad(error.code, error.detail))?;
        json::value(text).map_err(|error| bad(error.code, error.detail))?;
        if json::kind(text) != Kind::Object {
            return Err(bad("body_type", "send one JSON object"));
        }
        let members = json::members(text).map_err(|error| bad(error.code, error.detail))?;
        if members.iter().any(|(name, _)| !known.contains(&name.as_ref())) {
            return Err(bad("unknown_member", format!("known members: {}", known.join(", "))));
        }
        Ok(Asked(members))
    }

    fn member(&self, wanted: &str) -> Option<&'a str> {
        self.0.iter().find(|(name, _)| name == wanted).map(|(_, raw)| *raw)
    }

    fn reason(&self) -> Result<String, Fault> {
        let raw = self.member("reason").filter(|raw| json::kind(raw) == Kind::String);
        let text = raw.and_then(|raw| json::string(raw).ok()).unwrap_or_default();
        trimmed(&text)?.ok_or_else(|| bad("reason_missing", "send a `reason`: it stands in explain"))
    }
}

/// A PATCH in the words of a partner's, without time and price: those are not the operator's.
fn patch_of(
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::request::BodyError;

    fn reason(body: &str) -> Result<String, Fault> {
        Asked::read(body.as_bytes(), &["reason"])?.reason()
    }

    #[test]
    fn a_reason_is_needed() {
        assert_eq!(reason(r#"{"reason":" by court order "}"#).unwrap(), "by court order");
        for bad in ["{}", r#"{"reason":"  "}"#, r#"{"reason":1}"#] {
            let refused = reason(bad);
            assert!(matches!(refused, Err(Fault::Body(BodyError { code: "reason_missing", .. }))), "{bad}");
        }
        let long = format!(r#"{{"reason":"{}"}}"#, "x".repeat(1025));
        assert!(matches!(reason(&long), Err(Fault::Body(BodyError { code: "reason_too_long", .. }))));
    }
}

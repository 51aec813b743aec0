//! What an operator does about a partner's feed: plans of held deletes (F4), and having a snapshot
//! read again.

use super::call::OperatorCall;
use super::reason::trimmed;
use crate::actors::{PlanOrder, PlanVerdict, RebuildFrom};
use crate::codec::request;
use crate::domain::RunId;
use crate::http::gate::route::Answer;
use crate::http::own::feed;
use crate::http::own::plans::{list_of, show_plan, stored_plan};
use crate::http::reply::stored::json;
use crate::http::reply::{self, Fault};
use crate::http::request::intake::{self, Accept};
use hyper::StatusCode;
use hyper::body::{Body as _, Incoming};
use serde::Deserialize;
use std::sync::Arc;

const BODY_BYTES_MAX: usize = 4 * 1024;

/// All plans that are kept, newest first.
pub async fn list(call: &OperatorCall<'_>) -> Answer {
    let (app, partner) = (call.app(), Arc::clone(&call.partner));
    list_of(&call.share(), app.reader.clone(), partner, app.clock.now()).await
}

/// One plan, with the page of its ids that `?cursor=` names.
pub async fn show(call: &OperatorCall<'_>) -> Answer {
    let page = call.query.one("cursor")?.map(|text| text.parse().map_err(|_| Fault::BadCursor));
    let page = page.transpose()?.unwrap_or(0);
    let (app, partner) = (call.app(), Arc::clone(&call.partner));
    show_plan(&call.share(), app.reader.clone(), partner, (call.id, page), app.clock.now()).await
}

/// Has the plan's deletes made.
pub async fn approve(call: &OperatorCall<'_>, body: Incoming) -> Answer {
    decide(call, PlanVerdict::Approve, body).await
}

/// Throws the plan away: what it would delete stays.
pub async fn reject(call: &OperatorCall<'_>, body: Incoming) -> Answer {
    decide(call, PlanVerdict::Reject, body).await
}

/// Begins a run that takes up where the index may be wrong: of the body that `?run=` names, else of
/// a document that is fetched now.
pub async fn rebuild(call: &OperatorCall<'_>) -> Answer {
    let run = call.query.number("run", u64::MAX)?;
    let from = run.map_or(RebuildFrom::Fetch, |run| RebuildFrom::Stored(RunId(run)));
    let started = call.partner.rebuild(from).await??;
    let said = serde_json::json!({ "requested": true, "run": started.0 });
    Ok(reply::json(StatusCode::ACCEPTED, said.to_string()))
}

/// The report of a run: how a rebuild ended.
pub fn run(call: &OperatorCall<'_>) -> Answer {
    feed::run_of(&call.app().reader, &call.partner, call.id)
}

async fn decide(call: &OperatorCall<'_>, verdict: PlanVerdict, body: Incoming) -> Answer {
    let reason = reason(call, body).await?;
    let plan = stored_plan(&call.app().reader, &call.partner, call.id)?.ok_or(Fault::NoSuchPlan)?.id;
    let end = call.partner.decide_plan(PlanOrder { plan, verdict, reason }).await??;
    let said = serde_json::json!({
        "id": end.plan, "state": end.state, "deleted": end.deleted, "kept": end.kept,
    });
    Ok(json(&said))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    reason: Option<String>,
}

/// `{"reason"?}`, or no body at all.
async fn reason(call: &OperatorCall<'_>, mut body: Incoming) -> Result<Option<String>, Fault> {
    if body.is_end_stream() {
        return Ok(None);
    }
    intake::announced_plain(&call.head.headers, Accept::Object, BODY_BYTES_MAX)?;
    let bytes = intake::collect(&mut body, BODY_BYTES_MAX, &call.client.pulse).await?;
    let order: Order = request::object(&bytes)?;
    trimmed(order.reason.as_deref().unwrap_or_default())
}

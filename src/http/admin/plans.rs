//! What an operator does about the deletes of a partner's feed that are held (F4).

use super::call::OperatorCall;
use super::reason::reason_of;
use crate::actors::{PlanOrder, PlanVerdict};
use crate::domain::AuditAct;
use crate::http::gate::route::Answer;
use crate::http::own::plans::{list_of, show_plan, stored_plan};
use crate::http::reply::Fault;
use crate::http::reply::stored::json;
use hyper::body::Incoming;
use std::sync::Arc;

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

async fn decide(call: &OperatorCall<'_>, verdict: PlanVerdict, body: Incoming) -> Answer {
    let reason = reason_of(call, body).await?;
    let plan = stored_plan(&call.app().reader, &call.partner, call.id)?.ok_or(Fault::NoSuchPlan)?.id;
    let act = match verdict {
        PlanVerdict::Approve => AuditAct::Approve,
        PlanVerdict::Reject => AuditAct::Reject,
    };
    call.begin(act, ("plan", &plan.to_string()), reason.clone()).await?;
    let by = Some(call.acting.who.clone());
    let end = call.partner.decide_plan(PlanOrder { plan, verdict, reason, by }).await??;
    call.acting.note(format!("{} deleted, {} kept", end.deleted, end.kept));
    let said = serde_json::json!({
        "id": end.plan, "state": end.state, "deleted": end.deleted, "kept": end.kept,
    });
    Ok(json(&said))
}

//! What an operator does about a partner's feed: plans of held deletes (F4), and having a snapshot
//! read again. Partners read their own plans with the words of this file too.

use super::client::Client;
use super::feed::{self, json, parsed};
use super::gate::path::{self, Query};
use super::gate::shares::{Lane, Reading, Share};
use super::reply::{self, Body, Fault};
use super::request::call::Call;
use super::request::intake::{self, Accept};
use super::request::position;
use crate::actors::{PartnerEntry, PlanOrder, PlanVerdict, RebuildFrom, plan_page, plan_pages};
use crate::codec::request::{self, BodyError};
use crate::codec::time;
use crate::domain::{Micros, RecordKind, RunId};
use crate::rules::plan::{Plan, PlanState};
use crate::store::Reader;
use hyper::body::{Body as _, Incoming};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const BODY_BYTES_MAX: usize = 4 * 1024;
const REASON_BYTES_MAX: usize = 1024;
/// Heads read at once: those of a removed partner may be of a time when they held all their ids.
const PAGE: usize = 1;

/// What is meant, and what is to become of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Target<'a> {
    partner: &'a str,
    deed: Deed<'a>,
}

#[derive(Debug, PartialEq, Eq)]
enum Deed<'a> {
    List,
    Show(&'a str),
    Decide(&'a str, PlanVerdict),
    Rebuild,
    /// The report of a run: how a rebuild ended.
    Run(&'a str),
}

/// `/admin/partners/{p}/plans[/{id}[/approve|reject]]`, `…/feed/rebuild`, `…/feed/runs/{run}`;
/// `None` for any other path.
pub fn target(path: &str) -> Option<Target<'_>> {
    let parts: Vec<&str> = path.strip_prefix("/admin/partners/")?.split('/').collect();
    let (partner, deed) = match parts.as_slice() {
        [partner, "plans"] => (partner, Deed::List),
        [partner, "plans", id] => (partner, Deed::Show(id)),
        [partner, "plans", id, "approve"] => (partner, Deed::Decide(id, PlanVerdict::Approve)),
        [partner, "plans", id, "reject"] => (partner, Deed::Decide(id, PlanVerdict::Reject)),
        [partner, "feed", "rebuild"] => (partner, Deed::Rebuild),
        [partner, "feed", "runs", run] => (partner, Deed::Run(run)),
        _ => return None,
    };
    Some(Target { partner, deed })
}

pub async fn answer(
    client: &Client,
    head: &Parts,
    target: Target<'_>,
    body: Incoming,
) -> Result<Response<Body>, Fault> {
    let app = &client.app;
    let changes = matches!(target.deed, Deed::Decide(..) | Deed::Rebuild);
    match (changes, &head.method) {
        (true, &Method::POST) | (false, &Method::GET | &Method::HEAD) => {}
        (true, _) => return Err(Fault::MethodNotAllowed { allow: "POST" }),
        (false, _) => return Err(Fault::MethodNotAllowed { allow: "GET, HEAD" }),
    }
    let query = Query::parse(head.uri.query())?;
    query.only(match target.deed {
        Deed::Rebuild => &["run"],
        Deed::Show(_) => &["cursor"],
        _ => &[],
    })?;
    let name = path::decode(target.partner).ok_or(Fault::NoSuchPartner)?;
    let partner = app.registry.by_name(&name).ok_or(Fault::NoSuchPartner)?;
    if changes {
        app.may_order(&partner)?;
    }
    match target.deed {
        Deed::List => {
            list_of(&app.gate.share(&Reading::Operator), app.reader.clone(), partner, app.clock.now()).await
        }
        Deed::Show(id) => {
            let page = query.one("cursor")?.map(|text| text.parse().map_err(|_| Fault::BadCursor));
            let page = page.transpose()?.unwrap_or(0);
            show(
                &app.gate.share(&Reading::Operator),
                app.reader.clone(),
                partner,
                (id, page),
                app.clock.now(),
            )
            .await
        }
        Deed::Decide(id, verdict) => {
            let reason = reason(client, &head.headers, body).await?;
            decide(&app.reader, &partner, id, (verdict, reason)).await
        }
        Deed::Rebuild => rebuild(&partner, query.number("run", u64::MAX)?).await,
        Deed::Run(run) => feed::run_of(&app.reader, &partner, run),
    }
}

#[derive(Serialize)]
struct PlanView {
    id: u64,
    state: PlanState,
    run: u64,
    /// So many of the living assets would go.
    count: u64,
    living: u64,
    share_percent: f64,
    baseline: u64,
    allowed: u64,
    /// Further runs of the feed that have lacked all of them.
    confirmations: u32,
    snapshot_at: Option<String>,
    opened_at: String,
    expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    sample: Vec<String>,
}

#[derive(Serialize)]
struct PlansView {
    items: Vec<PlanView>,
}

/// A plan with a page of its ids.
#[derive(Serialize)]
struct WholePlanView {
    #[serde(flatten)]
    plan: PlanView,
    ids: Vec<String>,
    next_cursor: Option<String>,
}

impl PlanView {
    /// An overdue plan is expired, also before its partner has said so.
    fn of(plan: &Plan, now: Micros) -> PlanView {
        let at = |at: i64| time::format(Micros(at));
        let state = if plan.is_overdue(now) { PlanState::Expired } else { plan.state };
        let share_percent = (plan.share_percent() * 100.0).round() / 100.0;
        PlanView {
            id: plan.id,
            state,
            run: plan.run,
            count: plan.count(),
            living: plan.living(),
            share_percent,
            baseline: plan.baseline,
            allowed: plan.allowed,
            confirmations: plan.confirmations(),
            snapshot_at: time::format_known(Micros(plan.snapshot_at)),
            opened_at: at(plan.opened_at),
            expires_at: at(plan.expires_at),
            closed_at: plan.closed_at.map(at),
            reason: plan.reason.clone(),
            sample: plan.sample().to_vec(),
        }
    }
}

/// A partner's own plans: what of its feed waits, and for how long.
pub async fn own(call: &Call<'_>) -> Result<Response<Body>, Fault> {
    position::known(call, &[])?;
    let (app, partner) = (call.app(), Arc::clone(call.partner()?));
    list_of(&call.share(), app.reader.clone(), partner, app.clock.now()).await
}

/// All plans that are kept, newest first: their heads.
async fn list_of(
    share: &Share,
    reader: Reader,
    partner: Arc<PartnerEntry>,
    now: Micros,
) -> Result<Response<Body>, Fault> {
    partner.look_at_plans();
    let view = share.run(Lane::Pages, move || {
        let mut items = Vec::new();
        let mut before: Option<Box<[u8]>> = None;
        loop {
            let page = reader.records(RecordKind::Plan, partner.no, before.as_deref(), true, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(PlansView { items }) };
            before = Some(last.clone());
            for (_, value) in &page {
                items.push(PlanView::of(&parsed(value)?, now));
            }
        }
    });
    Ok(json(&view.await?))
}

/// A plan and one page of its ids; the ids of a closed one are kept only as long as they are needed.
async fn show(
    share: &Share,
    reader: Reader,
    partner: Arc<PartnerEntry>,
    (id, page): (&str, u32),
    now: Micros,
) -> Result<Response<Body>, Fault> {
    partner.look_at_plans();
    let id = id.to_owned();
    let view = share.run(Lane::Pages, move || {
        let plan = kept(&reader, &partner, &id)?.ok_or(Fault::NoSuchPlan)?;
        let (ids, pages) = (plan_page(&reader, partner.no, &plan, page)?, plan_pages(&plan));
        let next = page.saturating_add(1);
        let next_cursor = (!ids.is_empty() && next < pages).then(|| next.to_string());
        Ok(WholePlanView { plan: PlanView::of(&plan, now), ids, next_cursor })
    });
    Ok(json(&view.await?))
}

/// Plans are keyed by their number, big-endian.
fn kept(reader: &Reader, partner: &PartnerEntry, id: &str) -> Result<Option<Plan>, Fault> {
    let Ok(id) = id.parse::<u64>() else { return Ok(None) };
    let bytes = reader.record(RecordKind::Plan, partner.no, &id.to_be_bytes())?;
    bytes.map(|bytes| parsed(&bytes)).transpose()
}

async fn decide(
    reader: &Reader,
    partner: &PartnerEntry,
    id: &str,
    (verdict, reason): (PlanVerdict, Option<String>),
) -> Result<Response<Body>, Fault> {
    let plan = kept(reader, partner, id)?.ok_or(Fault::NoSuchPlan)?.id;
    let end = partner.decide_plan(PlanOrder { plan, verdict, reason }).await??;
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
async fn reason(client: &Client, headers: &HeaderMap, mut body: Incoming) -> Result<Option<String>, Fault> {
    if body.is_end_stream() {
        return Ok(None);
    }
    intake::announced(headers, Accept::Object, BODY_BYTES_MAX)?;
    let bytes = intake::collect(&mut body, BODY_BYTES_MAX, &client.pulse).await?;
    let bad = |code, detail: String| Fault::Body(BodyError { code, detail, offset: None, status_hint: 400 });
    let order: Order = request::object(&bytes)?;
    match &order.reason {
        Some(reason) if reason.len() > REASON_BYTES_MAX => {
            Err(bad("reason_too_long", format!("at most {REASON_BYTES_MAX} bytes")))
        }
        _ => Ok(order.reason),
    }
}

async fn rebuild(partner: &PartnerEntry, run: Option<u64>) -> Result<Response<Body>, Fault> {
    let from = run.map_or(RebuildFrom::Fetch, |run| RebuildFrom::Stored(RunId(run)));
    let started = partner.rebuild(from).await??;
    let said = serde_json::json!({ "requested": true, "run": started.0 });
    Ok(reply::json(StatusCode::ACCEPTED, said.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operators_path_names_partner_and_deed() {
        let of = |path| target(path).map(|target| target.deed);
        assert_eq!(of("/admin/partners/acme/plans"), Some(Deed::List));
        assert_eq!(of("/admin/partners/acme/plans/7"), Some(Deed::Show("7")));
        assert_eq!(of("/admin/partners/acme/plans/7/reject"), Some(Deed::Decide("7", PlanVerdict::Reject)));
        assert_eq!(of("/admin/partners/acme/feed/rebuild"), Some(Deed::Rebuild));
        for other in ["/admin/partners", "/admin/partners/acme", "/admin/partners/acme/plans/7/drop"] {
            assert_eq!(target(other), None, "{other}");
        }
    }
}

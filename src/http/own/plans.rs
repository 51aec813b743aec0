//! Plans of held deletes (F4): all of them, or one with its ids.

use crate::actors::{PartnerEntry, plan_page, plan_pages};
use crate::codec::time;
use crate::domain::{Micros, Plan, PlanState};
use crate::http::gate::shares::{Share, ShareLane};
use crate::http::reply::stored::{damaged, json, unless_damaged};
use crate::http::reply::{Body, Fault};
use crate::http::request::call::Call;
use crate::store::Reader;
use hyper::Response;
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;

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
    /// The operator who decided it.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by: Option<String>,
    sample: Vec<String>,
}

#[derive(Serialize)]
struct PlansView {
    items: Vec<PlanView>,
    /// Those whose heads are damaged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damaged: Vec<Value>,
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
            decided_by: plan.by.clone(),
            sample: plan.sample().to_vec(),
        }
    }
}

/// A partner's own plans: what of its feed waits, and for how long.
pub async fn own_plans(call: &Call<'_>) -> Result<Response<Body>, Fault> {
    let (app, partner) = (call.app(), Arc::clone(call.partner()?));
    list_of(&call.share(), app.reader.clone(), partner, app.clock.now()).await
}

/// All plans that are kept, newest first: their heads.
pub async fn list_of(
    share: &Share,
    reader: Reader,
    partner: Arc<PartnerEntry>,
    now: Micros,
) -> Result<Response<Body>, Fault> {
    partner.look_at_plans();
    let view = share.run(ShareLane::Pages, move || {
        let (mut items, mut lost) = (Vec::new(), Vec::new());
        let mut before: Option<u64> = None;
        // one at a time: that of a removed partner may be of a time when heads held all their ids
        while let Some(row) = reader.records::<Plan>(partner.no, before.as_ref(), true, 1)?.pop() {
            before = Some(row.key);
            match unless_damaged(row.value) {
                Some(plan) => items.push(PlanView::of(&plan, now)),
                None => lost.push(damaged("id", row.key)),
            }
        }
        Ok(PlansView { items, damaged: lost })
    });
    Ok(json(&view.await?))
}

/// A plan and one page of its ids; the ids of a closed one are kept only as long as they are needed.
pub async fn show_plan(
    share: &Share,
    reader: Reader,
    partner: Arc<PartnerEntry>,
    (id, page): (&str, u32),
    now: Micros,
) -> Result<Response<Body>, Fault> {
    partner.look_at_plans();
    let id = id.to_owned();
    let view = share.run(ShareLane::Pages, move || {
        let plan = stored_plan(&reader, &partner, &id)?.ok_or(Fault::NoSuchPlan)?;
        let (ids, pages) = (plan_page(&reader, partner.no, &plan, page)?, plan_pages(&plan));
        let next = page.saturating_add(1);
        let next_cursor = (!ids.is_empty() && next < pages).then(|| next.to_string());
        Ok(WholePlanView { plan: PlanView::of(&plan, now), ids, next_cursor })
    });
    Ok(json(&view.await?))
}

/// A plan by its number; `None` where there is none, or the text is no number.
pub fn stored_plan(reader: &Reader, partner: &PartnerEntry, id: &str) -> Result<Option<Plan>, Fault> {
    let Ok(id) = id.parse::<u64>() else { return Ok(None) };
    Ok(reader.record(partner.no, &id)?)
}

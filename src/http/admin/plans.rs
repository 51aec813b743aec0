//! What an operator does about a partner's feed: plans of held deletes (F4), and having a snapshot
//! read again.

use crate::actors::{PartnerEntry, PlanOrder, PlanVerdict, RebuildFrom};
use crate::codec::request::{self, BodyError};
use crate::domain::RunId;
use crate::http::client::Client;
use crate::http::gate::path::{self, Query};
use crate::http::gate::shares::Reading;
use crate::http::own::feed;
use crate::http::own::plans::{list_of, show, stored_plan};
use crate::http::reply::stored::json;
use crate::http::reply::{self, Body, Fault};
use crate::http::request::intake::{self, Accept};
use crate::store::Reader;
use hyper::body::{Body as _, Incoming};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};
use serde::Deserialize;

const BODY_BYTES_MAX: usize = 4 * 1024;
const REASON_BYTES_MAX: usize = 1024;
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

/// Shows plans or a run, decides a plan, or begins to rebuild.
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
        (true, _) => return Err(Fault::MethodNotAllowed { allow: "POST".into() }),
        (false, _) => return Err(Fault::MethodNotAllowed { allow: "GET, HEAD".into() }),
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
            list_of(&app.shares.of(&Reading::Operator), app.reader.clone(), partner, app.clock.now()).await
        }
        Deed::Show(id) => {
            let page = query.one("cursor")?.map(|text| text.parse().map_err(|_| Fault::BadCursor));
            let page = page.transpose()?.unwrap_or(0);
            show(&app.shares.of(&Reading::Operator), app.reader.clone(), partner, (id, page), app.clock.now())
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

async fn decide(
    reader: &Reader,
    partner: &PartnerEntry,
    id: &str,
    (verdict, reason): (PlanVerdict, Option<String>),
) -> Result<Response<Body>, Fault> {
    let plan = stored_plan(reader, partner, id)?.ok_or(Fault::NoSuchPlan)?.id;
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

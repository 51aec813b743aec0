//! An operator has all taken away that a removed partner has left.

use crate::actors::{ConfigureError, Leftovers, count_leftovers};
use crate::domain::AuditAct;
use crate::http::admin::call::OperatorCall;
use crate::http::admin::reason::reason_of;
use crate::http::gate::route::Answer;
use crate::http::gate::shares::ShareLane;
use crate::http::reply::stored::json;
use crate::http::reply::{Fault, OperatingFault};
use hyper::body::Incoming;

/// Answers once nothing is left, with what there was; under `dry_run` only counts it, of any partner.
pub async fn purge(call: &OperatorCall<'_>, body: Incoming) -> Answer {
    let reason = reason_of(call, body).await?;
    let (app, partner) = (call.app(), &call.partner);
    if app.health.is_draining() {
        return Err(Fault::Draining);
    }
    app.may_write()?;
    let is_tried = match call.query.one("dry_run")?.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Fault::query("dry_run", "is `true` or `false`")),
    };
    if !partner.is_removed() && !is_tried {
        return Err(Fault::Operating(OperatingFault::StillConfigured));
    }
    let supervisor = app.supervisor.as_ref().ok_or(Fault::OutcomeUnknown)?;
    let (reader, no) = (app.reader.clone(), partner.no);
    let count = move || count_leftovers(&reader, no).map_err(Fault::from);
    let Leftovers { living, dead } = call.share().run(ShareLane::Pages, count).await?;
    if is_tried {
        return Ok(json(&serde_json::json!({ "purged": false, "living": living, "dead": dead })));
    }
    call.begin(AuditAct::Purge, ("", ""), reason).await?;
    supervisor.purge(&partner.name).await.map_err(|error| match error {
        ConfigureError::NothingToPurge => Fault::Operating(OperatingFault::NothingLeft),
        ConfigureError::StillRunning => Fault::Operating(OperatingFault::Busy),
        error => {
            tracing::error!(partner = %partner.name, %error, "partner not purged");
            Fault::OutcomeUnknown
        }
    })?;
    call.acting.note(format!("{living} living assets and {dead} deleted ones"));
    Ok(json(&serde_json::json!({ "purged": true, "living": living, "dead": dead })))
}

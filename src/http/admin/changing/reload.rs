//! An operator has the configuration read again.

use crate::domain::{AuditAct, AuditEntry};
use crate::http::admin::call::DaemonCall;
use crate::http::admin::reason::reason_in;
use crate::http::gate::route::Answer;
use crate::http::reload::{ReloadEnd, ReloadView};
use crate::http::reply::stored::json;
use crate::http::reply::{Fault, OperatingFault};
use hyper::body::Incoming;

/// Answers with what has changed, or with all that is wrong; then nothing has.
pub async fn reload(call: &DaemonCall<'_>, body: Incoming) -> Answer {
    let reason = reason_in(call.head, call.client, body).await?;
    if call.app().health.is_draining() {
        return Err(Fault::Draining);
    }
    let address = Some(call.client.address.to_string());
    let entry = AuditEntry { address, reason, ..AuditEntry::of(call.who.as_str(), AuditAct::Reload) };
    let report = call.app().reload.ask(entry).await.map_err(|_| Fault::Operating(OperatingFault::NoFiles))?;
    match report.outcome {
        ReloadEnd::Applied | ReloadEnd::Unchanged => Ok(json(&ReloadView::of(&report))),
        ReloadEnd::Refused => Err(Fault::Operating(OperatingFault::Faulty(report))),
        ReloadEnd::InPart => Err(Fault::Operating(OperatingFault::InPart(report))),
    }
}

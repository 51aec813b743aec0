//! What an operator does about a partner's quarantine: looks at it, releases rows, drops them.

use super::call::OperatorCall;
use super::reason::trimmed;
use crate::domain::AuditAct;
use crate::http::gate::route::Answer;
use crate::http::own::mending::{drop_by, mended_text, release_for};
use crate::http::own::quarantine::{drop_row, page, show_row};
use crate::http::reply::Fault;
use hyper::body::Incoming;

/// What the query of a drop may say: which rows, how many at most, and why.
pub const DROP_SOME_PARAMETERS: [&str; 7] = ["kind", "code", "id", "before", "limit", "dry_run", "reason"];

/// A page of refused rows, or of parked prices.
pub async fn list(call: &OperatorCall<'_>) -> Answer {
    page(call.app(), &call.share(), &call.partner, &call.query).await
}

/// One row with its text.
pub fn show(call: &OperatorCall<'_>) -> Answer {
    show_row(&call.partner, call.id)
}

/// Throws a row away.
pub async fn drop(call: &OperatorCall<'_>) -> Answer {
    let reason = reason(call)?;
    call.begin(AuditAct::Drop, ("row", call.id), reason).await?;
    drop_row(&call.partner, call.id).await
}

/// Decides a row again, as it is or with the body's text in its place.
pub async fn release(call: &OperatorCall<'_>, body: Incoming) -> Answer {
    let reason = reason(call)?;
    let text = mended_text(call.app(), (call.head, body), &call.client.pulse).await?;
    let act = if text.is_some() { AuditAct::Edit } else { AuditAct::Release };
    call.begin(act, ("row", call.id), reason).await?;
    release_for(call.app(), &call.partner, call.id, text).await
}

/// Throws away the rows that the query means.
pub async fn drop_some(call: &OperatorCall<'_>) -> Answer {
    let reason = reason(call)?;
    let mut means = Vec::new();
    for name in DROP_SOME_PARAMETERS.into_iter().filter(|name| !matches!(*name, "dry_run" | "reason")) {
        if let Some(value) = call.query.one(name)? {
            means.push(format!("{name}={value}"));
        }
    }
    let means = means.join(" ");
    let begin = async || call.begin(AuditAct::Drop, ("rows", &means), reason.clone()).await;
    let (answer, dropped) = drop_by(call.app(), &call.partner, &call.query, begin).await?;
    call.acting.note(format!("{dropped} dropped"));
    Ok(answer)
}

/// What `?reason=` says: the body may be a row's text.
fn reason(call: &OperatorCall<'_>) -> Result<Option<String>, Fault> {
    call.query.one("reason")?.map_or(Ok(None), |text| trimmed(&text))
}

//! `DELETE /api/sandbox`: a partner that is a sandbox begins again with nothing.

use crate::codec::{cursor, json};
use crate::http::gate::limit::Rate;
use crate::http::gate::route::Answer;
use crate::http::reply::{self, Fault};
use crate::http::request::call::Call;
use hyper::StatusCode;

/// Takes away all that the partner has here: assets, prices, tombstones, deliveries, what was refused,
/// runs. Answered once it takes writes again.
pub async fn clear(call: &Call<'_>) -> Answer {
    let partner = call.writer()?;
    let app = call.app();
    call.meter.take_first(Rate::Reads)?;
    app.may_order(partner)?;
    if !partner.is_sandbox() {
        return Err(Fault::NotASandbox);
    }
    let supervisor = app.supervisor.as_ref().ok_or(Fault::OutcomeUnknown)?;
    if let Err(error) = supervisor.clear_sandbox(&partner.name).await {
        tracing::warn!(partner = %partner.name, %error, "sandbox not cleared");
        return Err(Fault::OutcomeUnknown);
    }
    let at = cursor::encode(app.reader.journal(), app.reader.durable());
    Ok(reply::json(StatusCode::OK, format!("{{\"cleared\":true,\"cursor\":{}}}", json::quoted(&at))))
}

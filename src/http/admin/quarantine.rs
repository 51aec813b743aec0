//! What an operator does about a partner's quarantine: looks at it, releases rows, drops them.

use super::call::OperatorCall;
use crate::http::gate::route::Answer;
use crate::http::own::mending::{drop_by, release_for};
use crate::http::own::quarantine::{drop_row, page, show_row};
use hyper::body::Incoming;

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
    drop_row(&call.partner, call.id).await
}

/// Decides a row again, as it is or with the body's text in its place.
pub async fn release(call: &OperatorCall<'_>, body: Incoming) -> Answer {
    release_for(call.app(), &call.partner, call.id, (call.head, body), &call.client.pulse).await
}

/// Throws away the rows that the query means.
pub async fn drop_some(call: &OperatorCall<'_>) -> Answer {
    drop_by(call.app(), &call.partner, &call.query).await
}

//! Why an operator does something: a text that is kept with what was done.

use super::call::OperatorCall;
use crate::codec::request::{self, BodyError};
use crate::http::client::Client;
use crate::http::reply::Fault;
use crate::http::request::intake::{self, Accept};
use hyper::body::{Body as _, Incoming};
use hyper::http::request::Parts;
use serde::Deserialize;

const BODY_BYTES_MAX: usize = 4 * 1024;

/// Longer than any sentence, and short enough to be shown whole.
const REASON_BYTES_MAX: usize = 1024;

/// The reason without the space around it; `None` where nothing else is left. Errs where it is too
/// long.
pub fn trimmed(text: &str) -> Result<Option<String>, Fault> {
    match text.trim() {
        "" => Ok(None),
        reason if reason.len() <= REASON_BYTES_MAX => Ok(Some(reason.to_owned())),
        _ => Err(bad("reason_too_long", format!("at most {REASON_BYTES_MAX} bytes"))),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    reason: Option<String>,
}

/// `{"reason"?}`, or no body at all.
pub async fn reason_of(call: &OperatorCall<'_>, body: Incoming) -> Result<Option<String>, Fault> {
    reason_in(call.head, call.client, body).await
}

/// The same of a call about the daemon as a whole.
pub async fn reason_in(head: &Parts, client: &Client, mut body: Incoming) -> Result<Option<String>, Fault> {
    if body.is_end_stream() {
        return Ok(None);
    }
    intake::announced_plain(&head.headers, Accept::Object, BODY_BYTES_MAX)?;
    let bytes = intake::collect(&mut body, BODY_BYTES_MAX, &client.pulse).await?;
    let order: Order = request::object(&bytes)?;
    trimmed(order.reason.as_deref().unwrap_or_default())
}

/// What is said of a body that is no order.
pub fn bad(code: &'static str, detail: impl Into<String>) -> Fault {
    Fault::Body(BodyError { code, detail: detail.into(), offset: None, status_hint: 400 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_trimmed_and_bounded() {
        assert_eq!(trimmed(" by court order ").unwrap().as_deref(), Some("by court order"));
        assert_eq!(trimmed(" \n").unwrap(), None);
        let longest = "x".repeat(1024);
        assert_eq!(trimmed(&longest).unwrap(), Some(longest.clone()));
        assert!(trimmed(&format!("{longest}x")).is_err());
    }
}

//! Records of the store on a page, and views as JSON.

use super::Body;
use crate::domain::ItemOutcome;
use crate::http::reply;
use crate::store::StoreError;
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde_json::Value;

/// A record on a page; `None` where it is damaged, which is logged. The others are shown beside it.
pub fn unless_damaged<R>(value: Result<R, StoreError>) -> Option<R> {
    value.inspect_err(|error| tracing::error!(%error, "cannot show a record of a page")).ok()
}

/// What a page says of a record that is damaged: its number under the name that it has in an item.
pub fn damaged(name: &str, number: u64) -> Value {
    serde_json::json!({ name: number, "code": ItemOutcome::DAMAGED })
}

/// A view as a reply.
pub fn json(view: &impl Serialize) -> Response<Body> {
    reply::json(StatusCode::OK, rendered(view))
}

/// A view as JSON.
pub fn rendered(view: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(view).expect("texts, numbers and lists of them")
}

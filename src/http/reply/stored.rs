//! What the store keeps as JSON, read; and views of it, written.

use super::{Body, Fault};
use crate::http::reply;
use hyper::{Response, StatusCode};
use serde::Serialize;

/// A record of the store. One that cannot be read is logged, and answered as a failure of the store.
pub fn parsed<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes).map_err(|error| {
        tracing::error!(%error, "cannot read a record of the store");
        Fault::StoreFailed
    })
}

/// A view as a reply.
pub fn json(view: &impl Serialize) -> Response<Body> {
    reply::json(StatusCode::OK, rendered(view))
}

/// A view as JSON.
pub fn rendered(view: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(view).expect("texts, numbers and lists of them")
}

//! What the store keeps as JSON, read; and views of it, written.

use super::{Body, Fault};
use crate::domain::ItemOutcome;
use crate::http::reply;
use crate::store::StoreError;
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde_json::Value;

/// A record of the store. One that cannot be read is logged, and answered as a failure of the store.
pub fn parsed<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes).map_err(|error| {
        tracing::error!(%error, "cannot read a record of the store");
        Fault::StoreFailed
    })
}

/// A record on a page; `None` where it is damaged, which the store has counted, or cannot be read, which
/// is logged. The others are shown beside it.
pub fn unless_damaged<T: serde::de::DeserializeOwned>(value: Result<Box<[u8]>, StoreError>) -> Option<T> {
    parsed(&value.ok()?).ok()
}

/// The number that a record is kept under, big-endian.
pub fn number_of(key: &[u8]) -> Option<u64> {
    key.try_into().ok().map(u64::from_be_bytes)
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

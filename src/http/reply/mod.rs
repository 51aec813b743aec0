//! Replies: status, the headers that all of them carry, body.

pub mod body;
pub mod fault;
pub mod stored;
pub mod view;
mod words;

pub use body::Body;
pub use fault::{Fault, HeadFault, OperatingFault, PreviewFault};

use bytes::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use std::time::Duration;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NO_CACHE: HeaderValue = HeaderValue::from_static("private, no-cache");
const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// JSON that is true at this moment only.
pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    typed(status, JSON, body)
}

/// Problem details (RFC 9457).
pub fn problem(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    typed(status, PROBLEM, body)
}

/// A body of any type, whole.
pub fn typed(status: StatusCode, content_type: HeaderValue, body: impl Into<Bytes>) -> Response<Body> {
    with_body(status, content_type, body::whole(body))
}

/// A body of any type, whole or a stream. No one may keep it, nor take it for another type.
pub fn with_body(status: StatusCode, content_type: HeaderValue, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
    response
}

/// JSON that may be kept as long as it is asked for again with its tag.
pub fn tagged(body: impl Into<Bytes>, etag: HeaderValue) -> Response<Body> {
    let mut response = json(StatusCode::OK, body);
    tag(&mut response, etag);
    response
}

/// The client has it already.
pub fn not_modified(etag: HeaderValue) -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    tag(&mut response, etag);
    response
}

fn tag(response: &mut Response<Body>, etag: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag);
    headers.insert(header::CACHE_CONTROL, NO_CACHE);
    headers.insert(header::VARY, HeaderValue::from_static("authorization, accept-encoding"));
}

/// Whole seconds, rounded up, at least one: a client that comes back too early is refused again.
pub fn whole_seconds(wait: Duration) -> HeaderValue {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    HeaderValue::from(seconds.max(1))
}

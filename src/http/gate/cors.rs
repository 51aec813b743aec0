//! Pages of other origins: which of them may read, by a list that is empty by default.
//!
//! Reads and the change stream alone; writes and the operators' listener know nothing of it. Browsers send no
//! cookies along, and we ask for none: who reads needs a key, or a ticket.

use crate::config::Settings;
use crate::http::reply::{Body, body};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};

/// What a page may read of an answer beside its body.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("ETag, Link, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD");
/// What a page may send beside what it always may.
const HEADERS: HeaderValue =
    HeaderValue::from_static("Authorization, If-Modified-Since, If-None-Match, Last-Event-ID, X-Request-Id");
/// Seconds for which a browser need not ask again.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The answer to a browser that asks whether its page may read here; `None` where it asks for something else.
pub fn preflight(settings: &Settings, head: &Parts, is_read: bool) -> Option<Response<Body>> {
    let wanted = head.headers.get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
    let may =
        head.method == Method::OPTIONS && is_read && [&b"GET"[..], b"HEAD"].contains(&wanted.as_bytes());
    let origin = allowed(settings, &head.headers).filter(|_| may)?;
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    vary(headers);
    Some(response)
}

/// Lets the page read the answer, where its origin is in the list.
pub fn open(settings: &Settings, asked: &HeaderMap, answer: &mut Response<Body>) {
    if settings.server.cors_origins.is_empty() {
        return;
    }
    let headers = answer.headers_mut();
    if let Some(origin) = allowed(settings, asked) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    vary(headers);
}

/// The one `Origin`, as it was sent, if it is in the list.
fn allowed(settings: &Settings, asked: &HeaderMap) -> Option<HeaderValue> {
    let mut origins = asked.get_all(header::ORIGIN).iter();
    let (origin, None) = (origins.next()?, origins.next()) else { return None };
    let is_known = settings.server.cors_origins.iter().any(|known| known.as_bytes() == origin.as_bytes());
    is_known.then(|| origin.clone())
}

/// Caches keep an answer for one origin apart from that for another.
fn vary(headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("origin"));
}

//! Text that needs no partner: health.

use crate::http::app::App;
use crate::http::reply::{self, Body};
use hyper::header::HeaderValue;
use hyper::{Response, StatusCode};

const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Whether the process answers.
pub fn livez(_: &App) -> Response<Body> {
    plain(StatusCode::OK, "alive\n")
}

/// Whether requests may come; 503 with the reason where they may not.
pub fn readyz(app: &App) -> Response<Body> {
    let health = &app.health;
    if health.is_ready() {
        return plain(StatusCode::OK, "ready\n");
    }
    let why = if health.is_draining() {
        "draining\n"
    } else if health.has_storage_failed() {
        "storage failed\n"
    } else {
        "starting\n"
    };
    plain(StatusCode::SERVICE_UNAVAILABLE, why)
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    reply::typed(status, PLAIN, text)
}

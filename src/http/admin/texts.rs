//! Text that needs no partner: health and metrics.

use crate::http::app::App;
use crate::http::reply::{self, Body};
use hyper::header::HeaderValue;
use hyper::{Response, StatusCode};

/// The text format that Prometheus asks for.
const METRICS_TYPE: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
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

/// All metrics, for Prometheus.
pub fn metrics(app: &App) -> Response<Body> {
    reply::typed(StatusCode::OK, METRICS_TYPE, app.metrics.render())
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    reply::typed(status, PLAIN, text)
}

//! Text that needs no partner: health, metrics, the status page.

use crate::http::app::App;
use crate::http::reply::{self, Body};
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use hyper::{Response, StatusCode};

const PAGE: &str = include_str!("page/status.html");
const PAGE_SCRIPT: &str = include_str!("page/status.js");
const PAGE_STYLE: &str = include_str!("page/status.css");
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);
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

/// The page that shows the status.
pub fn status_page(_: &App) -> Response<Body> {
    page("text/html; charset=utf-8", PAGE)
}

/// The page's script, which fetches the status with the token that is typed in.
pub fn status_script(_: &App) -> Response<Body> {
    page("text/javascript; charset=utf-8", PAGE_SCRIPT)
}

/// The page's style.
pub fn status_style(_: &App) -> Response<Body> {
    page("text/css; charset=utf-8", PAGE_STYLE)
}

/// All metrics, for Prometheus.
pub fn metrics(app: &App) -> Response<Body> {
    reply::typed(StatusCode::OK, METRICS_TYPE, app.metrics.render())
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    reply::typed(status, PLAIN, text)
}

fn page(content_type: &'static str, text: &'static str) -> Response<Body> {
    let mut response = reply::typed(StatusCode::OK, HeaderValue::from_static(content_type), text);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, PAGE_POLICY);
    response
}

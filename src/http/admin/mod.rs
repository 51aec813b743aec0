//! The admin listener: health, metrics, the status page and what feeds it.

mod assets;
mod plans;
mod quarantine;
mod status;

use crate::config::Settings;
use crate::http::app::App;
use crate::http::client::Client;
use crate::http::gate::auth;
use crate::http::reply::{self, Body, Fault};
use hyper::body::Incoming;
use hyper::header::{CONTENT_SECURITY_POLICY, HOST, HeaderValue, ORIGIN};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use std::net::IpAddr;
use std::sync::Arc;

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

/// Answers a request of the admin listener; what is refused is a problem too.
pub async fn answer(client: &Client, request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    dispatch(client, &head, body).await.unwrap_or_else(Fault::into_response)
}

/// What an operator may do comes first: it takes the body, which the rest of the routes never read.
async fn dispatch(client: &Client, head: &Parts, body: Incoming) -> Result<Response<Body>, Fault> {
    let path = head.uri.path();
    if let Some(target) = assets::target(path) {
        check_operator(&client.app.settings.load(), head)?;
        return assets::answer(client, head, target, body).await;
    }
    if let Some(target) = plans::target(path) {
        check_operator(&client.app.settings.load(), head)?;
        return plans::answer(client, head, target, body).await;
    }
    route(&client.app, head).await
}

async fn route(app: &Arc<App>, head: &Parts) -> Result<Response<Body>, Fault> {
    if let Some(request) = quarantine::Request::of(head) {
        check_operator(&app.settings.load(), head)?;
        return quarantine::operate(app, request).await;
    }
    if !matches!(head.method, Method::GET | Method::HEAD) {
        return Err(Fault::MethodNotAllowed { allow: "GET, HEAD".into() });
    }
    match head.uri.path() {
        // a probe or a browser must get these without a token; they tell no one anything
        "/livez" => Ok(plain(StatusCode::OK, "alive\n")),
        "/readyz" => Ok(readiness(app)),
        "/" => Ok(page("text/html; charset=utf-8", PAGE)),
        "/status.js" => Ok(page("text/javascript; charset=utf-8", PAGE_SCRIPT)),
        "/status.css" => Ok(page("text/css; charset=utf-8", PAGE_STYLE)),
        _ => {
            check_operator(&app.settings.load(), head)?;
            guarded(app, head).await
        }
    }
}

async fn guarded(app: &Arc<App>, head: &Parts) -> Result<Response<Body>, Fault> {
    match head.uri.path() {
        "/metrics" => Ok(reply::typed(StatusCode::OK, METRICS_TYPE, app.metrics.render())),
        "/admin/status" => Ok(reply::json(StatusCode::OK, status::of_daemon(app).await?)),
        "/admin/partners" => Ok(reply::json(StatusCode::OK, status::of_partners(app).await?)),
        _ => Err(Fault::NoSuchPath),
    }
}

/// The token; and where none is configured, a `Host` that a page of another origin cannot bear: a
/// name of its own that it makes point to us (DNS rebinding).
fn check_operator(settings: &Settings, head: &Parts) -> Result<(), Fault> {
    auth::admin(settings, &head.headers)?;
    if settings.server.admin_token.is_some() {
        return Ok(());
    }
    let host = head.headers.get(HOST).and_then(|value| value.to_str().ok());
    match host.or(head.uri.host()) {
        Some(host) if is_literal_or_localhost(host) && is_own_page(head, host) => Ok(()),
        _ => Err(Fault::ForeignOrigin),
    }
}

/// A page of another origin can send us a form without asking first; browsers then say whose it is.
fn is_own_page(head: &Parts, host: &str) -> bool {
    let Some(origin) = head.headers.get(ORIGIN) else { return true };
    origin.to_str().ok().and_then(|origin| origin.split_once("://")).is_some_and(|(_, own)| own == host)
}

fn is_literal_or_localhost(host: &str) -> bool {
    let without_port = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = without_port.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

fn readiness(app: &App) -> Response<Body> {
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

fn page(content_type: &'static str, text: &'static str) -> Response<Body> {
    let mut response = reply::typed(StatusCode::OK, HeaderValue::from_static(content_type), text);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, PAGE_POLICY);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d11_a_page_that_rebinds_its_name_to_us_is_refused() {
        for own in ["localhost", "localhost:8081", "127.0.0.1:8081", "[::1]:8081", "[::1]"] {
            assert!(is_literal_or_localhost(own), "{own}");
        }
        for foreign in ["evil.example", "evil.example:8081", "localhost.evil.example", "", "127.0.0.1.nip.io"]
        {
            assert!(!is_literal_or_localhost(foreign), "{foreign}");
        }
    }
}

//! A page of a portal in Chromium, which follows the change stream by `EventSource` with tickets that its own
//! backend has made. Page and backend are served here, on an origin of their own.

use super::followers::Follower;
use crate::support::house::key;
use crate::support::skipped;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

const PAGE: &str = include_str!("page.html");
const SWITCHES: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
];

/// The portal: its page, and the backend that has the key.
pub struct Portal {
    pub origin: String,
    listener: TcpListener,
}

struct Desk {
    page: String,
    /// Where tickets are made.
    api: String,
    client: reqwest::Client,
    events: Arc<Mutex<Vec<Value>>>,
}

impl Portal {
    pub async fn bind() -> Portal {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        Portal { origin: format!("http://{address}"), listener }
    }

    /// Opens the page in a browser; `None` where there is none.
    pub fn follow(self, api: &str, since: &str, profile: &Path) -> Option<Follower> {
        let events = Arc::new(Mutex::new(Vec::new()));
        let page = PAGE.replace("{{API}}", api).replace("{{SINCE}}", since);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let desk = Arc::new(Desk { page, api: api.to_owned(), client, events: Arc::clone(&events) });
        tokio::spawn(serve(self.listener, desk));
        let mut chromium = Command::new("chromium");
        chromium.args(SWITCHES).arg(format!("--user-data-dir={}", profile.display())).arg(&self.origin);
        let started = chromium.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = started.map_err(|why| skipped::without_tool("chromium", &why.to_string())).ok()?;
        Some(Follower::of_child("chromium", child, events))
    }
}

async fn serve(listener: TcpListener, desk: Arc<Desk>) {
    while let Ok((stream, _)) = listener.accept().await {
        let desk = Arc::clone(&desk);
        let service = service_fn(move |request| answer(Arc::clone(&desk), request));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(desk: Arc<Desk>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, kind, body) = match request.uri().path() {
        "/" => (200, "text/html; charset=utf-8", desk.page.clone()),
        "/ticket" => match desk.ticket().await {
            Some(made) => (200, "application/json", made),
            None => (503, "text/plain", "the daemon does not answer".to_owned()),
        },
        "/events" => {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let told: Vec<Value> = serde_json::from_slice(&body).unwrap();
            desk.events.lock().unwrap().extend(told);
            (200, "text/plain", String::new())
        }
        _ => (404, "text/plain", String::new()),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert("content-type", kind.parse().unwrap());
    Ok(response)
}

impl Desk {
    async fn ticket(&self) -> Option<String> {
        let url = format!("{}/api/changes/ticket?full=true", self.api);
        let made = self.client.post(url).bearer_auth(key("acme")).send().await.ok()?;
        made.error_for_status().ok()?.text().await.ok()
    }
}

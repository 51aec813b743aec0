//! A server as partners run them: documents at paths, validators, credentials, gzip. What it
//! serves can be changed while it runs; what it was asked is counted for each path.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HeaderMap, HeaderName};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, body::Incoming};
use hyper_util::rt::TokioIo;
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tidegate::domain::Micros;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// One document, and how it is served.
#[derive(Clone, Debug)]
pub struct Served {
    body: Bytes,
    packed: Option<Bytes>,
    content_type: &'static str,
    etag: Option<String>,
    last_modified: Option<Micros>,
    /// The header that must come with the request.
    guard: Option<(HeaderName, String)>,
    link: Option<String>,
    fresh_seconds: Option<u32>,
}

impl Served {
    pub fn json(body: impl Into<Bytes>) -> Served {
        let body = body.into();
        let content_type = "application/json";
        Served {
            body,
            packed: None,
            content_type,
            etag: None,
            last_modified: None,
            guard: None,
            link: None,
            fresh_seconds: None,
        }
    }

    pub fn content_type(self, content_type: &'static str) -> Served {
        Served { content_type, ..self }
    }

    pub fn etag(self, etag: &str) -> Served {
        Served { etag: Some(etag.into()), ..self }
    }

    pub fn last_modified(self, at: Micros) -> Served {
        Served { last_modified: Some(at), ..self }
    }

    /// Compressed for those who accept it.
    pub async fn gzip(self) -> Served {
        Served { packed: Some(gzip(&self.body).await.into()), ..self }
    }

    /// Fresh for so long, as it says.
    pub fn max_age(self, seconds: u32) -> Served {
        Served { fresh_seconds: Some(seconds), ..self }
    }

    /// With this header `Link`.
    pub fn link(self, link: &str) -> Served {
        Served { link: Some(link.into()), ..self }
    }

    /// Only for requests that bear this header, e.g. `authorization: Bearer …`.
    pub fn guarded(self, name: &'static str, value: &str) -> Served {
        Served { guard: Some((HeaderName::from_static(name), value.into())), ..self }
    }
}

/// What was answered at one path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    pub whole: u64,
    pub not_modified: u64,
    pub refused: u64,
}

#[derive(Default)]
struct Shelf {
    documents: HashMap<String, Served>,
    answered: HashMap<String, Answered>,
}

pub struct FeedServer {
    address: SocketAddr,
    shelf: Arc<Mutex<Shelf>>,
    /// Dropped with the server, which ends all its connections.
    _accepting: JoinSet<()>,
}

impl FeedServer {
    pub async fn start() -> FeedServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, shelf.clone()));
        FeedServer { address, shelf, _accepting: accepting }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Serves a document from now on, in place of what was there. A path without a query is also that of
    /// all queries which have no document of their own.
    pub fn put(&self, path: &str, document: Served) {
        self.shelf.lock().unwrap().documents.insert(path.into(), document);
    }

    /// From now on 404.
    pub fn remove(&self, path: &str) {
        self.shelf.lock().unwrap().documents.remove(path);
    }

    pub fn answered(&self, path: &str) -> Answered {
        self.shelf.lock().unwrap().answered.get(path).copied().unwrap_or_default()
    }
}

async fn accept(listener: TcpListener, shelf: Arc<Mutex<Shelf>>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        let shelf = shelf.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = shelf.lock().unwrap().answer(&request);
            async move { Ok::<_, Infallible>(answer) }
        });
        let http = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service);
        connections.spawn(async move {
            // A client that goes away is the test's business, not the server's.
            let _ = http.await;
        });
        while connections.try_join_next().is_some() {}
    }
}

impl Shelf {
    fn answer(&mut self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let (whole, asked) = (request.uri().to_string(), request.headers());
        let path = if self.documents.contains_key(&whole) { &whole } else { request.uri().path() };
        // a look at the validators is no fetch
        let mut looked = Answered::default();
        let count = match *request.method() {
            Method::HEAD => &mut looked,
            _ => self.answered.entry(path.to_owned()).or_default(),
        };
        let Some(document) = self.documents.get(path) else {
            count.refused += 1;
            return empty(StatusCode::NOT_FOUND);
        };
        if document.guard.as_ref().is_some_and(|(name, value)| text(asked, name.as_str()) != Some(value)) {
            count.refused += 1;
            return empty(StatusCode::UNAUTHORIZED);
        }
        if document.is_known(asked) {
            count.not_modified += 1;
            return document.with_validators(empty(StatusCode::NOT_MODIFIED));
        }
        count.whole += 1;
        document.whole(asked)
    }
}

impl Served {
    /// RFC 9110 §13.2.2: a date counts only where no tag was sent.
    fn is_known(&self, asked: &HeaderMap) -> bool {
        if let Some(tags) = text(asked, "if-none-match") {
            return self.etag.as_ref().is_some_and(|own| tags.split(',').any(|tag| tag.trim() == own));
        }
        let known = text(asked, "if-modified-since").and_then(parse_date);
        matches!((self.last_modified, known), (Some(own), Some(known)) if own.0 / Micros::SECOND <= known)
    }

    fn whole(&self, asked: &HeaderMap) -> Response<Full<Bytes>> {
        let accepts_gzip = text(asked, "accept-encoding").is_some_and(|list| list.contains("gzip"));
        let packed = self.packed.as_ref().filter(|_| accepts_gzip);
        let mut response = Response::new(Full::new(packed.unwrap_or(&self.body).clone()));
        response.headers_mut().insert("content-type", self.content_type.parse().unwrap());
        if let Some(seconds) = self.fresh_seconds {
            let said = format!("public, max-age={seconds}");
            response.headers_mut().insert("cache-control", said.parse().unwrap());
        }
        if let Some(link) = &self.link {
            response.headers_mut().insert("link", link.parse().unwrap());
        }
        if packed.is_some() {
            response.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
        }
        self.with_validators(response)
    }

    fn with_validators(&self, mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
        if let Some(etag) = &self.etag {
            response.headers_mut().insert("etag", etag.parse().unwrap());
        }
        if let Some(at) = self.last_modified {
            response.headers_mut().insert("last-modified", http_date(at).parse().unwrap());
            // the document has stood still for an hour, whatever the test's clock says
            response.headers_mut().insert("date", http_date(at.plus(Micros::HOUR)).parse().unwrap());
        }
        response
    }
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The form of RFC 9110 §5.6.7; whole seconds.
pub fn http_date(at: Micros) -> String {
    let at = jiff::Timestamp::from_microsecond(at.0).unwrap();
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn parse_date(text: &str) -> Option<i64> {
    let parsed = jiff::civil::DateTime::strptime("%a, %d %b %Y %H:%M:%S GMT", text).ok()?;
    Some(parsed.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}

/// One gzip member.
pub async fn gzip(bytes: &[u8]) -> Vec<u8> {
    use tokio::io::AsyncWriteExt;
    let mut encoder = async_compression::tokio::write::GzipEncoder::new(Vec::new());
    encoder.write_all(bytes).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder.into_inner()
}

//! Serves each partner's feed from its truth, as that is when the request comes.
//!
//! The copy is taken under the truth's lock and rendered outside of it. The ETag names the
//! truth's version: while nothing happens at a partner the answer is 304.

use super::Partner;
use crate::clock::Clock;
use crate::demo::text;
use crate::demo::truth::asset::Snapshot;
use async_compression::tokio::bufread::GzipEncoder;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH, WWW_AUTHENTICATE,
};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Far more than one daemon opens; beyond it connections wait in the listener's queue.
const CONNECTIONS_MAX: usize = 64;
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves until it is dropped.
pub struct FeedServer {
    address: SocketAddr,
    _task: JoinSet<()>,
}

impl FeedServer {
    /// Binds a loopback port and begins to answer.
    pub async fn start(partners: Vec<Arc<Partner>>, clock: Clock) -> io::Result<FeedServer> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let mut task = JoinSet::new();
        task.spawn(accept(listener, Arc::new(Feeds { partners, clock })));
        Ok(FeedServer { address, _task: task })
    }

    pub fn url(&self, partner: &str) -> String {
        format!("http://{}/feeds/{partner}.json", self.address)
    }
}

async fn accept(listener: TcpListener, feeds: Arc<Feeds>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        // a connection that fails before it is accepted is the client's to notice
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(serve(stream, feeds.clone()));
        }
    }
}

async fn serve(stream: TcpStream, feeds: Arc<Feeds>) {
    let service = service_fn(move |request| {
        let feeds = feeds.clone();
        async move { Ok::<_, Infallible>(feeds.answer(&request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    // a fetch that is cut off shows in the daemon's run report
    let _ = connection.await;
}

struct Feeds {
    partners: Vec<Arc<Partner>>,
    clock: Clock,
}

impl Feeds {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let Some(partner) = self.partner(request.uri().path()) else {
            return plain(StatusCode::NOT_FOUND);
        };
        if request.method() != Method::GET {
            return plain(StatusCode::METHOD_NOT_ALLOWED);
        }
        let headers = request.headers();
        if !may_read(partner.feed_token.as_deref(), headers.get(AUTHORIZATION)) {
            let mut refusal = plain(StatusCode::UNAUTHORIZED);
            refusal.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return refusal;
        }
        partner.is_open().await;
        let snapshot = partner.truth().snapshot(self.clock.now());
        let etag = etag(snapshot.version);
        if headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
            partner.feeds_not_modified.fetch_add(1, Ordering::Relaxed);
            return with_header(plain(StatusCode::NOT_MODIFIED), ETAG, &etag);
        }
        partner.feeds_served.fetch_add(1, Ordering::Relaxed);
        document(snapshot, partner.plan.gzip, &etag).await
    }

    fn partner(&self, path: &str) -> Option<&Arc<Partner>> {
        let name = path.strip_prefix("/feeds/")?.strip_suffix(".json")?;
        self.partners.iter().find(|partner| partner.has_feed() && partner.name() == name)
    }
}

fn may_read(token: Option<&str>, given: Option<&HeaderValue>) -> bool {
    token.is_none_or(|token| {
        given.is_some_and(|given| given.as_bytes() == format!("Bearer {token}").as_bytes())
    })
}

/// Weak: two answers of one version differ in `generated_at`.
fn etag(version: u64) -> String {
    format!("W/\"v{version}\"")
}

async fn document(snapshot: Snapshot, gzip: bool, etag: &str) -> Response<Full<Bytes>> {
    let Ok(body) = tokio::task::spawn_blocking(move || text::feed(&snapshot)).await else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let mut response = with_header(plain(StatusCode::OK), CONTENT_TYPE, "application/json");
    if gzip {
        let mut packed = Vec::new();
        if GzipEncoder::new(body.as_bytes()).read_to_end(&mut packed).await.is_err() {
            return plain(StatusCode::INTERNAL_SERVER_ERROR);
        }
        response = with_header(response, CONTENT_ENCODING, "gzip");
        *response.body_mut() = Full::new(packed.into());
    } else {
        *response.body_mut() = Full::new(body.into());
    }
    with_header(response, ETAG, etag)
}

fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn with_header(
    mut response: Response<Full<Bytes>>,
    name: hyper::header::HeaderName,
    value: &str,
) -> Response<Full<Bytes>> {
    let value = HeaderValue::from_str(value).expect("header values here are plain ASCII");
    response.headers_mut().insert(name, value);
    response
}

#[cfg(test)]
mod tests {
    use super::super::{PartnerPlan, Ways};
    use super::*;
    use crate::demo::truth::book::Book;
    use crate::domain::{Micros, PartnerName};

    const NOW: Micros = Micros(1_800_000_000_000_000);

    async fn served(gzip: bool, guarded: bool) -> (Arc<Partner>, FeedServer, reqwest::Client) {
        let clock = Clock::manual(NOW);
        let plan = PartnerPlan {
            name: PartnerName::new("acme").unwrap(),
            book: Book::Property,
            assets: 30,
            ways: Ways::Both,
            weight: 1,
            feed_every: Duration::from_secs(3),
            gzip,
            guarded,
        };
        let partner = Arc::new(Partner::new(plan, 4, &clock).unwrap());
        partner.open();
        let server = FeedServer::start(vec![partner.clone()], clock).await.unwrap();
        (partner, server, reqwest::Client::builder().no_proxy().build().unwrap())
    }

    #[tokio::test]
    async fn a_feed_is_sent_once_per_version_and_then_not_modified() {
        let (partner, server, client) = served(false, false).await;
        let first = client.get(server.url("acme")).send().await.unwrap();
        let etag = first.headers()[ETAG].clone();
        let body = first.text().await.unwrap();
        assert!(body.contains("\"count\":30,\"complete\":true"), "{}", &body[..80]);
        let again = || client.get(server.url("acme")).header(IF_NONE_MATCH, etag.clone()).send();
        assert_eq!(again().await.unwrap().status(), StatusCode::NOT_MODIFIED);
        partner.truth().move_price(NOW).unwrap();
        assert_eq!(again().await.unwrap().status(), StatusCode::OK);
        let counted = |of: &std::sync::atomic::AtomicU64| of.load(Ordering::Relaxed);
        assert_eq!((counted(&partner.feeds_served), counted(&partner.feeds_not_modified)), (2, 1));
        assert_eq!(client.get(server.url("other")).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn a_guarded_feed_wants_its_token_and_a_packed_one_says_so() {
        let (partner, server, client) = served(true, true).await;
        let refused = client.get(server.url("acme")).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        let token = partner.feed_token.clone().unwrap();
        let answer = client.get(server.url("acme")).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.headers()[CONTENT_ENCODING], "gzip");
        let packed = answer.bytes().await.unwrap();
        let mut text = String::new();
        let mut unpacked = async_compression::tokio::bufread::GzipDecoder::new(&packed[..]);
        unpacked.read_to_string(&mut text).await.unwrap();
        assert!(text.ends_with("]}\n"));
    }
}

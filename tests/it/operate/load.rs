//! The load program against servers of our own: one that keeps its word, one that forgets, and
//! sinks that are fast or slow. Everything ends by counts, nothing waits for a time to pass.

use crate::support::house::House;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidegate::clock::{Clock, sleep};
use tidegate::load::{self, LoadPlan, LoadReport, Mode, Side, Sink, Until};
use tokio::net::TcpListener;

/// A server of prices small enough to be believed, with the faults that a test asks for.
#[derive(Debug, Default)]
struct Server {
    prices: Mutex<HashMap<String, Value>>,
    pushes: AtomicU64,
    /// Every n-th push is acknowledged and forgotten.
    forgets: Option<u64>,
    /// Every n-th push is refused: 429.
    refuses: Option<u64>,
    /// Every n-th push is taken, and the connection cut before the reply.
    hangs_up: Option<u64>,
    /// How long each reply is held back.
    slow: Duration,
}

impl Server {
    async fn listen(self) -> (Arc<Server>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let server = Arc::new(self);
        let shared = Arc::clone(&server);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let server = Arc::clone(&shared);
                let service = service_fn(move |request| Arc::clone(&server).answer(request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        (server, format!("http://{address}"))
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Hangup> {
        if request.headers()["authorization"] != "Bearer secret" {
            return Ok(reply(StatusCode::UNAUTHORIZED, &json!({"code": "key_unknown"})));
        }
        if request.uri().path() == "/api/me" {
            return Ok(reply(StatusCode::OK, &json!({"partner": "p"})));
        }
        if request.method() == Method::GET {
            return Ok(reply(StatusCode::OK, &self.read(request.uri().query().unwrap())));
        }
        let assets = request.uri().path() == "/api/assets";
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        if assets {
            return Ok(reply(StatusCode::OK, &outcomes(&body, "created")));
        }
        if !self.slow.is_zero() {
            sleep(self.slow).await;
        }
        let push = self.pushes.fetch_add(1, Ordering::SeqCst) + 1;
        let struck = |every: Option<u64>| every.is_some_and(|every| push.is_multiple_of(every));
        if struck(self.refuses) {
            return Ok(reply(StatusCode::TOO_MANY_REQUESTS, &json!({"code": "rate_limited"})));
        }
        if !struck(self.forgets) {
            self.keep(&body);
        }
        if struck(self.hangs_up) {
            return Err(Hangup);
        }
        Ok(reply(StatusCode::OK, &outcomes(&body, "updated")))
    }

    fn keep(&self, body: &Value) {
        let mut prices = self.prices.lock().unwrap();
        let one = std::slice::from_ref(body);
        for price in body.as_array().map_or(one, Vec::as_slice) {
            prices.insert(price["id"].as_str().unwrap().to_owned(), price["amount"].clone());
        }
    }

    fn read(&self, query: &str) -> Value {
        let prices = self.prices.lock().unwrap();
        let ids = query.split('&').map(|pair| pair.strip_prefix("id=").unwrap());
        let found = ids.filter_map(|id| Some(json!({"id": id, "amount": prices.get(id)?})));
        json!({"items": found.collect::<Vec<_>>(), "next_cursor": null})
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the server hangs up")]
struct Hangup;

impl From<Infallible> for Hangup {
    fn from(never: Infallible) -> Hangup {
        match never {}
    }
}

fn outcomes(body: &Value, outcome: &str) -> Value {
    let item = |price: &Value| json!({"id": price["id"], "outcome": outcome});
    match body.as_array() {
        None => item(body),
        Some(list) => {
            json!({"counts": {outcome: list.len()}, "items": list.iter().map(item).collect::<Vec<_>>()})
        }
    }
}

fn reply(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response
}

fn plan(url: &str) -> LoadPlan {
    LoadPlan {
        url: url.to_owned(),
        key: "secret".into(),
        connections: 4,
        threads: 1,
        mode: Mode::Single,
        until: Until::Requests(400),
        rate: None,
        assets: 50,
        load_assets: false,
        pairs: 0,
        idle_streams: 0,
        verify: None,
        seed: 11,
        say: |_| {},
    }
}

async fn run(plan: LoadPlan) -> LoadReport {
    load::run(&plan).await.unwrap()
}

#[tokio::test]
async fn single_prices_of_an_honest_server_are_verified() {
    let (server, url) = Server::default().listen().await;
    let report = run(plan(&url)).await;
    assert_eq!(server.pushes.load(Ordering::SeqCst), 400);
    assert_eq!((report.legs[0].requests, report.legs[0].prices, report.legs[0].errors()), (400, 400, 0));
    let verification = report.verification.as_ref().unwrap();
    assert_eq!((verification.checked, verification.doubtful), (verification.acknowledged, 0));
    assert!(verification.checked > 40, "nearly all of the 50 assets are drawn");
    assert!(report.verified(), "{report}");
}

#[tokio::test]
async fn batches_of_an_honest_server_are_verified() {
    let (_server, url) = Server::default().listen().await;
    let mode = Mode::Batch { items: 30, minimal: false };
    let load = LoadPlan { mode, load_assets: true, verify: Some(20), ..plan(&url) };
    let report = run(load).await;
    assert_eq!(report.loaded.as_ref().unwrap().assets, 50);
    assert_eq!((report.legs[0].requests, report.legs[0].prices), (400, 12_000));
    assert_eq!(report.verification.as_ref().unwrap().checked, 20);
    assert!(report.verified(), "{report}");
}

#[tokio::test]
async fn a_server_that_acknowledges_and_forgets_is_caught() {
    let (_server, url) = Server { forgets: Some(3), ..Server::default() }.listen().await;
    let report = run(plan(&url)).await;
    assert_eq!(report.legs[0].errors(), 0);
    assert!(!report.verified());
    let verification = report.verification.as_ref().unwrap();
    let wrong = &verification.mismatches[0];
    assert_eq!(verification.mismatched, verification.mismatches.len() as u64);
    assert_ne!(wrong.read.as_ref(), Some(&wrong.acknowledged));
    assert!(report.to_string().contains(&wrong.id), "{report}");
}

#[tokio::test]
async fn refusals_are_counted_apart_and_owe_nothing() {
    let (_server, url) = Server { refuses: Some(4), ..Server::default() }.listen().await;
    let report = run(plan(&url)).await;
    let leg = &report.legs[0];
    assert_eq!((leg.requests, leg.prices, leg.refused[&429]), (300, 300, 100));
    assert!(report.verified(), "{report}");
    assert!(report.to_string().contains("prices_per_second"), "{report}");
}

#[tokio::test]
async fn a_push_without_an_answer_may_or_may_not_have_been_taken() {
    let (_server, url) = Server { hangs_up: Some(5), ..Server::default() }.listen().await;
    let report = run(plan(&url)).await;
    assert_eq!((report.legs[0].requests, report.legs[0].failures), (320, 80));
    assert!(report.verification.as_ref().unwrap().doubtful > 0);
    assert!(report.verified(), "{report}");
}

#[tokio::test]
async fn sink_and_daemon_take_turns_and_are_compared() {
    let (server, url) = Server::default().listen().await;
    let mode = Mode::Batch { items: 10, minimal: false };
    let report = run(LoadPlan { mode, pairs: 3, until: Until::Requests(40), ..plan(&url) }).await;
    let sides: Vec<Side> = report.legs.iter().map(|leg| leg.side).collect();
    assert_eq!(sides, [Side::Sink, Side::Daemon].repeat(3));
    assert!(report.legs.iter().all(|leg| leg.requests == 40 && leg.prices == 400 && leg.errors() == 0));
    assert_eq!(server.pushes.load(Ordering::SeqCst), 3 * 40);
    let ratio = report.ratio.unwrap();
    assert!(ratio.lowest <= ratio.median && ratio.median <= ratio.highest);
    assert!(report.verified(), "{report}");
}

#[tokio::test]
async fn the_sink_answers_single_prices_as_the_client_expects() {
    let sink = Sink::start(Mode::Single).unwrap();
    let url = format!("http://{}", sink.address());
    let report = run(LoadPlan { verify: Some(0), ..plan(&url) }).await;
    assert_eq!((report.legs[0].prices, report.legs[0].errors()), (400, 0));
}

#[tokio::test]
async fn a_slow_server_is_charged_with_what_it_kept_waiting() {
    let slow = Duration::from_millis(20);
    let (_server, url) = Server { slow, ..Server::default() }.listen().await;
    let (rate, requests) = (1000.0, 10);
    let until = Until::Requests(requests);
    let report = run(LoadPlan { connections: 1, rate: Some(rate), until, ..plan(&url) }).await;
    let leg = &report.legs[0];
    assert_eq!((leg.requests, leg.unsent), (requests, 0));
    // The last was due after 9 ms and answered after 10 replies of 20 ms each; a client that waits
    // for its answers before it counts would report 20 ms.
    let least = slow.as_secs_f64() * 1e3 * requests as f64 - 9.0;
    assert!(leg.max_ms >= least, "{} ms is less than {least} ms", leg.max_ms);
    assert!(leg.p50_ms >= 90.0, "{leg:?}");
}

#[tokio::test]
async fn a_wrong_key_is_said_before_anything_is_pushed() {
    let (server, url) = Server::default().listen().await;
    let refused = load::run(&LoadPlan { key: "guess".into(), ..plan(&url) }).await.unwrap_err();
    assert!(matches!(refused, load::LoadError::Refused { status: 401, .. }), "{refused}");
    assert_eq!(server.pushes.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_plan_that_measures_nothing_is_refused() {
    let nonsense: [fn(&mut LoadPlan); 6] = [
        |plan| plan.connections = 0,
        |plan| plan.assets = 3,
        |plan| plan.rate = Some(0.0),
        |plan| plan.mode = Mode::Batch { items: 0, minimal: false },
        |plan| plan.url = "https://127.0.0.1:1".into(),
        |plan| plan.key = "a\r\nb".into(),
    ];
    for spoil in nonsense {
        let mut spoilt = plan("http://127.0.0.1:1");
        spoil(&mut spoilt);
        assert!(matches!(load::run(&spoilt).await, Err(load::LoadError::Plan(_))), "{spoilt:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn legs_beside_idle_streams_alternate_with_legs_without() {
    let house = House::with(&["acme"], Clock::system()).await;
    let url = format!("http://{}", house.daemon().address());
    let key = crate::support::house::key("acme");
    let until = Until::Requests(40);
    let load =
        LoadPlan { key, idle_streams: 3, pairs: 2, load_assets: true, until, verify: None, ..plan(&url) };
    let report = run(load).await;
    let sides: Vec<Side> = report.legs.iter().map(|leg| leg.side).collect();
    assert_eq!(sides, [Side::Daemon, Side::Streams].repeat(2));
    assert!(report.p99_ratio.is_some() && report.verified(), "{report}");
    assert!(report.legs.iter().all(|leg| leg.errors() == 0), "{report}");
    house.stop().await;
}

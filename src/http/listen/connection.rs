//! One connection: hyper, a slow tick that takes its pulse, and the order to stop.

use super::framing::HeadBounds;
use super::request_id;
use super::wire::Wire;
use crate::clock::sleep;
use crate::http::admin::{self, AdminRoutes};
use crate::http::client::Client;
use crate::http::partner::{self, PartnerRoutes};
use crate::http::pulse::{Deadlines, Phase, Pulse, PulseState, Reason, Watch};
use crate::http::reply::{Body, Fault, HeadFault, body};
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// Where a listener's requests are answered.
#[derive(Clone)]
pub enum Desk {
    /// For partners and readers.
    Partner(Arc<PartnerRoutes>),
    /// For operators.
    Admin(Arc<AdminRoutes>),
}

/// What a listener gives to all its connections.
#[derive(Clone)]
pub struct Terms {
    /// hyper, with its bounds set.
    pub http: http1::Builder,
    /// What a head may hold.
    pub heads: HeadBounds,
    /// How long a connection may take for what.
    pub deadlines: Deadlines,
}

impl Terms {
    fn keep_alive(&self) -> HeaderValue {
        let text = format!("timeout={}", self.deadlines.keep_alive.as_secs());
        HeaderValue::try_from(text).expect("a word and digits")
    }
}

/// Serves a client until either side ends it. `stop` ends it after the current request; its sender
/// being dropped is the same.
pub async fn serve(
    client: Client,
    desk: Desk,
    socket: TcpStream,
    terms: &Terms,
    stop: oneshot::Receiver<()>,
) {
    let pulse = Arc::clone(&client.pulse);
    // one of the connection's own: connections share no counter of references
    let own = Arc::new((client, desk, terms.keep_alive()));
    let answer = move |request| {
        let own = Arc::clone(&own);
        async move {
            let (client, desk, keep_alive) = &*own;
            self::answer(client, desk, request, keep_alive).await
        }
    };
    drive(socket, &pulse, answer, terms, stop).await;
}

/// `request` is one, or why the head in whose place it stands is not read. `keep_alive`: what a client
/// that heeds it is told of the time that we wait for its next request.
async fn answer(
    client: &Client,
    desk: &Desk,
    request: Result<Request<Incoming>, HeadFault>,
    keep_alive: &HeaderValue,
) -> Response<Body> {
    let request = match request {
        Ok(request) => request,
        Err(why) => {
            client.app.metrics.shed("request_head");
            return refuse(&client.pulse, why).await;
        }
    };
    client.pulse.enter(Phase::Work);
    client.pulse.body_awaits(!request.body().is_end_stream());
    let is_last = request.headers().get(CONNECTION).is_some_and(|value| value == "close");
    let id = request_id::of(request.headers());
    let response = match desk {
        Desk::Partner(routes) => partner::answer(client, routes, request).await,
        // boxed: else each push is moved with the room that an operator's call would take
        Desk::Admin(routes) => Box::pin(admin::answer(client, routes, request)).await,
    };
    let is_stream = body::is_stream(response.body());
    let mut response = request_id::put(response, id).await;
    if !is_stream && !is_last && !response.headers().contains_key(CONNECTION) {
        response.headers_mut().insert(KEEP_ALIVE, keep_alive.clone());
    }
    client.pulse.enter(if is_stream { Phase::Stream } else { Phase::Head });
    response
}

/// Answers the request that stands in the place of a head that is not read.
async fn refuse(pulse: &Pulse, why: HeadFault) -> Response<Body> {
    pulse.enter(Phase::Work);
    let response = request_id::put(Fault::Head(why).into_response(), request_id::fresh()).await;
    pulse.enter(Phase::Head);
    response
}

async fn drive<A, F>(
    socket: TcpStream,
    pulse: &Arc<Pulse>,
    answer: A,
    terms: &Terms,
    stop: oneshot::Receiver<()>,
) where
    A: Fn(Result<Request<Incoming>, HeadFault>) -> F,
    F: Future<Output = Response<Body>>,
{
    let service = service_fn(|request| {
        let answered = answer(pulse.next_request().map_or(Ok(request), Err));
        async { Ok::<_, Infallible>(answered.await) }
    });
    let io = TokioIo::new(Wire::new(socket, Arc::clone(pulse), terms.heads));
    let mut connection = pin!(terms.http.serve_connection(io, service));
    let mut watch = Watch::new(terms.deadlines, pulse);
    let mut tick = pin!(sleep(watch.tick()));
    let mut stop = pin!(stop);
    let mut stopping = false;
    loop {
        tokio::select! {
            biased;
            // an error here is the client's: cut off, or not HTTP; hyper has answered what can be
            _ = connection.as_mut() => return,
            _ = stop.as_mut(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            () = tick.as_mut() => {
                tick.set(sleep(watch.tick()));
                match watch.judge(pulse) {
                    PulseState::Sound => {}
                    PulseState::BodyOverdue => pulse.expire_body(),
                    // told once already, and nothing reads
                    PulseState::HeadOverdue if pulse.is_head_overdue() => return,
                    PulseState::HeadOverdue => pulse.expire_head(),
                    PulseState::Close(reason) => {
                        if reason == Reason::SlowConsumer {
                            pulse.mark_consumer_slow();
                        }
                        return;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "passing_tests.rs"]
mod passing_tests;

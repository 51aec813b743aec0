//! One connection: hyper, a slow tick that takes its pulse, and the order to stop.

use super::desk::{self, Desk};
use super::framing::HeadBounds;
use super::http2;
use super::socket::Socket;
use super::wire::Wire;
use crate::clock::sleep;
use crate::http::client::Client;
use crate::http::pulse::{Deadlines, Pulse, PulseState, Reason, Watch};
use crate::http::reply::{Body, HeadFault};
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::oneshot;

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

/// Serves a client until either side ends it, in the version of HTTP that was agreed on. `stop` ends it after the current request; its sender
/// being dropped is the same.
pub async fn serve(client: Client, desk: Desk, socket: Socket, terms: &Terms, stop: oneshot::Receiver<()>) {
    if socket.speaks_http_2() {
        // boxed: few connections take the room that it needs
        return Box::pin(http2::serve(client, desk, socket, (terms.heads, terms.deadlines), stop)).await;
    }
    let pulse = Arc::clone(&client.pulse);
    // one of the connection's own: connections share no counter of references
    let own = Arc::new((client, desk, terms.keep_alive()));
    let answer = move |request| {
        let own = Arc::clone(&own);
        async move {
            let (client, desk, keep_alive) = &*own;
            desk::answer(client, desk, request, Some(keep_alive)).await
        }
    };
    drive(socket, &pulse, answer, terms, stop).await;
}

async fn drive<A, F>(
    socket: Socket,
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

//! A connection of HTTP/2: many requests at once, each with a pulse of its own and a task that takes it.
//!
//! What bounds a request over HTTP/1.1 bounds it here: its body's time, a client that takes nothing of
//! its reply, and the end with its connection. What HTTP/2 adds is bounded in `Bounds`: requests at
//! once, what waits to be sent and to be read, and streams that are reset as soon as they are opened.

use super::desk::{Desk, answer_of_stream};
use super::framing::HeadBounds;
use super::socket::Socket;
use super::wire::Wire;
use crate::clock::sleep;
use crate::http::client::Client;
use crate::http::pulse::{Deadlines, Phase, Pulse, PulseState, Reason, Watch};
use crate::http::reply::{Body, HeadFault};
use bytes::Bytes;
use hyper::Request;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::header::HOST;
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};

/// Requests at once on one connection. RFC 9113 §6.5.2 recommends no fewer.
const STREAMS_MAX: u32 = 100;
/// What may come of a request, and of all of them, before it is asked for: permits for bodies are taken
/// first.
const STREAM_WINDOW: u32 = 128 << 10;
const CONNECTION_WINDOW: u32 = 512 << 10;
/// What waits to be sent of one reply.
const SEND_BYTES_MAX: usize = 64 << 10;
/// Streams that are opened and reset at once (CVE-2023-44487), and those that we have to reset.
const RESETS_MAX: usize = 20;
const OWN_RESETS_MAX: usize = 256;
/// A client that has gone without a word is noticed.
const PING_EVERY: Duration = Duration::from_secs(20);
const PONG_WITHIN: Duration = Duration::from_secs(10);

/// Serves a client until either side ends it, as `connection::serve` does over HTTP/1.1.
pub async fn serve(
    client: Client,
    desk: Desk,
    socket: Socket,
    (heads, deadlines): (HeadBounds, Deadlines),
    mut stop: oneshot::Receiver<()>,
) {
    let tasks = Tasks { deadlines, open: Arc::default() };
    let pulse = Arc::clone(&client.pulse);
    pulse.enter(Phase::Stream);
    let open = Arc::clone(&tasks.open);
    let (app, address) = (client.app, client.address);
    let service = service_fn(move |request: Request<Incoming>| {
        let pulse = Arc::new(Pulse::of_stream());
        lock(&open).begun = Some(Arc::clone(&pulse));
        let client = Client { app: Arc::clone(&app), pulse: Arc::clone(&pulse), address };
        let (desk, fault) = (desk.clone(), fault_of(&request, heads));
        async move {
            let response = answer_of_stream(&client, &desk, fault.map_or(Ok(request), Err)).await;
            Ok::<_, Infallible>(response.map(|body| Counted { body, pulse }))
        }
    });
    let open = Arc::clone(&tasks.open);
    let io = TokioIo::new(Wire::bare(socket, Arc::clone(&pulse)));
    let mut connection = pin!(builder(tasks, heads).serve_connection(io, service));
    let mut watch = Watch::new(deadlines, &pulse);
    let (mut idle, mut stopping) = (Duration::ZERO, false);
    let mut tick = pin!(sleep(watch.tick()));
    loop {
        tokio::select! {
            biased;
            // an error here is the client's: cut off, or not HTTP/2; hyper has answered what can be
            _ = connection.as_mut() => return,
            _ = &mut stop, if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            () = tick.as_mut() => {
                tick.set(sleep(watch.tick()));
                idle = if lock(&open).is_idle() { idle + watch.tick() } else { Duration::ZERO };
                let is_stuck = watch.judge(&pulse) != PulseState::Sound;
                // told to end, and given as long again as a head may take
                if is_stuck || idle >= deadlines.keep_alive + deadlines.header {
                    return;
                }
                if idle >= deadlines.keep_alive && !stopping {
                    stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

fn builder(tasks: Tasks, heads: HeadBounds) -> http2::Builder<Tasks> {
    let mut http = http2::Builder::new(tasks);
    http.timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BYTES_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(OWN_RESETS_MAX)
        .max_header_list_size(u32::try_from(heads.bytes_max).unwrap_or(u32::MAX))
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PONG_WITHIN);
    http
}

/// What is wrong with a head that HTTP/2 lets pass: the rules of `framing`, as far as they are left.
fn fault_of(request: &Request<Incoming>, heads: HeadBounds) -> Option<HeadFault> {
    let HeadBounds { bytes_max, headers_max } = heads;
    if request.headers().len() > headers_max {
        return Some(HeadFault::TooLarge { bytes_max, headers_max });
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    match (request.uri().authority(), hosts.next(), hosts.next()) {
        (_, _, Some(_)) | (None, None, _) => Some(HeadFault::Host),
        // another one than the address names (RFC 9113 §8.3.1)
        (Some(named), Some(host), None) if host != named.as_str() => Some(HeadFault::Host),
        _ => None,
    }
}

/// The tasks of a connection's requests. They end with it.
#[derive(Clone)]
struct Tasks {
    deadlines: Deadlines,
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    tasks: JoinSet<()>,
    /// Of the request whose task comes next: hyper has a request answered and its task run in one step.
    begun: Option<Arc<Pulse>>,
}

impl Open {
    fn is_idle(&mut self) -> bool {
        self.forget_ended();
        self.tasks.is_empty()
    }

    fn forget_ended(&mut self) {
        while let Some(ended) = self.tasks.try_join_next() {
            if ended.as_ref().is_err_and(JoinError::is_panic) {
                tracing::error!("a request's handler panicked");
            }
        }
    }
}

impl<F> Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, request: F) {
        let mut open = lock(&self.open);
        open.forget_ended();
        let pulse = open.begun.take().unwrap_or_default();
        open.tasks.spawn(attend(request, pulse, self.deadlines));
    }
}

/// Runs a request to its end, or until its client takes nothing any more.
async fn attend<F: Future>(request: F, pulse: Arc<Pulse>, deadlines: Deadlines) {
    let mut watch = Watch::new(deadlines, &pulse);
    let mut request = pin!(request);
    let mut tick = pin!(sleep(watch.tick()));
    loop {
        tokio::select! {
            biased;
            _ = request.as_mut() => return,
            () = tick.as_mut() => {
                tick.set(sleep(watch.tick()));
                match watch.judge(&pulse) {
                    PulseState::BodyOverdue => pulse.expire_body(),
                    PulseState::Close(Reason::SlowConsumer) => {
                        pulse.mark_consumer_slow();
                        return;
                    }
                    // heads and idleness are the connection's
                    PulseState::Sound | PulseState::HeadOverdue | PulseState::Close(_) => {}
                }
            }
        }
    }
}

/// A reply that leaves marks: it is asked for the next piece only when the client has room for one.
struct Counted {
    body: Body,
    pulse: Arc<Pulse>,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = <Body as HttpBody>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.pulse.add_written(1);
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(Some(_))) {
            self.pulse.block_write();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What it guards stays whole whatever its holder does.
fn lock(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Counted {
    fn drop(&mut self) {
        // all of it has left, or nobody takes it any more
        self.pulse.add_written(1);
    }
}

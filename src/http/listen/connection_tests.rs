//! One connection against a raw socket: what slow, greedy and deaf clients get.

use super::*;
use crate::config::ServerSettings;
use crate::http::listen::server;
use crate::http::partner::{self, PartnerRoutes};
use crate::http::pulse::Phase;
use crate::http::reply::{self, Fault, body};
use crate::http::request::intake::{self, Accept};
use crate::http::testing::{PATIENCE, until, until_closed};
use bytes::Bytes;
use futures_util::stream;
use hyper::StatusCode;
use hyper::body::Body as _;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const BYTES_MAX: usize = 64 * 1024;
const JSON: &str = "content-type: application/json\r\n";

/// For exchanges that must succeed, however busy the machine is.
pub fn usual() -> Terms {
    server::terms(&ServerSettings::default())
}

/// For those that end by a deadline: it need not be waited for long.
fn quick() -> Terms {
    let mut terms = usual();
    terms.deadlines = Deadlines {
        header: Duration::from_millis(200),
        keep_alive: Duration::from_millis(400),
        body: Duration::from_millis(800),
        body_idle: Duration::from_millis(200),
        write_stall: Duration::from_millis(300),
    };
    terms
}

/// As the write path begins: judge the headers, read the body, say how long it was.
async fn measure(pulse: &Pulse, request: Request<Incoming>) -> Response<Body> {
    let (head, mut body) = request.into_parts();
    pulse.body_awaits(!body.is_end_stream());
    let length = async {
        intake::announced(&head.headers, Accept::Items, BYTES_MAX)?;
        Ok(intake::collect(&mut body, BYTES_MAX, pulse).await?.len())
    };
    let reply = match length.await {
        Ok(length) => reply::json(StatusCode::OK, format!("{{\"length\":{length}}}")),
        Err(fault) => Fault::into_response(fault),
    };
    pulse.enter(Phase::Head);
    reply
}

/// An endless stream of 64 KiB frames.
fn endless(pulse: &Pulse) -> Response<Body> {
    pulse.enter(Phase::Stream);
    let frames = stream::repeat(Bytes::from(vec![b'x'; 64 * 1024]));
    reply::with_body(StatusCode::OK, "text/plain".parse().unwrap(), body::stream(frames))
}

pub struct Served {
    pub socket: TcpStream,
    pulse: Arc<Pulse>,
    pub stop: oneshot::Sender<()>,
    pub serving: JoinHandle<()>,
}

/// One connection that is served on these terms, by `answer`.
pub async fn served_by<A, F>(terms: Terms, answer: A) -> Served
where
    A: Fn(Arc<Pulse>, Result<Request<Incoming>, HeadFault>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (accepted, _) = listener.accept().await.unwrap();
    let (stop, stopped) = oneshot::channel();
    let pulse = Arc::new(Pulse::default());
    let serving = tokio::spawn({
        let pulse = Arc::clone(&pulse);
        async move {
            let answer = |request| answer(Arc::clone(&pulse), request);
            drive(Socket::Plain(accepted), &pulse, answer, &terms, stopped).await;
        }
    });
    Served { socket, pulse, stop, serving }
}

/// One connection that is served on these terms.
async fn served(terms: Terms) -> Served {
    served_by(terms, |pulse, request| async move {
        match request {
            Err(why) => desk::refuse(&pulse, why).await,
            Ok(request) if request.uri().path() == "/endless" => endless(&pulse),
            Ok(request) => measure(&pulse, request).await,
        }
    })
    .await
}

async fn exchange(request: &str) -> String {
    exchange_on(quick(), request).await
}

async fn exchange_on(terms: Terms, request: &str) -> String {
    let mut served = served(terms).await;
    served.socket.write_all(request.as_bytes()).await.unwrap();
    until_closed(&mut served.socket).await
}

#[tokio::test]
async fn b16_who_sends_no_head_is_closed_and_who_sends_half_of_one_gets_408() {
    for nothing in ["", "\r\n"] {
        assert_eq!(exchange(nothing).await, "");
    }
    for half in ["G", "GET / HTTP/1.1\r\nhost: a\r\nx-half", "\r\nGET / HTTP/1.1\r\n"] {
        let reply = exchange(half).await;
        assert!(reply.starts_with("HTTP/1.1 408 "), "{half:?}: {reply}");
        assert!(reply.contains("\"code\":\"head_too_slow\""), "{half:?}: {reply}");
        assert!(reply.contains("connection: close\r\n") && reply.contains("x-request-id: "), "{reply}");
    }
}

#[tokio::test]
async fn b16_half_a_head_after_a_request_gets_408_after_its_reply() {
    let request = format!("POST / HTTP/1.1\r\nhost: a\r\n{JSON}content-length: 2\r\n\r\n[]GET / HT");
    let replies = exchange(&request).await;
    let (first, second) = replies.split_once("{\"length\":2}").expect("the first is answered");
    assert!(first.starts_with("HTTP/1.1 200 ") && second.starts_with("HTTP/1.1 408 "), "{replies}");
}

#[tokio::test]
async fn b27_chunks_that_cannot_be_told_apart_get_400_and_what_follows_is_not_read() {
    for chunks in ["zz\r\n", "2\r\n[]\n0\r\n\r\n", "2\n[]\r\n0\r\n\r\n", "2\r\n[]0\r\n\r\n"] {
        let head = format!("POST / HTTP/1.1\r\nhost: a\r\n{JSON}transfer-encoding: chunked\r\n\r\n");
        let request = format!("{head}{chunks}GET /endless HTTP/1.1\r\nhost: a\r\n\r\n");
        let reply = exchange_on(usual(), &request).await;
        assert!(reply.starts_with("HTTP/1.1 400 ") && reply.matches("HTTP/1.1 ").count() == 1, "{reply}");
        assert!(reply.contains("\"code\":\"body_chunks\""), "{chunks:?}: {reply}");
    }
}

#[tokio::test]
async fn a_connection_goes_on_after_a_body_in_chunks() {
    let mut served = served(usual()).await;
    let head = format!("POST / HTTP/1.1\r\nhost: a\r\n{JSON}transfer-encoding: chunked\r\n\r\n");
    for _ in 0..3 {
        served.socket.write_all(format!("{head}2\r\n[]\r\n0\r\n\r\n").as_bytes()).await.unwrap();
        let reply = until(&mut served.socket, "{\"length\":2}").await;
        assert!(!reply.contains("connection: close"), "{reply}");
    }
}

#[tokio::test]
async fn what_stands_in_the_place_of_a_refused_head_is_nothing_that_a_client_can_send() {
    let own = "GET / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n";
    let reply = exchange_on(usual(), own).await;
    assert!(!reply.contains("request_head") && reply.contains("media_type"), "{reply}");
    // before a head that is refused, too
    let first = own.replace("close", "keep-alive");
    let replies = exchange_on(usual(), &format!("{first}{first}GET /\r\n\r\n")).await;
    assert_eq!(replies.matches("\"code\":\"media_type\"").count(), 2, "{replies}");
    assert_eq!(replies.matches("\"code\":\"request_head\"").count(), 1, "{replies}");
}

#[tokio::test]
async fn b16_a_body_that_stands_still_gets_408() {
    let reply = exchange(&format!("POST / HTTP/1.1\r\nhost: a\r\n{JSON}content-length: 10\r\n\r\n[1,")).await;
    assert!(reply.starts_with("HTTP/1.1 408 "), "{reply}");
    assert!(reply.contains("\"code\":\"body_too_slow\""), "{reply}");
}

#[tokio::test]
async fn b16_a_client_that_takes_nothing_is_cut_off() {
    let mut served = served(quick()).await;
    served.socket.write_all(b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    served.serving.await.unwrap();
    assert!(served.pulse.is_consumer_slow());
}

#[tokio::test]
async fn an_idle_connection_serves_again_until_its_time_is_up() {
    let mut terms = usual();
    terms.deadlines.keep_alive = Duration::from_secs(2);
    let mut served = served(terms).await;
    let request = format!("POST / HTTP/1.1\r\nhost: a\r\n{JSON}content-length: 2\r\n\r\n[]");
    for _ in 0..2 {
        served.socket.write_all(request.as_bytes()).await.unwrap();
        let reply = until(&mut served.socket, "{\"length\":2}").await;
        assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
    }
    assert_eq!(until_closed(&mut served.socket).await, "");
    served.serving.await.unwrap();
}

#[tokio::test]
async fn b14_a_body_that_is_announced_too_large_is_refused_before_it_is_read() {
    let mut served = served(usual()).await;
    let head = format!("POST / HTTP/1.1\r\nhost: a\r\n{JSON}content-length: 4000000\r\n\r\n");
    served.socket.write_all(head.as_bytes()).await.unwrap();
    // the client goes on sending, as most do: the refusal must reach it all the same
    let sent = served.socket.write_all(&vec![b' '; 1_000_000]).await;
    let reply = until_closed(&mut served.socket).await;
    assert!(reply.starts_with("HTTP/1.1 413 "), "{sent:?} {reply}");
}

#[tokio::test]
async fn b14_a_body_without_length_is_refused_at_the_limit() {
    let mut served = served(usual()).await;
    let head = format!("POST / HTTP/1.1\r\nhost: a\r\n{JSON}transfer-encoding: chunked\r\n\r\n");
    served.socket.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("8000\r\n{}\r\n", " ".repeat(0x8000));
    for _ in 0..3 {
        served.socket.write_all(chunk.as_bytes()).await.unwrap();
    }
    let reply = until(&mut served.socket, "bytes_max").await;
    assert!(reply.starts_with("HTTP/1.1 413 "), "{reply}");
}

#[tokio::test]
async fn a_body_in_many_chunks_is_put_together() {
    let mut served = served(usual()).await;
    let head = format!("POST / HTTP/1.1\r\nhost: a\r\n{JSON}transfer-encoding: chunked\r\n\r\n");
    served.socket.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..20 {
        served.socket.write_all(b"3\r\n[1,\r\n").await.unwrap();
    }
    served.socket.write_all(b"0\r\n\r\n").await.unwrap();
    until(&mut served.socket, "{\"length\":60}").await;
}

#[tokio::test]
async fn b15_too_large_a_length_is_refused_without_100_and_a_good_one_is_asked_for() {
    let expect = "expect: 100-continue\r\n";
    let head = format!("POST / HTTP/1.1\r\nhost: a\r\n{JSON}{expect}content-length: 99999999\r\n\r\n");
    let reply = exchange_on(usual(), &head).await;
    assert!(reply.starts_with("HTTP/1.1 413 "), "{reply}");
    let mut served = served(usual()).await;
    let head = format!("POST / HTTP/1.1\r\nhost: a\r\n{JSON}{expect}content-length: 2\r\n\r\n");
    served.socket.write_all(head.as_bytes()).await.unwrap();
    until(&mut served.socket, "HTTP/1.1 100 Continue\r\n\r\n").await;
    served.socket.write_all(b"[]").await.unwrap();
    until(&mut served.socket, "{\"length\":2}").await;
}

#[tokio::test]
async fn b26_a_client_that_leaves_within_its_body_leaves_nothing_running() {
    let mut served = served(usual()).await;
    let half = format!("POST / HTTP/1.1\r\nhost: a\r\n{JSON}content-length: 100\r\n\r\n[1,");
    served.socket.write_all(half.as_bytes()).await.unwrap();
    drop(served.socket);
    served.serving.await.unwrap();
}

#[tokio::test]
async fn an_idle_connection_stops_at_once_and_a_busy_one_after_its_reply() {
    let mut busy = served(usual()).await;
    let head = format!("POST / HTTP/1.1\r\nhost: a\r\n{JSON}content-length: 2\r\n\r\n");
    busy.socket.write_all(head.as_bytes()).await.unwrap();
    busy.socket.write_all(b"[").await.unwrap();
    let begun = async {
        while busy.pulse.is_body_unread() == Pulse::default().is_body_unread() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, begun).await.expect("the body's first byte is taken");
    busy.stop.send(()).unwrap();
    busy.socket.write_all(b"]").await.unwrap();
    let reply = until_closed(&mut busy.socket).await;
    assert!(reply.contains("{\"length\":2}") && reply.contains("connection: close"), "{reply}");

    let mut idle = served(usual()).await;
    let request = format!("POST / HTTP/1.1\r\nhost: a\r\n{JSON}content-length: 2\r\n\r\n[]");
    idle.socket.write_all(request.as_bytes()).await.unwrap();
    until(&mut idle.socket, "{\"length\":2}").await;
    drop(idle.stop);
    idle.serving.await.unwrap();
}

/// What `answer` takes to wait for its reply, whatever the request.
fn size_of_wait<'a, F>(_answer: fn(&'a Client, &'a PartnerRoutes, Request<Incoming>) -> F) -> usize {
    size_of::<F>()
}

/// hyper moves it several times for each request: reads and operators' calls, which are larger, are
/// boxed.
#[test]
fn a_push_is_not_moved_with_the_room_that_other_calls_would_take() {
    let size = size_of_wait(partner::answer);
    assert!(size <= 8 << 10, "{size} bytes");
}

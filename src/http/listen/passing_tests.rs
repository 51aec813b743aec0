//! Random streams of requests against the real connection: hyper reads what `framing` lets pass as the
//! very requests that a second reader finds in the stream, and nothing else.

use super::tests::{Served, served_by, usual};
use crate::http::listen::desk;
use crate::http::listen::framing::random::Stream;
use crate::http::listen::framing::reference::{self, Read, Request as Expected, StreamEnding};
use crate::http::listen::framing::tests::BOUNDS;
use crate::http::reply::{self, Fault, HeadFault};
use crate::http::testing::PATIENCE;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Request, StatusCode, Uri};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A request as hyper has read it; its body once that is there.
type Seen = Arc<Mutex<Vec<(String, Uri, Option<Vec<u8>>)>>>;

async fn record(seen: &Seen, request: Request<Incoming>) -> hyper::Response<reply::Body> {
    let (head, body) = request.into_parts();
    let number = {
        let mut seen = seen.lock().unwrap();
        seen.push((head.method.to_string(), head.uri, None));
        seen.len() - 1
    };
    let Ok(body) = body.collect().await else { return Fault::BodyCutOff.into_response() };
    seen.lock().unwrap()[number].2 = Some(body.to_bytes().to_vec());
    reply::json(StatusCode::OK, "{}")
}

/// What the stream has come to once the answers are there that it must have.
async fn exchange(stream: &mut Stream, expected: &[Expected], ending: StreamEnding) -> (Seen, String) {
    let seen = Seen::default();
    let recording = Arc::clone(&seen);
    let Served { mut socket, serving, stop: _going_on, .. } = served_by(usual(), move |pulse, request| {
        let seen = Arc::clone(&recording);
        async move {
            match request {
                Ok(request) => record(&seen, request).await,
                Err(why) => desk::refuse(&pulse, why).await,
            }
        }
    })
    .await;
    socket.set_nodelay(true).unwrap();
    for piece in stream.pieces() {
        // refused already, perhaps
        let _ = socket.write_all(piece).await;
    }
    let whole = expected.iter().filter(|request| request.body.is_some()).count();
    let mut replies = Vec::new();
    // after a refusal the server ends the connection
    let goes_on = matches!(ending, StreamEnding::Between | StreamEnding::Within);
    let is_answered = |replies: &[u8]| {
        goes_on && String::from_utf8_lossy(replies).matches("HTTP/1.1 200 ").count() == whole
    };
    let read = async {
        while !is_answered(&replies) {
            if matches!(socket.read_buf(&mut replies).await, Ok(0) | Err(_)) {
                break;
            }
        }
        while seen.lock().unwrap().len() < expected.len() {
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, read).await;
    assert!(in_time.is_ok(), "no answer: {:?}", String::from_utf8_lossy(&stream.bytes));
    drop(socket);
    serving.await.unwrap();
    (seen, String::from_utf8_lossy(&replies).into_owned())
}

/// A connection ends after its last request, whatever else the stream holds.
fn cut_after_the_last(Read { mut requests, ending }: Read) -> (Vec<Expected>, StreamEnding) {
    match requests.iter().position(|request| request.is_last) {
        Some(last) => {
            let is_whole = requests[last].body.is_some();
            let is_after = last + 1 < requests.len() || is_whole;
            requests.truncate(last + 1);
            (requests, if is_after { StreamEnding::Between } else { ending })
        }
        None => (requests, ending),
    }
}

fn code_of(why: HeadFault) -> String {
    let status = Fault::Head(why).into_response().status();
    format!("HTTP/1.1 {} ", status.as_u16())
}

#[tokio::test]
async fn b27_hyper_reads_what_passes_as_the_requests_that_a_second_reader_finds() {
    let mut refused = 0;
    for seed in 1_000_000..1_000_600 {
        let mut stream = Stream::random(seed);
        let (expected, ending) = cut_after_the_last(reference::read(&stream.bytes, &BOUNDS));
        let (seen, replies) = exchange(&mut stream, &expected, ending).await;
        let text = String::from_utf8_lossy(&stream.bytes);
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        assert_eq!(seen.len(), expected.len(), "seed {seed}: {text:?}");
        let as_uri = |target: &[u8]| String::from_utf8_lossy(target).parse::<Uri>().unwrap();
        for ((method, target, body), expected) in seen.iter().zip(&expected) {
            assert_eq!((method, body), (&expected.method, &expected.body), "seed {seed}: {text:?}");
            assert_eq!(*target, as_uri(&expected.target), "seed {seed}: {text:?}");
        }
        if let StreamEnding::Refused(why) = ending {
            refused += 1;
            let (_, last) = replies.rsplit_once("HTTP/1.1 4").unwrap_or_default();
            assert!(replies.contains(&code_of(why)), "seed {seed}: {text:?}");
            assert!(
                last.contains("connection: close") && last.contains("\"code\""),
                "seed {seed}: {replies}"
            );
        }
    }
    assert!(refused > 100, "{refused}");
}

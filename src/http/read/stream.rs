//! A change stream opens: its place among others, its headers, and its first words.

use super::follower::{Follower, retry};
use super::window::{Since, Window};
use crate::codec::compression::Pieces;
use crate::http::app::App;
use crate::http::client::Client;
use crate::http::gate::attendance::{StreamAttendance, StreamPlace, stream_place};
use crate::http::gate::auth::Pass;
use crate::http::gate::pack;
use crate::http::gate::shares::Share;
use crate::http::reply::{self, Body, body, view};
use futures_util::stream::unfold;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use std::sync::Arc;

const RETRY_WHEN_FULL_MS: i64 = 10_000;
/// Some clients take a body without a named charset for Latin-1.
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");

/// A browser gives up for good at any status but 200: where there is no place left, the stream
/// opens, says when to come back, and ends.
pub fn open(
    client: &Client,
    share: Arc<Share>,
    (window, since): (Window, Since),
    pass: Pass,
    request: &HeaderMap,
) -> Response<Body> {
    let app = &client.app;
    let mut head = HeaderMap::new();
    let body = match stream_place(&share, &app.streams) {
        Some(place) => {
            let packing = pack::packing(&mut head, request);
            follow(client, (window, since), (pass, packing), (share, place))
        }
        None => {
            app.metrics.shed("streams");
            body::whole(full(app, window.names_events()))
        }
    };
    let mut response = reply::with_body(StatusCode::OK, EVENT_STREAM, body);
    response.headers_mut().extend(head);
    // a proxy that buffers would hold events back
    response
        .headers_mut()
        .insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

fn follow(
    client: &Client,
    (window, since): (Window, Since),
    (pass, packing): (Pass, Option<Pieces>),
    (share, place): (Arc<Share>, StreamPlace),
) -> Body {
    let app = Arc::clone(&client.app);
    let attendance = StreamAttendance::of_changes(&client.pulse, &app.metrics, place);
    let follower = Follower::new(window, since, (pass, packing), (app, share, attendance));
    body::stream(unfold(follower, Follower::frame))
}

/// All that a stream says for which there is no place.
fn full(app: &App, names_events: bool) -> Vec<u8> {
    let mut out = retry(app, RETRY_WHEN_FULL_MS).into_bytes();
    let data = br#"{"type":"end","reason":"streams_full"}"#;
    view::sse_frame(&mut out, if names_events { "end" } else { "" }, "", data);
    out
}

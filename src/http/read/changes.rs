//! The change stream: a page of it as JSON, or the way to `stream`, which follows it as server-sent
//! events.

use super::stream;
use super::window::{Style, Window, since};
use crate::codec::{cursor, json};
use crate::http::reply::{self, Body, Fault};
use crate::http::request::call::Call;
use crate::http::request::page::LIMIT_MAX;
use hyper::header::ACCEPT;
use hyper::{Response, StatusCode};

const LIMIT_DEFAULT: u64 = 100;

/// A page of changes, or the stream of them where the client accepts events.
pub async fn answer(call: &Call<'_>) -> Result<Response<Body>, Fault> {
    let window = Window::of(call)?;
    let since = since(call)?;
    if wants_events(call) {
        let pass = call.app().keys.pass(&call.head.headers).ok_or(Fault::Unauthorized)?;
        return Ok(stream::open(call.client, call.share(), window, since, pass));
    }
    let since = window.seq_of(since)?;
    let limit = call.query.number("limit", LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT) as usize;
    let share = call.share();
    let out = share.page(move || {
        let journal = window.reader.journal();
        let piece = window.piece(since, limit, Style::JsonArray)?;
        let mut out = piece.bytes;
        out.extend_from_slice(b"],\"next_cursor\":");
        json::quote(&mut out, &cursor::encode(journal, piece.at));
        let more = if piece.at < window.reader.durable() { ",\"more\":true}" } else { ",\"more\":false}" };
        out.extend_from_slice(more.as_bytes());
        Ok(out)
    });
    Ok(reply::json(StatusCode::OK, out.await?))
}

fn wants_events(call: &Call<'_>) -> bool {
    let accepts = call.head.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepts.flat_map(|value| value.split(',')).any(|kind| {
        kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"))
    })
}

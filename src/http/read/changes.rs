//! The change stream: a page of it as JSON, or the way to `stream`, which follows it as server-sent
//! events.

use super::stream;
use super::window::{Style, Window, filters, since};
use crate::actors::Shed;
use crate::clock::{Mark, sleep};
use crate::codec::{cursor, json};
use crate::domain::Seq;
use crate::http::gate::limit::Rate;
use crate::http::gate::tickets::{TICKET_LIFE, Ticket};
use crate::http::reply::{self, Body, Fault};
use crate::http::request::call::Call;
use crate::http::request::page::LIMIT_MAX;
use crate::http::request::position::WAIT_SECONDS_MAX;
use hyper::header::ACCEPT;
use hyper::{Response, StatusCode};
use std::sync::Arc;
use std::time::Duration;

/// Where the change stream is.
pub const PATH: &str = "/api/changes";
const LIMIT_DEFAULT: u64 = 100;

/// A page of changes, or the stream of them where the client accepts events. An empty page is given
/// at once, or with `?wait=` once there is something to show, or the seconds have passed.
pub async fn answer(call: &Call<'_>) -> Result<Response<Body>, Fault> {
    let window = Window::of(call)?;
    let since = since(call)?;
    // a stream has no use for these two, but what is wrong with them is said all the same
    let limit = call.query.number("limit", LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT) as usize;
    let wait = Duration::from_secs(call.query.seconds("wait", WAIT_SECONDS_MAX)?.unwrap_or_default());
    if let Some(ticket) = call.ticket() {
        return Ok(stream::open(
            call.client,
            call.share(),
            (window, since),
            ticket.pass.clone(),
            &call.head.headers,
        ));
    }
    if wants_events(call) {
        let pass = call.app().keys.pass(&call.head.headers).ok_or(Fault::Unauthorized)?;
        return Ok(stream::open(call.client, call.share(), (window, since), pass, &call.head.headers));
    }
    let mut since = window.seq_of(since)?;
    let (asked_at, window) = (Mark::now(), Arc::new(window));
    let (mut durable, mut end) = (window.reader.subscribe(), call.app().streams_end());
    loop {
        durable.mark_unchanged();
        let read = Arc::clone(&window);
        let (out, seen) = call.share().page_with(move || page(&read, since, limit)).await?;
        let left = wait.saturating_sub(asked_at.elapsed());
        if seen.has_items || left.is_zero() || *end.borrow() {
            return Ok(reply::json(StatusCode::OK, out));
        }
        since = seen.at;
        tokio::select! {
            changed = durable.wait_for(|durable| *durable > since) => { changed.map_err(|_| Fault::StoreFailed)?; }
            _ = end.changed() => {}
            () = sleep(left) => {}
        }
    }
}

/// A ticket for a stream with the filters of the query: for pages in browsers, which have no key to send.
pub async fn ticket(call: &Call<'_>) -> Result<Response<Body>, Fault> {
    call.meter.take_first(Rate::Reads)?;
    let (interest, form) = filters(call)?;
    let app = call.app();
    let pass = app.keys.pass(&call.head.headers).ok_or(Fault::Unauthorized)?;
    let ticket = Ticket { caller: call.caller.clone(), pass, interest, form };
    let made = app.tickets.make(ticket, call.party(), call.share().streams_max());
    let text = made.ok_or(Fault::Shed(Shed::Reads))?;
    let seconds = TICKET_LIFE.as_secs();
    let body = format!(r#"{{"ticket":"{text}","expires_in":{seconds},"url":"/api/changes?ticket={text}"}}"#);
    Ok(reply::json(StatusCode::CREATED, body))
}

/// What a page has come to.
struct Seen {
    /// How far it has looked.
    at: Seq,
    has_items: bool,
}

fn page(window: &Window, since: Seq, limit: usize) -> Result<(Vec<u8>, Seen), Fault> {
    let piece = window.piece(since, limit, Style::JsonArray)?;
    let mut out = piece.bytes;
    out.extend_from_slice(b"],\"next_cursor\":");
    json::quote(&mut out, &cursor::encode(window.reader.journal(), piece.at));
    let has_more = piece.at < window.reader.durable();
    out.extend_from_slice(if has_more { b",\"more\":true}" } else { b",\"more\":false}" });
    Ok((out, Seen { at: piece.at, has_items: piece.shown_to.is_some() }))
}

fn wants_events(call: &Call<'_>) -> bool {
    let accepts = call.head.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepts.flat_map(|value| value.split(',')).any(|kind| {
        kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"))
    })
}

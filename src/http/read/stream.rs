//! Server-sent events: replay from a cursor, then follow, without a gap between the two, for both
//! read the log by sequence and the watch only says how far it goes.
//!
//! Frames are made when the client takes them, so a slow one holds a small buffer and no more; one
//! that takes nothing is cut off by the pulse and resumes by its cursor.

use super::window::{FRAME_BYTES_MAX, Piece, Since, Style, Window};
use crate::clock::{Mark, sleep};
use crate::codec::compression::Pieces;
use crate::codec::{cursor, json};
use crate::domain::Seq;
use crate::http::app::App;
use crate::http::client::Client;
use crate::http::gate::auth::Pass;
use crate::http::gate::pack;
use crate::http::gate::shares::{self, Held, Share, ShareLane};
use crate::http::pulse::{Phase, Pulse};
use crate::http::reply::{self, Body, Fault, body, view};
use bytes::Bytes;
use futures_util::stream::unfold;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Proxies cut a connection that is silent for longer; WHATWG's page on server-sent events advises a
/// comment about every 15 s.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Commits come every fraction of a millisecond; a stream reads them in batches …
const PACE: Duration = Duration::from_millis(5);
/// … and the more streams there are the larger ones, as each reads the log for itself: all of them
/// together begin a read every so often at most, and no stream lags by more than a quarter second.
const PACE_OF_ALL: Duration = Duration::from_micros(250);
/// Further behind than this, a read leaves the connection's task.
const NEAR_CHANGES: u64 = 256;
const EVENTS_MAX: usize = 500;
/// What a usual frame may take: it ends behind the change that fills it.
const FRAME_HELD_BYTES: usize = FRAME_BYTES_MAX + (16 << 10);
/// Of the first frame it is not known what it takes: it is read as a large one.
const FIRST_FRAME_BYTES: usize = FRAME_HELD_BYTES + 1;
/// Of a stream that its client does not take, this much waits for it, and a frame more. hyper's own
/// buffer is larger, because a batch of prices is read into it whole.
const BUFFER_BYTES: usize = 64 << 10;
/// Clients come back after this, and up to `RETRY_SPREAD_MS` later, so that they do not all come at once.
const RETRY_MS: i64 = 1000;
const RETRY_SPREAD_MS: i64 = 2000;
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
    let place = share.stream().zip(Arc::clone(&app.streams).try_acquire_owned().ok());
    let body = match place {
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
    (share, place): (Arc<Share>, ConnectionSlot),
) -> Body {
    let app = Arc::clone(&client.app);
    app.metrics.stream_opened();
    let follower = Follower {
        next: Next::Begin(since),
        durable: window.reader.subscribe(),
        window: Arc::new(window),
        end: app.streams_end(),
        pass,
        packing,
        frame_bytes: FIRST_FRAME_BYTES,
        read_at: Mark::now(),
        sent_at: Mark::now(),
        told: Seq(0),
        buffer: Arc::new(Semaphore::new(BUFFER_BYTES)),
        share,
        attendance: Attendance { app, pulse: Arc::clone(&client.pulse), reason: "client", _place: place },
    };
    body::stream(unfold(follower, Follower::frame))
}

/// When to come back, as the first line of the block that follows: a block of its own is an empty
/// event to some clients, and passed over by others.
fn retry(app: &App, least_ms: i64) -> String {
    let spread = app.clock.now().0.rem_euclid(RETRY_SPREAD_MS);
    format!("retry: {}\n", least_ms + spread)
}

/// All that a stream says for which there is no place.
fn full(app: &App, names_events: bool) -> Vec<u8> {
    let mut out = retry(app, RETRY_WHEN_FULL_MS).into_bytes();
    let data = br#"{"type":"end","reason":"streams_full"}"#;
    view::sse_frame(&mut out, if names_events { "end" } else { "" }, "", data);
    out
}

/// Of the caller's own, and of all.
type ConnectionSlot = (OwnedSemaphorePermit, OwnedSemaphorePermit);

/// Counts the stream for as long as it lives, and says why it ended.
struct Attendance {
    app: Arc<App>,
    pulse: Arc<Pulse>,
    reason: &'static str,
    _place: ConnectionSlot,
}

impl Attendance {
    /// Between two reads of one stream.
    fn pace(&self) -> Duration {
        let free = self.app.streams.available_permits();
        let open = self.app.streams_max.saturating_sub(free);
        PACE.max(PACE_OF_ALL * u32::try_from(open).unwrap_or(u32::MAX))
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        let slow = self.pulse.is_consumer_slow();
        self.app.metrics.stream_ended(if slow { "slow_consumer" } else { self.reason });
        self.pulse.enter(Phase::Head);
    }
}

enum Next {
    Begin(Since),
    After(Seq),
    End,
}

struct Follower {
    next: Next,
    window: Arc<Window>,
    durable: watch::Receiver<Seq>,
    end: watch::Receiver<bool>,
    pass: Pass,
    /// What its frames are compressed by: within the connection's task, as one takes a millisecond at most.
    packing: Option<Pieces>,
    /// What the last frame took, or the next is known to take.
    frame_bytes: usize,
    read_at: Mark,
    sent_at: Mark,
    /// The newest sequence that the client knows of.
    told: Seq,
    /// Bytes that may still be given to the connection.
    buffer: Arc<Semaphore>,
    share: Arc<Share>,
    attendance: Attendance,
}

/// A frame that the connection has not written yet.
struct Buffered {
    frame: Bytes,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Buffered {
    fn as_ref(&self) -> &[u8] {
        &self.frame
    }
}

impl Follower {
    /// The next bytes for the client, however long they take to come.
    async fn frame(mut self) -> Option<(Bytes, Follower)> {
        let bytes = match self.next {
            Next::Begin(since) => {
                let begun = self.begin(since);
                self.packed(begun).into()
            }
            Next::After(at) => self.after(at).await,
            Next::End => self.packing.take()?.end().into(),
        };
        self.sent_at = Mark::now();
        Some((bytes, self))
    }

    fn begin(&mut self, since: Since) -> Vec<u8> {
        let mut out = retry(&self.attendance.app, RETRY_MS).into_bytes();
        match self.window.seq_of(since) {
            Ok(at) => self.go_on(at),
            Err(fault) => self.answer_fault(&mut out, &fault),
        }
        out
    }

    /// A frame as the client has it.
    fn packed(&mut self, frame: Vec<u8>) -> Vec<u8> {
        match &mut self.packing {
            Some(packing) => packing.next(&frame),
            None => frame,
        }
    }

    fn go_on(&mut self, at: Seq) {
        self.next = Next::After(at);
        self.told = at;
    }

    async fn after(&mut self, mut at: Seq) -> Bytes {
        loop {
            if *self.end.borrow_and_update() {
                return self.farewell(at, "shutdown");
            }
            let app = &self.attendance.app;
            if !app.keys.still_admits(&mut self.pass, &app.clock) {
                return self.farewell(at, "key_revoked");
            }
            let durable = *self.durable.borrow_and_update();
            if durable > at {
                match self.read(at, durable).await {
                    Ok((piece, held)) => {
                        at = piece.at;
                        self.next = Next::After(at);
                        if let Some(shown) = piece.shown_to {
                            self.told = shown;
                            let frame = self.packed(piece.bytes);
                            return self.buffered(shares::counted(frame, held)).await;
                        }
                    }
                    // its frames before are still on their way: the silence is told, then it goes on
                    Err(Fault::Shed(_)) => {}
                    Err(fault) => {
                        let mut out = Vec::new();
                        self.answer_fault(&mut out, &fault);
                        return self.packed(out).into();
                    }
                }
            }
            let silence = KEEP_ALIVE.saturating_sub(self.sent_at.elapsed());
            if silence.is_zero() {
                let sign = self.keep_alive(at);
                return self.packed(sign).into();
            }
            if self.wait(at, silence).await.is_err() {
                return self.farewell(at, "shutdown"); // the store has been closed
            }
        }
    }

    /// Waits until the client has taken enough of the frames before.
    async fn buffered(&self, frame: Bytes) -> Bytes {
        let bytes = u32::try_from(frame.len().min(BUFFER_BYTES)).expect("a buffer is below 4 GiB");
        let room = Arc::clone(&self.buffer).acquire_many_owned(bytes).await.expect("it is never closed");
        Bytes::from_owner(Buffered { frame, _room: room })
    }

    /// A piece, and the right to hold it until the client has taken it.
    async fn read(&mut self, at: Seq, durable: Seq) -> Result<(Piece, Held), Fault> {
        let pause = self.attendance.pace().saturating_sub(self.read_at.elapsed());
        if !pause.is_zero() {
            sleep(pause).await;
        }
        // what is large is not read on the connection's task either, though it be few changes: in a
        // place, so that few records are in memory at once
        let is_small = self.frame_bytes <= FRAME_HELD_BYTES && !self.window.reads_much_after(at);
        let is_near = durable.0 - at.0 <= NEAR_CHANGES && is_small;
        loop {
            let held = self.share.hold(ShareLane::Replays, self.frame_bytes).await?;
            let window = Arc::clone(&self.window);
            let read = move || Ok((window.piece(at, EVENTS_MAX, Style::Events)?, held));
            let (piece, held) =
                if is_near { read() } else { self.share.run(ShareLane::Replays, read).await }?;
            self.read_at = Mark::now();
            // one large change makes a larger frame: it is read again once there is room for it
            self.frame_bytes = piece.bytes.len().max(FRAME_HELD_BYTES);
            if held.suffices_for(self.frame_bytes) {
                return Ok((piece, held));
            }
        }
    }

    /// Until there is more to read, or to say.
    async fn wait(&mut self, at: Seq, silence: Duration) -> Result<(), watch::error::RecvError> {
        let is_behind = *self.durable.borrow() > at;
        if is_behind {
            return Ok(());
        }
        tokio::select! {
            changed = self.durable.changed() => changed,
            ended = self.end.changed() => ended,
            () = sleep(silence) => Ok(()),
        }
    }

    /// Proof that the connection lives; and where changes were passed over that this reader does
    /// not see, of how far it has come. A comment has no blank line behind it, which some clients take
    /// for an empty event.
    fn keep_alive(&mut self, at: Seq) -> Vec<u8> {
        if at == self.told {
            return b":\n".to_vec();
        }
        self.told = at;
        let mut out = Vec::new();
        self.say(&mut out, "progress", at, "");
        out
    }

    fn farewell(&mut self, at: Seq, reason: &'static str) -> Bytes {
        self.next = Next::End;
        self.attendance.reason = reason;
        let mut out = retry(&self.attendance.app, RETRY_MS).into_bytes();
        self.say(&mut out, "end", at, &format!(",\"reason\":\"{reason}\""));
        self.packed(out).into()
    }

    /// Ends the stream; but where changes are missing it goes on from now: an event tells the client
    /// to read the catalogue again. Its id is the cursor to come back with, since a client that comes
    /// back by itself would else be told the same for ever. Never is a gap passed over in silence.
    fn answer_fault(&mut self, out: &mut Vec<u8>, fault: &Fault) {
        let Fault::CursorGone { oldest } = fault else {
            self.next = Next::End;
            self.attendance.reason = "failed";
            return;
        };
        self.attendance.app.metrics.stream_reset();
        let at = self.window.reader.durable();
        let more = format!(",\"oldest_cursor\":{},\"catalogue\":\"/api/export\"", json::quoted(oldest));
        self.say(out, "reset", at, &more);
        self.go_on(at);
    }

    /// An event about the stream itself, which names a cursor to come back with.
    fn say(&self, out: &mut Vec<u8>, event: &str, at: Seq, more: &str) {
        let text = cursor::encode(self.window.reader.journal(), at);
        let data = format!("{{\"type\":\"{event}\",\"cursor\":{}{more}}}", json::quoted(&text));
        view::sse_frame(out, if self.window.names_events() { event } else { "" }, &text, data.as_bytes());
    }
}

//! One stream of server-sent events: replay from a cursor, then follow, without a gap between the two,
//! for store and tail both go by the sequence.
//!
//! Frames are made when the client takes them, so a slow one holds a small buffer and no more. What
//! becomes of one that is too slow is said in [`super::slow`]; one that takes nothing is cut off by the
//! pulse, and resumes by its cursor.

use super::slow::{Haste, Slowness};
use super::window::{FRAME_BYTES_MAX, Piece, Since, Style, Window};
use crate::clock::{Mark, sleep};
use crate::codec::compression::Pieces;
use crate::codec::{cursor, json};
use crate::domain::{Micros, Seq};
use crate::http::app::App;
use crate::http::gate::attendance::StreamAttendance;
use crate::http::gate::auth::Pass;
use crate::http::gate::shares::{self, Held, Share, ShareLane};
use crate::http::reply::{Fault, view};
use crate::http::tail::{Look, RenderedBlock, Seat};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Proxies cut a connection that is silent for longer; WHATWG's page on server-sent events advises a
/// comment about every 15 s.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Some streams speak so much earlier than others, so that those which were woken together do not all
/// speak together for ever.
const KEEP_ALIVE_SPREAD_MS: u64 = 2_500;
/// Between two reads of the store by one stream …
const PACE: Duration = Duration::from_millis(5);
/// … and the more streams read it the larger are their batches: all of them together begin a read every so
/// often at most, and none that has come to the end lags by more than a quarter second.
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

/// When to come back, as the first line of the block that follows: a block of its own is an empty
/// event to some clients, and passed over by others.
pub fn retry(app: &App, least_ms: i64) -> String {
    let spread = app.clock.now().0.rem_euclid(RETRY_SPREAD_MS);
    format!("retry: {}\n", least_ms + spread)
}

/// A stream that reads the store for itself, for as long as it does.
struct Replay(Arc<App>);

impl Replay {
    fn begin(app: &Arc<App>) -> Replay {
        app.replays.fetch_add(1, Ordering::Relaxed);
        Replay(Arc::clone(app))
    }

    /// Between two reads of one such stream.
    fn pace(&self) -> Duration {
        let replays = u32::try_from(self.0.replays.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        PACE.max(PACE_OF_ALL * replays)
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.0.replays.fetch_sub(1, Ordering::Relaxed);
    }
}

enum Next {
    Begin(Since),
    After(Seq),
    End,
}

/// A stream that is open.
pub struct Follower {
    next: Next,
    window: Arc<Window>,
    seat: Seat,
    haste: Haste,
    replay: Option<Replay>,
    /// It has come to the end of what there is once: from then on it is told what happens.
    follows: bool,
    end: watch::Receiver<bool>,
    pass: Pass,
    /// Where the client accepts it; each piece is made for it alone.
    packing: Option<Pieces>,
    /// What the last frame took, or the next is known to take.
    frame_bytes: usize,
    read_at: Mark,
    sent_at: Mark,
    keep_alive: Duration,
    /// The newest sequence that the client knows of.
    told: Seq,
    /// Bytes that may still be given to the connection.
    buffer: Arc<Semaphore>,
    app: Arc<App>,
    share: Arc<Share>,
    attendance: StreamAttendance,
}

/// What came of a look.
enum Shown {
    /// And the right to hold it, where it is counted; and when what it tells was committed.
    Frame(Bytes, Option<Held>, Option<Micros>),
    /// Nothing that this reader sees; there may be more.
    Nothing,
    /// Nothing, and there is nothing more.
    AllThere,
    TooSlow,
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
    /// One that has said nothing yet.
    pub fn new(
        window: Window,
        since: Since,
        (pass, packing): (Pass, Option<Pieces>),
        (app, share, attendance): (Arc<App>, Arc<Share>, StreamAttendance),
    ) -> Follower {
        let seat = app.tail.join(window.interest().clone());
        // multiples of the golden ratio lie evenly, however many there are
        let spread = seat.number().wrapping_mul(0x9E37_79B9_7F4A_7C15) % KEEP_ALIVE_SPREAD_MS;
        Follower {
            next: Next::Begin(since),
            haste: Haste::new(window.may_conflate()),
            replay: None,
            follows: false,
            end: app.streams_end(),
            window: Arc::new(window),
            seat,
            pass,
            packing,
            frame_bytes: FIRST_FRAME_BYTES,
            read_at: Mark::now(),
            sent_at: Mark::now(),
            keep_alive: KEEP_ALIVE - Duration::from_millis(spread),
            told: Seq(0),
            buffer: Arc::new(Semaphore::new(BUFFER_BYTES)),
            app,
            share,
            attendance,
        }
    }

    /// The next bytes for the client, however long they take to come.
    pub async fn frame(mut self) -> Option<(Bytes, Follower)> {
        let bytes = match self.next {
            Next::Begin(since) => {
                let begun = self.begin(since);
                self.packed(begun.into())
            }
            Next::After(at) => self.after(at).await,
            Next::End => self.packing.take()?.end().into(),
        };
        self.sent_at = Mark::now();
        Some((bytes, self))
    }

    fn begin(&mut self, since: Since) -> Vec<u8> {
        let mut out = retry(&self.app, RETRY_MS).into_bytes();
        match self.window.seq_of(since) {
            Ok(at) => self.go_on(at),
            Err(fault) => self.answer_fault(&mut out, &fault),
        }
        out
    }

    /// A frame as the client has it.
    fn packed(&mut self, frame: Bytes) -> Bytes {
        match &mut self.packing {
            Some(packing) => packing.next(&frame).into(),
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
            let app = &self.app;
            if !app.keys.still_admits(&mut self.pass, &app.clock) {
                return self.farewell(at, "key_revoked");
            }
            let shown = match self.seat.look(at) {
                Look::Nothing(passed) => {
                    at = passed;
                    self.follows = true;
                    self.replay = None;
                    if self.haste.has_caught_up() {
                        self.next = Next::After(at);
                        let mark = self.say_conflated(at, false);
                        return self.packed(mark.into());
                    }
                    Ok(Shown::AllThere)
                }
                Look::Kept(passed, block) if self.window.is_plain() => {
                    at = passed;
                    self.replay = None;
                    self.take(&mut at, &block).await
                }
                Look::Kept(passed, _) | Look::Stored(passed) => {
                    at = passed;
                    self.read(&mut at).await
                }
            };
            self.next = Next::After(at);
            let has_all = matches!(shown, Ok(Shown::AllThere));
            match shown {
                Ok(Shown::Frame(frame, held, committed_at)) => {
                    let frame = self.buffered(frame, held).await;
                    self.note_lag(committed_at);
                    return frame;
                }
                Ok(Shown::TooSlow) => return self.farewell(at, "slow_consumer"),
                Ok(Shown::Nothing | Shown::AllThere) => {}
                // its frames before are still on their way: the silence is told, then it goes on
                Err(Fault::Shed(_)) => {}
                Err(fault) => {
                    let mut out = Vec::new();
                    self.answer_fault(&mut out, &fault);
                    return self.packed(out.into());
                }
            }
            let silence = self.keep_alive.saturating_sub(self.sent_at.elapsed());
            if silence.is_zero() {
                let sign = self.keep_alive(at);
                return self.packed(sign.into());
            }
            if has_all {
                self.wait(silence).await;
            }
        }
    }

    /// Of one that reads what lies behind it, its age is no lag.
    fn note_lag(&self, committed_at: Option<Micros>) {
        if let (true, Some(at)) = (self.follows, committed_at) {
            let lag = self.window.age(at).max(0);
            self.app.metrics.frame_taken(Duration::from_micros(lag.unsigned_abs()));
        }
    }

    /// Waits until the client has taken enough of the frames before.
    async fn buffered(&mut self, frame: Bytes, held: Option<Held>) -> Bytes {
        let frame = self.packed(frame);
        let frame = match held {
            Some(held) => shares::counted_bytes(frame, held),
            None => frame,
        };
        let bytes = u32::try_from(frame.len().min(BUFFER_BYTES)).expect("a buffer is below 4 GiB");
        let room = Arc::clone(&self.buffer).acquire_many_owned(bytes).await.expect("it is never closed");
        Bytes::from_owner(Buffered { frame, _room: room })
    }

    /// What the tail has kept: rendered once, for all. It is others' as well, and what waits of it for one
    /// client is bounded by its buffer: only what is larger counts as its caller's own.
    async fn take(&mut self, at: &mut Seq, block: &RenderedBlock) -> Result<Shown, Fault> {
        let named = self.window.names_events();
        let Some((events, last)) = block.events(*at, self.seat.interest(), named) else {
            *at = block.to;
            return Ok(Shown::Nothing);
        };
        let held = match events.len() > FRAME_HELD_BYTES {
            true => Some(self.share.hold(ShareLane::Replays, events.len()).await?),
            false => None,
        };
        let prefix = self.haste.has_caught_up().then(|| self.say_conflated(*at, false));
        (*at, self.told) = (block.to, last);
        let frame = match prefix {
            Some(prefix) => [prefix.as_slice(), &events].concat().into(),
            None => events,
        };
        Ok(Shown::Frame(frame, held, Some(block.committed_at)))
    }

    /// What only this stream reads, because it is behind or has asked for more than others.
    async fn read(&mut self, at: &mut Seq) -> Result<Shown, Fault> {
        let replay = self.replay.get_or_insert_with(|| Replay::begin(&self.app));
        let pause = replay.pace().saturating_sub(self.read_at.elapsed());
        if !pause.is_zero() {
            sleep(pause).await;
        }
        let (mut piece, mut held) = self.piece(*at, false).await?;
        let behind = piece.begins_at.map_or(0, |begins| self.window.age(begins));
        match self.haste.judge(behind) {
            Slowness::InTime => {}
            Slowness::TooSlow => return Ok(Shown::TooSlow),
            Slowness::Conflated { begins } => {
                drop(held);
                (piece, held) = self.piece(*at, true).await?;
                if begins {
                    piece.bytes = [self.say_conflated(*at, true), piece.bytes].concat();
                    piece.shown_to = piece.shown_to.or(Some(*at));
                }
            }
        }
        *at = piece.at;
        let Some(shown) = piece.shown_to else { return Ok(Shown::Nothing) };
        self.told = shown;
        piece.bytes.shrink_to_fit();
        Ok(Shown::Frame(piece.bytes.into(), Some(held), piece.begins_at))
    }

    /// A piece of the store, and the right to hold it until the client has taken it.
    async fn piece(&mut self, at: Seq, conflated: bool) -> Result<(Piece, Held), Fault> {
        // what is large is not read on the connection's task either, though it be few changes: in a
        // place, so that few records are in memory at once
        let is_small =
            self.frame_bytes <= FRAME_HELD_BYTES && !self.window.reads_much_after(at) && !conflated;
        let durable = self.window.reader.durable();
        let is_near = durable.0.saturating_sub(at.0) <= NEAR_CHANGES && is_small;
        let share = Arc::clone(&self.share);
        loop {
            let held = share.hold(ShareLane::Replays, self.frame_bytes).await?;
            let window = Arc::clone(&self.window);
            let read = move || {
                let piece = match conflated {
                    true => window.conflated_piece(at, EVENTS_MAX, Style::Events),
                    false => window.piece(at, EVENTS_MAX, Style::Events),
                };
                Ok((piece?, held))
            };
            let (piece, held) = if is_near { read() } else { share.run(ShareLane::Replays, read).await }?;
            self.read_at = Mark::now();
            // one large change makes a larger frame: it is read again once there is room for it
            self.frame_bytes = piece.bytes.len().max(FRAME_HELD_BYTES);
            if held.suffices_for(self.frame_bytes) {
                return Ok((piece, held));
            }
        }
    }

    /// Until there is something to show, or to say.
    async fn wait(&mut self, silence: Duration) {
        tokio::select! {
            () = self.seat.called() => {}
            // an error is the same: there is nothing more to come
            _ = self.end.changed() => {}
            () = sleep(silence) => {}
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

    /// From here on superseded prices are left out, or are told again.
    fn say_conflated(&mut self, at: Seq, conflated: bool) -> Vec<u8> {
        self.told = at;
        let mut out = Vec::new();
        self.say(&mut out, "progress", at, &format!(",\"conflated\":{conflated}"));
        out
    }

    fn farewell(&mut self, at: Seq, reason: &'static str) -> Bytes {
        self.next = Next::End;
        self.attendance.ends_by(reason);
        let mut out = retry(&self.app, RETRY_MS).into_bytes();
        self.say(&mut out, "end", at, &format!(",\"reason\":\"{reason}\""));
        self.packed(out.into())
    }

    /// Ends the stream; but where changes are missing it goes on from now: an event tells the client
    /// to read the catalogue again. Its id is the cursor to come back with, since a client that comes
    /// back by itself would else be told the same for ever. Never is a gap passed over in silence.
    fn answer_fault(&mut self, out: &mut Vec<u8>, fault: &Fault) {
        let Fault::CursorGone { oldest } = fault else {
            self.next = Next::End;
            self.attendance.ends_by("failed");
            return;
        };
        self.app.metrics.stream_reset();
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

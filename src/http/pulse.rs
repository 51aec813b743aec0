//! The pulse of a connection: what it is doing, and for how long without progress.
//!
//! hyper's own time-outs cost a timer for each request and cover the headers only. Here the
//! connection's task and the handler leave marks in a few atomics, and a slow tick judges them:
//! the hot path reads no clock and sets no timer. A deadline is met to within one tick.

use super::reply::HeadFault;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Between requests, or within the head of one.
    Head = 0,
    /// A handler waits for the request's body.
    Body = 1,
    /// A handler works; the client has nothing to send.
    Work = 2,
    /// A change stream is open.
    Stream = 3,
    /// We have said our last word and take what the client still sends, so that it gets to read
    /// our refusal before the connection is reset.
    Closing = 4,
}

/// Marks that only the connection's own task writes; they need no order among each other.
#[derive(Debug, Default)]
pub struct Pulse {
    phase: AtomicU8,
    turn: AtomicU32,
    read: AtomicU64,
    read_at_turn: AtomicU64,
    written: AtomicU64,
    write_blocked: AtomicBool,
    body_overdue: AtomicBool,
    body_unread: AtomicBool,
    consumer_slow: AtomicBool,
    head_begun: AtomicBool,
    head_overdue: AtomicBool,
    body_broken: AtomicBool,
    counts_frames: bool,
    requests: AtomicU64,
    refused: OnceLock<(u64, HeadFault)>,
}

impl Pulse {
    /// That of one request of many on a connection: what is read is counted where it is taken.
    pub fn of_stream() -> Pulse {
        Pulse { counts_frames: true, ..Pulse::default() }
    }

    /// A piece of the body has been taken.
    pub fn take_frame(&self, bytes: usize) {
        if self.counts_frames {
            self.add_read(bytes);
        }
    }

    /// The connection begins something else: what has been read is counted from here on.
    pub fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
        self.read_at_turn.store(self.read.load(Relaxed), Relaxed);
        self.turn.fetch_add(1, Relaxed);
    }

    /// So many bytes have come.
    pub fn add_read(&self, bytes: usize) {
        self.read.fetch_add(bytes as u64, Relaxed);
    }

    /// The client has taken so many bytes.
    pub fn add_written(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Relaxed);
        self.write_blocked.store(false, Relaxed);
    }

    /// The client takes nothing at the moment.
    pub fn block_write(&self) {
        self.write_blocked.store(true, Relaxed);
    }

    /// Whether a head has begun that is not complete.
    pub fn head_stands(&self, begun: bool) {
        self.head_begun.store(begun, Relaxed);
    }

    /// The head has used up its time: the wire refuses it.
    pub fn expire_head(&self) {
        self.head_overdue.store(true, Relaxed);
    }

    /// Whether the head has used up its time.
    pub fn is_head_overdue(&self) -> bool {
        self.head_overdue.load(Relaxed)
    }

    /// The head that comes after so many others is not read; hyper gets another request in its place,
    /// which is the last.
    pub fn refuse_head(&self, after: u64, why: HeadFault) {
        // nothing is read after the first
        let _ = self.refused.set((after, why));
        self.head_stands(false);
    }

    /// Counts a request that hyper has read; gives why its head was refused, if it stands for one. The
    /// number tells: nothing that a client can send looks like it.
    pub fn next_request(&self) -> Option<HeadFault> {
        let number = self.requests.fetch_add(1, Relaxed);
        let (after, why) = self.refused.get()?;
        (*after == number).then_some(*why)
    }

    /// What comes of the body cannot be read as chunks.
    pub fn break_body(&self) {
        self.body_broken.store(true, Relaxed);
    }

    /// Whether the body ended because it could not be read as chunks.
    pub fn is_body_broken(&self) -> bool {
        self.body_broken.load(Relaxed)
    }

    /// Whether the body has used up its time: the handler answers 408.
    pub fn is_body_overdue(&self) -> bool {
        self.body_overdue.load(Relaxed)
    }

    /// The body has used up its time.
    pub fn expire_body(&self) {
        self.body_overdue.store(true, Relaxed);
    }

    /// A request with a body has come.
    pub fn body_awaits(&self, awaits: bool) {
        self.body_unread.store(awaits, Relaxed);
    }

    /// The body of the last request has been read whole.
    pub fn body_was_read(&self) {
        self.body_unread.store(false, Relaxed);
    }

    /// Whether the last request was answered before its body had been read.
    pub fn is_body_unread(&self) -> bool {
        self.body_unread.load(Relaxed)
    }

    /// The client has taken nothing for too long and is being cut off.
    pub fn mark_consumer_slow(&self) {
        self.consumer_slow.store(true, Relaxed);
    }

    /// Whether the client was cut off because it took nothing.
    pub fn is_consumer_slow(&self) -> bool {
        self.consumer_slow.load(Relaxed)
    }

    fn sample(&self) -> Sample {
        let phase = match self.phase.load(Relaxed) {
            0 => Phase::Head,
            1 => Phase::Body,
            2 => Phase::Work,
            3 => Phase::Stream,
            _ => Phase::Closing,
        };
        let read = self.read.load(Relaxed);
        Sample {
            phase,
            turn: self.turn.load(Relaxed),
            read_in_turn: read.saturating_sub(self.read_at_turn.load(Relaxed)),
            read,
            written: self.written.load(Relaxed),
            write_blocked: self.write_blocked.load(Relaxed),
            head_begun: self.head_begun.load(Relaxed),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    phase: Phase,
    turn: u32,
    read_in_turn: u64,
    read: u64,
    written: u64,
    write_blocked: bool,
    head_begun: bool,
}

/// How long a connection may take for what.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// From the first byte of a request to the end of its headers.
    pub header: Duration,
    /// Between two requests.
    pub keep_alive: Duration,
    /// From the headers to the last byte of the body.
    pub body: Duration,
    /// Between two pieces of the body.
    pub body_idle: Duration,
    /// Without the client taking a single byte of what waits for it.
    pub write_stall: Duration,
}

impl Deadlines {
    /// Below this rate, once `BODY_GRACE` has passed, a body is a drip.
    const BODY_BYTES_PER_SECOND_MIN: u64 = 1024;
    const BODY_GRACE: Duration = Duration::from_secs(5);
    const CLOSING: Duration = Duration::from_secs(2);

    /// How often the pulse is taken: fine enough for the shortest deadline, and no finer than a
    /// thousand idle connections can take.
    pub fn tick(&self) -> Duration {
        let shortest = self.header.min(self.keep_alive).min(self.body_idle).min(self.write_stall);
        (shortest / 10).clamp(Duration::from_millis(10), Duration::from_secs(1))
    }
}

/// What is to be done about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PulseState {
    /// Nothing.
    Sound,
    /// Tell the handler, which answers 408.
    BodyOverdue,
    /// Tell the wire, which has 408 answered.
    HeadOverdue,
    /// Close it.
    Close(Reason),
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Not a byte came of the first request.
    NoHeader,
    /// No request came.
    Idle,
    /// The client took nothing of what waits for it.
    SlowConsumer,
}

/// Takes the pulse once a tick and remembers since when nothing has moved.
#[derive(Debug)]
pub struct Watch {
    deadlines: Deadlines,
    tick: Duration,
    last: Sample,
    in_turn: Duration,
    without_read: Duration,
    without_write: Duration,
    in_header: Duration,
    first_head: bool,
}

impl Watch {
    /// Begins to watch at this moment.
    pub fn new(deadlines: Deadlines, pulse: &Pulse) -> Watch {
        Watch {
            deadlines,
            tick: deadlines.tick(),
            last: pulse.sample(),
            in_turn: Duration::ZERO,
            without_read: Duration::ZERO,
            without_write: Duration::ZERO,
            in_header: Duration::ZERO,
            first_head: true,
        }
    }

    /// After how long to call `judge` again.
    pub fn tick(&self) -> Duration {
        self.tick
    }

    /// Call once per tick.
    pub fn judge(&mut self, pulse: &Pulse) -> PulseState {
        let now = pulse.sample();
        self.advance(now);
        if now.write_blocked && self.without_write >= self.deadlines.write_stall {
            return PulseState::Close(Reason::SlowConsumer);
        }
        match now.phase {
            Phase::Head => self.judge_head(now),
            Phase::Body => self.judge_body(now),
            Phase::Closing if self.in_turn >= Deadlines::CLOSING => PulseState::Close(Reason::Idle),
            Phase::Closing | Phase::Work | Phase::Stream => PulseState::Sound,
        }
    }

    fn advance(&mut self, now: Sample) {
        let step = |moved: bool, so_far: Duration| if moved { Duration::ZERO } else { so_far + self.tick };
        let turned = now.turn != self.last.turn;
        let wrote = now.written != self.last.written;
        self.first_head &= !turned;
        // a reply that is still leaving is no idleness
        self.in_turn = step(turned || (now.phase == Phase::Head && wrote), self.in_turn);
        self.without_read = step(turned || now.read != self.last.read, self.without_read);
        self.without_write = step(wrote, self.without_write);
        let in_header = now.phase == Phase::Head && (self.first_head || now.head_begun);
        self.in_header = step(turned || !in_header, self.in_header);
        self.last = now;
    }

    fn judge_head(&self, now: Sample) -> PulseState {
        if self.in_header >= self.deadlines.header {
            if now.head_begun { PulseState::HeadOverdue } else { PulseState::Close(Reason::NoHeader) }
        } else if !now.head_begun && self.in_turn >= self.deadlines.keep_alive {
            PulseState::Close(Reason::Idle)
        } else {
            PulseState::Sound
        }
    }

    fn judge_body(&self, now: Sample) -> PulseState {
        let owed = self.in_turn.as_secs() * Deadlines::BODY_BYTES_PER_SECOND_MIN;
        let drips = self.in_turn >= Deadlines::BODY_GRACE && now.read_in_turn < owed;
        let idle = self.without_read >= self.deadlines.body_idle;
        if drips || idle || self.in_turn >= self.deadlines.body {
            return PulseState::BodyOverdue;
        }
        PulseState::Sound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINES: Deadlines = Deadlines {
        header: Duration::from_secs(10),
        keep_alive: Duration::from_secs(30),
        body: Duration::from_secs(30),
        body_idle: Duration::from_secs(10),
        write_stall: Duration::from_secs(30),
    };

    /// Seconds until the watch says something else than `Sound`, with `each` done before a tick.
    fn until_judged(watch: &mut Watch, pulse: &Pulse, each: impl Fn(&Pulse)) -> (u32, PulseState) {
        for second in 1..=100 {
            each(pulse);
            let verdict = watch.judge(pulse);
            if verdict != PulseState::Sound {
                return (second, verdict);
            }
        }
        (100, PulseState::Sound)
    }

    /// A byte of a head comes.
    fn drip(pulse: &Pulse) {
        pulse.add_read(1);
        pulse.head_stands(true);
    }

    fn watched() -> (Pulse, Watch) {
        let pulse = Pulse::default();
        let watch = Watch::new(DEADLINES, &pulse);
        (pulse, watch)
    }

    #[test]
    fn the_first_head_has_the_header_time_whether_bytes_come_or_not() {
        let (pulse, mut watch) = watched();
        assert_eq!(until_judged(&mut watch, &pulse, |_| ()), (10, PulseState::Close(Reason::NoHeader)));
        let (pulse, mut watch) = watched();
        let drip = until_judged(&mut watch, &pulse, drip);
        assert_eq!(drip, (10, PulseState::HeadOverdue));
    }

    #[test]
    fn an_idle_connection_is_kept_longer_than_a_half_sent_head() {
        let (pulse, mut watch) = watched();
        pulse.enter(Phase::Work);
        pulse.enter(Phase::Head);
        assert_eq!(until_judged(&mut watch, &pulse, |_| ()), (31, PulseState::Close(Reason::Idle)));
        let (pulse, mut watch) = watched();
        pulse.enter(Phase::Head);
        watch.judge(&pulse);
        let drip = until_judged(&mut watch, &pulse, drip);
        assert_eq!(drip, (10, PulseState::HeadOverdue));
    }

    #[test]
    fn only_the_request_in_the_place_of_a_refused_head_stands_for_it() {
        let pulse = Pulse::default();
        assert_eq!(pulse.next_request(), None);
        pulse.refuse_head(2, HeadFault::Host);
        let stands_for: Vec<_> = (0..3).map(|_| pulse.next_request()).collect();
        assert_eq!(stands_for, [None, Some(HeadFault::Host), None]);
    }

    #[test]
    fn a_reply_that_is_still_leaving_is_no_idleness() {
        let (pulse, mut watch) = watched();
        pulse.enter(Phase::Head);
        assert_eq!(until_judged(&mut watch, &pulse, |p| p.add_written(10)), (100, PulseState::Sound));
    }

    #[test]
    fn a_body_that_stands_still_or_drips_or_takes_too_long_is_overdue() {
        let (pulse, mut watch) = watched();
        pulse.enter(Phase::Body);
        let drip = until_judged(&mut watch, &pulse, |p| p.add_read(100));
        assert_eq!(drip, (6, PulseState::BodyOverdue));
        let (pulse, mut watch) = watched();
        pulse.enter(Phase::Body);
        let slow = until_judged(&mut watch, &pulse, |p| p.add_read(2000));
        assert_eq!(slow, (31, PulseState::BodyOverdue));
    }

    #[test]
    fn a_handler_at_work_is_left_alone_and_a_client_that_takes_nothing_is_not() {
        let (pulse, mut watch) = watched();
        pulse.enter(Phase::Work);
        assert_eq!(until_judged(&mut watch, &pulse, |_| ()), (100, PulseState::Sound));
        let (pulse, mut watch) = watched();
        pulse.enter(Phase::Stream);
        let stuck = until_judged(&mut watch, &pulse, Pulse::block_write);
        assert_eq!(stuck, (30, PulseState::Close(Reason::SlowConsumer)));
    }
}

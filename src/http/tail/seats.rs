//! Who follows: a seat for each stream, and the task that reads for all of them while any is taken.

use super::block::{RenderedBlock, Renderer};
use super::interest::{Cover, Interest};
use super::ring::{Look, Ring};
use crate::actors::{NUMBERS, Registry};
use crate::clock::sleep;
use crate::domain::{PartnerNo, Seq};
use crate::store::{PageSpan, ReadError, Reader};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// What is kept for all streams together: some tens of thousands of prices.
const BYTES_MAX: usize = 8 << 20;
/// Commits come every fraction of a millisecond; they are read in batches …
const PACE: Duration = Duration::from_millis(5);
/// … and the more streams were woken by the last one the larger the next, as each of them costs a frame
/// and a write: a thousand streams that show everything lag by a tenth of a second, and one that is alone
/// in showing something by `PACE`, however many others are open.
const PACE_OF_EACH: Duration = Duration::from_micros(100);
/// Changes that are read and rendered in one go, and the bytes of the log that they may take.
const CHANGES_MAX: usize = 2_000;
const READ_BYTES_MAX: usize = 512 << 10;

/// The newest changes for all streams.
pub struct Tail {
    reader: Reader,
    registry: Registry,
    state: Mutex<State>,
    /// The first stream has come, or the last one gone.
    turned: Notify,
}

struct State {
    ring: Ring,
    cover: Arc<Cover>,
    seats: HashMap<u64, SeatState>,
    next_seat: u64,
    is_reading: bool,
}

struct SeatState {
    interest: Arc<Interest>,
    waits: Waits,
    called: Arc<Notify>,
}

/// What a stream waits for.
#[derive(Clone, Copy, Debug)]
enum Waits {
    /// It is busy, and looks again by itself.
    No,
    /// Nothing concerned it up to here; nor since, as it would have been called.
    After(Seq),
    /// Something after this sequence concerns it.
    Called(Seq),
}

/// A stream's place among those that follow; it leaves when this is dropped.
pub struct Seat {
    tail: Arc<Tail>,
    number: u64,
    interest: Arc<Interest>,
    called: Arc<Notify>,
}

impl Tail {
    /// Reads nothing before the first stream comes.
    pub fn new(reader: Reader, registry: Registry) -> Arc<Tail> {
        Tail::with_bytes(reader, registry, BYTES_MAX)
    }

    /// Keeps so many bytes at most.
    pub(super) fn with_bytes(reader: Reader, registry: Registry, bytes_max: usize) -> Arc<Tail> {
        let state = State {
            ring: Ring::new(bytes_max, Seq(0)),
            cover: Arc::default(),
            seats: HashMap::new(),
            next_seat: 0,
            is_reading: false,
        };
        Arc::new(Tail { reader, registry, state: Mutex::new(state), turned: Notify::new() })
    }

    /// A seat for a stream; the first one has the log read.
    pub fn join(self: &Arc<Tail>, interest: Interest) -> Seat {
        let seat = self.sit(interest);
        let mut state = self.locked();
        if !std::mem::replace(&mut state.is_reading, true) {
            tokio::spawn(Arc::clone(self).read_on());
        }
        drop(state);
        seat
    }

    pub(super) fn sit(self: &Arc<Tail>, interest: Interest) -> Seat {
        let (interest, called) = (Arc::new(interest), Arc::new(Notify::new()));
        let mut state = self.locked();
        if state.seats.is_empty() {
            // nobody has read since the last one left
            state.ring.restart(self.reader.durable());
        }
        Arc::make_mut(&mut state.cover).add(&interest);
        let number = state.next_seat;
        state.next_seat += 1;
        let seat =
            SeatState { interest: Arc::clone(&interest), waits: Waits::No, called: Arc::clone(&called) };
        state.seats.insert(number, seat);
        drop(state);
        Seat { tail: Arc::clone(self), number, interest, called }
    }

    /// Reads until the last stream has left.
    async fn read_on(self: Arc<Tail>) {
        let mut durable = self.reader.subscribe();
        loop {
            let tail = Arc::clone(&self);
            // off the tasks of connections: pushes are answered by them
            let called = tokio::task::spawn_blocking(move || tail.advance()).await.unwrap_or_default();
            let pause = PACE.max(PACE_OF_EACH * u32::try_from(called).unwrap_or(u32::MAX));
            tokio::select! {
                () = sleep(pause) => {}
                () = self.turned.notified() => {}
            }
            let at = {
                let mut state = self.locked();
                if state.seats.is_empty() {
                    state.is_reading = false;
                    state.ring.restart(Seq(0));
                    return;
                }
                state.ring.to()
            };
            tokio::select! {
                moved = durable.wait_for(|durable| *durable > at) => {
                    if moved.is_err() {
                        self.locked().is_reading = false;
                        return; // the store has been closed
                    }
                }
                () = self.turned.notified() => {}
            }
        }
    }

    /// Reads a page of what has become durable, and calls the streams that it concerns: says how many.
    pub(super) fn advance(&self) -> usize {
        let (at, cover) = {
            let state = self.locked();
            (state.ring.to(), Arc::clone(&state.cover))
        };
        let read = self.read(at, &cover);
        let mut state = self.locked();
        if state.ring.to() != at {
            return 0; // it has begun again meanwhile
        }
        match read {
            Ok(blocks) => blocks.into_iter().map(|block| state.take_in(Arc::new(block))).sum(),
            Err(error) => {
                // each stream meets it by itself, and tells its client
                tracing::error!(%error, after = at.0, "changes cannot be read for the streams");
                state.ring.restart(self.reader.durable());
                state.call(at, |_| true)
            }
        }
    }

    fn read(&self, at: Seq, cover: &Arc<Cover>) -> Result<Vec<RenderedBlock>, ReadError> {
        // what is said of partners themselves is kept with their numbers
        let wanted = |no: PartnerNo| cover.types(no) != 0 || no == NUMBERS;
        let span = PageSpan { limit: CHANGES_MAX, bytes_max: READ_BYTES_MAX, wanted: &wanted };
        let page = self.reader.changes_of(at, span)?;
        let renderer = Renderer { reader: &self.reader, registry: &self.registry, cover };
        Ok(renderer.blocks(at, &page.changes, page.next))
    }

    /// How far the log has been read.
    #[cfg(test)]
    pub(super) fn read_to(&self) -> Seq {
        self.locked().ring.to()
    }

    /// What is kept.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.locked().ring.bytes()
    }

    #[cfg(test)]
    pub(super) fn is_reading(&self) -> bool {
        self.locked().is_reading
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        // the state is sound after every statement, so a panic elsewhere does not spoil it
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_in(&mut self, block: Arc<RenderedBlock>) -> usize {
        self.ring.push(Arc::clone(&block));
        let concerns = |since: Seq, interest: &Interest| {
            !block.cover.suffices_for(interest) || block.concerns(since, interest)
        };
        self.call(block.after, |seat| match seat.waits {
            Waits::After(since) => concerns(since, &seat.interest),
            Waits::No | Waits::Called(_) => false,
        })
    }

    /// Calls those that wait and that it concerns.
    fn call(&mut self, after: Seq, concerns: impl Fn(&SeatState) -> bool) -> usize {
        let mut called = 0;
        for seat in self.seats.values_mut() {
            if matches!(seat.waits, Waits::After(_)) && concerns(seat) {
                seat.waits = Waits::Called(after);
                seat.called.notify_one();
                called += 1;
            }
        }
        called
    }
}

impl Seat {
    /// What there is after `at`. Where there is nothing, the stream is called as soon as there is.
    pub fn look(&self, at: Seq) -> Look {
        let mut state = self.tail.locked();
        let State { ring, seats, .. } = &mut *state;
        let Some(seat) = seats.get_mut(&self.number) else { return Look::Stored(at) };
        let at = match seat.waits {
            Waits::No => at,
            Waits::After(since) => at.max(since).max(ring.to()),
            Waits::Called(after) => at.max(after),
        };
        seat.waits = Waits::No;
        let look = ring.after(at, &self.interest);
        if let Look::Nothing(passed) = look {
            seat.waits = Waits::After(passed);
        }
        look
    }

    /// Until something concerns the stream.
    pub async fn called(&self) {
        self.called.notified().await;
    }

    /// Whether it was, since it last began to wait.
    #[cfg(test)]
    pub(super) fn is_called(&self) -> bool {
        let state = self.tail.locked();
        matches!(state.seats.get(&self.number).map(|seat| seat.waits), Some(Waits::Called(_)))
    }

    /// The same by the wake-up itself, which is used up.
    #[cfg(test)]
    pub(super) fn was_called(&self) -> bool {
        use futures_util::FutureExt;
        self.called.notified().now_or_never().is_some()
    }

    /// Which it is, counted from the daemon's start.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// What the stream shows.
    pub fn interest(&self) -> &Interest {
        &self.interest
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.tail.locked();
        if state.seats.remove(&self.number).is_some() {
            Arc::make_mut(&mut state.cover).remove(&self.interest);
        }
        if state.seats.is_empty() {
            self.tail.turned.notify_one();
        }
    }
}

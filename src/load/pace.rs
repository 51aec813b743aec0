//! When the next request is due.
//!
//! Closed loop: at once, by whoever asks. Open loop: the k-th request is due k/rate after the
//! start, whatever became of those before it; any free connection takes it, and its latency counts
//! from when it was due, so that a stall is charged with all that it kept waiting. A pacer thread
//! hands the due requests out: tokio's timers, at a millisecond, are coarser than what is measured.

use super::plan::Until;
use crate::clock::Mark;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;
use tokio::sync::Semaphore;

/// How late the pacer may be, and so the error of a latency in an open loop.
const TICK: Duration = Duration::from_micros(100);
/// What was due before the end of a leg may still be sent for so long.
const LATE: Duration = Duration::from_millis(50);

/// Hands out the requests of one leg.
#[derive(Debug)]
pub struct Pace {
    start: Mark,
    until: Until,
    taken: AtomicU64,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    rate: f64,
    /// Requests due within the leg.
    total: u64,
    due: Semaphore,
}

impl Pace {
    /// Begins a leg, now. With a rate, the pacer works until the guard is dropped.
    pub fn start(until: Until, rate: Option<f64>, takers: usize) -> (Arc<Pace>, Option<PacerGuard>) {
        let open = rate.map(|rate| Open { rate, total: total(until, rate), due: Semaphore::new(0) });
        let pace = Arc::new(Pace { start: Mark::now(), until, taken: AtomicU64::new(0), open });
        let guard = pace.open.is_some().then(|| PacerGuard::spawn(Arc::clone(&pace), takers));
        (pace, guard)
    }

    pub fn until(&self) -> Until {
        self.until
    }

    /// Since the leg began.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Waits for a request to be due and gives the time, since the start, at which it was. `None`: the
    /// leg is over.
    pub async fn next(&self) -> Option<Duration> {
        let Some(open) = &self.open else {
            let elapsed = self.elapsed();
            let over = match self.until {
                Until::Elapsed(length) => elapsed >= length,
                Until::Requests(count) => self.taken.fetch_add(1, Ordering::Relaxed) >= count,
            };
            return (!over).then_some(elapsed);
        };
        open.due.acquire().await.ok()?.forget();
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        let too_late = matches!(self.until, Until::Elapsed(length) if self.elapsed() >= length + LATE);
        if number >= open.total || too_late {
            return None;
        }
        Some(Duration::from_secs_f64(number as f64 / open.rate))
    }

    /// Requests that were due and that no connection was free to send, when `sent` were.
    pub fn unsent(&self, sent: u64) -> u64 {
        self.open.as_ref().map_or(0, |open| open.total.saturating_sub(sent))
    }

    /// Makes what has become due available, on time, until all is or nobody listens.
    fn hand_out(&self, open: &Open, takers: usize, stopped: &Receiver<()>) {
        let mut handed_out = 0;
        while handed_out < open.total {
            let due = (self.elapsed().as_secs_f64() * open.rate) as u64 + 1;
            let due = due.min(open.total);
            open.due.add_permits((due - handed_out) as usize);
            handed_out = due;
            if stopped.recv_timeout(TICK) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
        open.due.add_permits(takers); // each taker finds out that there is no more
    }
}

fn total(until: Until, rate: f64) -> u64 {
    match until {
        Until::Elapsed(length) => (length.as_secs_f64() * rate).ceil() as u64,
        Until::Requests(count) => count,
    }
}

/// Stops the pacer when it is dropped.
#[derive(Debug)]
pub struct PacerGuard {
    _stop: Sender<()>,
}

impl PacerGuard {
    fn spawn(pace: Arc<Pace>, takers: usize) -> PacerGuard {
        let (stop, stopped) = channel();
        std::thread::spawn(move || {
            if let Some(open) = &pace.open {
                pace.hand_out(open, takers, &stopped);
            }
        });
        PacerGuard { _stop: stop }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_closed_loop_ends_after_its_requests() {
        let (pace, _guard) = Pace::start(Until::Requests(3), None, 1);
        for _ in 0..3 {
            assert!(pace.next().await.is_some());
        }
        assert_eq!(pace.next().await, None);
    }

    #[tokio::test]
    async fn an_open_loop_gives_each_request_the_time_at_which_it_was_due() {
        let (pace, _guard) = Pace::start(Until::Requests(5), Some(10_000.0), 2);
        for number in 0..5 {
            let due = pace.next().await.unwrap();
            assert_eq!(due, Duration::from_secs_f64(f64::from(number) / 10_000.0));
            assert!(pace.elapsed() >= due, "it is not handed out before it is due");
        }
        assert_eq!((pace.next().await, pace.next().await), (None, None));
        assert_eq!(pace.unsent(4), 1);
    }

    #[tokio::test]
    async fn what_a_leg_had_no_connection_for_is_not_sent_after_its_end() {
        let length = Duration::from_millis(1);
        let (pace, _guard) = Pace::start(Until::Elapsed(length), Some(100_000.0), 1);
        while pace.elapsed() < length + LATE {
            std::hint::spin_loop();
        }
        assert_eq!(pace.next().await, None);
        assert_eq!(pace.unsent(0), 100);
    }
}

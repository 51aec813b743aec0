//! The only `now()` and the only sleep. Time is read at the edge and passed in; tests move it.

mod steps;

pub use steps::{ClockStep, ClockSteps};

use crate::domain::Micros;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The wall clock, or one that a test moves.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The machine's own clock.
    pub fn system() -> Clock {
        Clock(None)
    }

    /// A clock that stands at `start` until it is moved.
    pub fn manual(start: Micros) -> Clock {
        Clock(Some(Arc::new(AtomicI64::new(start.0))))
    }

    /// The time now, in microseconds since 1970-01-01T00:00:00Z.
    pub fn now(&self) -> Micros {
        match &self.0 {
            Some(hand) => Micros(hand.load(Ordering::SeqCst)),
            None => system_now(),
        }
    }

    /// Moves a manual clock; has no effect on the system's.
    pub fn set(&self, now: Micros) {
        if let Some(hand) = &self.0 {
            hand.store(now.0, Ordering::SeqCst);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
fn system_now() -> Micros {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

/// A point on the monotonic clock, for measuring how long something took.
#[derive(Clone, Copy, Debug)]
pub struct Mark(std::time::Instant);

impl Mark {
    /// The present moment.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the monotonic clock")]
    pub fn now() -> Mark {
        Mark(std::time::Instant::now())
    }

    /// How long ago it was.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// From an earlier mark to this one.
    pub fn since(self, earlier: Mark) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }
}

/// The machine's monotonic clock as the service manager reads it, from the machine's start on.
pub fn monotonic() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Waits at least so long. The only sleep of the daemon: tests that move a clock replace it by messages.
#[expect(clippy::disallowed_methods, reason = "this is the one place that sleeps")]
pub async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

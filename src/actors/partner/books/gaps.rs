//! Gaps of numbered price streams, as they stand: what is missing, since when, and what readers see
//! of it (G1, P5).

use super::streams::Streams;
use crate::domain::Micros;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Since when something has been missing in a stream of the partner, as readers look it up. They
/// may see it a commit early, never late.
#[derive(Clone, Debug)]
pub struct OpenGap(Arc<AtomicI64>);

const NONE_OPEN: i64 = i64::MIN;

impl Default for OpenGap {
    fn default() -> OpenGap {
        OpenGap(Arc::new(AtomicI64::new(NONE_OPEN)))
    }
}

impl OpenGap {
    pub fn since(&self) -> Option<Micros> {
        Some(self.0.load(Ordering::Acquire)).filter(|&since| since != NONE_OPEN).map(Micros)
    }

    pub fn set(&self, since: Option<Micros>) {
        self.0.store(since.map_or(NONE_OPEN, |since| since.0), Ordering::Release);
    }
}

/// What the actor owns of its gaps.
#[derive(Debug)]
pub struct GapWatch {
    pub streams: Streams,
    pub shown: OpenGap,
    /// Ranges that were missing when it was shown last.
    pub open: usize,
    /// When the last early fetch was begun: it was for all ranges that were open then.
    pub fetched_at: Micros,
    pub timer: Option<JoinHandle<()>>,
}

impl GapWatch {
    pub fn new(streams: Streams, shown: OpenGap) -> GapWatch {
        let mut watch = GapWatch { streams, shown, open: 0, fetched_at: Micros::BEGINNING, timer: None };
        watch.show();
        watch
    }

    pub fn stop_timer(&mut self) {
        if let Some(timer) = self.timer.take() {
            timer.abort();
        }
    }

    /// Has readers see what is missing as it is now.
    pub fn show(&mut self) {
        self.shown.set(self.streams.open_since());
        self.open = self.streams.open();
    }
}

pub fn micros(duration: i64) -> Duration {
    Duration::from_micros(duration.unsigned_abs())
}

//! The place that an answer takes among the streams: one that lasts for as long as its client takes it.
//!
//! A change stream, an export and a backup take one alike, of the caller's own and of all. What a change
//! stream is counted by besides is told when it ends, whoever ends it.

use super::shares::Share;
use crate::http::pulse::{Phase, Pulse};
use crate::telemetry::Metrics;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Of the caller's own, and of all.
pub type StreamPlace = (OwnedSemaphorePermit, OwnedSemaphorePermit);

/// A place of the caller's and one of `all`; `None` where either has none left.
pub fn stream_place(share: &Share, all: &Arc<Semaphore>) -> Option<StreamPlace> {
    share.stream().zip(Arc::clone(all).try_acquire_owned().ok())
}

/// Holds the place for as long as the stream lives.
pub struct StreamAttendance {
    pulse: Arc<Pulse>,
    /// Of a change stream, with why it ends.
    counted: Option<(Metrics, &'static str)>,
    _place: StreamPlace,
}

impl StreamAttendance {
    /// A stream that is not counted among those that follow the changes.
    pub fn new(pulse: &Arc<Pulse>, place: StreamPlace) -> StreamAttendance {
        StreamAttendance { pulse: Arc::clone(pulse), counted: None, _place: place }
    }

    /// A change stream: from here on it counts as open. It ends by its client, unless another reason is said.
    pub fn of_changes(pulse: &Arc<Pulse>, metrics: &Metrics, place: StreamPlace) -> StreamAttendance {
        metrics.stream_opened();
        let mut attendance = StreamAttendance::new(pulse, place);
        attendance.counted = Some((metrics.clone(), "client"));
        attendance
    }

    /// Says why the stream is about to end.
    pub fn ends_by(&mut self, reason: &'static str) {
        if let Some((_, told)) = &mut self.counted {
            *told = reason;
        }
    }
}

impl Drop for StreamAttendance {
    fn drop(&mut self) {
        if let Some((metrics, reason)) = &self.counted {
            let slow = self.pulse.is_consumer_slow();
            metrics.stream_ended(if slow { "slow_consumer" } else { reason });
        }
        self.pulse.enter(Phase::Head);
    }
}

#[cfg(test)]
mod tests {
    use super::super::shares::{ReadingParty, Shares};
    use super::*;

    #[test]
    fn a_place_is_of_the_caller_and_of_all_and_comes_back_with_the_end_of_the_stream() {
        let (shares, all) = (Shares::new(8), Arc::new(Semaphore::new(3)));
        let share = shares.of(&ReadingParty::Operator);
        let place = || stream_place(&share, &all);
        let pulse = Arc::new(Pulse::of_stream());
        let (first, second) = (place().unwrap(), place().unwrap());
        let first = StreamAttendance::new(&pulse, first);
        assert!(place().is_none(), "a caller has a quarter of the streams, two of eight");
        assert_eq!(all.available_permits(), 1, "a place that is not had whole is given back");
        drop(first);
        let _held = all.try_acquire_many(2).unwrap();
        assert!(place().is_none(), "none of all is left");
        drop(second);
        assert!(place().is_some());
    }
}

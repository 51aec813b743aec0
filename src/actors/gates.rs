//! The turns of feeds: how many fetch, and read what they fetched, at once.
//!
//! A turn is what `fetches_max` counts. A fetch that takes long gives its own to the next feed and
//! goes on beside it, so that slow servers hold up nobody but themselves; what follows, and needs
//! cores and the disk, waits for a turn again.

use crate::clock::sleep;
use crate::feed::FetchError;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A fetch keeps its turn for so long: an honest server has sent most documents by then.
const PATIENCE: Duration = Duration::from_secs(5);

/// Slow fetches under way without a turn: each holds a block of 256 KiB and a connection.
const SLOW_MAX: usize = 256;

/// The turns of all feeds.
#[derive(Clone, Debug)]
pub struct FeedGates {
    turns: Arc<Semaphore>,
    slow: Arc<Semaphore>,
    patience: Duration,
}

/// The right to fetch, or to read and apply what was fetched; lent out while a slow fetch goes on.
pub struct Turn {
    gates: FeedGates,
    permit: Option<OwnedSemaphorePermit>,
}

impl FeedGates {
    /// Gates that let so many feeds fetch at once.
    pub fn new(fetches_max: usize) -> FeedGates {
        FeedGates::with(fetches_max, SLOW_MAX, PATIENCE)
    }

    fn with(fetches_max: usize, slow_max: usize, patience: Duration) -> FeedGates {
        let gate = |places| Arc::new(Semaphore::new(places));
        FeedGates { turns: gate(fetches_max), slow: gate(slow_max), patience }
    }

    /// Waits for a place among the feeds that run.
    pub async fn turn(&self) -> Turn {
        // the semaphores are never closed
        let permit = self.turns.clone().acquire_owned().await.ok();
        Turn { gates: self.clone(), permit }
    }
}

impl Turn {
    /// Waits for a fetch, and for the next turn where it took long.
    pub async fn fetching<T>(
        &mut self,
        fetch: impl Future<Output = Result<T, FetchError>>,
    ) -> Result<T, FetchError> {
        let mut fetch = pin!(fetch);
        tokio::select! {
            biased;
            fetched = &mut fetch => return fetched,
            () = sleep(self.gates.patience) => {}
        }
        let slow = self.gates.slow.clone().try_acquire_owned().map_err(|_| FetchError::crowded(SLOW_MAX))?;
        self.permit = None;
        let fetched = fetch.await;
        drop(slow);
        self.permit = self.gates.turn().await.permit;
        fetched
    }
}

#[cfg(test)]
#[path = "gates_week_tests.rs"]
mod week;

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    #[tokio::test]
    async fn a3_a_slow_fetch_lends_its_turn_and_waits_for_one_again() {
        let gates = FeedGates::with(1, 1, Duration::from_millis(10));
        let mut slow = gates.turn().await;
        let (done, wait) = tokio::sync::oneshot::channel::<()>();
        let fetch = async move { wait.await.map_err(|_| FetchError::crowded(0)) };
        let slow = tokio::spawn(async move {
            slow.fetching(fetch).await.unwrap();
            slow
        });
        let other = gates.turn().await;
        done.send(()).unwrap();
        assert!(!slow.is_finished(), "the other one has the turn");
        drop(other);
        assert!(slow.await.unwrap().permit.is_some());
    }

    #[tokio::test]
    async fn a3_slow_fetches_are_bounded_and_one_too_many_fails() {
        let gates = FeedGates::with(1, 1, Duration::from_millis(10));
        let mut first = gates.turn().await;
        let first = tokio::spawn(async move { first.fetching(pending::<Result<(), _>>()).await });
        let mut second = gates.turn().await;
        assert_eq!(second.fetching(pending::<Result<(), _>>()).await.unwrap_err().code, "too_slow");
        first.abort();
    }
}

//! The fetch of a run: in its turn, and of one version of the file.
//!
//! A turn is what `fetches_max` counts. A fetch that takes long gives its own to the next feed and
//! goes on beside it, so that slow servers hold up nobody but themselves; what follows, and needs
//! cores and the disk, waits for a turn again.

use super::task::FeedTask;
use crate::clock::sleep;
use crate::config::FeedSettings;
use crate::feed::{FetchError, FetchRequest, Fetched, Spooled};
use crate::rules::snapshot::is_same_body;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A fetch keeps its turn for so long: an honest server has sent most documents by then.
const PATIENCE: Duration = Duration::from_secs(5);
/// Slow fetches under way without a turn: each holds a block of 256 KiB and a connection.
const SLOW_MAX: usize = 256;
/// One fetch in this many sends no validators: a server whose tags lie is found out (A11).
const UNCONDITIONAL_EVERY: u64 = 24;

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
    pub fn new(fetches_max: usize) -> FeedGates {
        FeedGates::with(fetches_max, SLOW_MAX, PATIENCE)
    }

    fn with(fetches_max: usize, slow_max: usize, patience: Duration) -> FeedGates {
        let gate = |places| Arc::new(Semaphore::new(places));
        FeedGates { turns: gate(fetches_max), slow: gate(slow_max), patience }
    }

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

/// What a fetch has given, and whether its file stood still meanwhile.
pub struct Whole {
    pub fetched: Fetched,
    /// `None`: it was not asked.
    pub stood_still: Option<bool>,
}

impl FeedTask {
    /// F1: fetches one version of the file: one that has changed while it was sent is fetched anew,
    /// once. Validators that differ with each answer, of a document that is made when it is asked
    /// for, say nothing: known as such by a run that has failed for it, they are asked rarely.
    pub async fn fetch_whole(&self, feed: &FeedSettings) -> Result<Whole, FetchError> {
        let is_odd_run = self.run.0.is_multiple_of(UNCONDITIONAL_EVERY);
        let is_conditional = self.rebuild.is_none() && !is_odd_run && self.reads_as_before();
        let first = match self.fetcher.fetch(self.request(feed, is_conditional)).await? {
            Fetched::NotModified => return Ok(Whole { fetched: Fetched::NotModified, stood_still: None }),
            Fetched::Body(body) => body,
        };
        let is_unsteady = self.state.validators_unsteady;
        if is_same_body(&self.state, &first.sha256) || (is_unsteady && !is_odd_run) {
            return Ok(Whole { fetched: Fetched::Body(first), stood_still: None });
        }
        if self.is_still(feed, &first).await {
            return Ok(Whole { fetched: Fetched::Body(first), stood_still: Some(true) });
        }
        tracing::info!(partner = %self.settings.name, run = self.run.0, "feed changed while it was sent, fetched anew");
        let again = self.fetcher.fetch(self.request(feed, false)).await?;
        let stood_still = match &again {
            Fetched::Body(next) => next.sha256 == first.sha256 || self.is_still(feed, next).await,
            Fetched::NotModified => false,
        };
        if !stood_still && !is_unsteady {
            return Err(FetchError::changed_while_fetched());
        }
        Ok(Whole { fetched: again, stood_still: Some(stood_still) })
    }

    /// The mapping is the one that the last good file was read by.
    pub fn reads_as_before(&self) -> bool {
        self.state.mapping_print.is_none_or(|print| print == self.mapping_print)
    }

    async fn is_still(&self, feed: &FeedSettings, body: &Spooled) -> bool {
        self.fetcher.is_still(self.request(feed, false), body).await
    }

    fn request<'a>(&'a self, feed: &'a FeedSettings, is_conditional: bool) -> FetchRequest<'a> {
        let same_url = is_conditional && self.state.validators_url.as_deref() == Some(&feed.url);
        FetchRequest {
            feed,
            etag: self.state.etag.as_deref().filter(|_| same_url),
            last_modified: self.state.last_modified.as_deref().filter(|_| same_url),
            spool: &self.spool,
            disk_free_bytes_min: self.reserve.free_bytes_min,
            now: self.clock.now(),
        }
    }
}

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

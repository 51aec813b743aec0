//! The fetch of a run: of one version of the file, with the validators of the last good one.

use super::task::FeedTask;
use crate::config::FeedSettings;
use crate::feed::{FetchError, FetchRequest, Fetched, Spooled};
use crate::rules::feed::snapshot::is_same_body;

/// One fetch in this many sends no validators: a server whose tags lie is found out (A11).
const UNCONDITIONAL_EVERY: u64 = 24;

/// What a fetch has given, and whether its file stood still meanwhile.
pub struct Whole {
    pub fetched: Fetched,
    /// `None`: it was not asked.
    pub stood_still: Option<bool>,
}

impl FeedTask {
    /// F1: fetches one version of the file: one that has changed while it was sent is fetched again,
    /// once. Validators that differ with each answer, of a document that is made when it is asked
    /// for, say nothing: known as such by a run that has failed for it, they are asked rarely. Those of a
    /// page say nothing of the others, and are not asked.
    pub async fn fetch_whole(&self, feed: &FeedSettings) -> Result<Whole, FetchError> {
        if let Some(pages) = &feed.pages {
            let joined = self.fetcher.fetch_pages(self.request(feed, false), pages).await?;
            return Ok(Whole { fetched: Fetched::Body(joined), stood_still: None });
        }
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
        tracing::info!(partner = %self.settings.name, run = self.run.0, "feed changed while it was sent, fetched again");
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

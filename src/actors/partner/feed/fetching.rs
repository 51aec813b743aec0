//! The fetch of a run: of one version of the file, with validators that are worth sending. A run that was cut short
//! is taken up from the file that was fetched then.

use super::resume::{CutRun, Resumed};
use super::spool;
use super::task::FeedTask;
use crate::actors::partner::message::run::VersionProof;
use crate::codec::spool_note::SpoolNote;
use crate::config::FeedSettings;
use crate::config::private::create_file;
use crate::domain::Micros;
use crate::feed::{FetchError, FetchRequest, Fetched, Spooled, StandsStill, is_same_tag};
use crate::rules::feed::snapshot::is_same_body;
use crate::rules::feed::validators::WholeFetches;
use std::io::Write as _;

/// Validators that differ with each answer are asked again in one run of so many.
const UNSTEADY_EVERY: u64 = 24;

/// Of a body that goes on changing.
const FETCHES_MAX: u32 = 3;

/// What a fetch has given, and what is known of it.
pub struct Whole {
    pub fetched: Fetched,
    pub proof: VersionProof,
}

impl Whole {
    fn of(body: Spooled, proof: VersionProof) -> Whole {
        Whole { fetched: Fetched::Body(body), proof }
    }
}

impl FeedTask {
    /// F1: fetches one version of the file. Those of a page say nothing of the others, and are not asked.
    pub async fn fetch_whole(&self, feed: &FeedSettings) -> Result<Whole, FetchError> {
        if let Some(pages) = &feed.pages {
            let joined = self.fetcher.fetch_pages(self.request(feed, false), pages).await?;
            return Ok(Whole::of(joined, VersionProof::default()));
        }
        let is_conditional = self.rebuild.is_none() && !self.is_whole_due(feed) && self.reads_as_before();
        let first = match self.fetcher.fetch(self.request(feed, is_conditional)).await? {
            Fetched::NotModified => {
                return Ok(Whole { fetched: Fetched::NotModified, proof: VersionProof::default() });
            }
            Fetched::Body(body) => body,
        };
        if is_same_body(&self.state, &first.sha256) {
            return Ok(Whole::of(first, VersionProof::default()));
        }
        let has_lied = self.has_lied(feed, &first).await;
        let is_asked = !self.state.validators_unsteady || self.run.0.is_multiple_of(UNSTEADY_EVERY);
        let (body, proof) = match is_asked {
            true => self.prove(feed, first, has_lied || self.known_to_lie(feed)).await?,
            false => (first, VersionProof::default()),
        };
        Ok(Whole::of(body, VersionProof { has_lied, ..proof }))
    }

    /// F1: makes sure that a body that differs from the last one is of one version of the file: its
    /// validators are those that the server gives now, or, where they cannot tell, it is the same when it
    /// is fetched once more. What has changed meanwhile is fetched again. Validators that differ with each
    /// answer, of a document that is made when it is asked for, say nothing: known as such by a run that
    /// has failed for it, they are asked rarely.
    async fn prove(
        &self,
        feed: &FeedSettings,
        first: Spooled,
        is_disbelieved: bool,
    ) -> Result<(Spooled, VersionProof), FetchError> {
        let proven = || VersionProof { stood_still: Some(true), ..VersionProof::default() };
        let (mut body, mut fetches, mut has_moved) = (first, 1, false);
        loop {
            let still = self.stands_still(feed, &body, is_disbelieved).await;
            let has_moved_again = has_moved && still == StandsStill::No;
            if still == StandsStill::Yes {
                return Ok((body, proven()));
            } else if has_moved_again || fetches == FETCHES_MAX {
                return self.unproven(body);
            }
            has_moved |= still == StandsStill::No;
            let next = match self.fetch_again(feed).await {
                Ok(next) => next,
                Err(error) if still == StandsStill::Untold => {
                    let doubt = Some(format!("fetching it once more failed ({error})"));
                    return Ok((body, VersionProof { doubt, ..VersionProof::default() }));
                }
                Err(error) => return Err(error),
            };
            fetches += 1;
            let is_same = next.sha256 == body.sha256;
            body = self.take_place(next).await?;
            if is_same {
                return Ok((body, proven()));
            }
            tracing::info!(partner = %self.settings.name, run = self.run.0, "feed changed while it was sent, fetched again");
        }
    }

    /// A body that was another one each time: a document that is made when it is asked for, where its
    /// server gives no validators or is known for such; else a file that is being written.
    fn unproven(&self, body: Spooled) -> Result<(Spooled, VersionProof), FetchError> {
        let is_made_when_asked = body.etag.is_none() && body.last_modified.is_none();
        if !is_made_when_asked && !self.state.validators_unsteady {
            return Err(FetchError::changed_while_fetched());
        }
        let doubt = Some("it was another one at each fetch".into());
        Ok((body, VersionProof { stood_still: Some(false), doubt, ..VersionProof::default() }))
    }

    async fn stands_still(&self, feed: &FeedSettings, body: &Spooled, is_disbelieved: bool) -> StandsStill {
        match is_disbelieved {
            true => StandsStill::Untold,
            false => self.fetcher.stands_still(self.request(feed, false), body).await,
        }
    }

    /// The file once more, beside the one that is there.
    async fn fetch_again(&self, feed: &FeedSettings) -> Result<Spooled, FetchError> {
        let beside = spool::beside(&self.spool);
        let request = FetchRequest { spool: &beside, ..self.request(feed, false) };
        match self.fetcher.fetch(request).await? {
            Fetched::Body(body) => Ok(body),
            // it was sent no validator
            Fetched::NotModified => Err(FetchError::changed_while_fetched()),
        }
    }

    /// A body that was spooled beside the first takes its place.
    async fn take_place(&self, body: Spooled) -> Result<Spooled, FetchError> {
        let moved = tokio::fs::rename(&body.path, &self.spool).await;
        moved.map_err(|error| FetchError::spool(&error))?;
        Ok(Spooled { path: self.spool.clone(), ..body })
    }

    /// A11: whether the server has given the validators of the last good body for this other one, or
    /// would still answer 304 to them.
    async fn has_lied(&self, feed: &FeedSettings, body: &Spooled) -> bool {
        let known = self.request(feed, true);
        let is_same = match (known.etag, &body.etag) {
            (Some(then), Some(now)) => is_same_tag(then, now),
            _ => known.last_modified.is_some() && known.last_modified == body.last_modified.as_deref(),
        };
        let is_known = known.etag.is_some() || known.last_modified.is_some();
        is_known && self.reads_as_before() && (is_same || self.fetcher.believes_unmodified(known).await)
    }

    fn known_to_lie(&self, feed: &FeedSettings) -> bool {
        self.state.validators_lie && self.state.validators_url.as_deref() == Some(&feed.url)
    }

    fn is_whole_due(&self, feed: &FeedSettings) -> bool {
        let whole = WholeFetches { every: feed.fetching.whole_every, after: feed.fetching.whole_after };
        whole.is_due(&self.state, self.clock.now())
    }

    /// The mapping is the one that the last good file was read by.
    pub fn reads_as_before(&self) -> bool {
        self.state.mapping_print.is_none_or(|print| print == self.mapping_print)
    }

    fn request<'a>(&'a self, feed: &'a FeedSettings, is_conditional: bool) -> FetchRequest<'a> {
        let is_of_this = self.state.validators_url.as_deref() == Some(&feed.url);
        let is_sent = is_conditional && is_of_this && !self.state.validators_lie;
        FetchRequest {
            feed,
            etag: self.state.etag.as_deref().filter(|_| is_sent),
            last_modified: self.state.last_modified.as_deref().filter(|_| is_sent),
            spool: &self.spool,
            disk_free_bytes_min: self.reserve.free_bytes_min,
            now: self.clock.now(),
        }
    }

    /// The file that an earlier life was applying, where it is still worth it.
    pub async fn resumed(&self, feed: &FeedSettings, cut: Option<CutRun>) -> Option<Resumed> {
        let cut = cut?;
        let (partner, run) = (self.settings.name.as_str(), self.run.0);
        if self.rebuild.is_some() || !cut.is_of(feed, self.mapping_print, self.clock.now()) {
            // one that cannot be removed is removed at the next start
            let _ = tokio::fs::remove_file(cut.body()).await;
            return None;
        }
        let spool = self.spool.clone();
        let taken = tokio::task::spawn_blocking(move || cut.take(&spool)).await;
        match taken {
            Ok(Ok(Some(resumed))) => {
                tracing::info!(partner, run, "feed run that was cut short is taken up again from its file");
                Some(resumed)
            }
            Ok(Ok(None)) => {
                tracing::info!(
                    partner,
                    run,
                    "the file of a feed run that was cut short is torn, fetched again"
                );
                None
            }
            Ok(Err(error)) => {
                tracing::warn!(partner, run, %error, "cannot read the file of a feed run that was cut short");
                None
            }
            Err(_) => None,
        }
    }

    /// From now on the run can be taken up again from its file.
    pub async fn note_spooled(&self, spooled: &Spooled, started_at: Micros, proof: &VersionProof) {
        let Some(feed) = self.settings.feed.as_ref().filter(|_| self.rebuild.is_none()) else { return };
        let note = SpoolNote {
            url: feed.url.clone(),
            mapping_print: self.mapping_print,
            started_at: started_at.0,
            wire_bytes: spooled.wire_bytes,
            body_bytes: spooled.body_bytes,
            sha256: spooled.sha256.clone(),
            etag: spooled.etag.clone(),
            last_modified: spooled.last_modified.clone(),
            last_modified_at: spooled.last_modified_at.map(|at| at.0),
            is_settled: spooled.is_settled,
            served_as_lines: spooled.served_as_lines,
            stood_still: proof.stood_still,
            doubt: proof.doubt.clone(),
            has_lied: proof.has_lied,
        };
        let path = spool::note_of(&spooled.path);
        let write = move || create_file(&path)?.write_all(&note.encode());
        // without it a crash costs one fetch
        if let Ok(Err(error)) = tokio::task::spawn_blocking(write).await {
            tracing::warn!(partner = %self.settings.name, %error, "cannot note what is known of a spooled file");
        }
    }

    /// The run is closed: nothing is taken up again.
    pub async fn forget_spooled(&self) {
        // what was not kept is of no use any more, and mostly there is no note
        let _ = tokio::fs::remove_file(spool::note_of(&self.spool)).await;
        let _ = tokio::fs::remove_file(&self.spool).await;
    }
}

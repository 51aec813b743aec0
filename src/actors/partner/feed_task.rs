//! One run of a feed, beside the actor: fetch, survey, then the records in batches. The actor
//! decides; this task does what takes time.

use super::ending::RunPart;
use super::file_survey::{Batches, survey};
use super::ledger::Prefetched;
use super::message::{FeedRecord, FetchedFile, PartnerMessage, RunFailure, RunStart, SnapshotFacts};
use super::rebuild::{Again, Rebuild, StoredRun, give_up_oldest_body, keep_body};
use crate::clock::{Clock, sleep};
use crate::config::{FeedSettings, PartnerSettings};
use crate::domain::{AssetId, FeedState, Micros, PartnerNo, RunId};
use crate::feed::{FetchError, FetchRequest, Fetched, Fetcher, Reserve, Spooled};
use crate::rules::snapshot::{SnapshotTimes, is_same_body};
use crate::rules::survey::{InvalidRecord, Presence};
use crate::store::Reader;
use ractor::ActorRef;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

/// One fetch in this many sends no validators: a server whose tags lie is found out (A11).
const UNCONDITIONAL_EVERY: u64 = 24;
/// How long a run waits before it looks again whether the overlay has room.
const OVERLAY_PAUSE: Duration = Duration::from_millis(5);

/// The code of a run that found too little room on the disk.
const DISK_FULL: &str = "disk_full";

/// All that a run needs, taken from the actor when it starts.
pub struct FeedTask {
    pub run: RunId,
    pub partner: PartnerNo,
    pub settings: Arc<PartnerSettings>,
    pub state: FeedState,
    pub actor: ActorRef<PartnerMessage>,
    pub fetcher: Arc<Fetcher>,
    pub gate: Arc<Semaphore>,
    pub spool: PathBuf,
    /// Where the bodies of applied runs are kept.
    pub bodies: PathBuf,
    pub reserve: Reserve,
    /// An operator wants a snapshot read again.
    pub rebuild: Option<Rebuild>,
    pub reader: Reader,
    pub overlay_bytes_max: usize,
    pub clock: Clock,
}

/// The actor has gone; its successor starts over.
pub struct Gone;

impl FeedTask {
    pub async fn run(self) {
        let Some(feed) = self.settings.feed.clone() else { return };
        // the gate is never closed
        let Ok(_place) = self.gate.clone().acquire_owned().await else { return };
        if let Err(full) = self.reserve.check() {
            // an actor that has gone has no use for the news
            let _ = self.fail(failure_of(full, self.clock.now())).await;
            return;
        }
        let closed = match &self.rebuild {
            Some(Rebuild::Stored(stored)) => self.replay(&feed, stored).await,
            Some(Rebuild::Fetch) | None => self.fetch_and_read(&feed).await,
        };
        if closed.is_err() {
            tracing::debug!(partner = %self.settings.name, run = self.run.0, "feed run abandoned with its actor");
        }
    }

    async fn fetch_and_read(&self, feed: &FeedSettings) -> Result<(), Gone> {
        let started_at = self.clock.now();
        let closed = match self.fetch(feed).await {
            Ok(Fetched::NotModified) => self.unchanged(self.known_file(feed, started_at)).await,
            Ok(Fetched::Body(spooled)) => self.read(feed, spooled, started_at).await,
            Err(error) => self.fail(failure_of(error, started_at)).await,
        };
        // what was not kept is of no use any more
        let _ = tokio::fs::remove_file(&self.spool).await;
        closed
    }

    /// Reads the stored file of an earlier run again, as of the time that it had then (F5).
    async fn replay(&self, feed: &FeedSettings, stored: &StoredRun) -> Result<(), Gone> {
        match stored.spooled() {
            Ok(spooled) => self.survey_and_apply(feed, spooled, stored.started_at, Some(stored.again)).await,
            Err(error) => {
                let detail = format!("the stored file cannot be read: {error}");
                self.fail(RunFailure::plain("spool_failed", detail, stored.started_at)).await
            }
        }
    }

    async fn fetch(&self, feed: &FeedSettings) -> Result<Fetched, FetchError> {
        let is_conditional = self.rebuild.is_none() && !self.run.0.is_multiple_of(UNCONDITIONAL_EVERY);
        let same_url = is_conditional && self.state.validators_url.as_deref() == Some(&feed.url);
        let request = FetchRequest {
            feed,
            etag: self.state.etag.as_deref().filter(|_| same_url),
            last_modified: self.state.last_modified.as_deref().filter(|_| same_url),
            spool: &self.spool,
            disk_free_bytes_min: self.reserve.free_bytes_min,
            now: self.clock.now(),
        };
        self.fetcher.fetch(request).await
    }

    /// A 304 says that the file is the one we have.
    fn known_file(&self, feed: &FeedSettings, started_at: Micros) -> FetchedFile {
        FetchedFile {
            started_at,
            body_bytes: 0,
            body_hash: self.state.body_hash.clone().unwrap_or_default(),
            etag: self.state.etag.clone(),
            last_modified: self.state.last_modified.clone(),
            url: feed.url.clone(),
        }
    }

    async fn read(&self, feed: &FeedSettings, spooled: Spooled, started_at: Micros) -> Result<(), Gone> {
        let known = self.state.last_snapshot_at.filter(|_| is_same_body(&self.state, &spooled.sha256));
        match (known, &self.rebuild) {
            (None, _) => self.survey_and_apply(feed, spooled, started_at, None).await,
            (Some(_), None) => self.unchanged(file_of(feed, &spooled, started_at)).await,
            (Some(snapshot), Some(_)) => {
                let dated = self.state.last_dated;
                let again = Again { snapshot: Micros(snapshot), dated, stored: None };
                self.survey_and_apply(feed, spooled, started_at, Some(again)).await
            }
        }
    }

    async fn survey_and_apply(
        &self,
        feed: &FeedSettings,
        spooled: Spooled,
        started_at: Micros,
        again: Option<Again>,
    ) -> Result<(), Gone> {
        let file = file_of(feed, &spooled, started_at);
        let settings = self.settings.clone();
        let path = spooled.path.clone();
        let surveyed = tokio::task::spawn_blocking(move || survey(&settings, path)).await;
        let (surveyed, envelope) = match surveyed {
            Ok(Ok(found)) => found,
            Ok(Err(mut fault)) => {
                self.keep(fault.take_kept(), spooled.path.clone(), started_at).await?;
                return self.fail(fault.into_failure(started_at)).await;
            }
            Err(panicked) => {
                let detail = format!("reading the file failed inside: {panicked}");
                return self.fail(RunFailure::plain("reader_failed", detail, started_at)).await;
            }
        };
        let data_time = self.settings.policy.last_modified_is_data_time;
        let times = SnapshotTimes {
            generated_at: envelope.generated_at,
            newest_record: surveyed.newest,
            last_modified: spooled.last_modified_at.filter(|_| data_time),
            fetch_started_at: started_at,
        };
        let facts = SnapshotFacts {
            run: self.run,
            file,
            times,
            complete: envelope.complete,
            allow_empty: envelope.complete && envelope.allow_empty && envelope.count == Some(0),
            records: surveyed.records,
            quarantined: surveyed.quarantined,
            repeated: surveyed.repeated,
            present: surveyed.present.len() as u64,
            deletes_barred: surveyed.deletes_barred,
            faults: surveyed.faults,
            again,
        };
        self.apply(facts, surveyed.present, surveyed.kept, spooled.path).await
    }

    async fn apply(
        &self,
        facts: SnapshotFacts,
        present: Vec<(AssetId, Presence)>,
        kept: Vec<InvalidRecord>,
        path: PathBuf,
    ) -> Result<(), Gone> {
        let fetched_at = facts.file.started_at;
        let again = facts.again;
        let facts = Box::new(facts);
        let start = self.ask(|reply| PartnerMessage::BeginRun { facts, reply }).await?;
        if start == RunStart::Stop {
            return Ok(());
        }
        self.keep(kept, path.clone(), fetched_at).await?;
        let mut batches = Batches { present: present.into_iter(), settings: self.settings.clone(), path };
        loop {
            let (reader, partner) = (self.reader.clone(), self.partner);
            let made = tokio::task::spawn_blocking(move || {
                let batch = batches.next(&reader, partner);
                (batches, batch)
            });
            // also in the middle: the writer must not meet the end of the disk
            if let Err(full) = self.reserve.check() {
                return self.fail(failure_of(full, fetched_at)).await;
            }
            // a panic or an unreadable file ends the run; the next one starts over
            let Ok((rest, batch)) = made.await else { return Err(Gone) };
            batches = rest;
            match batch {
                Ok(Some((records, prefetched))) => self.send_batch(records, prefetched).await?,
                Ok(None) => break,
                Err(error) => {
                    let detail = format!("the spooled file could not be read again: {error}");
                    return self.fail(RunFailure::plain("spool_failed", detail, self.clock.now())).await;
                }
            }
        }
        let run = self.run;
        if again.is_none() {
            self.keep_body().await;
        }
        let first = self.ask(|reply| PartnerMessage::FinishRun { run, reply }).await?;
        self.finish(first).await
    }

    /// Has the actor apply part after part of what the file lacks, each once the one before is
    /// durable, until the run is closed.
    async fn finish(&self, mut part: RunPart) -> Result<(), Gone> {
        let run = self.run;
        loop {
            part.durable.await.map_err(|_| Gone)?;
            if part.is_last {
                return Ok(());
            }
            self.wait_for_overlay().await;
            if let Err(full) = self.reserve.check() {
                return self.fail(failure_of(full, self.clock.now())).await;
            }
            part = self.ask(|reply| PartnerMessage::FinishRun { run, reply }).await?;
        }
    }

    /// Before the run's report can be read: who reads it may ask for the file at once.
    async fn keep_body(&self) {
        let (bodies, run, spooled) = (self.bodies.clone(), self.run, self.spool.clone());
        let reserve = self.reserve.clone();
        let is_short = move || reserve.is_touched();
        let kept = tokio::task::spawn_blocking(move || keep_body(&bodies, run, &spooled, is_short)).await;
        if let Ok(Err(error)) = kept {
            tracing::warn!(partner = %self.settings.name, %error, "cannot keep the body of a feed run");
        }
    }

    async fn send_batch(&self, records: Vec<FeedRecord>, prefetched: Prefetched) -> Result<(), Gone> {
        self.wait_for_overlay().await;
        let run = self.run;
        self.ask(|reply| PartnerMessage::ApplyRecords { run, records, prefetched, reply }).await?;
        Ok(())
    }

    async fn unchanged(&self, fetched: FetchedFile) -> Result<(), Gone> {
        let run = self.run;
        let first = self.ask(|reply| PartnerMessage::RunUnchanged { run, fetched, reply }).await?;
        self.finish(first).await
    }

    async fn wait_for_overlay(&self) {
        while self.reader.overlay_bytes() > self.overlay_bytes_max {
            sleep(OVERLAY_PAUSE).await;
        }
    }

    async fn fail(&self, failure: RunFailure) -> Result<(), Gone> {
        if failure.code == DISK_FULL && self.rebuild.is_none() {
            // a file for a rebuild that may never come is worth less than a feed and pushes
            let bodies = self.bodies.clone();
            let given_up = tokio::task::spawn_blocking(move || give_up_oldest_body(&bodies)).await;
            if let Ok(Err(error)) = given_up {
                tracing::warn!(partner = %self.settings.name, %error, "cannot remove a kept body of a feed run");
            }
        }
        let run = self.run;
        self.ask(|reply| PartnerMessage::RunFailed { run, failure, reply }).await?;
        Ok(())
    }

    pub async fn ask<T>(
        &self,
        message: impl FnOnce(oneshot::Sender<T>) -> PartnerMessage,
    ) -> Result<T, Gone> {
        let (reply, answer) = oneshot::channel();
        self.actor.cast(message(reply)).map_err(|_| Gone)?;
        answer.await.map_err(|_| Gone)
    }
}

fn file_of(feed: &FeedSettings, spooled: &Spooled, started_at: Micros) -> FetchedFile {
    FetchedFile {
        started_at,
        body_bytes: spooled.body_bytes,
        body_hash: spooled.sha256.clone(),
        etag: spooled.etag.clone(),
        last_modified: spooled.last_modified.clone(),
        url: feed.url.clone(),
    }
}

impl RunFailure {
    pub fn plain(code: &'static str, detail: String, started_at: Micros) -> RunFailure {
        RunFailure {
            started_at,
            code,
            detail,
            retry_after: None,
            refused: false,
            records: 0,
            invalid: 0,
            faults: Vec::new(),
        }
    }
}

fn failure_of(error: FetchError, started_at: Micros) -> RunFailure {
    RunFailure { retry_after: error.retry_after, ..RunFailure::plain(error.code, error.detail, started_at) }
}

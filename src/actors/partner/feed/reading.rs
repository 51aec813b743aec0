//! One run of a feed, beside the actor: fetch, survey, then the records in batches. The actor
//! decides; this task does what takes time.

use super::bodies::{KeptBounds, RebuildSource, StoredRun, keep_body};
use super::earlier::{marks, oddities};
use super::fetching::Whole;
use super::lints;
use super::resume::{CutRun, Resumed};
use super::survey::{Batches, ReadFile, facts_of, survey_showing};
use super::task::{FeedTask, Gone, on_blocking_pool};
use crate::actors::gates::Turn;
use crate::actors::partner::ledger::Prefetched;
use crate::actors::partner::message::PartnerMessage;
use crate::actors::partner::message::run::{
    FeedRecord, FetchedFile, Reread, RunFailure, RunPart, RunStart, SnapshotFacts, VersionProof, failure_of,
};
use crate::actors::partner::run::board::{ProgressSeen, RunPhase};
use crate::clock::sleep;
use crate::codec::snapshot::Parents;
use crate::config::FeedSettings;
use crate::domain::{AssetId, Micros, RecordFault};
use crate::feed::{FetchError, Fetched, Spooled};
use crate::rules::feed::drift::DriftDecision;
use crate::rules::feed::oddities::RecordMark;
use crate::rules::feed::snapshot::{SnapshotTimes, is_last_read, is_same_body};
use crate::rules::feed::survey::{InvalidRecord, Presence};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long a run waits before it looks again whether the overlay has room.
const OVERLAY_PAUSE: Duration = Duration::from_millis(5);
/// A run that takes long says so in the log.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// How an attempt to fetch and read the file ends.
enum Attempt {
    Closed,
    /// Its pages are not those of one version (F1), and nothing of it was used.
    PagesMoved,
}

/// A file that is fit to be applied.
struct Sound {
    present: Vec<(AssetId, Presence)>,
    parents: Arc<Parents>,
    path: PathBuf,
}

impl FeedTask {
    pub async fn run(mut self) {
        let Some(feed) = self.settings.feed.clone() else { return };
        let cut = self.cut.take();
        let told = self.tell_progress();
        tokio::select! {
            () = self.run_to_its_end(&feed, cut) => {}
            () = told => {}
        }
    }

    /// A line every so often; it never ends by itself.
    async fn tell_progress(&self) {
        loop {
            sleep(TOLD_EVERY).await;
            let ProgressSeen { phase, records, bytes, share, seconds, seconds_left, .. } =
                self.progress.look();
            let share = share.map(|share| format!("{:.0} %", share * 100.0)).unwrap_or_default();
            let left = seconds_left.map(|left| format!("{left:.0} s")).unwrap_or_default();
            let (partner, run, phase) = (self.settings.name.as_str(), self.run.0, phase.as_str());
            tracing::info!(partner, run, phase, records, bytes, share, seconds, left, "feed run under way");
        }
    }

    async fn run_to_its_end(&self, feed: &FeedSettings, cut: Option<CutRun>) {
        let mut turn = self.gates.turn().await;
        if let Err(full) = self.reserve.check() {
            // an actor that has gone has no use for the news
            let _ = self.fail(failure_of(full, self.clock.now())).await;
            return;
        }
        let closed = match &self.rebuild {
            Some(RebuildSource::Stored(stored)) => self.replay(feed, stored).await,
            Some(RebuildSource::Fetch) | None => self.fetch_and_read(feed, cut, &mut turn).await,
        };
        if closed.is_err() {
            tracing::debug!(partner = %self.settings.name, run = self.run.0, "feed run abandoned with its actor");
        }
    }

    async fn fetch_and_read(
        &self,
        feed: &FeedSettings,
        cut: Option<CutRun>,
        turn: &mut Turn,
    ) -> Result<(), Gone> {
        let started_at = self.clock.now();
        let mut closed = match self.resumed(feed, cut).await {
            Some(Resumed { spooled, started_at, proof }) => {
                let file = self.file_of(feed, &spooled, started_at, proof);
                self.read(spooled, file, false).await
            }
            None => self.attempt(feed, turn, started_at, feed.pages.is_none()).await,
        };
        if let Ok(Attempt::PagesMoved) = closed {
            tracing::info!(partner = %self.settings.name, run = self.run.0, "feed changed between its pages, fetched again");
            closed = self.attempt(feed, turn, started_at, true).await;
        }
        // an actor that has gone leaves it to its successor
        if closed.is_ok() {
            self.forget_spooled().await;
        }
        closed.map(|_| ())
    }

    /// Fetches and reads once. `is_last`: what moved between its pages is not fetched again.
    async fn attempt(
        &self,
        feed: &FeedSettings,
        turn: &mut Turn,
        started_at: Micros,
        is_last: bool,
    ) -> Result<Attempt, Gone> {
        self.progress.begin(RunPhase::Fetching, 0);
        match turn.fetching(self.fetch_whole(feed)).await {
            Ok(Whole { fetched: Fetched::NotModified, .. }) => {
                self.unchanged(self.known_file(feed, started_at)).await?;
            }
            Ok(Whole { fetched: Fetched::Body(spooled), proof }) => {
                let file = self.file_of(feed, &spooled, started_at, proof);
                return self.read(spooled, file, is_last).await;
            }
            Err(error) if error.is_change() && !is_last => return Ok(Attempt::PagesMoved),
            Err(error) => self.fail(failure_of(error, started_at)).await?,
        }
        Ok(Attempt::Closed)
    }

    /// Reads the stored file of an earlier run again, as of the time that it had then (F5).
    async fn replay(&self, feed: &FeedSettings, stored: &StoredRun) -> Result<(), Gone> {
        let (own, spool, bytes_max) = (stored.clone(), self.spool.clone(), feed.body_bytes_max);
        let unpacked = move || own.spooled(&spool, bytes_max);
        let spooled = match on_blocking_pool("reading the stored file", stored.started_at, unpacked).await {
            Ok(spooled) => spooled,
            Err(failure) => return self.fail(*failure).await,
        };
        let ended = match spooled {
            Ok(spooled) => {
                let file = self.file_of(feed, &spooled, stored.started_at, VersionProof::default());
                match self.survey(&spooled, &file).await? {
                    Some(read) => self.apply(read, spooled, file, Some(stored.reread)).await,
                    None => Ok(()),
                }
            }
            Err(error) => {
                let detail = format!("the stored file cannot be read: {error}");
                self.fail(RunFailure::plain("spool_failed", detail, stored.started_at)).await
            }
        };
        // the copy has been read
        let _ = tokio::fs::remove_file(&self.spool).await;
        ended
    }

    fn is_replay(&self) -> bool {
        matches!(self.rebuild, Some(RebuildSource::Stored(_)))
    }

    /// A 304 says that the file is the one we have.
    fn known_file(&self, feed: &FeedSettings, started_at: Micros) -> FetchedFile {
        FetchedFile {
            started_at,
            body_bytes: 0,
            wire_bytes: None,
            body_hash: self.state.body_hash.clone().unwrap_or_default(),
            etag: self.state.etag.clone(),
            last_modified: self.state.last_modified.clone(),
            url: feed.url.clone(),
            mapping_print: self.mapping_print,
            proof: VersionProof::default(),
            is_body: false,
        }
    }

    fn file_of(
        &self,
        feed: &FeedSettings,
        spooled: &Spooled,
        started_at: Micros,
        proof: VersionProof,
    ) -> FetchedFile {
        // a young one may be that of the next version too
        let kept = |validator: &Option<String>| validator.clone().filter(|_| spooled.is_settled);
        FetchedFile {
            started_at,
            body_bytes: spooled.body_bytes,
            wire_bytes: Some(spooled.wire_bytes).filter(|_| !self.is_replay()),
            body_hash: spooled.sha256.clone(),
            etag: kept(&spooled.etag),
            last_modified: kept(&spooled.last_modified),
            url: feed.url.clone(),
            mapping_print: self.mapping_print,
            proof,
            is_body: true,
        }
    }

    async fn read(&self, spooled: Spooled, file: FetchedFile, is_last: bool) -> Result<Attempt, Gone> {
        let is_known = is_same_body(&self.state, &spooled.sha256) && self.reads_as_before();
        let reread = match (self.state.last_snapshot_at.filter(|_| is_known), &self.rebuild) {
            (None, _) => None,
            (Some(_), None) => {
                self.unchanged(file).await?;
                return Ok(Attempt::Closed);
            }
            (Some(snapshot), Some(_)) => {
                Some(Reread { snapshot: Micros(snapshot), dated: self.state.last_dated, stored: None })
            }
        };
        let Some(read) = self.survey(&spooled, &file).await? else { return Ok(Attempt::Closed) };
        match read.surveyed.drift.decide(is_last) {
            DriftDecision::Take => self.apply(read, spooled, file, reread).await?,
            DriftDecision::StartOver => return Ok(Attempt::PagesMoved),
            DriftDecision::Fail => {
                let error = FetchError::pages_moved(read.surveyed.drift.differing);
                self.fail(failure_of(error, file.started_at)).await?;
            }
        }
        Ok(Attempt::Closed)
    }

    /// Reads the whole file; `None` where that has failed the run.
    async fn survey(&self, spooled: &Spooled, file: &FetchedFile) -> Result<Option<ReadFile>, Gone> {
        let (settings, started_at) = (self.settings.clone(), file.started_at);
        // where the last file was lines, one that has shrunk to a single line is lines too
        let is_written = settings.feed.as_ref().is_some_and(|feed| feed.mapping.records.is_written);
        let as_lines = spooled.served_as_lines || (self.state.last_lines && !is_written);
        let path = spooled.path.clone();
        let progress = Arc::clone(&self.progress);
        progress.begin(RunPhase::Reading, spooled.body_bytes);
        let read = move || {
            survey_showing(&settings, &path, as_lines, |raw, _| {
                progress.stands_at(raw.offset + raw.text.len() as u64, raw.record + 1);
            })
        };
        match on_blocking_pool("reading the file", started_at, read).await {
            Ok(Ok(found)) => return Ok(Some(found)),
            Ok(Err(mut fault)) => {
                let (kept, parents) = fault.take_kept();
                self.keep(kept, (spooled.path.clone(), Arc::new(parents)), started_at).await?;
                self.fail(fault.into_failure(file)).await?;
            }
            Err(failure) => self.fail(*failure).await?,
        }
        Ok(None)
    }

    async fn apply(
        &self,
        read: ReadFile,
        spooled: Spooled,
        file: FetchedFile,
        reread: Option<Reread>,
    ) -> Result<(), Gone> {
        let started_at = file.started_at;
        let data_time = self.settings.policy.last_modified_is_data_time;
        let last_modified = spooled.last_modified_at.filter(|_| data_time);
        let times = read.times(last_modified, started_at, is_last_read(&self.state, &spooled.sha256));
        if !self.is_replay() {
            self.board.set_fresh_until(read.envelope.valid_until.or(spooled.fresh_until));
        }
        let written = read.envelope.generated_at.as_ref();
        let mut faults = lints::of_file(written, &times, &read.surveyed);
        let is_paged = self.settings.feed.as_ref().is_some_and(|feed| feed.pages.is_some());
        faults.extend((is_paged && read.envelope.may_be_cut).then(lints::unproven_pages));
        faults.extend(lints::of_fetch(&file.proof, self.state.validators_lie));
        faults.extend(read.lints.iter().chain(&read.surveyed.faults).cloned());
        let (read, odd) = self.odd(read, times, &file).await?;
        faults.extend(odd);
        self.note_spooled(&spooled, started_at, &file.proof).await;
        let facts = facts_of(&read, self.run, file, times, faults, reread);
        let ReadFile { surveyed, parents, .. } = read;
        let file = Sound { present: surveyed.present, parents, path: spooled.path };
        self.apply_records(facts, file, surveyed.kept).await
    }

    /// What is odd about the file beside the last one; nothing of a stored file, which is not the feed's.
    async fn odd(
        &self,
        read: ReadFile,
        times: SnapshotTimes,
        file: &FetchedFile,
    ) -> Result<(ReadFile, Vec<RecordFault>), Gone> {
        if self.is_replay() {
            return Ok((read, Vec::new()));
        }
        let (state, bodies, hash) = (self.state.clone(), self.bodies.clone(), file.body_hash.clone());
        let look = move || {
            let lints = oddities::of_file(&read, &times, (&state, &hash), &bodies);
            (read, lints)
        };
        match on_blocking_pool("looking at the file", file.started_at, look).await {
            Ok(looked) => Ok(looked),
            Err(failure) => self.fail(*failure).await.and(Err(Gone)),
        }
    }

    async fn apply_records(
        &self,
        facts: SnapshotFacts,
        file: Sound,
        kept: Vec<InvalidRecord>,
    ) -> Result<(), Gone> {
        let fetched_at = facts.file.started_at;
        let reread = facts.reread;
        let facts = Box::new(facts);
        let start = self.ask(|reply| PartnerMessage::BeginRun { facts, reply }).await?;
        if start == RunStart::Stop {
            return Ok(());
        }
        let Sound { present, parents, path } = file;
        self.keep(kept, (path.clone(), parents.clone()), fetched_at).await?;
        let mut applied = 0;
        let marks: Vec<RecordMark> = match self.is_replay() {
            true => Vec::new(),
            false => marks::marks(&present).map(|(_, mark)| mark).collect(),
        };
        self.progress.begin(RunPhase::Applying, present.len() as u64);
        let (present, settings) = (present.into_iter(), self.settings.clone());
        let mut batches = Batches { present, settings, path, parents };
        loop {
            let (reader, partner) = (self.reader.clone(), self.partner);
            let made = on_blocking_pool("reading records", fetched_at, move || {
                let batch = batches.next(&reader, partner);
                (batches, batch)
            });
            // also in the middle: the writer must not meet the end of the disk
            if let Err(full) = self.reserve.check() {
                return self.fail(failure_of(full, fetched_at)).await;
            }
            // a panic or an unreadable file ends the run; the next one starts over
            let (rest, batch) = match made.await {
                Ok(made) => made,
                Err(failure) => return self.fail(*failure).await,
            };
            batches = rest;
            match batch {
                Ok(Some((records, prefetched))) => {
                    applied += records.len() as u64;
                    self.send_batch(records, prefetched).await?;
                    self.progress.stands_at(applied, applied);
                }
                Ok(None) => break,
                Err(error) => {
                    let failure = RunFailure::plain(error.code(), error.to_string(), self.clock.now());
                    return self.fail(failure).await;
                }
            }
        }
        let run = self.run;
        if reread.is_none() {
            self.keep_body(marks).await;
        }
        let first = self.ask(|reply| PartnerMessage::FinishRun { run, reply }).await?;
        self.finish(first).await
    }

    /// Has the actor apply part after part of what the file lacks, each once the one before is
    /// durable, until the run is closed.
    async fn finish(&self, mut part: RunPart) -> Result<(), Gone> {
        let run = self.run;
        self.progress.begin(RunPhase::Finishing, 0);
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
    async fn keep_body(&self, marks: Vec<RecordMark>) {
        let (bodies, run, spooled) = (self.bodies.clone(), self.run, self.spool.clone());
        let reserve = self.reserve.clone();
        let is_short = move || reserve.is_touched();
        let bounds = self.settings.feed.as_ref().map_or(KeptBounds { bodies: 0, bytes: 0 }, |feed| {
            KeptBounds { bodies: feed.files_kept, bytes: feed.files_kept_bytes_max }
        });
        let keep = move || {
            keep_body(&bodies, run, &spooled, bounds, is_short)?;
            marks::write(&bodies, &marks)
        };
        let kept = tokio::task::spawn_blocking(keep).await;
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
}

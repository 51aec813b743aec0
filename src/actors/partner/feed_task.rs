//! One run of a feed, beside the actor: fetch, survey, then the records in batches. The actor
//! decides; this task does what takes time.

use super::ending::RunPart;
use super::ledger::Prefetched;
use super::message::{FeedRecord, FetchedFile, PartnerMessage, RunFailure, RunStart, SnapshotFacts};
use super::rebuild::{Again, Rebuild, StoredRun, give_up_oldest_body, keep_body};
use crate::clock::{Clock, sleep};
use crate::codec::{record, snapshot};
use crate::config::{FeedSettings, PartnerSettings};
use crate::domain::{AssetId, AssetWrite, FeedState, Micros, PartnerNo, RecordFault, Rule, RunId};
use crate::feed::{FetchError, FetchRequest, Fetched, Fetcher, Reserve, Spooled};
use crate::rules::snapshot::{SnapshotTimes, is_same_body};
use crate::rules::survey::{InvalidRecord, Presence, Refused, Survey, Surveyed, SurveyedRecord};
use crate::store::Reader;
use ractor::ActorRef;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

/// A batch of records that goes to the actor in one message is bounded by both.
const BATCH_RECORDS: usize = 500;
const BATCH_BYTES: usize = 1 << 20;
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
        // what was not kept is of no use any more; the next fetch would overwrite it
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

/// Why a file is not applied.
enum FileFault {
    Scan(snapshot::SnapshotError),
    Refused(Box<Refused>),
    Unreadable(std::io::Error),
}

impl FileFault {
    /// The records to be kept of a file that is refused.
    fn take_kept(&mut self) -> Vec<InvalidRecord> {
        match self {
            FileFault::Refused(refused) => std::mem::take(&mut refused.kept),
            FileFault::Scan(_) | FileFault::Unreadable(_) => Vec::new(),
        }
    }

    fn into_failure(self, started_at: Micros) -> RunFailure {
        match self {
            FileFault::Scan(error) => {
                let detail = format!("{} (at byte {})", error.detail, error.offset);
                RunFailure::plain(error.code, detail, started_at)
            }
            FileFault::Unreadable(error) => RunFailure::plain("spool_failed", error.to_string(), started_at),
            FileFault::Refused(refused) => RunFailure {
                refused: true,
                records: refused.records,
                invalid: refused.invalid,
                faults: refused.faults,
                ..RunFailure::plain(
                    "too_many_invalid",
                    format!(
                        "{} of {} records are invalid (F3); mend them and publish again",
                        refused.invalid, refused.records
                    ),
                    started_at,
                )
            },
        }
    }
}

impl RunFailure {
    fn plain(code: &'static str, detail: String, started_at: Micros) -> RunFailure {
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

/// Reads the whole file once: its JSON, its records, its ids.
fn survey(settings: &PartnerSettings, path: PathBuf) -> Result<(Surveyed, snapshot::Envelope), FileFault> {
    let feed = settings.feed.as_ref().expect("a run has a feed");
    let file = File::open(path).map_err(FileFault::Unreadable)?;
    let limits =
        snapshot::SnapshotLimits { record_bytes_max: feed.record_bytes_max, records_max: feed.records_max };
    let mut survey = Survey::keeping(settings.policy.quarantine_max);
    let envelope = snapshot::scan(file, &feed.mapping, &limits, |raw| {
        match record::decode(raw.text, &feed.mapping, &settings.policy) {
            Ok(write) => {
                let surveyed = SurveyedRecord {
                    record: raw.record as u32,
                    offset: raw.offset,
                    bytes: raw.text.len() as u32,
                    updated_at: write.at,
                    content: content_hash(&write),
                };
                survey.valid(write.id, surveyed);
            }
            Err(error) => {
                let fault = RecordFault {
                    record: raw.record,
                    offset: raw.offset,
                    id: error.id.as_ref().map(|id| id.as_str().to_owned()),
                    code: error.code.into(),
                    detail: error.detail,
                };
                let bytes = raw.text.len() as u32;
                let record = InvalidRecord { fault, bytes, pointer: error.pointer, rule: Rule::F2 };
                survey.invalid(record, error.id);
            }
        }
    })
    .map_err(FileFault::Scan)?;
    let surveyed = survey.finish().map_err(|refused| FileFault::Refused(Box::new(refused)))?;
    Ok((surveyed, envelope))
}

/// Equal for records that say the same (F6).
fn content_hash(write: &AssetWrite) -> u128 {
    let prices: u128 = write.prices.iter().fold(0, |sum, price| {
        let text = format!("{:?}{:?}{:?}{:?}", price.quote, price.amount, price.currency, price.at);
        sum.wrapping_add(xxhash_rust::xxh3::xxh3_128(text.as_bytes()))
    });
    write.members.hash() ^ prices.rotate_left(1)
}

/// Makes batches of the surveyed records: reads each again at its place, and its stored document.
struct Batches {
    present: std::vec::IntoIter<(AssetId, Presence)>,
    settings: Arc<PartnerSettings>,
    path: PathBuf,
}

impl Batches {
    fn next(
        &mut self,
        reader: &Reader,
        partner: PartnerNo,
    ) -> std::io::Result<Option<(Vec<FeedRecord>, Prefetched)>> {
        let file = File::open(&self.path)?;
        let mut records = Vec::with_capacity(BATCH_RECORDS.min(self.present.len()));
        let mut prefetched = Prefetched::new();
        let mut bytes = 0;
        while records.len() < BATCH_RECORDS && bytes < BATCH_BYTES {
            let Some((id, presence)) = self.present.next() else { break };
            let Presence::Valid(place) = presence else {
                records.push(FeedRecord { id, record: 0, offset: 0, text: String::new(), write: None });
                continue;
            };
            bytes += place.bytes as usize;
            let (text, write) = self.read_record(&file, &place)?;
            if let Ok(Some(row)) = reader.asset(partner, &id) {
                prefetched.insert(id.clone(), (row.head.version, row.document));
            }
            let SurveyedRecord { record, offset, .. } = place;
            records.push(FeedRecord { id, record, offset, text, write: Some(Box::new(write)) });
        }
        Ok((!records.is_empty()).then_some((records, prefetched)))
    }

    fn read_record(&self, file: &File, place: &SurveyedRecord) -> std::io::Result<(String, AssetWrite)> {
        let feed = self.settings.feed.as_ref().expect("a run has a feed");
        let mut text = vec![0; place.bytes as usize];
        file.read_exact_at(&mut text, place.offset)?;
        let changed = || std::io::Error::new(std::io::ErrorKind::InvalidData, "the spooled file has changed");
        let text = String::from_utf8(text).map_err(|_| changed())?;
        let write = record::decode(&text, &feed.mapping, &self.settings.policy).map_err(|_| changed())?;
        Ok((text, write))
    }
}

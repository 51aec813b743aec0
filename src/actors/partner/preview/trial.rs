//! A document tried against the catalogue as a run would apply it; nothing of it stays.
//!
//! The actor decides batch after batch as it decides a run's, and takes each back at once, as it does
//! with pushes that are only tried. What takes time (reading the document and the stored ones) happens
//! beside it. Pushes that land between two batches are seen by those that follow, as in a run.

use super::document::{PreviewTerms, PreviewedFile, UnreadDocument, preview};
use crate::actors::partner::feed::spool;
use crate::actors::partner::feed::survey::{Batches, ReadFile, facts_of};
use crate::actors::partner::feed::task::{Gone, ask, on_blocking_pool};
use crate::actors::partner::index::slot_set::SlotSet;
use crate::actors::partner::ledger::{LedgerError, Prefetched};
use crate::actors::partner::message::PartnerMessage;
use crate::actors::partner::message::preview::{PreviewStep, TrialEnd, TrialStart};
use crate::actors::partner::message::run::{FeedRecord, FetchedFile, SnapshotFacts, VersionProof};
use crate::actors::partner::run::active::ActiveRun;
use crate::actors::partner::state::PartnerState;
use crate::codec::render::{DocumentPreview, PreviewedEffect};
use crate::codec::time;
use crate::config::PartnerSettings;
use crate::config::private::create_file;
use crate::domain::{Micros, Origin, PartnerNo, RunId};
use crate::rules::feed::guard::{self, GuardDecision, GuardQuestion};
use crate::rules::feed::snapshot::{self, SnapshotDecision};
use crate::rules::policy::RecordTime;
use crate::store::Reader;
use bytes::Bytes;
use ractor::ActorRef;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::oneshot;

/// No run: reports and origins begin with 1.
const NO_RUN: RunId = RunId(0);

impl PartnerState {
    /// One step of a look.
    pub async fn preview(&mut self, step: PreviewStep) -> Result<(), LedgerError> {
        match step {
            PreviewStep::Place { reply } => self.place_preview(reply),
            PreviewStep::Begin { facts, reply } => self.begin_trial(*facts, reply),
            PreviewStep::Try { records, prefetched, reply } => {
                self.try_records(&records, prefetched, reply)?;
            }
            PreviewStep::End { reply } => self.end_trial(reply).await,
        }
        Ok(())
    }

    /// Says where the document may be put while it is looked at.
    fn place_preview(&self, reply: oneshot::Sender<PathBuf>) {
        let name = self.settings.name.as_str();
        // who asked may have gone
        let _ = reply.send(spool::preview_of(&self.shared.spool, name, self.generation));
    }

    /// T3, F5: whether the document would be applied, and as of when.
    fn begin_trial(&mut self, facts: SnapshotFacts, reply: oneshot::Sender<TrialStart>) {
        let start = match snapshot::decide(facts.times, &self.feed) {
            SnapshotDecision::Apply { snapshot, dated } => {
                let living = self.index.living() as u64;
                self.trial = Some(Box::new(ActiveRun::new(facts, (snapshot, dated), &self.feed, living)));
                TrialStart::Apply
            }
            SnapshotDecision::SkippedOlder { .. } => TrialStart::Skip("snapshot_older"),
            SnapshotDecision::OlderThanHistory { .. } => TrialStart::Skip("older_than_history"),
        };
        // a look that was given up is forgotten with the next one
        let _ = reply.send(start);
    }

    /// Decides some records, counts what would become of them, and takes all back.
    fn try_records(
        &mut self,
        records: &[FeedRecord],
        prefetched: Prefetched,
        reply: oneshot::Sender<()>,
    ) -> Result<(), LedgerError> {
        let Some(mut active) = self.trial.take() else { return Ok(()) };
        let by = self.settings.policy.record_time;
        let planned = if by == RecordTime::Record { self.plans.spoken_for() } else { SlotSet::default() };
        let mut ledger = self.ledger(Origin::Feed { run: NO_RUN.0, record: 0 }, prefetched);
        ledger.keeps_undo = true;
        let start = ledger.mark();
        // what it would keep aside is named among its faults
        let mut kept = Vec::new();
        let mut failed = None;
        for record in records {
            // before: what it creates is taken back, and its slot is free for others
            let slot = ledger.index.find(&record.id);
            slot.into_iter().for_each(|slot| active.seen.insert(slot));
            let Some(write) = &record.write else { continue };
            if let Err(error) = active.apply((record, write), (by, &planned), &mut ledger, &mut kept) {
                failed = Some(error);
                break;
            }
        }
        ledger.take_back(start);
        // empty: nothing of it was left
        let _ = ledger.finish();
        if let Some(error) = failed {
            return Err(error);
        }
        self.trial = Some(active);
        let _ = reply.send(());
        Ok(())
    }

    /// X3, F4: what the document lacks, and whether the guard would hold that.
    async fn end_trial(&mut self, reply: oneshot::Sender<TrialEnd>) {
        let Some(mut active) = self.trial.take() else { return };
        let mut deletes = 0;
        let mut guard = GuardDecision::Pass;
        if active.is_whole() {
            let (basis, seen) = (active.absence_basis(), std::mem::take(&mut active.seen));
            let is_absent = |slot| !seen.contains(slot);
            let absences = self.absences(basis, is_absent, &mut active.counts).await;
            deletes = absences.deletes.len() as u64;
            let question = GuardQuestion {
                deletes,
                living: basis.living,
                empty: basis.empty,
                allow_empty: basis.empty_meant,
                now: self.shared.clock.now(),
            };
            guard = guard::decide(question, &self.feed);
        }
        let ActiveRun { counts, snapshot, dated, facts, .. } = *active;
        let _ = reply.send(TrialEnd { counts, snapshot, dated, deletes, guard, faults: facts.faults });
    }
}

/// A document, and whose catalogue it is tried against.
pub struct Trial {
    pub settings: Arc<PartnerSettings>,
    pub partner: PartnerNo,
    pub reader: Reader,
    pub actor: ActorRef<PartnerMessage>,
    pub terms: PreviewTerms,
}

/// Why there is no preview.
#[derive(Debug)]
pub enum PreviewError {
    /// The document cannot be read.
    Unread(UnreadDocument),
    /// The actor has gone, or its disk has failed.
    Unavailable,
}

impl From<Gone> for PreviewError {
    fn from(_: Gone) -> PreviewError {
        PreviewError::Unavailable
    }
}

/// The document's file, which goes when the look is over.
struct Placed(PathBuf);

impl Drop for Placed {
    fn drop(&mut self) {
        // the next start cleans what is left
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Trial {
    /// What the document is read as, and what would become of it.
    pub async fn run(self, document: Bytes) -> Result<DocumentPreview, PreviewError> {
        let place = ask(&self.actor, |reply| PartnerMessage::Preview(PreviewStep::Place { reply })).await?;
        let (settings, terms) = (Arc::clone(&self.settings), self.terms);
        let read = on_blocking_pool("reading the document", terms.now, move || {
            let place = put(place, &document)?;
            let file = preview(&settings, &place.0, terms).map_err(PreviewError::Unread)?;
            Ok::<_, PreviewError>((place, file))
        });
        let (place, file) = read.await.map_err(|_| PreviewError::Unavailable)??;
        let PreviewedFile { mut shown, read } = file;
        if let Some(read) = read {
            let end = self.apply(read, &place.0).await?;
            shown.effect = Some(match end {
                Ok(end) => {
                    let TrialEnd { counts, snapshot, dated, deletes, guard, faults } = end;
                    // what could not be read was not among the sound ones
                    let decided = counts.prices_quarantined.saturating_sub(shown.prices_quarantined);
                    shown.prices = shown.prices.saturating_sub(decided);
                    shown.quarantined = counts.quarantined;
                    shown.prices_quarantined = counts.prices_quarantined;
                    shown.faults = faults.into_iter().filter(|fault| fault.record.is_some()).collect();
                    effect(
                        (snapshot, dated),
                        (counts.created, counts.updated, counts.unchanged),
                        (deletes, counts.absent_once),
                        guard,
                    )
                }
                Err(code) => PreviewedEffect { skipped: Some(code.to_owned()), ..PreviewedEffect::default() },
            });
        }
        Ok(shown)
    }

    /// `Err`: why nothing of it would be applied.
    async fn apply(
        &self,
        read: ReadFile,
        path: &Path,
    ) -> Result<Result<TrialEnd, &'static str>, PreviewError> {
        let started_at = self.terms.now;
        let times = read.times(None, started_at, false);
        let file = FetchedFile {
            started_at,
            body_bytes: 0,
            wire_bytes: None,
            body_hash: String::new(),
            etag: None,
            last_modified: None,
            url: String::new(),
            mapping_print: 0,
            proof: VersionProof::default(),
            is_body: true,
        };
        let faults = read.surveyed.faults.clone();
        let facts = Box::new(facts_of(&read, NO_RUN, file, times, faults, None));
        match ask(&self.actor, |reply| PartnerMessage::Preview(PreviewStep::Begin { facts, reply })).await? {
            TrialStart::Skip(code) => return Ok(Err(code)),
            TrialStart::Apply => {}
        }
        let mut batches = Batches {
            present: read.surveyed.present.into_iter(),
            settings: Arc::clone(&self.settings),
            path: path.to_owned(),
            parents: read.parents,
        };
        loop {
            let (reader, partner) = (self.reader.clone(), self.partner);
            let made = on_blocking_pool("reading records", started_at, move || {
                let batch = batches.next(&reader, partner);
                (batches, batch)
            });
            let (rest, batch) = made.await.map_err(|_| PreviewError::Unavailable)?;
            batches = rest;
            let Some((records, prefetched)) = batch.map_err(|_| PreviewError::Unavailable)? else { break };
            ask(&self.actor, |reply| {
                PartnerMessage::Preview(PreviewStep::Try { records, prefetched, reply })
            })
            .await?;
        }
        Ok(Ok(ask(&self.actor, |reply| PartnerMessage::Preview(PreviewStep::End { reply })).await?))
    }
}

fn put(path: PathBuf, document: &[u8]) -> Result<Placed, PreviewError> {
    let place = Placed(path);
    let written = create_file(&place.0).and_then(|mut file| file.write_all(document));
    written.map_err(|error| {
        tracing::warn!(%error, "cannot put a document aside to look at it");
        PreviewError::Unavailable
    })?;
    Ok(place)
}

fn effect(
    (snapshot, dated): (Micros, bool),
    (created, updated, unchanged): (u64, u64, u64),
    (deleted, absent_once): (u64, u64),
    guard: GuardDecision,
) -> PreviewedEffect {
    let (held, allowed, baseline) = match guard {
        GuardDecision::Pass => (false, None, None),
        GuardDecision::Held { baseline, allowed } => (true, Some(allowed), Some(baseline)),
    };
    PreviewedEffect {
        skipped: None,
        snapshot_at: time::format_known(snapshot),
        dated,
        created,
        updated,
        unchanged,
        deleted,
        absent_once,
        held,
        allowed,
        baseline,
    }
}

//! The trail of operators' acts: each is durable before it is done, and once more with its end.
//!
//! So no act can take effect that is not on the trail. One whose end is not known, because the daemon ended
//! or the caller went before the answer, says so; what came of it stands where it was done. The trail is
//! bounded: each new act takes away the one that is too many, and some of those that are too old. What is done to
//! the store while no daemon runs is put on it in the same way.

use super::numbers::NUMBERS;
use super::partner::record;
use super::push::Unavailable;
use super::storage::StorageHandle;
use super::tasks::{TaskKind, spawn};
use crate::clock::Clock;
use crate::domain::{AuditEntry, AuditOutcome, Micros, WriteSet};
use crate::store::{ReadError, Reader};
use crate::telemetry::Metrics;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::Handle;

/// Acts that are kept: years of a busy house, and some megabytes.
pub const AUDIT_KEPT: u64 = 20_000;
/// Older ones are not kept: a year, and the time in which somebody looks back on it.
pub const AUDIT_AGE_MAX: i64 = 400 * 24 * Micros::HOUR;
/// Old acts that a new one takes away.
const AGED_AT_ONCE: usize = 4;
/// Bytes of what is said of an act.
const NOTE_BYTES_MAX: usize = 1024;

/// Writes the trail. Cheap to clone.
#[derive(Clone)]
pub struct AuditTrail(Arc<Inner>);

struct Inner {
    reader: Reader,
    storage: StorageHandle,
    clock: Clock,
    metrics: Metrics,
    last: AtomicU64,
}

/// An act that is on the trail, and about to be done. Dropped without its end it counts as unknown.
pub struct BegunAct {
    trail: AuditTrail,
    number: u64,
    /// Taken where the end is written.
    entry: Option<AuditEntry>,
}

impl AuditTrail {
    /// Goes on where the trail in the store ends. Errs where that cannot be read.
    pub fn load(
        reader: Reader,
        storage: StorageHandle,
        clock: Clock,
        metrics: Metrics,
    ) -> Result<AuditTrail, ReadError> {
        let last = AtomicU64::new(last_number(&reader)?);
        Ok(AuditTrail(Arc::new(Inner { reader, storage, clock, metrics, last })))
    }

    /// Puts an act on the trail that is about to be done, and waits until that is durable.
    pub async fn begin(&self, entry: AuditEntry) -> Result<BegunAct, Unavailable> {
        let at = self.0.clock.now();
        let entry = AuditEntry { at: at.0, outcome: AuditOutcome::Begun, ..bounded(entry) };
        let number = self.add(&entry, at).await?;
        Ok(BegunAct { trail: self.clone(), number, entry: Some(entry) })
    }

    /// Puts an act on the trail that is done already; gives its number.
    pub async fn note(&self, entry: AuditEntry) -> Result<u64, Unavailable> {
        let at = self.0.clock.now();
        let entry = AuditEntry { at: at.0, ended_at: Some(at.0), ..bounded(entry) };
        let number = self.add(&entry, at).await?;
        self.0.metrics.operator_acted(entry.act, entry.outcome);
        log(number, &entry);
        Ok(number)
    }

    async fn add(&self, entry: &AuditEntry, now: Micros) -> Result<u64, Unavailable> {
        let number = self.0.last.fetch_add(1, Ordering::Relaxed) + 1;
        let set = added(&self.0.reader, number, entry, now).map_err(|error| {
            tracing::error!(%error, "cannot read the trail of operators' acts");
            Unavailable
        })?;
        self.0.storage.commit_and_wait(set).await?;
        Ok(number)
    }
}

/// The number of the newest act; 0 where there is none.
fn last_number(reader: &Reader) -> Result<u64, ReadError> {
    let newest = reader.records::<AuditEntry>(NUMBERS, None, true, 1)?;
    Ok(newest.first().map_or(0, |newest| newest.key))
}

/// The set that puts an act on the trail, and takes those away that are too many or too old.
fn added(reader: &Reader, number: u64, entry: &AuditEntry, now: Micros) -> Result<WriteSet, ReadError> {
    let mut set = WriteSet::new(NUMBERS);
    set.changes.push(record::put(&number, entry));
    set.changes.extend(outlived(reader, number, now)?.iter().map(record::remove::<AuditEntry>));
    Ok(set)
}

/// The acts that the new one takes away. A damaged one goes by its number alone.
fn outlived(reader: &Reader, number: u64, now: Micros) -> Result<Vec<u64>, ReadError> {
    let oldest = reader.records::<AuditEntry>(NUMBERS, None, false, AGED_AT_ONCE)?;
    let is_gone = |key: u64, at: Option<i64>| {
        key + AUDIT_KEPT <= number || at.is_some_and(|at| at + AUDIT_AGE_MAX < now.0)
    };
    let gone = oldest.into_iter().map(|row| (row.key, row.value.ok().map(|entry| entry.at)));
    Ok(gone.filter(|(key, at)| is_gone(*key, *at)).map(|(key, _)| key).collect())
}

/// An act that is done to the store itself while no daemon has it open. Its sets are committed by whoever has it
/// open, each before anything follows.
pub struct OfflineAct {
    number: u64,
    entry: AuditEntry,
}

impl OfflineAct {
    /// An act that is about to be done, and the set that puts it where the trail ends.
    pub fn begin(
        reader: &Reader,
        entry: AuditEntry,
        now: Micros,
    ) -> Result<(OfflineAct, WriteSet), ReadError> {
        let number = last_number(reader)? + 1;
        let entry = AuditEntry { at: now.0, outcome: AuditOutcome::Begun, ..bounded(entry) };
        let set = added(reader, number, &entry, now)?;
        Ok((OfflineAct { number, entry }, set))
    }

    /// The set that puts an act on the trail which is done by what the set is committed with.
    pub fn at_once(reader: &Reader, entry: AuditEntry, now: Micros) -> Result<WriteSet, ReadError> {
        let (outcome, ended_at) = (AuditOutcome::Done, Some(now.0));
        let entry = AuditEntry { at: now.0, ended_at, outcome, ..bounded(entry) };
        added(reader, last_number(reader)? + 1, &entry, now)
    }

    /// The set that says it is done, and what it came to.
    pub fn done(self, note: String, now: Micros) -> WriteSet {
        let (outcome, ended_at, note) = (AuditOutcome::Done, Some(now.0), Some(note));
        let entry = bounded(AuditEntry { outcome, ended_at, note, ..self.entry });
        let mut set = WriteSet::new(NUMBERS);
        set.changes.push(record::put(&self.number, &entry));
        set
    }
}

impl BegunAct {
    /// The act's number on the trail.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Writes how it ended, and waits until that is durable. What could not be written is logged.
    pub async fn end(mut self, outcome: AuditOutcome, code: Option<&str>, note: Option<String>) {
        let Some(entry) = self.entry.take() else { return };
        finish(self.trail.clone(), self.number, entry, (outcome, code.map(str::to_owned), note)).await;
    }
}

impl Drop for BegunAct {
    fn drop(&mut self) {
        // where no runtime is left, the act stays as one that was begun
        let (Some(entry), Ok(_)) = (self.entry.take(), Handle::try_current()) else { return };
        let note = Some("the caller had gone before the answer".to_owned());
        let (trail, number) = (self.trail.clone(), self.number);
        spawn(TaskKind::AuditEnd, finish(trail, number, entry, (AuditOutcome::Unknown, None, note)));
    }
}

async fn finish(
    trail: AuditTrail,
    number: u64,
    entry: AuditEntry,
    (outcome, code, note): (AuditOutcome, Option<String>, Option<String>),
) {
    let ended_at = Some(trail.0.clock.now().0);
    let entry = bounded(AuditEntry { ended_at, outcome, code, note, ..entry });
    let mut set = WriteSet::new(NUMBERS);
    set.changes.push(record::put(&number, &entry));
    if trail.0.storage.commit_and_wait(set).await.is_err() {
        tracing::error!(act = number, "the end of an operator's act is not on record");
    }
    trail.0.metrics.operator_acted(entry.act, entry.outcome);
    log(number, &entry);
}

fn log(number: u64, entry: &AuditEntry) {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let target = entry.target.as_ref().map(|target| format!("{} {}", target.kind, target.id));
    tracing::info!(
        number,
        who = entry.who,
        act = entry.act.as_str(),
        partner = text(&entry.partner),
        target = target.unwrap_or_default(),
        reason = text(&entry.reason),
        outcome = entry.outcome.as_str(),
        code = text(&entry.code),
        note = text(&entry.note),
        "operator acted"
    );
}

fn bounded(mut entry: AuditEntry) -> AuditEntry {
    let target = entry.target.as_mut().map(|target| &mut target.id);
    for text in target.into_iter().chain(entry.note.as_mut()).chain(entry.reason.as_mut()) {
        if text.len() > NOTE_BYTES_MAX {
            let end = (0..=NOTE_BYTES_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
            text.truncate(end);
            text.push('…');
        }
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::storage::{StorageArguments, start};
    use crate::domain::AuditAct;
    use crate::store::{Opened, StoreOptions, open};
    use tempfile::TempDir;

    async fn trail(directory: &TempDir, clock: Clock) -> AuditTrail {
        let Opened { writer, reader, .. } = open(directory.path(), &StoreOptions::small()).unwrap();
        let (metrics, group_bytes_max) = (Metrics::install(), 1 << 20);
        let arguments =
            StorageArguments { writer, clock: clock.clone(), metrics: metrics.clone(), group_bytes_max };
        AuditTrail::load(reader, start(arguments).await.unwrap(), clock, metrics).unwrap()
    }

    fn kept(trail: &AuditTrail) -> Vec<(u64, AuditOutcome)> {
        let rows = trail.0.reader.records::<AuditEntry>(NUMBERS, None, false, 100).unwrap();
        rows.into_iter().map(|row| (row.key, row.value.unwrap().outcome)).collect()
    }

    #[tokio::test]
    async fn an_act_stands_on_the_trail_before_it_is_done_and_with_its_end() {
        let directory = TempDir::new().unwrap();
        let trail = trail(&directory, Clock::manual(Micros(5))).await;
        let begun = trail.begin(AuditEntry::of("anna", AuditAct::Approve)).await.unwrap();
        assert_eq!(kept(&trail), [(1, AuditOutcome::Begun)]);
        begun.end(AuditOutcome::Done, None, Some("é".repeat(1_000))).await;
        assert_eq!(kept(&trail), [(1, AuditOutcome::Done)]);
        let rows = trail.0.reader.records::<AuditEntry>(NUMBERS, None, false, 1).unwrap();
        let note = rows[0].value.as_ref().unwrap().note.clone().unwrap();
        assert!(note.len() <= NOTE_BYTES_MAX + "…".len() && note.ends_with('…'), "{}", note.len());
    }

    #[tokio::test]
    async fn an_act_whose_caller_has_gone_is_unknown() {
        let directory = TempDir::new().unwrap();
        let trail = trail(&directory, Clock::manual(Micros(5))).await;
        drop(trail.begin(AuditEntry::of("anna", AuditAct::Run)).await.unwrap());
        while kept(&trail) != [(1, AuditOutcome::Unknown)] {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn an_act_without_a_daemon_stands_where_the_trail_ends_and_the_trail_goes_on_behind_it() {
        let directory = TempDir::new().unwrap();
        let Opened { mut writer, reader, .. } = open(directory.path(), &StoreOptions::small()).unwrap();
        let offline = |act| AuditEntry::of("offline:bob", act);
        let restored = OfflineAct::at_once(&reader, offline(AuditAct::Restore), Micros(5)).unwrap();
        writer.commit(&mut vec![restored], Micros(5)).unwrap();
        let (act, begun) = OfflineAct::begin(&reader, offline(AuditAct::Purge), Micros(7)).unwrap();
        writer.commit(&mut vec![begun], Micros(7)).unwrap();
        let stand = |reader: &Reader| {
            let rows = reader.records::<AuditEntry>(NUMBERS, None, false, 5).unwrap().into_iter();
            let rows = rows.map(|row| (row.key, row.value.unwrap()));
            rows.map(|(number, act)| (number, act.at, act.outcome, act.ended_at)).collect::<Vec<_>>()
        };
        let restored = (1, 5, AuditOutcome::Done, Some(5));
        assert_eq!(stand(&reader), [restored, (2, 7, AuditOutcome::Begun, None)]);
        writer.commit(&mut vec![act.done("all of it".into(), Micros(9))], Micros(9)).unwrap();
        assert_eq!(stand(&reader), [restored, (2, 7, AuditOutcome::Done, Some(9))]);
        drop((writer, reader));
        let trail = trail(&directory, Clock::manual(Micros(11))).await;
        assert_eq!(trail.note(AuditEntry::of("anna", AuditAct::Run)).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn the_trail_keeps_so_many_acts_of_so_many_days() {
        let directory = TempDir::new().unwrap();
        let clock = Clock::manual(Micros(5));
        let trail = trail(&directory, clock.clone()).await;
        for _ in 0..6 {
            trail.note(AuditEntry::of("anna", AuditAct::Run)).await.unwrap();
        }
        clock.set(Micros(6 + AUDIT_AGE_MAX));
        trail.note(AuditEntry::of("anna", AuditAct::Run)).await.unwrap();
        let numbers = |trail: &AuditTrail| kept(trail).iter().map(|(number, _)| *number).collect::<Vec<_>>();
        assert_eq!(numbers(&trail), [5, 6, 7], "four at once are taken away");
        trail.note(AuditEntry::of("anna", AuditAct::Run)).await.unwrap();
        assert_eq!(numbers(&trail), [7, 8]);
        trail.0.last.store(6 + AUDIT_KEPT, Ordering::Relaxed);
        trail.note(AuditEntry::of("anna", AuditAct::Run)).await.unwrap();
        assert_eq!(numbers(&trail), [8, 7 + AUDIT_KEPT]);
    }
}

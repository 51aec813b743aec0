//! What a partner's actor owns, and what it does with pushes.

use super::deliveries::{Decided, Deliveries};
use super::gap_watch::{GapWatch, OpenGap, note_numbers};
use super::index::Index;
use super::ledger::{Lanes, Ledger, LedgerError, Prefetched};
use super::plans::Plans;
use super::pushes::{self, PushCount};
use super::recent::RecentDocuments;
use super::run::ActiveRun;
use super::streams::Streams;
use crate::actors::handle::{Push, PushReply, Unavailable};
use crate::actors::storage::{Ack, PendingSet, StorageHandle, approximate_bytes};
use crate::clock::{Clock, Mark};
use crate::config::PartnerSettings;
use crate::domain::{
    ChangeKind, FeedState, ItemOutcome, Micros, Origin, Outcome, PartnerNo, RecordChange, RecordKind, RunId,
    Seq, Write, WriteSet,
};
use crate::feed::Fetcher;
use crate::rules::source_time::UndatedClock;
use crate::store::{ReadError, Reader};
use crate::telemetry::PartnerMetrics;
use ractor::ActorProcessingErr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

/// The record that keeps the last receive time given to an undated write (T1).
const UNDATED_KEY: &[u8] = b"undated";

/// What every partner's actor shares with the others.
#[derive(Clone)]
pub struct Surroundings {
    pub reader: Reader,
    pub storage: StorageHandle,
    pub clock: Clock,
    pub fetcher: Arc<Fetcher>,
    /// Feeds fetched at once, over all partners.
    pub gate: Arc<Semaphore>,
    pub spool: PathBuf,
    pub overlay_bytes_max: usize,
    /// How many feeds there are: their first fetches are spread over this.
    pub feeds: usize,
}

pub struct PartnerState {
    pub no: PartnerNo,
    pub settings: Arc<PartnerSettings>,
    pub around: Surroundings,
    pub metrics: Arc<PartnerMetrics>,
    pub index: Index,
    pub recent: RecentDocuments,
    pub undated: UndatedClock,
    pub deliveries: Deliveries,
    pub gaps: GapWatch,
    pub feed: FeedState,
    pub plans: Plans,
    pub push_count: PushCount,
    pub running: Option<RunningFeed>,
    pub timer: Option<JoinHandle<()>>,
    /// Counts the timers that were set, so that an old one is known.
    pub timers: u64,
}

/// A run under way: its task, and its state once it applies.
pub struct RunningFeed {
    pub run: RunId,
    pub task: JoinHandle<()>,
    pub began: Mark,
    pub active: Option<Box<ActiveRun>>,
    /// It reads a stored file again: it says nothing of the feed as it is now.
    pub is_replay: bool,
    /// What its report will say, once that is durable.
    pub closing: Option<(crate::domain::RunReport, Option<std::time::Duration>)>,
}

impl PartnerState {
    /// Builds the index from the store. Everything decided before must be durable by now.
    pub fn load(
        no: PartnerNo,
        settings: Arc<PartnerSettings>,
        around: Surroundings,
        metrics: Arc<PartnerMetrics>,
        gap: OpenGap,
    ) -> Result<PartnerState, ReadError> {
        let reader = around.reader.clone();
        let mut index = Index::default();
        reader.index(no, &mut |slot, id, head, quotes| index.load(slot, id, &head, quotes))?;
        index.collect_free();
        let feed = reader.record(RecordKind::Feed, no, &[])?;
        let mut feed: FeedState =
            feed.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        pushes::restore(&reader, no, &mut feed)?;
        let plans = Plans::load(&reader, no, &feed)?;
        if settings.feed.is_some() {
            metrics.feed().plans_held(plans.held());
        }
        let undated = reader.record(RecordKind::Stream, no, UNDATED_KEY)?;
        let undated = undated.and_then(|bytes| Some(Micros(i64::from_le_bytes((&*bytes).try_into().ok()?))));
        Ok(PartnerState {
            no,
            settings,
            around,
            metrics,
            index,
            recent: RecentDocuments::default(),
            undated: undated.map_or_else(UndatedClock::default, UndatedClock::starting_after),
            push_count: PushCount::standing_at(&feed),
            deliveries: Deliveries::load(&reader, no)?,
            gaps: GapWatch::new(Streams::read(&reader, no)?, gap),
            feed,
            plans,
            running: None,
            timer: None,
            timers: 0,
        })
    }

    pub fn ledger(&mut self, origin: Origin, prefetched: Prefetched) -> Ledger<'_> {
        Ledger {
            partner: self.no,
            index: &mut self.index,
            recent: &mut self.recent,
            reader: &self.around.reader,
            policy: &self.settings.policy,
            history_floor: self.feed.history_floor.map(Micros),
            prefetched,
            now: self.around.clock.now(),
            origin,
            set: WriteSet::new(self.no),
            undo: Vec::new(),
            keeps_undo: false,
        }
    }

    /// Decides a batch in the order of its items, and puts it in line to be committed.
    pub fn push(
        &mut self,
        push: Push,
        prefetched: Prefetched,
        reply: oneshot::Sender<PushReply>,
    ) -> Result<(), ActorProcessingErr> {
        let Some((push, reply)) = self.unless_repeated(push, reply)? else { return Ok(()) };
        let mut undated = self.undated;
        let was_undated = undated;
        let mut ledger = self.ledger(push.origin(), prefetched);
        ledger.keeps_undo = push.atomic || push.dry_run;
        let start = ledger.mark();
        ledger.expect(&push.writes);
        let mut items = Vec::with_capacity(push.writes.len());
        let mut numbered = Vec::new();
        let mut decided = Decided::before(&push);
        for write in push.writes {
            items.push(match write {
                Err(refused) => *refused,
                Ok(write) => {
                    note_numbers(&mut numbered, items.len(), &write);
                    decide(&mut ledger, write, &mut undated, push.received_at)?
                }
            });
            if undated != was_undated {
                decided.undated_at.get_or_insert(undated.last());
            }
        }
        let refused = push.atomic && items.iter().any(is_refusal);
        if refused || push.dry_run {
            ledger.take_back(start);
            items.iter_mut().for_each(|item| item.change = None);
        }
        let mut set = std::mem::replace(&mut ledger.set, WriteSet::new(self.no));
        if undated != was_undated && !set.changes.is_empty() {
            set.changes.push(undated_record(undated.last()));
            self.undated = undated;
        }
        let mut missing = Vec::new();
        if !refused && !push.dry_run {
            missing = self.note_streams(numbered, &items, &mut set);
            set.changes.extend(self.count_pushes(&items));
        }
        let (durable, ticket) = self.recent.next_ticket();
        // what was only tried is not remembered: it had no effect
        let delivery = push.delivery.filter(|_| !push.dry_run);
        let standing = delivery
            .map(|delivery| self.remember_delivery(delivery, decided, &items, &mut set, (&durable, ticket)));
        let bytes = approximate_bytes(&set);
        let ack = Some(Ack::Push { reply, items, missing, standing, _permit: push.permit });
        let pending = PendingSet { set, bytes, ack, ticket: Some((durable, ticket)) };
        // where the store takes no more the callers see "unknown", and the daemon is going down
        let _: Result<(), Unavailable> = self.around.storage.commit(pending);
        Ok(())
    }

    /// Commits a set of the actor's own; `reply` hears when it is durable.
    pub fn commit(&mut self, set: WriteSet, reply: oneshot::Sender<Seq>) {
        let (durable, ticket) = self.recent.next_ticket();
        let bytes = approximate_bytes(&set);
        let pending =
            PendingSet { set, bytes, ack: Some(Ack::Internal(reply)), ticket: Some((durable, ticket)) };
        let _: Result<(), Unavailable> = self.around.storage.commit(pending);
    }
}

fn decide(
    ledger: &mut Ledger<'_>,
    write: Write,
    undated: &mut UndatedClock,
    received_at: Micros,
) -> Result<ItemOutcome, LedgerError> {
    let at = match &write {
        Write::Asset(write) => write.at,
        Write::Price(write) => write.at,
    };
    let fallback = match at {
        Some(at) => at,
        None => undated.next(received_at),
    };
    let mut item = match write {
        Write::Asset(write) => ledger.asset(&write, Lanes::Push { undated: fallback })?.item,
        Write::Price(write) => ledger.price(&write, fallback),
    };
    if at.is_none() {
        item.note_mut().undated = true;
    }
    Ok(item)
}

/// What an atomic batch does not bear.
fn is_refusal(item: &ItemOutcome) -> bool {
    matches!(item.outcome, Outcome::Rejected | Outcome::Quarantined | Outcome::NotFound | Outcome::Gone)
}

fn undated_record(last: Micros) -> ChangeKind {
    let value = Some(last.0.to_le_bytes().to_vec().into_boxed_slice());
    ChangeKind::Record(Box::new(RecordChange { kind: RecordKind::Stream, key: UNDATED_KEY.into(), value }))
}

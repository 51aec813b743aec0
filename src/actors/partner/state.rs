//! What a partner's actor owns, and what it does with pushes.

use super::ledger::lacked::Lacked;
use super::ledger::loss::Loss;
use super::pushes::{self, PushCount};
use crate::actors::delivery::Delivery;
use crate::actors::partner::books::deliveries::{Decided, Deliveries, Fresh};
use crate::actors::partner::books::lost::LostBook;
use crate::actors::partner::books::parked::Parked;
use crate::actors::partner::books::plans::Plans;
use crate::actors::partner::books::quarantine::{self, Batch, Quarantine, Refused};
use crate::actors::partner::books::streams::Streams;
use crate::actors::partner::feed::ending::Ending;
use crate::actors::partner::feed::fetching::FeedGates;
use crate::actors::partner::feed::gaps::{GapWatch, Numbered, OpenGap, note_numbers};
use crate::actors::partner::index::Index;
use crate::actors::partner::ledger::recent::RecentDocuments;
use crate::actors::partner::ledger::{Lanes, Ledger, LedgerError, Prefetched};
use crate::actors::partner::operate::assets::last_action;
use crate::actors::partner::run::ActiveRun;
use crate::actors::poison::Poison;
use crate::actors::push::{Push, PushReply, Unavailable};
use crate::actors::storage::{Ack, PendingSet, StorageHandle, approximate_bytes};
use crate::clock::{Clock, Mark};
use crate::config::PartnerSettings;
use crate::domain::{
    AssetId, ChangeKind, FeedState, ItemOutcome, Micros, Origin, Outcome, PartnerNo, RecordChange,
    RecordKind, RunId, Seq, Write, WriteSet,
};
use crate::feed::{Fetcher, Reserve};
use crate::rules::condition::Condition;
use crate::rules::deliveries::DeliveryDecision;
use crate::rules::source_time::UndatedClock;
use crate::store::{DamagedSlots, ReadError, Reader};
use crate::telemetry::PartnerMetrics;
use ractor::ActorProcessingErr;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::oneshot;
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
    /// The turns of feeds, over all partners.
    pub gates: FeedGates,
    pub spool: PathBuf,
    /// What feeds and approvals leave free of the disk.
    pub reserve: Reserve,
    /// Feeds and approvals wait while the overlay holds more.
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
    pub lost: LostBook,
    pub poison: Poison,
    pub generation: u64,
    /// The number of the last operator's action.
    pub last_action: u64,
    pub feed: FeedState,
    pub plans: Plans,
    pub push_count: PushCount,
    pub running: Option<RunningFeed>,
    pub quarantine: Quarantine,
    pub parked: Parked,
    pub sweep_timer: Option<JoinHandle<()>>,
    pub let_go_timer: Option<JoinHandle<()>>,
    /// The slot at which the next sweep begins.
    pub sweep_from: u32,
    pub timer: Option<JoinHandle<()>>,
    /// Counts the timers that were set, so that an old one is known.
    pub timers: u64,
}

/// A run under way: its task, which ends with it, and its state once it applies.
pub struct RunningFeed {
    pub run: RunId,
    pub task: JoinHandle<()>,
    pub began: Mark,
    pub active: Option<Box<ActiveRun>>,
    /// Its state once all records are applied.
    pub ending: Option<Box<Ending>>,
    /// It reads a stored file again: it says nothing of the feed as it is now.
    pub is_replay: bool,
    /// What its report will say, once that is durable.
    pub closing: Option<(crate::domain::RunReport, Option<std::time::Duration>)>,
    /// Another run was asked for after the end of this one had been decided.
    pub again: bool,
}

impl Drop for RunningFeed {
    /// A panic drops the actor's state: the task must not go on beside the successor's.
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl RunningFeed {
    /// Whether the catalogue is between two snapshots.
    pub fn is_applying(&self) -> bool {
        self.active.is_some() || self.ending.is_some()
    }
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
        let now = around.clock.now();
        let mut index = Index::default();
        let mut parked = Parked::default();
        let damaged = reader.index_beside_damage(no, &mut |slot, id, head, quotes| {
            index.load(slot, id, &head, quotes);
            parked.load(&index, slot, now);
        })?;
        set_damage_aside(&reader, (no, &settings), &mut index, damaged)?;
        let quarantine = Quarantine::load(&reader, no)?;
        metrics.quarantine_stands_at(quarantine.len(), 0);
        let feed = reader.record(RecordKind::Feed, no, &[])?;
        let mut feed: FeedState =
            feed.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        pushes::restore(&reader, no, &mut feed)?;
        let plans = Plans::load(&reader, no, &index, &feed)?;
        let deliveries = Deliveries::load(&reader, no, now)?;
        let gaps = GapWatch::new(Streams::read(&reader, no)?, gap, metrics.gaps());
        metrics.deliveries().oldest_is_of(deliveries.oldest());
        if settings.feed.is_some() {
            metrics.feed().plans_held(plans.held());
        }
        let undated = undated_of(&reader, no)?;
        Ok(PartnerState {
            no,
            settings,
            around,
            metrics,
            index,
            recent: RecentDocuments::default(),
            undated: undated.map_or_else(UndatedClock::default, UndatedClock::starting_after),
            push_count: PushCount::standing_at(&feed),
            deliveries,
            gaps,
            lost: LostBook::default(),
            poison: Poison::default(),
            generation: 0,
            last_action: last_action(&reader, no)?,
            feed,
            plans,
            running: None,
            quarantine,
            parked,
            sweep_timer: None,
            let_go_timer: None,
            sweep_from: 0,
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
            lacked: Lacked::of(&self.feed),
            prefetched,
            loaded: 0,
            now: self.around.clock.now(),
            origin,
            released: false,
            set: WriteSet::new(self.no),
            undo: Vec::new(),
            keeps_undo: false,
            losses: Vec::new(),
            ambiguous: 0,
            drift: 0,
        }
    }

    /// Adds the record of what lost to the set that it lost in.
    pub fn record_losses(&mut self, losses: Vec<Loss>, set: &mut WriteSet) {
        let now = self.around.clock.now();
        set.changes.extend(self.lost.record(losses, (&self.around.reader, self.no), now));
    }

    /// Decides a batch in the order of its items, and puts it in line to be committed.
    pub fn push(
        &mut self,
        push: Push,
        prefetched: Prefetched,
        reply: oneshot::Sender<PushReply>,
    ) -> Result<(), ActorProcessingErr> {
        let Some(fresh) = self.unless_repeated(push, reply)? else { return Ok(()) };
        let Fresh { mut push, reply, rebuilt_at } = fresh;
        let decision = if rebuilt_at.is_some() { DeliveryDecision::Rebuilt } else { DeliveryDecision::New };
        if push.condition.as_ref().is_some_and(|condition| self.is_unmet(condition)) {
            let (items, missing, _permit) = (Vec::new(), Vec::new(), push.permit);
            let unmet = Ack::Push { reply, items, missing, decision, standing: None, unmet: true, _permit };
            self.answer_in_line(unmet);
            return Ok(());
        }
        let (mut undated, received_at) = self.receive_times(push.received_at, rebuilt_at);
        let holds_documents = push.writes.iter().flatten().any(|write| matches!(write, Write::Asset(_)));
        let was_undated = undated;
        let mut ledger = self.ledger(push.origin(), prefetched);
        ledger.keeps_undo = push.atomic || push.dry_run;
        let start = ledger.mark();
        let mut decided = Decided::before(&push);
        let batch = decide_all(&mut ledger, push.writes, &mut undated, received_at)?;
        let DecidedItems { mut items, kept, numbered, undated_at } = batch;
        decided.undated_at = undated_at;
        let (origin, now) = (ledger.origin, ledger.now);
        let refused = push.atomic && refuse_all(&mut items);
        if refused || push.dry_run {
            ledger.take_back(start);
            items.iter_mut().for_each(|item| item.change = None);
        }
        let ambiguous = if refused || push.dry_run { 0 } else { ledger.ambiguous };
        let losses = std::mem::take(&mut ledger.losses);
        let mut set = std::mem::replace(&mut ledger.set, WriteSet::new(self.no));
        self.metrics.ambiguous_order(ambiguous);
        self.record_losses(losses, &mut set);
        if !kept.is_empty() && !push.dry_run {
            let batch = Batch { body: &push.body, received_at: push.received_at, origin, rejected: refused };
            self.quarantine(quarantine::rows_of_push(&batch, kept, &items), &mut set);
        }
        if undated != was_undated && !set.changes.is_empty() {
            let rebuilt = push.delivery.as_ref().filter(|_| rebuilt_at.is_some());
            self.note_receive_times(undated, rebuilt, &mut set);
        }
        let came = if refused || push.dry_run { Vec::new() } else { numbered };
        let missing = self.note_streams(came, &items, now, &mut set);
        if !refused && !push.dry_run {
            set.changes.extend(self.count_pushes(&items, holds_documents));
        }
        self.settle(&mut set);
        let (durable, ticket) = self.recent.next_ticket();
        if let Some(right) = push.permit.take_documents() {
            self.recent.hold(right);
        }
        // what was only tried had no effect, and what came under an id that is known leaves the first
        let is_new = !push.dry_run && decision == DeliveryDecision::New;
        let delivery = push.delivery.filter(|_| is_new && !is_stopped(&items));
        let standing = delivery.map(|delivery| {
            self.remember_delivery(delivery, decided, (&items, &missing), &mut set, (&durable, ticket))
        });
        let bytes = approximate_bytes(&set);
        let _permit = push.permit;
        let ack = Some(Ack::Push { reply, items, missing, decision, standing, unmet: false, _permit });
        let pending = PendingSet { set, bytes, ack, ticket: Some((durable, ticket)) };
        // where the store takes no more the callers see "unknown", and the daemon is going down
        let _: Result<(), Unavailable> = self.around.storage.commit(pending);
        Ok(())
    }

    /// T1: where items get their times from that have none: the receive times of the partner, or
    /// for a body that was built anew those of its first delivery. Neither is ever at or before what
    /// history has forgotten (X4), whatever our clock says: it has only just come.
    fn receive_times(&self, received_at: Micros, rebuilt_at: Option<Micros>) -> (UndatedClock, Micros) {
        let (clock, received_at) = match rebuilt_at {
            Some(at) => (UndatedClock::starting_after(at.plus(-1)), at),
            None => (self.undated, received_at),
        };
        (clock.above(self.feed.history_floor.map(Micros)), received_at)
    }

    /// T1: the next receive time comes after these, or the next body under the id of one built anew.
    fn note_receive_times(&mut self, given: UndatedClock, rebuilt: Option<&Delivery>, set: &mut WriteSet) {
        match rebuilt {
            Some(delivery) => self.deliveries.note_rebuilt(delivery.key, given.last()),
            None => {
                set.changes.push(undated_record(given.last()));
                self.undated = given;
            }
        }
    }

    /// Of an asset that is damaged no version is known: its item says so.
    fn is_unmet(&self, (id, condition): &(AssetId, Condition)) -> bool {
        !self.index.is_damaged(id) && !condition.holds(self.version_of(id))
    }

    /// Of the document of a living asset, as it was decided last.
    fn version_of(&self, id: &AssetId) -> Option<u32> {
        let slot = self.index.find(id).filter(|&slot| self.index.is_alive(slot))?;
        Some(self.index.head(slot).version)
    }

    /// Commits a set of the actor's own; `reply` hears when it is durable.
    pub fn commit(&mut self, mut set: WriteSet, reply: oneshot::Sender<Seq>) {
        self.settle(&mut set);
        let (durable, ticket) = self.recent.next_ticket();
        let bytes = approximate_bytes(&set);
        let pending =
            PendingSet { set, bytes, ack: Some(Ack::Internal(reply)), ticket: Some((durable, ticket)) };
        let _: Result<(), Unavailable> = self.around.storage.commit(pending);
    }
}

/// Names the assets of damaged blocks, so that nothing is decided for them and nothing is put in
/// their slots; all others are whole.
fn set_damage_aside(
    reader: &Reader,
    (no, settings): (PartnerNo, &PartnerSettings),
    index: &mut Index,
    damaged: Vec<DamagedSlots>,
) -> Result<(), ReadError> {
    let slots: Vec<Range<u32>> = damaged.iter().map(|met| met.slots.clone()).collect();
    index.collect_free(&slots);
    if damaged.is_empty() {
        return Ok(());
    }
    let ids = reader.unknown_ids(no, &|id| index.find(id).is_some())?;
    for met in &damaged {
        let (from, to, cause) = (met.slots.start, met.slots.end, &met.cause);
        tracing::error!(partner = %settings.name, from, to, %cause, "slots of the index are damaged");
    }
    let (partner, assets) = (&settings.name, ids.len());
    tracing::error!(%partner, assets, "assets are damaged and refused, all others are served: restore a backup");
    index.set_damaged(ids);
    Ok(())
}

/// What became of the items of a push.
struct DecidedItems {
    items: Vec<ItemOutcome>,
    /// Those that were refused.
    kept: Vec<Refused>,
    numbered: Vec<Numbered>,
    /// The time given to the first item without one (T1).
    undated_at: Option<Micros>,
}

fn decide_all(
    ledger: &mut Ledger<'_>,
    writes: Vec<Result<Write, Box<ItemOutcome>>>,
    undated: &mut UndatedClock,
    received_at: Micros,
) -> Result<DecidedItems, LedgerError> {
    ledger.expect(&writes);
    let was_undated = *undated;
    let items = Vec::with_capacity(writes.len());
    let mut decided = DecidedItems { items, kept: Vec::new(), numbered: Vec::new(), undated_at: None };
    for (place, write) in writes.into_iter().enumerate() {
        decided.items.push(match write {
            Err(refused) => {
                if quarantine::is_kept(&refused) {
                    decided.kept.push(Refused::unreadable(place));
                }
                *refused
            }
            Ok(write) => {
                note_numbers(&mut decided.numbered, place, &write);
                let (item, at) = decide(ledger, &write, undated, received_at)?;
                decided.kept.extend(Refused::of(place, &write, at, &item));
                item
            }
        });
        if *undated != was_undated {
            decided.undated_at.get_or_insert(undated.last());
        }
    }
    Ok(decided)
}

/// What became of a write, and the source time that it was given.
fn decide(
    ledger: &mut Ledger<'_>,
    write: &Write,
    undated: &mut UndatedClock,
    received_at: Micros,
) -> Result<(ItemOutcome, Micros), LedgerError> {
    let at = match write {
        Write::Asset(write) => write.at,
        Write::Price(write) => write.at,
    };
    let fallback = match at {
        Some(at) => at,
        None => undated.next(received_at),
    };
    let mut item = match write {
        Write::Asset(write) => ledger.asset(write, Lanes::Push { undated: fallback })?.item,
        Write::Price(write) => ledger.price(write, fallback),
    };
    if at.is_none() {
        item.note_mut().undated = true;
    }
    Ok((item, fallback))
}

/// Of a batch that applies whole or not at all: where one item is refused, so are all, each by its
/// own reason or by that of the first.
fn refuse_all(items: &mut [ItemOutcome]) -> bool {
    let Some(place) = items.iter().position(is_refusal) else { return false };
    let rule = items[place].rule;
    for item in items {
        match item.outcome {
            Outcome::Quarantined => item.outcome = Outcome::Rejected,
            Outcome::Rejected | Outcome::NotFound | Outcome::Gone => {}
            _ => {
                let hint =
                    format!("item {place} of this atomic batch was refused: mend it and send all again");
                *item = ItemOutcome::noted(Outcome::Rejected, rule, "atomic_refused", hint);
            }
        }
    }
    true
}

/// Damage alone has stopped the push: it is decided again, under its delivery id, once that is mended.
fn is_stopped(items: &[ItemOutcome]) -> bool {
    items.iter().any(ItemOutcome::is_damaged) && items.iter().all(|item| item.change.is_none())
}

/// What an atomic batch does not bear.
fn is_refusal(item: &ItemOutcome) -> bool {
    matches!(item.outcome, Outcome::Rejected | Outcome::Quarantined | Outcome::NotFound | Outcome::Gone)
}

/// The last receive time that was given to an undated write.
pub(super) fn undated_of(reader: &Reader, no: PartnerNo) -> Result<Option<Micros>, ReadError> {
    let last = reader.record(RecordKind::Stream, no, UNDATED_KEY)?;
    Ok(last.and_then(|bytes| Some(Micros(i64::from_le_bytes((&*bytes).try_into().ok()?)))))
}

pub(super) fn undated_record(last: Micros) -> ChangeKind {
    let value = Some(last.0.to_le_bytes().to_vec().into_boxed_slice());
    ChangeKind::Record(Box::new(RecordChange { kind: RecordKind::Stream, key: UNDATED_KEY.into(), value }))
}

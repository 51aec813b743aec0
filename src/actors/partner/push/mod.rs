//! Pushes: decided by the rules in the order of their items, and queued to be committed.

mod count;
mod numbers;
mod repeats;

use crate::actors::delivery::Delivery;
use crate::actors::partner::books::refusals::{Batch, Refused, rows_of_push};
use crate::actors::partner::books::undated::undated_record;
use crate::actors::partner::ledger::{Lanes, Ledger, LedgerError, Prefetched};
use crate::actors::partner::state::PartnerState;
use crate::actors::push::{Push, PushReply, Unavailable};
use crate::actors::storage::{Ack, PendingSet, approximate_bytes};
use crate::domain::{AssetId, ItemOutcome, Micros, Outcome, Write, WriteSet};
use crate::rules::condition::Condition;
use crate::rules::deliveries::DeliveryDecision;
use crate::rules::source_time::UndatedClock;
use numbers::{Numbered, note_numbers};
use ractor::ActorProcessingErr;
use repeats::{Decided, Fresh};
use tokio::sync::oneshot;

impl PartnerState {
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
        if push.condition.as_deref().is_some_and(|condition| self.is_unmet(condition)) {
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
        let decisions = ledger.finish();
        let mut set = self.account_for(decisions);
        if !kept.is_empty() && !push.dry_run {
            let batch = Batch { body: &push.body, received_at: push.received_at, origin, rejected: refused };
            self.quarantine(rows_of_push(&batch, kept, &items), &mut set);
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
                if refused.outcome.is_refused() {
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

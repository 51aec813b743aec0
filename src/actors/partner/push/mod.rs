//! Pushes: decided by the rules in the order of their items, and queued to be committed.

mod count;
mod numbers;
mod repeats;

use crate::actors::delivery::Delivery;
use crate::actors::partner::books::refusals::{Batch, RefusedItem, rows_of_push};
use crate::actors::partner::books::undated::undated_record;
use crate::actors::partner::ledger::recent::SetTicket;
use crate::actors::partner::ledger::{Decisions, Ledger, LedgerError, Prefetched, WriteTime};
use crate::actors::partner::state::PartnerState;
use crate::actors::push::{Pending, Push, PushAnswer, PushReply};
use crate::actors::storage::Ack;
use crate::domain::{AssetId, ItemOutcome, Micros, Origin, Outcome, Write, WriteSet};
use crate::rules::push::condition::Condition;
use crate::rules::time::source::UndatedClock;
use numbers::{Numbered, note_numbers};
use ractor::ActorProcessingErr;
use repeats::{DeliveryFacts, Fresh};
use tokio::sync::oneshot;

impl PartnerState {
    /// A push's way: is it a repeat, is its asset still as it was seen, what do the rules say, what is
    /// recorded of that; then it is queued to be committed, and answered when that is durable.
    pub fn push(
        &mut self,
        push: Box<Push>,
        prefetched: Prefetched,
        reply: oneshot::Sender<PushAnswer>,
    ) -> Result<(), ActorProcessingErr> {
        let Some(fresh) = self.unless_repeated(push, reply)? else { return Ok(()) };
        let Some(mut fresh) = self.unless_moved(fresh) else { return Ok(()) };
        let decided = self.decide(&mut fresh, prefetched)?;
        let (set, ticket, ack) = self.record(fresh, decided);
        self.queue(set, ticket, ack);
        Ok(())
    }

    /// Answers a push whose asset is not as its conditions want it, and gives any other back.
    fn unless_moved(&self, fresh: Fresh) -> Option<Fresh> {
        if fresh.push.condition.as_deref().is_none_or(|condition| !self.is_unmet(condition)) {
            return Some(fresh);
        }
        let reply = PushReply::new(fresh.reply, fresh.push.permit);
        self.queue_answer(Ack::Push { reply, answer: PushAnswer::Moved });
        None
    }

    /// Decides the items in their order; what must not apply is taken back.
    fn decide(&mut self, fresh: &mut Fresh, prefetched: Prefetched) -> Result<DecidedPush, LedgerError> {
        let push = &mut fresh.push;
        let (before, received_at) = self.receive_times(push.received_at, fresh.rebuilt_at);
        let mut undated = before;
        let writes = std::mem::take(&mut push.writes);
        let holds_documents = writes.iter().flatten().any(|write| matches!(write, Write::Asset(_)));
        let mut ledger = self.ledger(push.origin(), prefetched);
        ledger.keeps_undo = push.atomic || push.dry_run;
        let start = ledger.mark();
        let mut items = decide_all(&mut ledger, writes, &mut undated, received_at)?;
        let refused = push.atomic && refuse_all(&mut items.outcomes);
        let reach = match refused {
            _ if push.dry_run => Reach::Tried,
            true => Reach::Refused,
            false => Reach::Applied,
        };
        if reach != Reach::Applied {
            ledger.take_back(start);
            items.outcomes.iter_mut().for_each(|item| item.change = None);
            items.numbered.clear();
        }
        let (origin, now, undated) = (ledger.origin, ledger.now, (undated != before).then_some(undated));
        Ok(DecidedPush { items, reach, holds_documents, undated, origin, now, decisions: ledger.finish() })
    }

    /// Gathers in one set all that a push has come to, and what it is answered once that is durable.
    fn record(&mut self, fresh: Fresh, decided: DecidedPush) -> (WriteSet, SetTicket, Ack) {
        let Fresh { push, reply, rebuilt_at } = fresh;
        let Push { body, mut permit, delivery, received_at, .. } = *push;
        let DecidedPush { items, reach, holds_documents, undated, origin, now, decisions } = decided;
        let DecidedItems { outcomes: items, kept, numbered, undated_at } = items;
        let mut set = self.account_for(decisions);
        if !kept.is_empty() && reach != Reach::Tried {
            let batch = Batch { body: &body, received_at, origin, rejected: reach == Reach::Refused };
            self.quarantine(rows_of_push(&batch, kept, &items), &mut set);
        }
        if let Some(undated) = undated.filter(|_| !set.changes.is_empty()) {
            let rebuilt = delivery.as_ref().filter(|_| rebuilt_at.is_some());
            self.note_receive_times(undated, rebuilt, &mut set);
        }
        let missing = self.note_streams(numbered, &items, now, &mut set);
        if reach == Reach::Applied {
            set.changes.extend(self.count_pushes(&items, holds_documents));
        }
        let ticket = self.close(&mut set);
        if let Some(right) = permit.take_documents() {
            self.recent.hold(right);
        }
        // what was only tried had no effect, and what came under an id that is known leaves the first
        let is_first = reach != Reach::Tried && rebuilt_at.is_none() && !is_stopped(&items);
        let standing = delivery.filter(|_| is_first).map(|delivery| {
            let facts = DeliveryFacts { received_at, undated_at, holds_documents };
            self.remember_delivery(delivery, facts, (&items, &missing), &mut set, &ticket)
        });
        let pending = Pending { items, missing, standing };
        let answer = match rebuilt_at {
            Some(_) => PushAnswer::Rebuilt(pending),
            None => PushAnswer::Decided(pending),
        };
        (set, ticket, Ack::Push { reply: PushReply::new(reply, permit), answer })
    }

    /// T1: where items get their times from that have none: the receive times of the partner, or
    /// for a body that was built again those of its first delivery. Neither is ever at or before what
    /// history has forgotten (X4), whatever our clock says: it has only just come.
    fn receive_times(&self, received_at: Micros, rebuilt_at: Option<Micros>) -> (UndatedClock, Micros) {
        let (clock, received_at) = match rebuilt_at {
            Some(at) => (UndatedClock::starting_after(at.plus(-1)), at),
            None => (self.undated, received_at),
        };
        (clock.above(self.feed.history_floor.map(Micros)), received_at)
    }

    /// T1: the next receive time comes after these, or the next body under the id of one built again.
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

/// How far the decisions on a push's items reach.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Applied,
    /// One of an atomic batch was refused, and so all are.
    Refused,
    /// A dry run.
    Tried,
}

/// A push as it was decided, before anything of it is recorded.
struct DecidedPush {
    items: DecidedItems,
    reach: Reach,
    holds_documents: bool,
    /// The partner's receive times, where some of them were given (T1).
    undated: Option<UndatedClock>,
    origin: Origin,
    now: Micros,
    decisions: Decisions,
}

/// What became of the items of a push.
struct DecidedItems {
    outcomes: Vec<ItemOutcome>,
    /// Those that were refused.
    kept: Vec<RefusedItem>,
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
    let outcomes = Vec::with_capacity(writes.len());
    let mut decided = DecidedItems { outcomes, kept: Vec::new(), numbered: Vec::new(), undated_at: None };
    for (place, write) in writes.into_iter().enumerate() {
        decided.outcomes.push(match write {
            Err(refused) => {
                if refused.outcome.is_refused() {
                    decided.kept.push(RefusedItem::unreadable(place));
                }
                *refused
            }
            Ok(write) => {
                note_numbers(&mut decided.numbered, place, &write);
                let (item, at) = decide(ledger, &write, undated, received_at)?;
                decided.kept.extend(RefusedItem::of(place, &write, at, &item));
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
        Write::Asset(write) => ledger.asset(write, WriteTime::Push { undated: fallback })?.item,
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

/// Outcomes that make an atomic batch fail.
fn is_refusal(item: &ItemOutcome) -> bool {
    matches!(item.outcome, Outcome::Rejected | Outcome::Quarantined | Outcome::NotFound | Outcome::Gone)
}

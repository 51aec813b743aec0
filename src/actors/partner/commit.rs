//! The door to the storage: every write set of the partner passes here on its way to be committed.
//!
//! Every set passes `settle` before it is queued: which prices it made wait for their asset, or
//! freed, is noted, and what has waited too long, or is too much, moves to the quarantine in the
//! same commit (P3).

use super::books::refusals::row_of_parked;
use super::ledger::Decisions;
use super::ledger::recent::SetTicket;
use super::ledger::taken::Taken;
use super::state::PartnerState;
use crate::actors::push::Unavailable;
use crate::actors::storage::{Ack, PendingSet, approximate_bytes};
use crate::domain::{
    AssetChange, AssetEvent, AssetHead, ChangeKind, Micros, Origin, PriceChange, QuarantineRow, Seq, Slot,
    Stamp, WriteSet,
};
use tokio::sync::oneshot;

/// Expired prices that one write set takes along: a push must not pay for all that waits.
const EXPIRED_PER_SET: usize = 256;
/// Prices beyond the cap that one write set takes along: more than one batch can bring.
const OVERFLOW_PER_SET: usize = 20_000;

impl PartnerState {
    /// Commits a set of the actor's own; `reply` hears when it is durable.
    pub fn commit(&mut self, mut set: WriteSet, reply: oneshot::Sender<Seq>) {
        let ticket = self.close(&mut set);
        self.queue(set, ticket, Ack::Internal(reply));
    }

    /// Settles a set; it will be durable under the ticket.
    pub fn close(&mut self, set: &mut WriteSet) -> SetTicket {
        self.settle(set);
        self.recent.next_ticket()
    }

    /// Queues a closed set to be committed.
    pub fn queue(&self, set: WriteSet, ticket: SetTicket, ack: Ack) {
        let bytes = approximate_bytes(&set);
        self.put(PendingSet { set, bytes, ack: Some(ack), ticket: Some(ticket) });
    }

    /// Commits what has become of plans together with `set`.
    pub fn commit_plans(&mut self, mut set: WriteSet, durable: oneshot::Sender<Seq>) {
        set.changes.extend(self.plans.changes());
        self.count_plans();
        self.commit(set, durable);
    }

    /// Answers without a change, but after all that was decided before: the answer may rest on it.
    pub fn queue_answer(&self, ack: Ack) {
        self.put(PendingSet { set: WriteSet::new(self.no), bytes: 0, ack: Some(ack), ticket: None });
    }

    fn put(&self, pending: PendingSet) {
        // where the store takes no more the callers see "unknown", and the daemon is going down
        let _: Result<(), Unavailable> = self.shared.storage.commit(pending);
    }

    /// P3: before anything is decided, so that what has waited too long joins no asset; as many as
    /// one set takes along.
    pub fn expire_parked(&mut self) {
        if self.parked.is_overdue(self.shared.clock.now()) {
            let (durable, _) = oneshot::channel();
            self.commit(WriteSet::new(self.no), durable);
        }
    }

    /// What every set passes before it is queued.
    fn settle(&mut self, set: &mut WriteSet) {
        let now = self.shared.clock.now();
        for change in &set.changes {
            match change {
                ChangeKind::Price(price) if !price.visible => {
                    self.parked.follow(&self.index, price.slot, now)
                }
                ChangeKind::Asset(asset) if moves_prices(asset) => {
                    self.parked.follow(&self.index, asset.slot, now);
                }
                _ => {}
            }
        }
        let mut rows = Vec::new();
        for _ in 0..OVERFLOW_PER_SET {
            if self.parked.len() <= self.settings.policy.parked_max {
                break;
            }
            rows.extend(self.expire_oldest("parked_overflow", set));
        }
        for _ in 0..EXPIRED_PER_SET {
            if !self.parked.is_overdue(now) {
                break;
            }
            rows.extend(self.expire_oldest("parked_expired", set));
        }
        if !rows.is_empty() {
            self.quarantine(rows, set);
        }
        self.index.forget_unused();
    }

    /// The price that has waited longest becomes a row; a place that only it held is forgotten.
    fn expire_oldest(&mut self, code: &'static str, set: &mut WriteSet) -> Option<QuarantineRow> {
        let (_, slot, name) = self.parked.oldest()?;
        let held = if self.index.is_free(slot) { None } else { self.index.quote(slot, name) };
        let Some(quote) = held else {
            self.parked.follow(&self.index, slot, Micros::BEGINNING);
            return None;
        };
        let id = self.index.id(slot).clone();
        let row = row_of_parked(&id, &quote, code);
        self.index.remove_quote(slot, name);
        self.parked.follow(&self.index, slot, quote.received_at);
        let quote = quote.emptied();
        set.changes.push(ChangeKind::Price(PriceChange { slot, id, visible: false, quote }));
        if self.index.quote_count(slot) == 0 && !self.index.is_known(slot) {
            self.forget(slot, set);
        }
        Some(row)
    }

    /// The slot and its id are free again.
    pub fn forget(&mut self, slot: Slot, set: &mut WriteSet) {
        let id = self.index.id(slot).clone();
        set.changes.push(self.lost.forget(&id));
        let change = AssetChange {
            slot,
            id,
            event: AssetEvent::Forgotten,
            head: AssetHead::unborn(),
            set: Vec::new(),
            removed: Vec::new(),
            stamp: Stamp::NEVER,
            origin: Origin::Push { delivery: 0 },
        };
        set.changes.push(ChangeKind::Asset(Box::new(change)));
        self.index.remove(slot);
        self.recent.forget(slot);
        self.plans.forget(slot);
    }

    /// Counts the ties that were decided (D3), adds the record of what lost to the set that it lost in,
    /// and takes the rows out that what was taken has closed (F2).
    pub fn account_for(&mut self, decisions: Decisions) -> WriteSet {
        let Decisions { mut set, losses, taken, ambiguous } = decisions;
        self.metrics.ambiguous_order(ambiguous);
        let now = self.shared.clock.now();
        set.changes.extend(self.lost.record(losses, (&self.shared.reader, self.no), now));
        self.close_rows(&taken, &mut set);
        set
    }

    pub fn count_plans(&mut self) {
        let outcomes = self.plans.outcomes();
        if !outcomes.is_empty() {
            let feed = self.metrics.feed();
            outcomes.into_iter().for_each(|state| feed.plan_came_to(state.as_str()));
        }
    }

    fn close_rows(&mut self, taken: &[Taken], set: &mut WriteSet) {
        let closed = self.quarantine.close(taken, set);
        self.count_closed(closed);
    }

    pub fn count_closed(&self, rows: u64) {
        if rows > 0 {
            self.metrics.quarantine_rows_closed(rows);
        }
    }

    /// Adds rows to a set, and counts what they pushed out.
    pub fn quarantine(&mut self, rows: Vec<QuarantineRow>, set: &mut WriteSet) {
        rows.iter().for_each(|row| self.metrics.quarantined(&row.code));
        let dropped = self.quarantine.keep(rows, &self.settings.policy, set);
        self.metrics.quarantine_rows_dropped(dropped);
    }
}

/// A dead asset may have been absent, and be deleted now, or the other way round.
fn moves_prices(change: &AssetChange) -> bool {
    match change.event {
        AssetEvent::Created | AssetEvent::Deleted | AssetEvent::Forgotten => true,
        AssetEvent::Stamped => !change.head.is_alive(),
        AssetEvent::Updated => false,
    }
}

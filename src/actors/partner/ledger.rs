//! The ledger: applies the rules to one write after another, keeps the index in step with what is
//! decided, and gathers the changes of the write set that is being made.

use super::index::Index;
use super::items::{
    holds_too_much, inactive_status, is_refused, long_forgotten, older_than_history, too_many_assets,
};
use super::lost::{self, Loss, Source};
use super::recent::RecentDocuments;
use super::undo::Undo;
use crate::codec::render::heartbeat;
use crate::domain::{
    AssetChange, AssetEvent, AssetHead, AssetId, AssetWrite, ChangeKind, Document, ItemOutcome, Lane,
    LostWrite, Micros, Origin, Outcome, PartnerNo, PriceChange, Quote, Rule, Slot, Stamp, Verb, Write,
    WriteSet,
};
use crate::rules::document::{self, Effect, StampedWrite};
use crate::rules::extent;
use crate::rules::policy::{Absent, Policy};
use crate::rules::price;
use crate::rules::reading;
use crate::rules::source_time::{DOCUMENT_AHEAD_MAX, is_future};
use crate::rules::verdict::RecordFacts;
use crate::store::Reader;
use std::collections::HashMap;

/// Batches from this size on are worth warming the index for.
const WARM_FROM: usize = 8;

/// Documents read before the decision, with the version that they were read at.
pub type Prefetched = HashMap<AssetId, (u32, Document)>;

/// What a batch is decided by and with.
pub struct Ledger<'a> {
    pub partner: PartnerNo,
    pub index: &'a mut Index,
    pub recent: &'a mut RecentDocuments,
    pub reader: &'a Reader,
    pub policy: &'a Policy,
    pub history_floor: Option<Micros>,
    pub prefetched: Prefetched,
    pub now: Micros,
    pub origin: Origin,
    /// An operator has released the write: a changed currency (P4) holds it back no longer.
    pub released: bool,
    pub set: WriteSet,
    /// How things were, while decisions may have to be taken back.
    pub undo: Vec<Undo>,
    pub keeps_undo: bool,
    /// What lost, for `explain`.
    pub losses: Vec<Loss>,
    /// Writes that nothing but their order of arrival put before others (D3, P1).
    pub ambiguous: u64,
    /// Undated prices of a feed that differ from the dated ones (P2).
    pub drift: u64,
}

/// Where a write's time comes from: its own, a snapshot's, or the partner's receive clock.
#[derive(Clone, Copy, Debug)]
pub enum Lanes {
    /// Each item has its time; `undated` stands in where it has none (T1).
    Push { undated: Micros },
    /// All is stamped `(S, feed)`; undated prices are kept apart (P2).
    Feed { snapshot: Micros, fetch_started_at: Micros },
    /// An operator speaks, now.
    Admin { at: Micros },
}

/// What became of an asset's write, with the parts that a run's verdict looks at.
pub struct Decided {
    pub item: ItemOutcome,
    pub facts: RecordFacts,
    /// F2: the refusal of a feed record's price, whose document applied all the same. The record is
    /// to be kept with it.
    pub price_aside: Option<ItemOutcome>,
}

/// The document could not be read: the store has failed.
#[derive(Debug, thiserror::Error)]
#[error("the document of {id} cannot be read: {cause}")]
pub struct LedgerError {
    pub id: AssetId,
    pub cause: String,
}

impl Ledger<'_> {
    /// Decides one write of an asset: its document, then its prices, all in the same commit (D5).
    /// Where one of its prices is refused, nothing of the item applies; of a feed's record the
    /// document does, and only the price is kept aside (F2).
    pub fn asset(&mut self, write: &AssetWrite, lanes: Lanes) -> Result<Decided, LedgerError> {
        let mark = self.mark();
        let kept_undo = std::mem::replace(&mut self.keeps_undo, true);
        let decided = self.decide_asset(write, lanes);
        if decided.as_ref().is_ok_and(|decided| is_refused(decided.item.outcome)) {
            self.take_back(mark);
        }
        self.keeps_undo = kept_undo;
        if !kept_undo {
            self.undo.clear();
        }
        decided
    }

    fn decide_asset(&mut self, write: &AssetWrite, lanes: Lanes) -> Result<Decided, LedgerError> {
        let (lane, at) = match lanes {
            Lanes::Push { undated } => (Lane::Push, write.at.unwrap_or(undated)),
            Lanes::Feed { snapshot, .. } => (Lane::Feed, snapshot),
            Lanes::Admin { at } => (Lane::Admin, at),
        };
        let stamp = Stamp::new(at, lane, write.sequence);
        let slot = self.index.find(&write.id);
        if let Some(refused) = self.refuse(slot, write, stamp) {
            return Ok(Decided::document_only(refused));
        }
        let head = slot.map_or_else(AssetHead::unborn, |slot| self.index.head(slot));
        let document = self.current_document(slot, &head, write, stamp)?;
        let stamped =
            StampedWrite { verb: write.verb, stamp, members: &write.members, removed: &write.removed };
        let decision = document::decide(&head, &document, stamped);
        let after = decision.effect.as_ref().map(|effect| (&effect.head, &effect.document));
        if let Some(excess) = after.and_then(|after| extent::excess((&head, &document), after)) {
            return Ok(Decided::document_only(holds_too_much(excess)));
        }
        self.note_loss(&write.id, |source| lost::of_document(write, stamp, &decision, source));
        self.ambiguous += u64::from(decision.ambiguous);
        let mut item = ItemOutcome::plain(decision.outcome, decision.rule);
        let facts = RecordFacts {
            document: decision.outcome,
            document_rule: decision.rule,
            document_lost: !decision.superseded.is_empty(),
            ambiguous: decision.ambiguous,
            price: None,
        };
        if !decision.superseded.is_empty() {
            item.note_mut().superseded = decision.superseded;
        }
        let died = decision.effect.as_ref().is_some_and(|effect| effect.head.death > head.death);
        if let Some(mut effect) = decision.effect {
            if died {
                effect.head.died_at = self.now;
            }
            let lives = effect.head.is_alive();
            let heartbeats = [&document, &effect.document].map(|document| heartbeat(document, self.policy));
            let slot = slot.unwrap_or_else(|| self.insert(&write.id));
            self.remember(slot);
            self.asset_changed(slot, effect, stamp);
            item.change = Some(self.last_change());
            if died && self.bury_quotes(slot, stamp, lives, heartbeats) && lives {
                // X1: a late delete that takes only a price still takes something
                item.outcome = Outcome::Updated;
            }
        }
        let mut decided = Decided { item, facts, price_aside: None };
        let speaks = !matches!(decision.outcome, Outcome::NotFound | Outcome::Gone);
        if speaks && write.verb != Verb::Delete {
            self.asset_prices(write, stamp, lanes, &mut decided);
        }
        Ok(decided)
    }

    /// Makes ready for a batch.
    pub fn expect(&mut self, writes: &[Result<Write, Box<ItemOutcome>>]) {
        self.set.changes.reserve(writes.len());
        if writes.len() >= WARM_FROM {
            self.index.warm(writes.iter().flatten().map(Write::id));
        }
    }

    /// Keeps what a write lost, up to what one batch may record.
    pub(super) fn note_loss(&mut self, id: &AssetId, lost: impl FnOnce(Source) -> Option<LostWrite>) {
        let source = Source { origin: self.origin, learned_at: self.now };
        if let Some(write) = lost(source).filter(|_| self.losses.len() < lost::PER_BATCH_MAX) {
            self.losses.push(Loss { id: id.clone(), write });
        }
    }

    /// X3: the asset is in the snapshot, so its absences count from nothing again.
    pub fn clear_absences(&mut self, slot: Slot) {
        let head = self.index.head(slot);
        if head.absences > 0 {
            self.head_moved(slot, AssetHead { absences: 0, ..head });
        }
    }

    /// X3: one more absence from an undated snapshot.
    pub fn note_absence(&mut self, slot: Slot) {
        let head = self.index.head(slot);
        self.head_moved(slot, AssetHead { absences: head.absences.saturating_add(1), ..head });
    }

    /// X3, X5: the snapshot lacks the asset: it is deleted, or marked inactive, at `(S, feed)`.
    pub fn remove_absent(&mut self, slot: Slot, stamp: Stamp) -> Result<(), LedgerError> {
        let marks = self.policy.absent == Absent::Inactive;
        let status = marks.then(inactive_status).into_iter().collect();
        let write = AssetWrite {
            verb: if marks { Verb::Patch } else { Verb::Delete },
            id: self.index.id(slot).clone(),
            at: Some(stamp.at),
            sequence: stamp.sequence(),
            members: Document::from_members(status),
            removed: Vec::new(),
            prices: Vec::new(),
        };
        self.asset(&write, Lanes::Feed { snapshot: stamp.at, fetch_started_at: stamp.at })?;
        Ok(())
    }

    pub(super) fn head_moved(&mut self, slot: Slot, head: AssetHead) {
        self.index.set_head(slot, &head);
        let id = self.index.id(slot).clone();
        let change = AssetChange {
            slot,
            id,
            event: AssetEvent::Stamped,
            head,
            set: Vec::new(),
            removed: Vec::new(),
            stamp: Stamp::NEVER,
            origin: self.origin,
        };
        self.set.changes.push(ChangeKind::Asset(Box::new(change)));
    }

    /// What no rule of stamps can take: the future (T4), what history has forgotten (X4), too many.
    fn refuse(&self, slot: Option<Slot>, write: &AssetWrite, stamp: Stamp) -> Option<ItemOutcome> {
        if stamp.lane() != Lane::Feed && is_future(stamp.at, self.now, DOCUMENT_AHEAD_MAX) {
            let hint = "the write's time lies more than 5 min ahead of our clock; check the sender's clock and offset";
            return Some(ItemOutcome::noted(Outcome::Quarantined, Rule::T4, "future_time", hint));
        }
        if write.verb == Verb::Patch || slot.is_some_and(|slot| self.index.is_known(slot)) {
            return None;
        }
        if self.is_forgotten(stamp.at) {
            let buries = write.verb == Verb::Delete;
            return Some(if buries { long_forgotten() } else { older_than_history() });
        }
        (slot.is_none() && self.index_is_full()).then(too_many_assets)
    }

    /// X4: at or before the newest death that is no longer remembered.
    pub(super) fn is_forgotten(&self, at: Micros) -> bool {
        self.history_floor.is_some_and(|floor| at <= floor)
    }

    pub(super) fn index_is_full(&self) -> bool {
        self.index.len() >= self.policy.assets_max as usize
    }

    /// The document that the decision rests on, where its contents matter.
    fn current_document(
        &self,
        slot: Option<Slot>,
        head: &AssetHead,
        write: &AssetWrite,
        stamp: Stamp,
    ) -> Result<Document, LedgerError> {
        let kills = write.verb == Verb::Delete && head.life <= stamp;
        let Some(slot) = slot.filter(|_| head.is_alive() && !kills && stamp > head.death) else {
            return Ok(Document::default());
        };
        self.document(slot, head.version)
    }

    /// The newest decided contents of a living asset.
    pub fn document(&self, slot: Slot, version: u32) -> Result<Document, LedgerError> {
        if let Some(document) = self.recent.get(slot) {
            return Ok(document.clone());
        }
        let id = self.index.id(slot);
        if let Some((_, document)) = self.prefetched.get(id).filter(|(read_at, _)| *read_at == version) {
            return Ok(document.clone());
        }
        let failed = |cause: String| LedgerError { id: id.clone(), cause };
        let row = self.reader.asset(self.partner, id).map_err(|error| failed(error.to_string()))?;
        let row = row.ok_or_else(|| failed("it is not in the store".into()))?;
        if row.head.version != version {
            return Err(failed(format!("version {} is stored, {version} was decided", row.head.version)));
        }
        Ok(row.document)
    }

    pub(super) fn insert(&mut self, id: &AssetId) -> Slot {
        let slot = self.index.insert(id.clone());
        if self.keeps_undo {
            self.undo.push(Undo::Inserted(slot));
        }
        slot
    }

    pub(super) fn last_change(&self) -> u32 {
        self.set.changes.len().saturating_sub(1) as u32
    }

    fn asset_changed(&mut self, slot: Slot, effect: Effect, stamp: Stamp) {
        let Effect { head, event, document, set, removed } = effect;
        self.index.set_head(slot, &head);
        if event == AssetEvent::Created || event == AssetEvent::Updated || event == AssetEvent::Deleted {
            self.recent.remember(slot, document);
        }
        let id = self.index.id(slot).clone();
        let change = AssetChange { slot, id, event, head, set, removed, stamp, origin: self.origin };
        self.set.changes.push(ChangeKind::Asset(Box::new(change)));
        if event == AssetEvent::Created {
            self.show_quotes(slot);
        }
    }

    /// P3: prices that waited for their asset become visible in the commit that brings it to life.
    pub fn show_quotes(&mut self, slot: Slot) {
        for quote in self.index.quotes(slot) {
            self.push_price_change(slot, quote, true);
        }
    }

    /// X1: the quotes at or below the death go; newer ones wait for the asset to come back (P3).
    /// `lives`: the asset has lived since, and readers see what goes. Whether what shows of any quote
    /// has changed, by the heartbeats before and after.
    fn bury_quotes(
        &mut self,
        slot: Slot,
        death: Stamp,
        lives: bool,
        [before, after]: [Option<i64>; 2],
    ) -> bool {
        let mut taken = false;
        for quote in self.index.quotes(slot) {
            let Some(left) = price::after_death(&quote, death) else { continue };
            match &left {
                Some(left) => self.index.set_quote(slot, left.clone()),
                None => self.index.remove_quote(slot, quote.name),
            }
            let shown = reading::shown(&quote, before);
            let emptied = Quote { stamp: Stamp::NEVER, amount: None, extra: None, undated: None, ..quote };
            let left = left.unwrap_or(emptied);
            taken |= reading::shown(&left, after) != shown;
            self.push_price_change(slot, left, lives);
        }
        taken
    }

    pub(super) fn push_price_change(&mut self, slot: Slot, quote: Quote, visible: bool) {
        let id = self.index.id(slot).clone();
        let visible = visible && !self.index.is_hidden(slot);
        self.set.changes.push(ChangeKind::Price(PriceChange { slot, id, visible, quote }));
    }
}

impl Decided {
    fn document_only(item: ItemOutcome) -> Decided {
        let facts = RecordFacts {
            document: item.outcome,
            document_rule: item.rule,
            document_lost: false,
            ambiguous: false,
            price: None,
        };
        Decided { item, facts, price_aside: None }
    }
}

//! The ledger: applies the rules to one write after another, keeps the index in step with what is
//! decided, and gathers the changes of the write set that is being made.

mod existence;
mod hide;
pub mod lacked;
pub mod loss;
pub mod outcomes;
mod pricing;
pub mod recent;
pub mod taken;
mod undo;

use crate::actors::partner::index::Index;
use crate::domain::{
    AssetEvent, AssetHead, AssetId, AssetWrite, Document, ItemOutcome, Lane, LostWrite, Micros, Origin,
    Outcome, PartnerNo, QuoteName, Rule, Slot, Stamp, Verb, Write, WriteSet,
};
use crate::rules::document::extent;
use crate::rules::document::unread;
use crate::rules::document::{self, DocumentDecision, StampedWrite};
use crate::rules::feed::verdict::RecordFacts;
use crate::rules::policy::Policy;
use crate::rules::time::source::{DOCUMENT_AHEAD_MAX, is_future};
use crate::store::{ReadError, Reader};
use lacked::Lacked;
use loss::{Loss, LossSource};
use outcomes::{
    absent_from_file, damaged, holds_too_much, long_forgotten, older_than_history, too_many_assets,
};
use recent::RecentDocuments;
use std::collections::HashMap;
use taken::{Awaited, Taken, TakenPart};
use undo::{Undo, UndoMark};

/// Batches from this size on are worth warming the index for.
const WARM_FROM: usize = 8;

/// Documents read before the decision, with the version that they were read at.
pub type Prefetched = HashMap<AssetId, (u32, Document)>;

/// What a batch is decided by and with.
pub struct LedgerTerms<'a> {
    pub partner: PartnerNo,
    pub index: &'a mut Index,
    pub recent: &'a mut RecentDocuments,
    pub reader: &'a Reader,
    pub policy: &'a Policy,
    pub history_floor: Option<Micros>,
    pub lacked: Lacked<'a>,
    /// What of its assets waits in the quarantine.
    pub awaited: &'a Awaited,
    pub prefetched: Prefetched,
    pub now: Micros,
    pub origin: Origin,
}

/// Decides one write after another; what that comes to leaves it as a whole, by `finish`.
pub struct Ledger<'a> {
    pub index: &'a mut Index,
    pub now: Micros,
    pub origin: Origin,
    /// An operator has released the write: a changed currency (P4) holds it back no longer.
    pub released: bool,
    /// Whether decisions may have to be taken back.
    pub keeps_undo: bool,
    /// Bytes of the documents that were read for these decisions: a part of a run ends by them.
    pub loaded: usize,
    /// Undated prices of a feed that differ from the dated ones (P2).
    pub drift: u64,
    partner: PartnerNo,
    recent: &'a mut RecentDocuments,
    reader: &'a Reader,
    policy: &'a Policy,
    history_floor: Option<Micros>,
    lacked: Lacked<'a>,
    awaited: &'a Awaited,
    prefetched: Prefetched,
    set: WriteSet,
    /// How things were, the newest last.
    undo: Vec<Undo>,
    /// What lost, for `explain`.
    losses: Vec<Loss>,
    /// What was taken of assets that something waits of.
    taken: Vec<Taken>,
    /// Writes that nothing but their order of arrival put before others (D3, P1).
    ambiguous: u64,
}

/// What a ledger has decided, to be accounted for as a whole: the ties that it counts and what lost
/// belong to the changes.
#[derive(Debug)]
#[must_use = "what is decided stands in the index already, and has to be committed"]
pub struct Decisions {
    /// The changes.
    pub set: WriteSet,
    /// What lost to them.
    pub losses: Vec<Loss>,
    /// What was taken of assets that something waits of.
    pub taken: Vec<Taken>,
    /// How many ties they decided.
    pub ambiguous: u64,
}

/// The time and lane that a write is stamped with: its own, a snapshot's, or the partner's receive clock.
#[derive(Clone, Copy, Debug)]
pub enum WriteTime {
    /// Each item has its time; `undated` stands in where it has none (T1).
    Push { undated: Micros },
    /// All is stamped `(S, feed)`; undated prices are kept apart (P2).
    /// `stamped_at` is the snapshot's time, unless the record is stamped by its own (T3).
    Feed { snapshot: Micros, stamped_at: Micros, fetch_started_at: Micros },
    /// An operator speaks, now.
    Admin { at: Micros },
}

impl WriteTime {
    fn stamp_of(self, write: &AssetWrite) -> Stamp {
        let (lane, at) = match self {
            WriteTime::Push { undated } => (Lane::Push, write.at.unwrap_or(undated)),
            WriteTime::Feed { stamped_at, .. } => (Lane::Feed, stamped_at),
            WriteTime::Admin { at } => (Lane::Admin, at),
        };
        Stamp::new(at, lane, write.sequence)
    }
}

/// What became of an asset's write, with the parts that a run's verdict looks at.
pub struct Decided {
    pub item: ItemOutcome,
    pub facts: RecordFacts,
    /// F2: the refusal of a feed record's price, whose document applied all the same. The record is
    /// to be kept with it.
    pub prices_aside: Vec<ItemOutcome>,
    /// Prices that registers of a living asset took …
    pub prices_taken: u64,
    /// … and those that wait for their asset (P3).
    pub prices_parked: u64,
}

/// The document could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// It is damaged, which is its asset's alone.
    #[error("what is stored of {id} is damaged: {cause}")]
    Damaged { id: AssetId, cause: ReadError },
    /// The store has failed.
    #[error("the document of {id} cannot be read: {cause}")]
    Unreadable { id: AssetId, cause: String },
}

impl LedgerError {
    /// Whether a full write may replace it: head and quotes are whole.
    fn is_of_document(&self) -> bool {
        matches!(self, LedgerError::Damaged { cause, .. } if cause.damaged() == Some("documents"))
    }
}

/// The document as it is held, and what a write does to it.
struct Judged {
    document: Document,
    decision: DocumentDecision,
}

impl<'a> Ledger<'a> {
    pub fn open(terms: LedgerTerms<'a>) -> Ledger<'a> {
        let LedgerTerms { partner, index, recent, reader, policy, history_floor, .. } = terms;
        let LedgerTerms { lacked, awaited, prefetched, now, origin, .. } = terms;
        Ledger {
            index,
            now,
            origin,
            released: false,
            keeps_undo: false,
            loaded: 0,
            drift: 0,
            partner,
            recent,
            reader,
            policy,
            history_floor,
            lacked,
            awaited,
            prefetched,
            set: WriteSet::new(partner),
            undo: Vec::new(),
            losses: Vec::new(),
            taken: Vec::new(),
            ambiguous: 0,
        }
    }

    /// Closes the ledger, and gives out all that was decided.
    pub fn finish(self) -> Decisions {
        let Ledger { set, losses, taken, ambiguous, .. } = self;
        Decisions { set, losses, taken, ambiguous }
    }
}

impl Ledger<'_> {
    /// Decides one write of an asset: its document, then its prices, all in the same commit (D5).
    /// Where one of its prices is refused, nothing of the item applies; of a feed's record the
    /// document does, and only the price is kept aside (F2).
    pub fn asset(&mut self, write: &AssetWrite, when: WriteTime) -> Result<Decided, LedgerError> {
        let mark = self.mark();
        let kept_undo = std::mem::replace(&mut self.keeps_undo, true);
        let decided = self.decide_asset(write, when);
        if decided.as_ref().is_ok_and(|decided| decided.item.outcome.is_refused()) {
            self.take_back(mark);
        }
        if let Ok(decided) = &decided {
            let (stamp, outcome) = (when.stamp_of(write), decided.item.outcome);
            self.taken.extend(taken::of_asset(self.awaited, write, stamp, outcome));
        }
        self.keeps_undo = kept_undo;
        if !kept_undo {
            self.undo.clear();
        }
        decided
    }

    fn decide_asset(&mut self, write: &AssetWrite, when: WriteTime) -> Result<Decided, LedgerError> {
        let stamp = when.stamp_of(write);
        if self.index.is_damaged(&write.id) {
            return Ok(Decided::document_only(damaged(Rule::D1)));
        }
        let slot = self.index.find(&write.id);
        if matches!(when, WriteTime::Feed { .. }) && write.says_prices_alone() {
            return self.record_prices(slot, write, stamp, when);
        }
        if let Some(refused) = self.refuse(slot, write, stamp) {
            return Ok(Decided::document_only(refused));
        }
        let head = slot.map_or_else(AssetHead::unborn, |slot| self.index.head(slot));
        let Some(Judged { document, decision }) = self.judge((slot, &head), write, stamp, when)? else {
            return Ok(Decided::document_only(damaged(Rule::D1)));
        };
        let lacked = self.lacked.by(&write.id);
        let after = decision.effect.as_ref().map(|effect| (&effect.head, &effect.document));
        let bytes_max = self.policy.document_bytes_max;
        if let Some(excess) = after.and_then(|after| extent::excess((&head, &document), after, bytes_max)) {
            return Ok(Decided::document_only(holds_too_much(excess, bytes_max)));
        }
        if !decision.hidden {
            self.note_loss(&write.id, |source| loss::of_document(write, stamp, &decision, source));
        }
        self.ambiguous += u64::from(decision.ambiguous);
        let mut item = match decision.hidden {
            false => ItemOutcome::plain(decision.outcome, decision.rule),
            true => absent_from_file(decision.effect.as_ref().map_or(&head, |effect| &effect.head)),
        };
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
        let standing = decision.effect.as_ref().map_or(&document, |effect| &effect.document);
        let outlives_after = self.outlives_after(standing);
        if let Some(effect) = decision.effect {
            let slot = slot.unwrap_or_else(|| self.insert(&write.id));
            self.remember(slot);
            let born = effect.event == AssetEvent::Created && !head.is_alive();
            if self.existence_moved(slot, &head, effect, stamp) {
                // X1: a late delete that takes only a price still takes something
                item.outcome = Outcome::Updated;
            }
            if born && lacked.happened() {
                self.be_absent_since(slot, lacked)?;
            }
            item.change = Some(self.last_change());
        }
        let mut decided = Decided { facts, ..Decided::document_only(item) };
        let speaks = !matches!(decision.outcome, Outcome::NotFound | Outcome::Gone);
        if speaks && write.verb != Verb::Delete {
            self.asset_prices(write, stamp, when, outlives_after, &mut decided);
        }
        Ok(decided)
    }

    /// What the write does to the document; `None` where that is damaged, and its contents matter.
    fn judge(
        &mut self,
        (slot, head): (Option<Slot>, &AssetHead),
        write: &AssetWrite,
        stamp: Stamp,
        when: WriteTime,
    ) -> Result<Option<Judged>, LedgerError> {
        let mut stamped =
            StampedWrite { verb: write.verb, stamp, members: &write.members, removed: &write.removed };
        let lacked = self.hiding(self.lacked.by(&write.id));
        let error = match self.held_document(slot, head, write.verb, stamp) {
            Ok(document) => {
                let with_kept = (!write.kept.is_empty()).then(|| document::with_kept(write, &document));
                stamped.members = with_kept.as_ref().unwrap_or(&write.members);
                let decision = document::decide_after(head, &document, stamped, lacked);
                return Ok(Some(Judged { document, decision }));
            }
            Err(unreadable @ LedgerError::Unreadable { .. }) => return Err(unreadable),
            Err(damaged) => damaged,
        };
        // P2: the class that stands says which of a feed's prices show
        let asks_for_class = matches!(when, WriteTime::Feed { .. }) && !write.prices.is_empty();
        let decision = unread::decide(head, stamped, lacked);
        let decision = decision.filter(|decision| match &decision.effect {
            // what it leaves as it is stored cannot be read
            Some(_) if !write.kept.is_empty() => false,
            Some(_) => error.is_of_document(),
            None => !asks_for_class,
        });
        tracing::error!(partner = self.partner.0, %error, decided = decision.is_some(), "a write meets damage");
        Ok(decision.map(|decision| Judged { document: Document::default(), decision }))
    }

    /// Notes that all of a feed's record was taken.
    pub fn record_taken(&mut self, id: &AssetId, snapshot: Micros) {
        if let Some(subject) = self.awaited.find(id) {
            let stamp = Stamp::new(snapshot, Lane::Feed, 0);
            self.taken.push(Taken { subject, stamp, part: TakenPart::Record });
        }
    }

    /// Notes that a price with a time of its own was taken.
    fn price_taken(&mut self, id: &AssetId, stamp: Stamp, quote: QuoteName) {
        if let Some(subject) = self.awaited.find(id) {
            self.taken.push(Taken { subject, stamp, part: TakenPart::Price(quote) });
        }
    }

    /// Makes ready for a batch.
    pub fn expect(&mut self, writes: &[Result<Write, Box<ItemOutcome>>]) {
        self.set.changes.reserve(writes.len());
        if writes.len() >= WARM_FROM {
            self.index.warm(writes.iter().flatten().map(Write::id));
        }
    }

    /// Keeps what a write lost, up to what one batch may record.
    pub(super) fn note_loss(&mut self, id: &AssetId, lost: impl FnOnce(LossSource) -> Option<LostWrite>) {
        let source = LossSource { origin: self.origin, learned_at: self.now };
        if let Some(write) = lost(source).filter(|_| self.losses.len() < loss::PER_BATCH_MAX) {
            self.losses.push(Loss { id: id.clone(), write });
        }
    }

    /// What no rule of stamps can take: the future (T4), what history has forgotten (X4), too many.
    fn refuse(&self, slot: Option<Slot>, write: &AssetWrite, stamp: Stamp) -> Option<ItemOutcome> {
        let is_said = write.at.is_some() && stamp.lane() != Lane::Feed;
        if is_said && is_future(stamp.at, self.now, DOCUMENT_AHEAD_MAX) {
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
    fn held_document(
        &mut self,
        slot: Option<Slot>,
        head: &AssetHead,
        verb: Verb,
        stamp: Stamp,
    ) -> Result<Document, LedgerError> {
        let matters = match verb {
            Verb::Delete => !document::ends_all(head, stamp),
            Verb::Patch => head.is_alive(),
            Verb::Put | Verb::Post => true,
        };
        match slot.filter(|_| matters && stamp > head.end && head.holds_members()) {
            Some(slot) => self.document(slot, head.version),
            None => Ok(Document::default()),
        }
    }

    /// The newest decided contents of an asset, as they are held.
    pub fn document(&mut self, slot: Slot, version: u32) -> Result<Document, LedgerError> {
        if let Some(document) = self.recent.get(slot) {
            return Ok(document.clone());
        }
        let id = self.index.id(slot).clone();
        if let Some((_, document)) = self.prefetched.get(&id).filter(|(read_at, _)| *read_at == version) {
            return Ok(document.clone());
        }
        let failed = |cause: String| LedgerError::Unreadable { id: id.clone(), cause };
        let row = self.reader.asset(self.partner, &id).map_err(|cause| match cause.is_damage() {
            true => LedgerError::Damaged { id: id.clone(), cause },
            false => failed(cause.to_string()),
        })?;
        let row = row.ok_or_else(|| failed("it is not in the store".into()))?;
        if row.head.version != version {
            return Err(failed(format!("version {} is stored, {version} was decided", row.head.version)));
        }
        self.loaded += row.document.bytes();
        Ok(row.document)
    }

    pub(super) fn insert(&mut self, id: &AssetId) -> Slot {
        let slot = self.index.insert(id.clone());
        if self.keeps_undo {
            self.undo.push(Undo::Inserted(slot));
        }
        slot
    }

    /// A point to come back to: all that follows on it can be taken back while undo is kept.
    pub fn mark(&self) -> UndoMark {
        let (steps, changes, losses) = (self.undo.len(), self.set.changes.len(), self.losses.len());
        UndoMark { steps, changes, losses, taken: self.taken.len(), ambiguous: self.ambiguous }
    }

    /// Takes every step since `mark` back, newest first.
    pub fn take_back(&mut self, mark: UndoMark) {
        for step in self.undo.drain(mark.steps..).rev() {
            step.take_back(self.index, self.recent);
        }
        self.set.changes.truncate(mark.changes);
        self.losses.truncate(mark.losses);
        self.taken.truncate(mark.taken);
        self.ambiguous = mark.ambiguous;
    }

    /// Keeps how a slot is now, before it changes.
    pub fn remember(&mut self, slot: Slot) {
        if self.keeps_undo {
            self.undo.push(Undo::of(slot, self.index, self.recent));
        }
    }

    pub(super) fn last_change(&self) -> u32 {
        self.set.changes.len().saturating_sub(1) as u32
    }
}

impl Decided {
    /// Of a record that was not looked at, since what its asset holds is damaged.
    pub fn damaged(rule: Rule) -> Decided {
        Decided::document_only(damaged(rule))
    }

    fn document_only(item: ItemOutcome) -> Decided {
        let facts = RecordFacts {
            document: item.outcome,
            document_rule: item.rule,
            document_lost: false,
            ambiguous: false,
            price: None,
        };
        Decided { item, facts, prices_aside: Vec::new(), prices_taken: 0, prices_parked: 0 }
    }
}

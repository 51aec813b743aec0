//! The ledger's side of existence: an asset's life, its absences, and what becomes of its quotes.
//!
//! Absence hides: the document is neither read nor touched, and the quotes stay in their registers.
//! A said delete ends: what is at or below it leaves both.

use super::outcomes::inactive_status;
use super::{Ledger, LedgerError, WriteTime};
use crate::domain::{
    AssetChange, AssetEvent, AssetHead, AssetWrite, ChangeKind, Document, Member, PriceChange, Quote, Slot,
    Stamp, Verb,
};
use crate::rules::document::Effect;
use crate::rules::document::absence;
use crate::rules::policy::Absent;
use crate::rules::price::{self, reading};
use compact_str::CompactString;

/// A change of the document beside its head.
#[derive(Default)]
struct Contents {
    set: Vec<Member>,
    removed: Vec<CompactString>,
}

impl Ledger<'_> {
    /// Records what a write has done to an asset and its document, and what follows for its quotes;
    /// whether what shows of any quote of a living asset is gone with it.
    pub fn existence_moved(&mut self, slot: Slot, head: &AssetHead, effect: Effect, stamp: Stamp) -> bool {
        let Effect { head: mut next, event, document: held, set, removed } = effect;
        let ended = next.end > head.end;
        if ended || next.death > head.death {
            next.died_at = self.now;
        }
        let lives = next.is_alive();
        self.index.set_head(slot, &next);
        let moved = if lives { self.class_moved(slot, &held) } else { Vec::new() };
        if next.version != head.version {
            self.recent.remember(slot, held);
        }
        self.asset_changed(slot, event, next, Contents { set, removed }, stamp);
        if event == AssetEvent::Created {
            self.show_quotes(slot);
            return false;
        }
        let told = self.registers_moved(slot, moved);
        ended && (self.bury_quotes(slot, stamp, lives) || told) && lives
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

    /// X3, X5: the snapshot lacks the asset: it is hidden, or marked inactive, at `(S, feed)`. `false`
    /// where that needs its document, which is damaged: it stays as it is.
    pub fn remove_absent(&mut self, slot: Slot, stamp: Stamp) -> Result<bool, LedgerError> {
        if self.policy.absent == Absent::Inactive {
            return self.mark_inactive(slot, stamp);
        }
        let head = AssetHead { died_at: self.now, ..absence::hide(&self.index.head(slot), stamp) };
        self.remember(slot);
        self.index.set_head(slot, &head);
        self.asset_changed(slot, AssetEvent::Deleted, head, Contents::default(), stamp);
        Ok(true)
    }

    /// X2: a newer file holds what was only absent: that absence counts for nothing any more, and what
    /// the asset has held shows again. For records that are stamped below the file. `false` where what
    /// it has held is damaged: it stays absent.
    pub fn come_back(&mut self, slot: Slot) -> Result<bool, LedgerError> {
        let head = self.index.head(slot);
        let held = match self.document(slot, head.version) {
            Err(LedgerError::Damaged { .. }) => return Ok(false),
            held => held?,
        };
        let version = head.version.wrapping_add(1);
        let next = AssetHead { death: head.end, absences: 0, version, ..head };
        self.remember(slot);
        self.index.set_head(slot, &next);
        self.recent.remember(slot, held.clone());
        let contents = Contents { set: held.members().to_vec(), removed: Vec::new() };
        let stamp = next.life;
        self.asset_changed(slot, AssetEvent::Created, next, contents, stamp);
        self.show_quotes(slot);
        Ok(true)
    }

    /// X3: the file that hides what comes late; none where absence marks assets inactive.
    pub fn hiding(&self, lacked: Stamp) -> Stamp {
        if self.policy.absent == Absent::Delete { lacked } else { Stamp::NEVER }
    }

    /// X5: an asset that has come to life late is inactive as of the file that has lacked it.
    pub fn be_absent_since(&mut self, slot: Slot, lacked: Stamp) -> Result<(), LedgerError> {
        let head = self.index.head(slot);
        let is_late = !head.inactive && head.newest() < lacked;
        if is_late && self.policy.absent == Absent::Inactive {
            self.mark_inactive(slot, lacked)?;
        }
        Ok(())
    }

    /// X5: what a file lacks is not active any more; `false` where its document is damaged.
    fn mark_inactive(&mut self, slot: Slot, stamp: Stamp) -> Result<bool, LedgerError> {
        let write = AssetWrite {
            verb: Verb::Patch,
            id: self.index.id(slot).clone(),
            at: Some(stamp.at),
            sequence: stamp.sequence(),
            members: Document::from_members(vec![inactive_status()]),
            removed: Vec::new(),
            kept: Vec::new(),
            prices: Vec::new(),
        };
        let at = stamp.at;
        let decided =
            self.asset(&write, WriteTime::Feed { snapshot: at, stamped_at: at, fetch_started_at: at })?;
        Ok(!decided.item.is_damaged())
    }

    /// What is kept of the asset beside its stamps has moved.
    pub(super) fn head_moved(&mut self, slot: Slot, head: AssetHead) {
        self.index.set_head(slot, &head);
        self.asset_changed(slot, AssetEvent::Stamped, head, Contents::default(), Stamp::NEVER);
    }

    fn asset_changed(
        &mut self,
        slot: Slot,
        event: AssetEvent,
        head: AssetHead,
        contents: Contents,
        stamp: Stamp,
    ) {
        let (id, origin, Contents { set, removed }) = (self.index.id(slot).clone(), self.origin, contents);
        let change = AssetChange { slot, id, event, head, set, removed, stamp, origin };
        self.set.changes.push(ChangeKind::Asset(Box::new(change)));
    }

    /// P3: prices that waited for their asset become visible in the commit that brings it to life.
    pub fn show_quotes(&mut self, slot: Slot) {
        for quote in self.index.quotes(slot) {
            self.push_price_change(slot, quote, true);
        }
    }

    /// X1: the quotes at or below the end go; newer ones wait for the asset to come back (P3).
    /// `lives`: the asset has lived since, and readers see what goes. Whether what shows of any quote
    /// has changed.
    fn bury_quotes(&mut self, slot: Slot, end: Stamp, lives: bool) -> bool {
        let mut taken = false;
        for quote in self.index.quotes(slot) {
            let Some(left) = price::after_death(&quote, end) else { continue };
            match &left {
                Some(left) => self.index.set_quote(slot, left),
                None => self.index.remove_quote(slot, quote.name),
            }
            let left = left.unwrap_or_else(|| quote.clone().emptied());
            let changes = !reading::reads_alike(Some(&quote), &left);
            taken |= changes;
            self.push_price_change(slot, left, lives && changes);
        }
        taken
    }

    pub(super) fn push_price_change(&mut self, slot: Slot, quote: Quote, visible: bool) {
        let id = self.index.id(slot).clone();
        let visible = visible && !self.index.is_hidden(slot);
        self.set.changes.push(ChangeKind::Price(PriceChange { slot, id, visible, quote }));
    }
}

//! An asset taken out of readers' sight by an operator, and put back.

use super::outcomes::damaged;
use super::{Ledger, LedgerError};
use crate::domain::{
    AssetChange, AssetEvent, AssetHead, AssetId, ChangeKind, ItemOutcome, Lane, Micros, Outcome, Rule, Stamp,
};

impl Ledger<'_> {
    /// Takes a living asset out of readers' sight, or puts it back.
    pub fn set_hidden(&mut self, id: &AssetId, hidden: bool, at: Micros) -> Result<ItemOutcome, LedgerError> {
        if self.index.is_damaged(id) {
            return Ok(damaged(Rule::D1));
        }
        let slot = self.index.find(id);
        let head = slot.map_or_else(AssetHead::unborn, |slot| self.index.head(slot));
        let Some(slot) = slot.filter(|_| head.is_alive()) else {
            let known = head.death.happened();
            return Ok(ItemOutcome::plain(if known { Outcome::Gone } else { Outcome::NotFound }, Rule::X1));
        };
        if head.hidden == hidden {
            return Ok(ItemOutcome::plain(Outcome::Unchanged, Rule::D2));
        }
        let (event, set) = match hidden {
            true => (AssetEvent::Updated, Vec::new()),
            // readers get it again: whole
            false => match self.document(slot, head.version) {
                Ok(held) => (AssetEvent::Created, held.into_members()),
                Err(LedgerError::Damaged { .. }) => return Ok(damaged(Rule::D1)),
                Err(failed) => return Err(failed),
            },
        };
        let head = AssetHead { hidden, ..head };
        self.index.set_head(slot, &head);
        // a stamp that no write carries: it must not pass for the writer of any member
        let stamp = Stamp::new(at, Lane::Admin, Stamp::SEQUENCE_MAX);
        let (id, origin, removed) = (id.clone(), self.origin, Vec::new());
        let change = AssetChange { slot, id, event, head, set, removed, stamp, origin };
        let mut item = ItemOutcome::plain(Outcome::Updated, Rule::D1);
        item.change = Some(self.set.changes.len() as u32);
        self.set.changes.push(ChangeKind::Asset(Box::new(change)));
        if !hidden {
            self.show_quotes(slot);
        }
        Ok(item)
    }
}

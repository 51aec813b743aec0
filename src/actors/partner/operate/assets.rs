//! The operator's lane: an asset patched, hidden or shown again by hand, each with its reason.
//!
//! A patch is a write like any other, decided by the rules with the highest lane, so that a newer
//! feed or push takes its members over again. Hiding is no write: it lasts until it is undone.
//! While an asset is hidden readers do not find it; for their change stream it is deleted when it
//! is hidden, and created when it is shown again.

use crate::actors::partner::ledger::{Lanes, LedgerError, Prefetched};
use crate::actors::partner::message::orders::{Deed, Operated, Order};
use crate::actors::partner::state::PartnerState;
use crate::domain::{ChangeKind, OperatorAction, Origin, PartnerNo, RecordChange, RecordKind, WriteSet};
use crate::store::{ReadError, Reader};
use tokio::sync::oneshot;

/// Records of actions kept per partner; older ones are dropped as new ones come.
const ACTIONS_KEPT: u64 = 10_000;

/// The number of the last action on record.
pub fn last_action(reader: &Reader, partner: PartnerNo) -> Result<u64, ReadError> {
    let newest = reader.records(RecordKind::Action, partner, None, true, 1)?;
    let key = newest.first().and_then(|(key, _)| <[u8; 8]>::try_from(&**key).ok());
    Ok(key.map_or(0, u64::from_be_bytes))
}

impl PartnerState {
    /// Decides an order and puts it in line, its record with it.
    pub fn operate(
        &mut self,
        order: Order,
        prefetched: Prefetched,
        reply: oneshot::Sender<Operated>,
    ) -> Result<(), LedgerError> {
        let at = self.around.clock.now();
        let number = self.last_action + 1;
        let Order { id, reason, deed } = order;
        let kind = deed.kind();
        let mut ledger = self.ledger(Origin::Admin { action: number }, prefetched);
        let item = match deed {
            Deed::Patch(write) => ledger.asset(&write, Lanes::Admin { at })?.item,
            Deed::Hide => ledger.set_hidden(&id, true, at)?,
            Deed::Unhide => ledger.set_hidden(&id, false, at)?,
        };
        let losses = std::mem::take(&mut ledger.losses);
        let mut set = std::mem::replace(&mut ledger.set, WriteSet::new(self.no));
        self.record_losses(losses, &mut set);
        let acts = !set.changes.is_empty();
        if acts {
            let action = OperatorAction { at: at.0, kind, asset: id.as_str().to_owned(), reason };
            set.changes.extend(action_records(number, &action));
            self.last_action = number;
        }
        let (done, durable) = oneshot::channel();
        self.commit(set, done);
        // a caller who has gone needs no answer
        let _ = reply.send(Operated { item, action: acts.then_some(number), durable });
        Ok(())
    }
}

fn action_records(number: u64, action: &OperatorAction) -> Vec<ChangeKind> {
    let record = |number: u64, value| {
        let key = number.to_be_bytes().into();
        ChangeKind::Record(Box::new(RecordChange { kind: RecordKind::Action, key, value }))
    };
    let value = serde_json::to_vec(action).expect("a plain struct serialises");
    let oldest = number.checked_sub(ACTIONS_KEPT).filter(|&old| old > 0);
    let dropped = oldest.map(|old| record(old, None));
    [record(number, Some(value.into()))].into_iter().chain(dropped).collect()
}

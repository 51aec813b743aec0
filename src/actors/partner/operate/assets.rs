//! The operator's lane: an asset patched, hidden or shown again by hand, each with its reason.
//!
//! A patch is a write like any other, decided by the rules with the highest lane, so that a newer
//! feed or push takes its members over again. Hiding is no write: it lasts until it is undone.
//! While an asset is hidden readers do not find it; for their change stream it is deleted when it
//! is hidden, and created when it is shown again.

use crate::actors::partner::books::actions::action_records;
use crate::actors::partner::ledger::{LedgerError, Prefetched, WriteTime};
use crate::actors::partner::message::orders::{Operated, Order, OrderKind};
use crate::actors::partner::state::PartnerState;
use crate::domain::{OperatorAction, Origin};
use tokio::sync::oneshot;

impl PartnerState {
    /// Decides an order and puts it in the queue, its record with it.
    pub fn operate(
        &mut self,
        order: Order,
        prefetched: Prefetched,
        reply: oneshot::Sender<Operated>,
    ) -> Result<(), LedgerError> {
        let at = self.shared.clock.now();
        let number = self.last_action + 1;
        let Order { id, reason, kind, by } = order;
        let action = kind.action();
        let mut ledger = self.ledger(Origin::Admin { action: number }, prefetched);
        let item = match kind {
            OrderKind::Patch(write) => ledger.asset(&write, WriteTime::Admin { at })?.item,
            OrderKind::Hide => ledger.set_hidden(&id, true, at)?,
            OrderKind::Unhide => ledger.set_hidden(&id, false, at)?,
        };
        let decisions = ledger.finish();
        let mut set = self.account_for(decisions);
        let acts = !set.changes.is_empty();
        if acts {
            let action = OperatorAction { at: at.0, kind: action, asset: id.as_str().to_owned(), reason, by };
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

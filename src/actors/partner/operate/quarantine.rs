//! Taking rows out of the quarantine: released, they pass the rules again with their own time;
//! dropped, they are gone.
//!
//! The row is read and its text decoded on the caller's task; the actor decides.

use crate::actors::partner::ledger::{Lanes, LedgerError};
use crate::actors::partner::message::quarantine::{Kept, Released, Verdict};
use crate::actors::partner::state::PartnerState;
use crate::domain::{ItemOutcome, Seq, Write, WriteSet};
use tokio::sync::oneshot;

impl PartnerState {
    /// Does what is asked of row `key`; `durable` hears when that can be relied on.
    pub fn kept(
        &mut self,
        key: u64,
        wish: Kept,
        verdict: oneshot::Sender<Verdict>,
        durable: oneshot::Sender<Seq>,
    ) -> Result<(), LedgerError> {
        let mut set = WriteSet::new(self.no);
        let said = match wish {
            _ if !self.quarantine.holds(key) => Verdict::Missing,
            Kept::Drop => {
                self.quarantine.remove(key, &mut set);
                Verdict::Dropped
            }
            Kept::Release(released) => {
                let (item, decided) = self.decide_again(*released)?;
                set = decided;
                if !item.outcome.is_refused() {
                    self.quarantine.remove(key, &mut set);
                }
                Verdict::Decided(item)
            }
        };
        self.metrics.quarantine_stands_at(self.quarantine.len(), 0);
        self.commit(set, durable);
        // a caller who has gone needs no answer
        let _ = verdict.send(said);
        Ok(())
    }

    fn decide_again(&mut self, released: Released) -> Result<(ItemOutcome, WriteSet), LedgerError> {
        let Released { write, lanes, origin, prefetched } = released;
        let mut ledger = self.ledger(origin, prefetched);
        ledger.released = true;
        let mut item = match (&write, lanes) {
            (Write::Asset(write), lanes) => {
                let decided = ledger.asset(write, lanes)?;
                // a feed's record whose price is refused still is not done with (F2)
                decided.prices_aside.into_iter().next().unwrap_or(decided.item)
            }
            (
                Write::Price(write),
                Lanes::Push { undated: at } | Lanes::Feed { snapshot: at, .. } | Lanes::Admin { at, .. },
            ) => ledger.price(write, at),
        };
        item.change = None;
        let decisions = ledger.finish();
        Ok((item, self.account_for(decisions)))
    }
}

//! Taking rows out of the quarantine: released, they pass the rules again with their own time;
//! dropped, they are gone.
//!
//! The row is read and its text decoded on the caller's task; the actor decides.

use crate::actors::partner::books::refusals::with_reason;
use crate::actors::partner::ledger::{LedgerError, WriteTime};
use crate::actors::partner::message::quarantine::{Released, RowAnswer, RowOrder};
use crate::actors::partner::state::PartnerState;
use crate::domain::{ItemOutcome, Micros, Seq, Write, WriteSet};
use tokio::sync::oneshot;

impl PartnerState {
    /// Releases or drops the row `key`, and answers; `durable` hears when that can be relied on.
    pub fn decide_row(
        &mut self,
        key: u64,
        order: RowOrder,
        answer: oneshot::Sender<RowAnswer>,
        durable: oneshot::Sender<Seq>,
    ) -> Result<(), LedgerError> {
        let mut set = WriteSet::new(self.no);
        let answered = match order {
            _ if !self.quarantine.holds(key) => RowAnswer::Missing,
            RowOrder::Drop => {
                self.quarantine.remove(key, &mut set);
                RowAnswer::Dropped
            }
            RowOrder::Release(mut released) => {
                let (item, decided) = self.decide_again(&mut released)?;
                set = decided;
                if !item.outcome.is_refused() {
                    self.quarantine.remove(key, &mut set);
                } else if !released.is_mended && !item.is_damaged() {
                    // of a text that stood in for the row's only its sender hears what is wrong with it
                    self.quarantine.put(key, with_reason(released.row, &item), &mut set);
                }
                RowAnswer::Decided(item)
            }
        };
        self.commit(set, durable);
        // a caller who has gone needs no answer
        let _ = answer.send(answered);
        Ok(())
    }

    /// Drops those of the rows that are still there, and answers how many that were.
    pub fn drop_rows(&mut self, keys: &[u64], answer: oneshot::Sender<u64>, durable: oneshot::Sender<Seq>) {
        let mut set = WriteSet::new(self.no);
        let dropped = keys.iter().filter(|key| self.quarantine.remove(**key, &mut set)).count();
        self.commit(set, durable);
        // a caller who has gone needs no answer
        let _ = answer.send(dropped as u64);
    }

    fn decide_again(&mut self, released: &mut Released) -> Result<(ItemOutcome, WriteSet), LedgerError> {
        let write = match &released.decoded {
            Ok(write) => write,
            Err(refused) => return Ok(((**refused).clone(), WriteSet::new(self.no))),
        };
        let when = released.when(write, self.feed.last_snapshot_at.map(Micros));
        let mut ledger = self.ledger(released.origin, std::mem::take(&mut released.prefetched));
        ledger.released = released.by_operator;
        let mut item = match (write, when) {
            (Write::Asset(write), when) => {
                let decided = ledger.asset(write, when)?;
                // a feed's record whose price is refused still is not done with (F2)
                decided.prices_aside.into_iter().next().unwrap_or(decided.item)
            }
            (
                Write::Price(write),
                WriteTime::Push { undated: at }
                | WriteTime::Feed { snapshot: at, .. }
                | WriteTime::Admin { at, .. },
            ) => ledger.price(write, at),
        };
        item.change = None;
        let decisions = ledger.finish();
        Ok((item, self.account_for(decisions)))
    }
}

//! Taking rows out of the quarantine: released, they pass the rules again with their own time;
//! dropped, they are gone.
//!
//! The row is read and its text decoded on the caller's task; the actor decides.

use crate::actors::partner::ledger::outcomes::is_refused;
use crate::actors::partner::ledger::{Lanes, LedgerError, Prefetched};
use crate::actors::partner::state::PartnerState;
use crate::codec::record;
use crate::codec::request::again::{self, Named};
use crate::config::PartnerSettings;
use crate::domain::{
    AssetId, AssetWrite, Document, ItemOutcome, Market, Micros, Origin, PriceWrite, QuarantineRow, QuoteName,
    RefusedKind, RefusedOrigin, Seq, Verb, Write, WriteSet,
};
use tokio::sync::oneshot;

/// What is asked of a row.
#[derive(Debug)]
pub enum Kept {
    Release(Box<Released>),
    Drop,
}

/// A row's write, decoded again.
#[derive(Debug)]
pub struct Released {
    write: Write,
    lanes: Lanes,
    origin: Origin,
    pub prefetched: Prefetched,
}

/// What the actor says of it.
#[derive(Debug)]
pub enum Verdict {
    /// There is no such row, or no longer.
    Missing,
    Dropped,
    /// The rules have spoken; where they refuse it still, the row stays.
    Decided(ItemOutcome),
}

/// Why a row cannot be decided again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cannot {
    /// Its text is not all there.
    Cut,
    /// It never got a time: its run was refused as a whole.
    Undated,
    /// Its text is not a write that could be decided.
    Unreadable,
}

impl Released {
    /// Decodes a row as it would have been decoded, with the policy and mapping of today.
    pub fn of(row: &QuarantineRow, settings: &PartnerSettings) -> Result<Released, Cannot> {
        if row.is_cut() {
            return Err(Cannot::Cut);
        }
        let at = Micros(row.at.ok_or(Cannot::Undated)?);
        let received_at = Micros(row.received_at);
        let id = row.id.as_deref().and_then(|id| AssetId::new(id).ok());
        let (origin, lanes) = match row.origin {
            RefusedOrigin::Feed { run, record } => (
                Origin::Feed { run, record: u32::try_from(record).unwrap_or(u32::MAX) },
                Lanes::Feed { snapshot: at, stamped_at: at, fetch_started_at: received_at },
            ),
            RefusedOrigin::Push { delivery } => (Origin::Push { delivery }, Lanes::Push { undated: at }),
            RefusedOrigin::Parked => (Origin::Push { delivery: 0 }, Lanes::Push { undated: at }),
        };
        let write = match row.kind {
            RefusedKind::FeedRecord => {
                let mapping = &settings.feed.as_ref().ok_or(Cannot::Unreadable)?.mapping;
                let read = record::decode(&row.raw, mapping, &settings.policy).ok();
                // what is kept for its price alone is of no use without it (F2)
                read.filter(|read| read.price_aside.is_none()).map(|read| Write::Asset(Box::new(read.write)))
            }
            RefusedKind::Delete => id.map(|id| delete(id, at)),
            RefusedKind::Withdrawal => id.map(|id| withdrawal(id, row.quote.as_deref(), at)),
            kind => {
                let quote = row.quote.as_deref().and_then(|name| QuoteName::new(name).ok());
                again::decode(&row.raw, kind, Named { id: id.as_ref(), quote }, &settings.policy)
            }
        };
        let mut write = write.ok_or(Cannot::Unreadable)?;
        if row.code == "future_time" {
            // T4: its sender said that time, if only in the envelope that the row does not hold
            let said = match &mut write {
                Write::Asset(write) => &mut write.at,
                Write::Price(write) => &mut write.at,
            };
            said.get_or_insert(at);
        }
        Ok(Released { write, lanes, origin, prefetched: Prefetched::new() })
    }

    /// The asset whose document the decision will rest on.
    pub fn asset_id(&self) -> &AssetId {
        self.write.id()
    }
}

fn delete(id: AssetId, at: Micros) -> Write {
    Write::Asset(Box::new(AssetWrite {
        verb: Verb::Delete,
        id,
        at: Some(at),
        sequence: 0,
        members: Document::default(),
        removed: Vec::new(),
        prices: Vec::new(),
    }))
}

fn withdrawal(id: AssetId, quote: Option<&str>, at: Micros) -> Write {
    Write::Price(PriceWrite {
        id,
        quote: quote.and_then(|name| QuoteName::new(name).ok()).unwrap_or(QuoteName::PRICE),
        amount: None,
        currency: None,
        at: Some(at),
        sequence: 0,
        market: Market::Unsaid,
        stream: None,
        extra: None,
    })
}

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
                let item = self.decide_again(*released, &mut set)?;
                if !is_refused(item.outcome) {
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

    fn decide_again(&mut self, released: Released, set: &mut WriteSet) -> Result<ItemOutcome, LedgerError> {
        let Released { write, lanes, origin, prefetched } = released;
        let mut ledger = self.ledger(origin, prefetched);
        ledger.released = true;
        let mut item = match (&write, lanes) {
            (Write::Asset(write), lanes) => {
                let decided = ledger.asset(write, lanes)?;
                // a feed's record whose price is refused still is not done with (F2)
                decided.price_aside.unwrap_or(decided.item)
            }
            (
                Write::Price(write),
                Lanes::Push { undated: at } | Lanes::Feed { snapshot: at, .. } | Lanes::Admin { at, .. },
            ) => ledger.price(write, at),
        };
        item.change = None;
        let losses = std::mem::take(&mut ledger.losses);
        *set = std::mem::replace(&mut ledger.set, WriteSet::new(self.no));
        self.record_losses(losses, set);
        Ok(item)
    }
}

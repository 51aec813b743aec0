//! A row of the quarantine on its way to be decided again: decoded on the caller's task, as it
//! would have been decoded.

use crate::actors::partner::ledger::{Prefetched, WriteTime};
use crate::codec::mapping::{self, Above, Around};
use crate::codec::request::again::{self, Named};
use crate::config::PartnerSettings;
use crate::domain::{
    AssetId, AssetWrite, ItemOutcome, Micros, Origin, PriceWrite, QuarantineRow, QuoteName, RefusedKind,
    RefusedOrigin, Write,
};

/// What a caller wants done with a row.
#[derive(Debug)]
pub enum RowOrder {
    Release(Box<Released>),
    Drop,
}

/// A row's write, decoded again.
#[derive(Debug)]
pub struct Released {
    pub write: Write,
    pub when: WriteTime,
    pub origin: Origin,
    pub prefetched: Prefetched,
}

/// What became of the row.
#[derive(Debug)]
pub enum RowAnswer {
    /// There is no such row, or no longer.
    Missing,
    Dropped,
    /// The rules have spoken; where they refuse it still, the row stays.
    Decided(ItemOutcome),
}

/// Why a row cannot be decided again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseRefused {
    /// Its text is not all there.
    Cut,
    /// It never got a time: its run was refused as a whole.
    Undated,
    /// Its text is not a write that could be decided.
    Unreadable,
}

impl Released {
    /// Decodes a row as it would have been decoded, with the policy and mapping of today.
    pub fn of(row: &QuarantineRow, settings: &PartnerSettings) -> Result<Released, ReleaseRefused> {
        if row.is_cut() {
            return Err(ReleaseRefused::Cut);
        }
        let at = Micros(row.at.ok_or(ReleaseRefused::Undated)?);
        let received_at = Micros(row.received_at);
        let id = row.id.as_deref().and_then(|id| AssetId::new(id).ok());
        let (origin, when) = match row.origin {
            RefusedOrigin::Feed { run, record } => (
                Origin::Feed { run, record: u32::try_from(record).unwrap_or(u32::MAX) },
                WriteTime::Feed { snapshot: at, stamped_at: at, fetch_started_at: received_at },
            ),
            RefusedOrigin::Push { delivery } => (Origin::Push { delivery }, WriteTime::Push { undated: at }),
            RefusedOrigin::Parked => (Origin::Push { delivery: 0 }, WriteTime::Push { undated: at }),
        };
        let write = match row.kind {
            RefusedKind::FeedRecord => {
                let mapping = &settings.feed.as_ref().ok_or(ReleaseRefused::Unreadable)?.mapping;
                let above = row.above.as_ref().map(Above::from);
                let around = Around { key: row.key.as_deref(), above: above.as_ref() };
                let read = mapping::decode(&row.raw, around, mapping, &settings.policy).ok();
                // what is kept for its price alone is of no use without it (F2)
                read.filter(|read| read.prices_aside.is_empty())
                    .map(|read| Write::Asset(Box::new(read.write)))
            }
            RefusedKind::Delete => id.map(|id| delete(id, at)),
            RefusedKind::Withdrawal => id.map(|id| withdrawal(id, row.quote.as_deref(), at)),
            kind => {
                let quote = row.quote.as_deref().and_then(|name| QuoteName::new(name).ok());
                again::decode(&row.raw, kind, Named { id: id.as_ref(), quote }, &settings.policy)
            }
        };
        let mut write = write.ok_or(ReleaseRefused::Unreadable)?;
        if row.code == "future_time" {
            // T4: its sender said that time, if only in the envelope that the row does not hold
            let said = match &mut write {
                Write::Asset(write) => &mut write.at,
                Write::Price(write) => &mut write.at,
            };
            said.get_or_insert(at);
        }
        Ok(Released { write, when, origin, prefetched: Prefetched::new() })
    }

    /// The asset whose document the decision will rest on.
    pub fn asset_id(&self) -> &AssetId {
        self.write.id()
    }
}

fn delete(id: AssetId, at: Micros) -> Write {
    Write::Asset(Box::new(AssetWrite::delete(id, Some(at))))
}

fn withdrawal(id: AssetId, quote: Option<&str>, at: Micros) -> Write {
    let quote = quote.and_then(|name| QuoteName::new(name).ok()).unwrap_or(QuoteName::PRICE);
    Write::Price(PriceWrite::withdrawal(id, quote, Some(at)))
}

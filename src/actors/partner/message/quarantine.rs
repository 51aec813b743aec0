//! A row of the quarantine on its way to be decided again: decoded on the caller's task, as it
//! would have been decoded.

use crate::actors::partner::ledger::{Prefetched, WriteTime};
use crate::codec::hook::{self, HookCall};
use crate::codec::mapping::{self, Above, Around};
use crate::codec::request::BodyLimits;
use crate::codec::request::again::{self, Named};
use crate::config::PartnerSettings;
use crate::domain::{
    AssetId, AssetWrite, ItemOutcome, Micros, Origin, Outcome, PriceWrite, QuarantineRow, QuoteName,
    RefusedKind, RefusedOrigin, Rule, Write,
};

/// What a caller wants done with a row.
#[derive(Debug)]
pub enum RowOrder {
    Release(Box<Released>),
    Drop,
}

/// How a row is to be released.
#[derive(Clone, Debug, Default)]
pub struct Mending {
    /// What stands in for its text; `None`: as it is.
    pub text: Option<String>,
    /// An operator says so, whom no changed currency holds back (P4).
    pub by_operator: bool,
}

/// A row's write, decoded again.
#[derive(Debug)]
pub struct Released {
    pub row: QuarantineRow,
    /// The asset, as far as it can be read.
    pub id: Option<AssetId>,
    /// What is to be decided, or what is wrong with the text still.
    pub decoded: Result<Write, Box<ItemOutcome>>,
    pub origin: Origin,
    pub prefetched: Prefetched,
    pub by_operator: bool,
    /// Its text stood in for the row's.
    pub is_mended: bool,
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
    /// It is about a whole file, of which nothing is kept here.
    WholeFile,
    /// It never had a text that could be mended.
    NoText,
    /// It is a record of a feed that is no longer configured, so that nothing says how to read it.
    NoFeed,
}

impl Released {
    /// Decodes a row as it would have been decoded, with the policy and mapping of today, or the text
    /// that stands in for its own.
    pub fn of(
        row: QuarantineRow,
        settings: &PartnerSettings,
        mending: Mending,
    ) -> Result<Released, ReleaseRefused> {
        let Mending { text: mended, by_operator } = mending;
        let has_text = !matches!(row.kind, RefusedKind::Delete | RefusedKind::Withdrawal);
        match row.kind {
            RefusedKind::Snapshot => return Err(ReleaseRefused::WholeFile),
            _ if mended.is_some() && !has_text => return Err(ReleaseRefused::NoText),
            _ if mended.is_none() && row.is_cut() => return Err(ReleaseRefused::Cut),
            RefusedKind::FeedRecord if settings.feed.is_none() => return Err(ReleaseRefused::NoFeed),
            _ => {}
        }
        let origin = match row.origin {
            RefusedOrigin::Feed { run, record } => {
                Origin::Feed { run, record: u32::try_from(record).unwrap_or(u32::MAX) }
            }
            RefusedOrigin::Push { delivery } => Origin::Push { delivery },
            RefusedOrigin::Parked => Origin::Push { delivery: 0 },
        };
        let id = row.id.as_deref().and_then(|id| AssetId::new(id).ok());
        let decoded = decode(&row, id.as_ref(), mended.as_deref().unwrap_or(&row.raw), settings);
        let decoded = decoded.and_then(|write| match &id {
            Some(id) if write.id() != id => Err(other_asset(id)),
            _ => Ok(write),
        });
        let id = decoded.as_ref().ok().map(|write| write.id().clone()).or(id);
        let (is_mended, prefetched) = (mended.is_some(), Prefetched::new());
        Ok(Released { row, id, decoded, origin, prefetched, by_operator, is_mended })
    }

    /// The time that what was decoded is decided with. A record of a file that never got a time has its
    /// own, or none: it comes just after the last file that was accepted, at `last_snapshot`, so that it
    /// turns no push back (T3).
    pub fn when(&self, write: &Write, last_snapshot: Option<Micros>) -> WriteTime {
        let received_at = Micros(self.row.received_at);
        let own = match write {
            Write::Asset(write) => write.at,
            Write::Price(write) => write.at,
        };
        let known = self.row.at.map(Micros);
        if self.row.kind != RefusedKind::FeedRecord {
            return WriteTime::Push { undated: known.unwrap_or(received_at) };
        }
        let floor = last_snapshot.unwrap_or(Micros::BEGINNING).plus(1);
        let at = known
            .unwrap_or_else(|| own.filter(|own| *own <= received_at).map_or(floor, |own| own.max(floor)));
        WriteTime::Feed { snapshot: at, stamped_at: at, fetch_started_at: received_at }
    }
}

fn decode(
    row: &QuarantineRow,
    id: Option<&AssetId>,
    text: &str,
    settings: &PartnerSettings,
) -> Result<Write, Box<ItemOutcome>> {
    let quote = row.quote.as_deref().and_then(|name| QuoteName::new(name).ok());
    let at = Micros(row.at.unwrap_or(row.received_at));
    let mut write = match (row.kind, id) {
        (RefusedKind::FeedRecord, _) => record(row, text, settings)?,
        (RefusedKind::Hook, _) => of_hook(row, text, settings)?,
        (RefusedKind::Delete, Some(id)) => Write::Asset(Box::new(AssetWrite::delete(id.clone(), Some(at)))),
        (RefusedKind::Withdrawal, Some(id)) => {
            let quote = quote.unwrap_or(QuoteName::PRICE);
            Write::Price(PriceWrite::withdrawal(id.clone(), quote, Some(at)))
        }
        (kind, _) => again::decode(text, kind, Named { id, quote }, &settings.policy)?,
    };
    if row.code == "future_time" {
        // T4: its sender said that time, if only in the envelope that the row does not hold
        let said = match &mut write {
            Write::Asset(write) => &mut write.at,
            Write::Price(write) => &mut write.at,
        };
        said.get_or_insert(at);
    }
    Ok(write)
}

/// The item of a hook's body that the row is about, read as the hook is configured today.
fn of_hook(row: &QuarantineRow, text: &str, settings: &PartnerSettings) -> Result<Write, Box<ItemOutcome>> {
    let refused = |code: &'static str, hint: String| {
        Box::new(ItemOutcome::noted(Outcome::Rejected, Rule::D1, code, hint))
    };
    let known = row.hook.as_ref().and_then(|item| Some((item, settings.hook(&item.name)?)));
    let Some((item, found)) = known else {
        return Err(refused("no_hook", "the hook that it came by is no longer configured".to_owned()));
    };
    let limits = BodyLimits { items_max: usize::MAX };
    let (hook, headers, policy) = (&*found.hook, &item.headers, &settings.policy);
    let read = hook::read(&HookCall { hook, headers, body: text.as_bytes(), policy, limits });
    let mut writes = read.map_err(|error| refused(error.code, error.detail))?.decoded.writes;
    match usize::try_from(item.place).ok().filter(|place| *place < writes.len()) {
        Some(place) => writes.swap_remove(place),
        None => Err(refused("item_missing", "the body no longer gives an item at this place".to_owned())),
    }
}

/// A feed's record with all its prices: what is kept for its price alone is of no use without it (F2).
fn record(row: &QuarantineRow, text: &str, settings: &PartnerSettings) -> Result<Write, Box<ItemOutcome>> {
    let refused = |code: &'static str, detail: &str, pointer: &str| {
        let mut item = ItemOutcome::noted(Outcome::Rejected, Rule::F2, code, detail);
        item.note_mut().pointer = pointer.to_owned();
        Box::new(item)
    };
    let Some(feed) = &settings.feed else { return Err(refused("no_feed", "no feed is configured", "")) };
    if text.len() > feed.record_bytes_max {
        let detail = format!("a record has at most {} bytes", feed.record_bytes_max);
        return Err(refused("record_too_large", &detail, ""));
    }
    let above = row.above.as_ref().map(Above::from);
    let around = Around { key: row.key.as_deref(), above: above.as_ref(), headers: None };
    let read = mapping::decode(text, around, &feed.mapping, &settings.policy)
        .map_err(|error| refused(error.code, &error.detail, &error.pointer))?;
    match read.prices_aside.into_iter().next() {
        Some(aside) => Err(Box::new(aside)),
        None => Ok(Write::Asset(Box::new(read.write))),
    }
}

fn other_asset(id: &AssetId) -> Box<ItemOutcome> {
    let hint = format!("the row is of the asset {}: send a text of the same asset", id.as_str());
    let mut item = ItemOutcome::noted(Outcome::Rejected, Rule::D1, "id_mismatch", hint);
    item.note_mut().pointer = "/id".into();
    Box::new(item)
}

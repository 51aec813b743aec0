//! Parked prices (P3): registers whose asset is unknown or dead. The register in the index *is*
//! the parked price; here is only since when each waits, so that the oldest is found. Those of an
//! absent asset stay hidden with its tombstone: they wait for nothing else, and never too long.
//!
//! Every write set passes `settle` before it is put in line: what it made wait or freed is noted,
//! and what has waited too long, or is too much, moves to the quarantine in the same commit.

use crate::actors::partner::index::Index;
use crate::actors::partner::state::PartnerState;
use crate::codec::{json, time};
use crate::domain::{
    AssetChange, AssetEvent, AssetHead, AssetId, ChangeKind, Market, Micros, Origin, PriceChange,
    QuarantineRow, Quote, QuoteName, RefusedKind, RefusedOrigin, Rule, Slot, Stamp, WriteSet,
};
use crate::rules::keeping::PARKED_KEPT;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::ops::Bound;
use tokio::sync::oneshot;

/// Expired prices that one write set takes along: a push must not pay for all that waits.
const EXPIRED_PER_SET: usize = 256;
/// Prices beyond the cap that one write set takes along: more than one batch can bring.
const OVERFLOW_PER_SET: usize = 20_000;

/// Where a price stands in the line: since when, and whose it is.
pub type ParkedPlace = (Micros, Slot, QuoteName);

#[derive(Debug, Default)]
pub struct Parked {
    /// From the one that has waited longest.
    by_time: BTreeSet<ParkedPlace>,
    by_slot: HashMap<Slot, Vec<Waiting>>,
    /// Absent assets that have quotes.
    absent: BTreeSet<Slot>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    quote: QuoteName,
    since: Micros,
    /// Of the price that waits: another one waits anew.
    stamp: Stamp,
}

/// A parked price as it is listed.
#[derive(Clone, Debug)]
pub struct ParkedPrice {
    pub place: ParkedPlace,
    pub id: AssetId,
    pub quote: Quote,
    pub since: Micros,
    /// `None`: it goes with its tombstone.
    pub expires_at: Option<Micros>,
    pub waits_for: WaitsFor,
}

/// Why no reader sees a parked price's asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitsFor {
    Unknown,
    Deleted,
    Absent,
}

impl WaitsFor {
    pub fn as_str(self) -> &'static str {
        match self {
            WaitsFor::Unknown => "unknown",
            WaitsFor::Deleted => "deleted",
            WaitsFor::Absent => "absent",
        }
    }
}

/// In a list, prices that never expire follow on all that do.
const NEVER_EXPIRES: Micros = Micros(i64::MAX);

impl Parked {
    /// Those that wait for 24 h at most.
    pub fn len(&self) -> usize {
        self.by_time.len()
    }

    fn oldest(&self) -> Option<ParkedPlace> {
        self.by_time.first().copied()
    }

    /// The one that has waited longest has waited too long.
    fn is_overdue(&self, now: Micros) -> bool {
        self.oldest().is_some_and(|(since, ..)| since.plus(PARKED_KEPT) <= now)
    }

    /// Brings the slot's entries in step with what the index says of it.
    fn follow(&mut self, index: &Index, slot: Slot, now: Micros) {
        let before = self.by_slot.remove(&slot).unwrap_or_default();
        for waiting in &before {
            self.by_time.remove(&(waiting.since, slot, waiting.quote));
        }
        self.absent.remove(&slot);
        if index.is_free(slot) || index.is_alive(slot) {
            return;
        }
        let since = |quote: &Quote| {
            let same = |held: &&Waiting| held.quote == quote.name && held.stamp == quote.stamp;
            before.iter().find(same).map_or(now, |held| held.since)
        };
        self.put(index, slot, since);
    }

    /// While loading: it has waited since it came, or since its asset died, whatever our clock was then.
    pub fn load(&mut self, index: &Index, slot: Slot, now: Micros) {
        if !index.is_alive(slot) {
            let died_at = index.died_at(slot);
            self.put(index, slot, |quote| quote.received_at.max(died_at).min(now));
        }
    }

    fn put(&mut self, index: &Index, slot: Slot, since: impl Fn(&Quote) -> Micros) {
        let quotes = index.quotes(slot);
        if index.is_absent(slot) {
            if !quotes.is_empty() {
                self.absent.insert(slot);
            }
            return;
        }
        let waiting = |quote: &Quote| Waiting { quote: quote.name, since: since(quote), stamp: quote.stamp };
        let waiting: Vec<Waiting> = quotes.iter().map(waiting).collect();
        if !waiting.is_empty() {
            self.by_time.extend(waiting.iter().map(|held| (held.since, slot, held.quote)));
            self.by_slot.insert(slot, waiting);
        }
    }
}

impl PartnerState {
    /// P3: before anything is decided, so that what has waited too long joins no asset; as many as
    /// one set takes along.
    pub fn expire_parked(&mut self) {
        if self.parked.is_overdue(self.around.clock.now()) {
            let (durable, _) = oneshot::channel();
            self.commit(WriteSet::new(self.no), durable);
        }
    }

    /// What every set passes before it is put in line.
    pub fn settle(&mut self, set: &mut WriteSet) {
        let now = self.around.clock.now();
        for change in &set.changes {
            match change {
                ChangeKind::Price(price) if !price.visible => {
                    self.parked.follow(&self.index, price.slot, now)
                }
                ChangeKind::Asset(asset) if moves_prices(asset) => {
                    self.parked.follow(&self.index, asset.slot, now);
                }
                _ => {}
            }
        }
        let mut rows = Vec::new();
        for _ in 0..OVERFLOW_PER_SET {
            if self.parked.len() <= self.settings.policy.parked_max {
                break;
            }
            rows.extend(self.expire_oldest("parked_overflow", set));
        }
        for _ in 0..EXPIRED_PER_SET {
            if !self.parked.is_overdue(now) {
                break;
            }
            rows.extend(self.expire_oldest("parked_expired", set));
        }
        if !rows.is_empty() {
            self.quarantine(rows, set);
        }
        self.index.forget_unused();
        self.metrics.parked_stand_at(self.parked.len());
    }

    /// The price that has waited longest becomes a row; a place that only it held is forgotten.
    fn expire_oldest(&mut self, code: &'static str, set: &mut WriteSet) -> Option<QuarantineRow> {
        let (_, slot, name) = self.parked.oldest()?;
        let held = if self.index.is_free(slot) { None } else { self.index.quote(slot, name) };
        let Some(quote) = held else {
            self.parked.follow(&self.index, slot, Micros::BEGINNING);
            return None;
        };
        let id = self.index.id(slot).clone();
        let row = row_of(&id, &quote, code);
        self.index.remove_quote(slot, name);
        self.parked.follow(&self.index, slot, quote.received_at);
        let quote = quote.emptied();
        set.changes.push(ChangeKind::Price(PriceChange { slot, id, visible: false, quote }));
        if self.index.quote_count(slot) == 0 && !self.index.is_known(slot) {
            self.forget(slot, set);
        }
        Some(row)
    }

    /// The slot and its id are free again.
    pub fn forget(&mut self, slot: Slot, set: &mut WriteSet) {
        let id = self.index.id(slot).clone();
        set.changes.push(self.lost.forget(&id));
        let change = AssetChange {
            slot,
            id,
            event: AssetEvent::Forgotten,
            head: AssetHead::unborn(),
            set: Vec::new(),
            removed: Vec::new(),
            stamp: Stamp::NEVER,
            origin: Origin::Push { delivery: 0 },
        };
        set.changes.push(ChangeKind::Asset(Box::new(change)));
        self.index.remove(slot);
        self.recent.forget(slot);
        self.plans.forget(slot);
    }

    /// Parked prices from the one that has waited longest, or behind a place; those of absent assets
    /// come last.
    pub fn list_parked(&self, after: Option<ParkedPlace>, limit: usize) -> Vec<ParkedPrice> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let expiring = self.parked.by_time.range((from, Bound::Unbounded)).filter_map(|&place| {
            let (since, slot, name) = place;
            let known = self.index.is_known(slot);
            Some(ParkedPrice {
                place,
                id: self.index.id(slot).clone(),
                quote: self.index.quote(slot, name)?,
                since,
                expires_at: Some(since.plus(PARKED_KEPT)),
                waits_for: if known { WaitsFor::Deleted } else { WaitsFor::Unknown },
            })
        });
        let begun = after.filter(|(since, ..)| *since == NEVER_EXPIRES);
        let first = begun.map_or(Slot(0), |(_, slot, _)| slot);
        let hidden = self.parked.absent.range(first..).flat_map(|&slot| self.hidden_prices(slot));
        let left = hidden.filter(|hidden| begun.is_none_or(|begun| hidden.place > begun));
        expiring.chain(left).take(limit).collect()
    }

    /// The quotes of an absent asset, in order of their names.
    fn hidden_prices(&self, slot: Slot) -> Vec<ParkedPrice> {
        let mut quotes = self.index.quotes(slot);
        quotes.sort_by_key(|quote| quote.name);
        let parked = |quote: Quote| ParkedPrice {
            place: (NEVER_EXPIRES, slot, quote.name),
            id: self.index.id(slot).clone(),
            since: quote.received_at.max(self.index.died_at(slot)),
            expires_at: None,
            waits_for: WaitsFor::Absent,
            quote,
        };
        quotes.into_iter().map(parked).collect()
    }
}

/// A dead asset may have been absent, and be deleted now, or the other way round.
fn moves_prices(change: &AssetChange) -> bool {
    match change.event {
        AssetEvent::Created | AssetEvent::Deleted | AssetEvent::Forgotten => true,
        AssetEvent::Stamped => !change.head.is_alive(),
        AssetEvent::Updated => false,
    }
}

/// A price that waits no longer, as a row whose text says it as a push would.
fn row_of(id: &AssetId, quote: &Quote, code: &'static str) -> QuarantineRow {
    let hint = match code {
        "parked_overflow" => {
            "more prices waited for unknown assets than parked_max allows; push the assets first"
        }
        _ => "the asset did not come within 24 h of its price; push the asset, then release the price",
    };
    let kind = if quote.is_withdrawn() { RefusedKind::Withdrawal } else { RefusedKind::Price };
    let row = QuarantineRow {
        kind,
        rejected: false,
        id: Some(id.as_str().to_owned()),
        quote: Some(quote.name.as_str().to_owned()),
        code: code.to_owned(),
        rule: Rule::P3.as_str().to_owned(),
        hint: hint.to_owned(),
        pointer: String::new(),
        offset: None,
        received_at: quote.received_at.0,
        at: Some(time_of(quote).0),
        origin: RefusedOrigin::Parked,
        raw: String::new(),
        raw_bytes: 0,
    };
    row.with_raw(&text_of(id, quote))
}

fn time_of(quote: &Quote) -> Micros {
    match &quote.undated {
        Some(undated) if !quote.stamp.happened() => undated.snapshot,
        _ => quote.stamp.at,
    }
}

/// The price as a push would say it; empty for a withdrawal, which has no text.
fn text_of(id: &AssetId, quote: &Quote) -> String {
    let undated = quote.undated.as_ref().filter(|_| !quote.stamp.happened());
    let Some(amount) = quote.amount.or(undated.map(|undated| undated.amount)) else {
        return String::new();
    };
    let mut text = format!(
        "{{\"id\":{},\"amount\":\"{amount}\",\"currency\":\"{}\",\"quote\":\"{}\"",
        json::quoted(id.as_str()),
        quote.currency.as_str(),
        quote.name.as_str(),
    );
    // a time that nobody has said is the row's alone
    if !quote.by_arrival {
        let _ = write!(text, ",\"as_of\":\"{}\"", time::format(time_of(quote)));
    }
    let extra = quote.extra.as_deref();
    let market = match quote.market {
        Market::Unsaid => None,
        Market::Open => Some("open"),
        Market::Closed => Some("closed"),
    };
    let kind = extra.and_then(|extra| extra.kind.as_deref());
    let per = extra.and_then(|extra| extra.per.as_deref());
    for (name, word) in [("kind", kind), ("per", per), ("market", market)] {
        if let Some(word) = word {
            let _ = write!(text, ",\"{name}\":{}", json::quoted(word));
        }
    }
    if quote.stamp.sequence() > 0 {
        let _ = write!(text, ",\"sequence\":{}", quote.stamp.sequence());
    }
    text.push('}');
    text
}

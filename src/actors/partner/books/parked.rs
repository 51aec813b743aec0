//! Parked prices (P3): registers whose asset is unknown or dead. The register in the index *is*
//! the parked price; here is only since when each waits, so that the oldest is found. Those of an
//! absent asset stay hidden with its tombstone: they wait for nothing else, and never too long.

use crate::actors::partner::index::Index;
use crate::domain::{AssetId, Lane, Micros, Quote, QuoteName, Slot, Stamp};
use crate::rules::time::keeping::PARKED_KEPT;
use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

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
    /// Of the price that waits: another one waits again.
    stamp: Stamp,
}

/// A parked price as it is listed.
#[derive(Clone, Debug)]
pub struct ParkedPrice {
    /// Where its record is.
    pub place: ParkedPlace,
    /// The asset that it waits for.
    pub id: AssetId,
    /// The price, decided as if the asset were there.
    pub quote: Quote,
    /// When it came.
    pub since: Micros,
    /// `None`: it goes with its tombstone.
    pub expires_at: Option<Micros>,
    /// What would let it show.
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

    pub fn oldest(&self) -> Option<ParkedPlace> {
        self.by_time.first().copied()
    }

    /// The one that has waited longest has waited too long.
    pub fn is_overdue(&self, now: Micros) -> bool {
        self.oldest().is_some_and(|(since, ..)| since.plus(PARKED_KEPT) <= now)
    }

    /// Brings the slot's entries in step with what the index says of it.
    pub fn follow(&mut self, index: &Index, slot: Slot, now: Micros) {
        let before = self.by_slot.remove(&slot).unwrap_or_default();
        for waiting in &before {
            self.by_time.remove(&(waiting.since, slot, waiting.quote));
        }
        self.absent.remove(&slot);
        if index.is_free(slot) || index.is_alive(slot) {
            return;
        }
        let since = |quote: &Quote| {
            let same = |held: &&Waiting| held.quote == quote.name && held.stamp == newest(quote);
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
        let waiting =
            |quote: &Quote| Waiting { quote: quote.name, since: since(quote), stamp: newest(quote) };
        let waiting: Vec<Waiting> = quotes.iter().map(waiting).collect();
        if !waiting.is_empty() {
            self.by_time.extend(waiting.iter().map(|held| (held.since, slot, held.quote)));
            self.by_slot.insert(slot, waiting);
        }
    }

    /// Parked prices from the one that has waited longest, or behind a place; those of absent assets
    /// come last.
    pub fn list(&self, index: &Index, after: Option<ParkedPlace>, limit: usize) -> Vec<ParkedPrice> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let expiring = self.by_time.range((from, Bound::Unbounded)).filter_map(|&place| {
            let (since, slot, name) = place;
            let known = index.is_known(slot);
            Some(ParkedPrice {
                place,
                id: index.id(slot).clone(),
                quote: index.quote(slot, name)?,
                since,
                expires_at: Some(since.plus(PARKED_KEPT)),
                waits_for: if known { WaitsFor::Deleted } else { WaitsFor::Unknown },
            })
        });
        let begun = after.filter(|(since, ..)| *since == NEVER_EXPIRES);
        let first = begun.map_or(Slot(0), |(_, slot, _)| slot);
        let hidden = self.absent.range(first..).flat_map(|&slot| hidden_prices(index, slot));
        let left = hidden.filter(|hidden| begun.is_none_or(|begun| hidden.place > begun));
        expiring.chain(left).take(limit).collect()
    }
}

/// The stamp of what waits: of the dated price, or of the newest run that has said the undated one.
fn newest(quote: &Quote) -> Stamp {
    let undated =
        quote.undated.as_ref().map_or(Stamp::NEVER, |held| Stamp::new(held.snapshot, Lane::Feed, 0));
    quote.stamp.max(undated)
}

/// The quotes of an absent asset, in order of their names.
fn hidden_prices(index: &Index, slot: Slot) -> Vec<ParkedPrice> {
    let mut quotes = index.quotes(slot);
    quotes.sort_by_key(|quote| quote.name);
    let parked = |quote: Quote| ParkedPrice {
        place: (NEVER_EXPIRES, slot, quote.name),
        id: index.id(slot).clone(),
        since: quote.received_at.max(index.died_at(slot)),
        expires_at: None,
        waits_for: WaitsFor::Absent,
        quote,
    };
    quotes.into_iter().map(parked).collect()
}

//! The partner's index: what decisions need of each asset, in memory, packed.
//!
//! It holds the newest *decided* state, which may be ahead of what is durable. Contents of
//! documents are not here; a slot keeps its number for the asset's life.

pub mod entry;
mod held_quotes;
mod interned;
pub mod slot_set;

use crate::domain::{AssetHead, AssetId, Currency, Exception, Micros, Quote, QuoteName, Slot, Stamp};
use crate::rules::price::PricedAsset;
use compact_str::CompactString;
use entry::{Entry, PackedException, Rare};
use hashbrown::{DefaultHashBuilder, HashTable};
use held_quotes::{HeldQuote, QuoteKind, Quotes, RareQuote};
use interned::Interned;
use std::collections::HashSet;
use std::hash::BuildHasher;
use std::ops::Range;

/// Names of members and kinds of quotes are forgotten from this many on where nothing carries them any more: a
/// partner must not fill our memory with names.
const NAMES_KEPT: usize = 1 << 14;

#[derive(Default)]
pub struct Index {
    places: HashTable<u32>,
    hasher: DefaultHashBuilder,
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
    /// Ids whose heads or quotes are damaged in the store: they stand nowhere here.
    damaged: HashSet<AssetId>,
    names: Interned<CompactString>,
    /// How many names were in use when it was last looked.
    names_in_use: usize,
    kinds: Interned<QuoteKind>,
    kinds_in_use: usize,
    currencies: Interned<Currency>,
    living: usize,
}

impl Index {
    pub fn find(&self, id: &AssetId) -> Option<Slot> {
        let is_it = |&place: &u32| self.entries[place as usize].as_ref().is_some_and(|e| e.id == *id);
        self.places.find(self.hash(id), is_it).map(|&place| Slot(place))
    }

    /// Brings the entries of a batch into the processor's caches, all at once. Decided one by one,
    /// each would wait for memory twice; looked at in loops that do nothing else, their waits
    /// overlap (with 1 M assets: half the time of a batch).
    pub fn warm<'a>(&self, ids: impl Iterator<Item = &'a AssetId>) {
        let hashes: Vec<u64> = ids.map(|id| self.hash(id)).collect();
        let places: Vec<u32> = hashes.iter().map(|&hash| self.likely_place(hash)).collect();
        let touched = places.iter().filter_map(|&place| self.entries.get(place as usize)?.as_ref());
        let sum = touched.map(Entry::touch).fold(0, i64::wrapping_add);
        std::hint::black_box(sum);
    }

    /// Where an id with this hash most likely stands, without a look at the entry.
    fn likely_place(&self, hash: u64) -> u32 {
        let mut likely = u32::MAX;
        self.places.find(hash, |&place| {
            likely = place;
            false
        });
        likely
    }

    /// Every known id, living or not, is counted.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn living(&self) -> usize {
        self.living
    }

    /// Makes a place for an id that is not yet known.
    pub fn insert(&mut self, id: AssetId) -> Slot {
        let place = self.free.pop().unwrap_or(self.entries.len() as u32);
        self.insert_at(Slot(place), id, &AssetHead::unborn(), Vec::new());
        Slot(place)
    }

    /// Puts an asset where the store says that it is. Slots may come in any order.
    pub fn load(&mut self, slot: Slot, id: AssetId, head: &AssetHead, quotes: Vec<Quote>) {
        self.insert_at(slot, id, head, quotes);
    }

    /// After loading: finds the slots that nothing stands in. What would be put into a damaged block
    /// could not be written to the tables.
    pub fn collect_free(&mut self, damaged: &[Range<u32>]) {
        let end = damaged.iter().map(|slots| slots.end as usize).max().unwrap_or(0);
        let end = end.max(self.entries.len());
        self.entries.resize_with(end, || None);
        let empty = self.entries.iter().enumerate().filter(|(_, entry)| entry.is_none());
        let empty = empty.map(|(place, _)| place as u32);
        self.free = empty.filter(|place| !damaged.iter().any(|slots| slots.contains(place))).rev().collect();
    }

    /// Ids of which nothing can be decided.
    pub fn set_damaged(&mut self, ids: Vec<AssetId>) {
        self.damaged = ids.into_iter().collect();
    }

    pub fn is_damaged(&self, id: &AssetId) -> bool {
        !self.damaged.is_empty() && self.damaged.contains(id)
    }

    fn insert_at(&mut self, slot: Slot, id: AssetId, head: &AssetHead, quotes: Vec<Quote>) {
        let place = slot.0 as usize;
        if place >= self.entries.len() {
            self.entries.resize_with(place + 1, || None);
        }
        let hash = self.hash(&id);
        let entry = self.pack(id, head, Quotes::None);
        self.living += usize::from(head.is_alive());
        self.entries[place] = Some(entry);
        let (entries, hasher) = (&self.entries, &self.hasher);
        let rehash = |&place: &u32| hasher.hash_one(entries[place as usize].as_ref().map(|e| e.id.as_str()));
        self.places.insert_unique(hash, slot.0, rehash);
        quotes.iter().for_each(|quote| self.set_quote(slot, quote));
    }

    /// Forgets an asset: its slot is free again.
    pub fn remove(&mut self, slot: Slot) {
        let Some(entry) = self.entries[slot.0 as usize].take() else { return };
        self.living -= usize::from(entry.is_alive());
        let hash = self.hash(&entry.id);
        if let Ok(place) = self.places.find_entry(hash, |&place| place == slot.0) {
            place.remove();
        }
        self.free.push(slot.0);
    }

    /// Nothing stands in the slot.
    pub fn is_free(&self, slot: Slot) -> bool {
        self.entries.get(slot.0 as usize).is_none_or(Option::is_none)
    }

    pub fn is_alive(&self, slot: Slot) -> bool {
        self.entry(slot).is_alive()
    }

    /// It lives, or its death is remembered; a place that only a price made is neither.
    pub fn is_known(&self, slot: Slot) -> bool {
        let entry = self.entry(slot);
        entry.life.happened() || entry.death().happened()
    }

    /// Beyond the highest slot that was ever used.
    pub fn slot_end(&self) -> u32 {
        self.entries.len() as u32
    }

    pub fn id(&self, slot: Slot) -> &AssetId {
        &self.entry(slot).id
    }

    pub fn is_hidden(&self, slot: Slot) -> bool {
        self.entry(slot).hidden
    }

    /// A file lacked it: its quotes are hidden with it, and wait for nothing else.
    pub fn is_absent(&self, slot: Slot) -> bool {
        let entry = self.entry(slot);
        !entry.is_alive() && entry.death() > entry.end()
    }

    /// When we learned of its newest death.
    pub fn died_at(&self, slot: Slot) -> Micros {
        self.entry(slot).died_at()
    }

    pub fn life(&self, slot: Slot) -> Stamp {
        self.entry(slot).life
    }

    pub fn head(&self, slot: Slot) -> AssetHead {
        let entry = self.entry(slot);
        AssetHead {
            version: entry.version,
            life: entry.life,
            death: entry.death(),
            end: entry.end(),
            died_at: entry.died_at(),
            base: entry.base,
            exceptions: self.unpack_exceptions(entry),
            beaten: entry.rare.as_ref().and_then(|rare| rare.beaten.as_deref()).unwrap_or_default().to_vec(),
            hash: u128::from(entry.hash[1]) << 64 | u128::from(entry.hash[0]),
            currency: self.currency_of(entry),
            inactive: entry.inactive,
            hidden: entry.hidden,
            absences: entry.absences,
        }
    }

    /// What a price in its quote's own currency needs to know: the entry alone says it.
    pub fn priced(&self, slot: Slot) -> PricedAsset {
        let entry = self.entry(slot);
        PricedAsset {
            alive: entry.is_alive(),
            end: entry.end(),
            currency: self.currency_of(entry),
            currency_named_at: Stamp::NEVER,
        }
    }

    fn currency_of(&self, entry: &Entry) -> Option<Currency> {
        (entry.currency > 0).then(|| *self.currencies.value(u32::from(entry.currency)))
    }

    pub fn set_head(&mut self, slot: Slot, head: &AssetHead) {
        let held = self.entries[slot.0 as usize].take().expect("a slot in use has an entry");
        let was_alive = held.is_alive();
        let entry = self.pack(held.id, head, held.quotes);
        self.living = self.living + usize::from(entry.is_alive()) - usize::from(was_alive);
        self.entries[slot.0 as usize] = Some(entry);
    }

    /// Forgets names that nothing carries any more, once there are many. Call between write sets only:
    /// an entry restored later would still hold old numbers.
    pub fn forget_unused(&mut self) {
        if self.names.len() >= NAMES_KEPT.max(2 * self.names_in_use) {
            self.forget_names();
        }
        if self.kinds.len() >= NAMES_KEPT.max(2 * self.kinds_in_use) {
            self.forget_kinds();
        }
    }

    fn forget_kinds(&mut self) {
        let before = std::mem::take(&mut self.kinds);
        for entry in self.entries.iter_mut().flatten() {
            for held in entry.quotes.as_mut_slice() {
                held.kind = self.kinds.number(before.value(held.kind));
            }
        }
        self.kinds_in_use = self.kinds.len();
    }

    fn forget_names(&mut self) {
        let before = std::mem::take(&mut self.names);
        for rare in self.entries.iter_mut().flatten().filter_map(|entry| entry.rare.as_mut()) {
            for held in &mut rare.exceptions {
                held.name = self.names.number(before.value(held.name));
            }
        }
        self.names_in_use = self.names.len();
    }

    /// The asset's quotes, in the order in which they came.
    pub fn quotes(&self, slot: Slot) -> Vec<Quote> {
        self.entry(slot).quotes.as_slice().iter().map(|held| self.unpack_quote(held)).collect()
    }

    pub fn quote_count(&self, slot: Slot) -> usize {
        self.entry(slot).quotes.as_slice().len()
    }

    /// Whether a feed's undated price is kept in any of the asset's quotes.
    pub fn has_undated(&self, slot: Slot) -> bool {
        let undated = |held: &HeldQuote| held.rare.as_ref().is_some_and(|rare| rare.undated.is_some());
        self.entry(slot).quotes.as_slice().iter().any(undated)
    }

    pub fn quote(&self, slot: Slot, name: QuoteName) -> Option<Quote> {
        let held = self.entry(slot).quotes.as_slice().iter().find(|held| self.name_of(held) == name)?;
        Some(self.unpack_quote(held))
    }

    pub fn set_quote(&mut self, slot: Slot, quote: &Quote) {
        let name = quote.name;
        let packed = self.pack_quote(quote);
        let Index { entries, kinds, .. } = self;
        let quotes = &mut entries[slot.0 as usize].as_mut().expect("a slot in use has an entry").quotes;
        match quotes.as_mut_slice().iter_mut().find(|held| kinds.value(held.kind).name == name) {
            Some(held) => *held = packed,
            None => quotes.push(packed),
        }
    }

    pub fn remove_quote(&mut self, slot: Slot, name: QuoteName) {
        let Index { entries, kinds, .. } = self;
        let quotes = &mut entries[slot.0 as usize].as_mut().expect("a slot in use has an entry").quotes;
        quotes.retain(|held| kinds.value(held.kind).name != name);
    }

    /// Slots of the living among these, in order of slot.
    pub fn living_in(&self, slots: Range<u32>) -> impl Iterator<Item = Slot> + '_ {
        let entry = |place: u32| self.entries.get(place as usize).and_then(Option::as_ref);
        slots.filter(move |&place| entry(place).is_some_and(Entry::is_alive)).map(Slot)
    }

    /// A copy of the entry, to be put back by `restore` when a decision is not to stand.
    pub fn snapshot(&self, slot: Slot) -> Entry {
        self.entry(slot).clone()
    }

    pub fn restore(&mut self, slot: Slot, entry: Entry) {
        let now_alive = entry.is_alive();
        let held = self.entries[slot.0 as usize].replace(entry);
        let was_alive = held.is_some_and(|held| held.is_alive());
        self.living = self.living + usize::from(now_alive) - usize::from(was_alive);
    }

    fn entry(&self, slot: Slot) -> &Entry {
        self.entries[slot.0 as usize].as_ref().expect("a slot in use has an entry")
    }

    fn hash(&self, id: &AssetId) -> u64 {
        self.hasher.hash_one(Some(id.as_str()))
    }

    fn pack(&mut self, id: AssetId, head: &AssetHead, quotes: Quotes) -> Entry {
        let names = &mut self.names;
        let mut pack = |e: &Exception| PackedException {
            stamp: e.stamp,
            name: names.number(&e.name),
            removed: e.removed,
        };
        let beaten = (!head.beaten.is_empty()).then(|| head.beaten.as_slice().into());
        let is_rare = head.death.happened() || !head.exceptions.is_empty() || beaten.is_some();
        let rare = is_rare.then(|| {
            let exceptions = head.exceptions.iter().map(&mut pack).collect();
            let AssetHead { death, end, died_at, .. } = *head;
            Box::new(Rare { death, end, died_at, exceptions, beaten })
        });
        let currency = head.currency.map_or(0, |currency| self.currencies.number(&currency));
        Entry {
            id,
            life: head.life,
            base: head.base,
            hash: [head.hash as u64, (head.hash >> 64) as u64],
            rare,
            quotes,
            version: head.version,
            currency: u16::try_from(currency).unwrap_or(0),
            inactive: head.inactive,
            hidden: head.hidden,
            has_died: head.death.happened(),
            absences: head.absences,
        }
    }

    /// Sorted by name, as they were packed.
    fn unpack_exceptions(&self, entry: &Entry) -> Vec<Exception> {
        let Some(rare) = &entry.rare else { return Vec::new() };
        let unpack = |held: &PackedException| Exception {
            name: self.names.value(held.name).clone(),
            stamp: held.stamp,
            removed: held.removed,
        };
        rare.exceptions.iter().map(unpack).collect()
    }

    fn pack_quote(&mut self, quote: &Quote) -> HeldQuote {
        let &Quote { name, currency, market, stamp, amount, received_at, by_arrival, .. } = quote;
        let Quote { extra, undated, .. } = quote;
        let is_rare = extra.is_some() || undated.is_some();
        let kind = self.kinds.number(&QuoteKind { name, currency, market, by_arrival });
        let rare = || Box::new(RareQuote { extra: extra.clone(), undated: undated.clone() });
        HeldQuote { stamp, amount, received_at, kind, rare: is_rare.then(rare) }
    }

    fn unpack_quote(&self, held: &HeldQuote) -> Quote {
        let &QuoteKind { name, currency, market, by_arrival } = self.kinds.value(held.kind);
        let rare = held.rare.as_deref();
        Quote {
            name,
            currency,
            market,
            stamp: held.stamp,
            amount: held.amount,
            received_at: held.received_at,
            by_arrival,
            extra: rare.and_then(|rare| rare.extra.clone()),
            undated: rare.and_then(|rare| rare.undated.clone()),
        }
    }

    fn name_of(&self, held: &HeldQuote) -> QuoteName {
        self.kinds.value(held.kind).name
    }
}

#[cfg(test)]
mod tests;

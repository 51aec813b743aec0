//! The partner's index: what decisions need of each asset, in memory, packed.
//!
//! It holds the newest *decided* state, which may be ahead of what is durable. Contents of
//! documents are not here; a slot keeps its number for the asset's life.

use crate::domain::{AssetHead, AssetId, Currency, Exception, Quote, QuoteName, Slot, Stamp};
use compact_str::CompactString;
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use std::hash::BuildHasher;

#[derive(Default)]
pub struct Index {
    places: HashTable<u32>,
    hasher: DefaultHashBuilder,
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
    names: Names,
    living: usize,
}

/// One asset, packed.
#[derive(Clone)]
pub struct Entry {
    id: AssetId,
    life: Stamp,
    death: Stamp,
    base: Stamp,
    hash: [u64; 2],
    exceptions: Option<Box<Vec<Held>>>,
    quotes: Quotes,
    version: u32,
    currency: Option<Currency>,
    inactive: bool,
    hidden: bool,
    absences: u8,
}

/// An exception with its member's name as a number: 24 bytes.
#[derive(Clone, Copy)]
struct Held {
    stamp: Stamp,
    name: u32,
    removed: bool,
}

/// Most assets have one quote: it lies in the entry itself.
#[derive(Clone, Default)]
enum Quotes {
    #[default]
    None,
    One(Quote),
    Many(Box<Vec<Quote>>),
}

impl Quotes {
    fn as_slice(&self) -> &[Quote] {
        match self {
            Quotes::None => &[],
            Quotes::One(quote) => std::slice::from_ref(quote),
            Quotes::Many(quotes) => quotes,
        }
    }

    fn set(&mut self, quote: Quote) {
        match self {
            Quotes::None => *self = Quotes::One(quote),
            Quotes::One(held) if held.name == quote.name => *held = quote,
            Quotes::One(held) => *self = Quotes::Many(Box::new(vec![held.clone(), quote])),
            Quotes::Many(quotes) => match quotes.iter_mut().find(|held| held.name == quote.name) {
                Some(held) => *held = quote,
                None => quotes.push(quote),
            },
        }
    }

    fn remove(&mut self, name: QuoteName) {
        let mut left: Vec<Quote> = self.as_slice().iter().filter(|q| q.name != name).cloned().collect();
        *self = match left.len() {
            0 => Quotes::None,
            1 => Quotes::One(left.remove(0)),
            _ => Quotes::Many(Box::new(left)),
        };
    }
}

/// Member names as numbers: assets share them.
#[derive(Default)]
struct Names {
    numbers: HashMap<CompactString, u32>,
    names: Vec<CompactString>,
}

impl Names {
    fn number(&mut self, name: &CompactString) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.names.len() as u32;
        self.names.push(name.clone());
        self.numbers.insert(name.clone(), number);
        number
    }
}

impl Index {
    pub fn find(&self, id: &AssetId) -> Option<Slot> {
        let is_it = |&place: &u32| self.entries[place as usize].as_ref().is_some_and(|e| e.id == *id);
        self.places.find(self.hash(id), is_it).map(|&place| Slot(place))
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

    /// After loading: finds the slots that nothing stands in.
    pub fn collect_free(&mut self) {
        let empty = self.entries.iter().enumerate().filter(|(_, entry)| entry.is_none());
        self.free = empty.map(|(place, _)| place as u32).rev().collect();
    }

    fn insert_at(&mut self, slot: Slot, id: AssetId, head: &AssetHead, quotes: Vec<Quote>) {
        let place = slot.0 as usize;
        if place >= self.entries.len() {
            self.entries.resize_with(place + 1, || None);
        }
        let hash = self.hash(&id);
        let entry = self.pack(id, head, quotes);
        self.living += usize::from(head.is_alive());
        self.entries[place] = Some(entry);
        let (entries, hasher) = (&self.entries, &self.hasher);
        let rehash = |&place: &u32| hasher.hash_one(entries[place as usize].as_ref().map(|e| e.id.as_str()));
        self.places.insert_unique(hash, slot.0, rehash);
    }

    /// Forgets an asset: its slot is free again.
    pub fn remove(&mut self, slot: Slot) {
        let Some(entry) = self.entries[slot.0 as usize].take() else { return };
        self.living -= usize::from(entry.life > entry.death);
        let hash = self.hash(&entry.id);
        if let Ok(place) = self.places.find_entry(hash, |&place| place == slot.0) {
            place.remove();
        }
        self.free.push(slot.0);
    }

    pub fn id(&self, slot: Slot) -> &AssetId {
        &self.entry(slot).id
    }

    pub fn life(&self, slot: Slot) -> Stamp {
        self.entry(slot).life
    }

    pub fn head(&self, slot: Slot) -> AssetHead {
        let entry = self.entry(slot);
        AssetHead {
            version: entry.version,
            life: entry.life,
            death: entry.death,
            base: entry.base,
            exceptions: self.unpack_exceptions(entry),
            hash: u128::from(entry.hash[1]) << 64 | u128::from(entry.hash[0]),
            currency: entry.currency,
            inactive: entry.inactive,
            hidden: entry.hidden,
            absences: entry.absences,
        }
    }

    pub fn set_head(&mut self, slot: Slot, head: &AssetHead) {
        let exceptions = self.pack_exceptions(&head.exceptions);
        let entry = self.entries[slot.0 as usize].as_mut().expect("a slot in use has an entry");
        let (was_alive, is_alive) = (entry.life > entry.death, head.is_alive());
        entry.life = head.life;
        entry.death = head.death;
        entry.base = head.base;
        entry.hash = [head.hash as u64, (head.hash >> 64) as u64];
        entry.exceptions = exceptions;
        entry.version = head.version;
        entry.currency = head.currency;
        entry.inactive = head.inactive;
        entry.hidden = head.hidden;
        entry.absences = head.absences;
        self.living = self.living + usize::from(is_alive) - usize::from(was_alive);
    }

    pub fn quotes(&self, slot: Slot) -> &[Quote] {
        self.entry(slot).quotes.as_slice()
    }

    pub fn quote(&self, slot: Slot, name: QuoteName) -> Option<&Quote> {
        self.quotes(slot).iter().find(|quote| quote.name == name)
    }

    pub fn set_quote(&mut self, slot: Slot, quote: Quote) {
        self.entry_mut(slot).quotes.set(quote);
    }

    pub fn remove_quote(&mut self, slot: Slot, name: QuoteName) {
        self.entry_mut(slot).quotes.remove(name);
    }

    /// Slots of the living, in order of slot.
    pub fn iter_living(&self) -> impl Iterator<Item = Slot> + '_ {
        let living = |(_, entry): &(usize, &Option<Entry>)| entry.as_ref().is_some_and(|e| e.life > e.death);
        self.entries.iter().enumerate().filter(living).map(|(place, _)| Slot(place as u32))
    }

    /// A copy of the entry, to be put back by `restore` when a decision is not to stand.
    pub fn snapshot(&self, slot: Slot) -> Entry {
        self.entry(slot).clone()
    }

    pub fn restore(&mut self, slot: Slot, entry: Entry) {
        let now_alive = entry.life > entry.death;
        let held = self.entry_mut(slot);
        let was_alive = held.life > held.death;
        *held = entry;
        self.living = self.living + usize::from(now_alive) - usize::from(was_alive);
    }

    fn entry(&self, slot: Slot) -> &Entry {
        self.entries[slot.0 as usize].as_ref().expect("a slot in use has an entry")
    }

    fn entry_mut(&mut self, slot: Slot) -> &mut Entry {
        self.entries[slot.0 as usize].as_mut().expect("a slot in use has an entry")
    }

    fn hash(&self, id: &AssetId) -> u64 {
        self.hasher.hash_one(Some(id.as_str()))
    }

    fn pack(&mut self, id: AssetId, head: &AssetHead, quotes: Vec<Quote>) -> Entry {
        let exceptions = self.pack_exceptions(&head.exceptions);
        let mut held = Quotes::None;
        quotes.into_iter().for_each(|quote| held.set(quote));
        Entry {
            id,
            life: head.life,
            death: head.death,
            base: head.base,
            hash: [head.hash as u64, (head.hash >> 64) as u64],
            exceptions,
            quotes: held,
            version: head.version,
            currency: head.currency,
            inactive: head.inactive,
            hidden: head.hidden,
            absences: head.absences,
        }
    }

    fn pack_exceptions(&mut self, exceptions: &[Exception]) -> Option<Box<Vec<Held>>> {
        if exceptions.is_empty() {
            return None;
        }
        let pack =
            |e: &Exception| Held { stamp: e.stamp, name: self.names.number(&e.name), removed: e.removed };
        Some(Box::new(exceptions.iter().map(pack).collect()))
    }

    /// Sorted by name, as they were packed.
    fn unpack_exceptions(&self, entry: &Entry) -> Vec<Exception> {
        let Some(held) = &entry.exceptions else { return Vec::new() };
        let unpack = |h: &Held| Exception {
            name: self.names.names[h.name as usize].clone(),
            stamp: h.stamp,
            removed: h.removed,
        };
        held.iter().map(unpack).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Lane, Micros};

    fn id(text: &str) -> AssetId {
        AssetId::new(text).unwrap()
    }

    fn living(at: i64) -> AssetHead {
        let exception =
            |name: &str| Exception { name: name.into(), stamp: Stamp::NEVER, removed: name == "b" };
        AssetHead {
            life: Stamp::new(Micros(at), Lane::Push, 0),
            hash: u128::MAX - 5,
            exceptions: vec![exception("a"), exception("b")],
            ..AssetHead::unborn()
        }
    }

    #[test]
    fn an_exception_costs_twenty_four_bytes_and_an_asset_with_a_quote_under_two_hundred() {
        assert_eq!(size_of::<Held>(), 24);
        assert!(size_of::<Option<Entry>>() <= 200, "{}", size_of::<Option<Entry>>());
    }

    #[test]
    fn a_head_comes_back_as_it_was_set() {
        let mut index = Index::default();
        let slot = index.insert(id("x"));
        assert_eq!((index.living(), index.len()), (0, 1));
        index.set_head(slot, &living(5));
        assert_eq!(index.head(slot), living(5));
        assert_eq!((index.living(), index.find(&id("x"))), (1, Some(slot)));
        assert_eq!(index.find(&id("y")), None);
    }

    #[test]
    fn a_removed_slot_is_used_again() {
        let mut index = Index::default();
        let (a, b) = (index.insert(id("a")), index.insert(id("b")));
        index.set_head(a, &living(1));
        index.remove(a);
        assert_eq!((index.find(&id("a")), index.find(&id("b")), index.living()), (None, Some(b), 0));
        assert_eq!(index.insert(id("c")), a);
    }

    #[test]
    fn many_ids_are_found_again_while_the_table_grows() {
        let mut index = Index::default();
        let slots: Vec<Slot> = (0..10_000).map(|n| index.insert(id(&format!("asset-{n}")))).collect();
        for (n, slot) in slots.iter().enumerate() {
            assert_eq!(index.find(&id(&format!("asset-{n}"))), Some(*slot));
        }
    }

    #[test]
    fn loading_leaves_the_gaps_free() {
        let mut index = Index::default();
        index.load(Slot(3), id("d"), &living(1), Vec::new());
        index.load(Slot(1), id("b"), &living(1), Vec::new());
        index.collect_free();
        assert_eq!(index.living(), 2);
        assert_eq!(index.insert(id("a")), Slot(0));
        assert_eq!(index.insert(id("c")), Slot(2));
        assert_eq!(index.insert(id("e")), Slot(4));
    }
}

//! A small world of random write sets, and the naive picture of what they make: maps and a list.

use crate::support::random::Random;
use compact_str::CompactString;
use std::collections::{BTreeMap, BTreeSet};
use tidegate::domain::*;
use tidegate::store::{AssetRow, ReadError, Reader, RecordBytes};

pub const PARTNERS: [PartnerNo; 3] = [PartnerNo(1), PartnerNo(2), PartnerNo(u32::MAX)];
const KINDS: [RecordKind; 3] = [RecordKind::Run, RecordKind::Delivery, RecordKind::Stream];
const IDS: usize = 40;

#[derive(Clone)]
struct Asset {
    slot: Slot,
    head: AssetHead,
    members: Document,
    base_origin: (Origin, Micros),
    exceptions: BTreeMap<CompactString, (Origin, Micros)>,
    changed: Seq,
}

/// What the store should show, and what it was told.
#[derive(Clone, Default)]
pub struct World {
    assets: BTreeMap<(PartnerNo, AssetId), Asset>,
    quotes: BTreeMap<(PartnerNo, Slot), BTreeMap<QuoteName, Quote>>,
    records: BTreeMap<(RecordKind, PartnerNo, Vec<u8>), Vec<u8>>,
    pub log: Vec<Committed>,
    time: i64,
}

impl World {
    pub fn last(&self) -> Seq {
        Seq(self.log.len() as u64)
    }

    /// The world as it was after that change.
    pub fn at(&self, seq: Seq) -> World {
        let mut world = World { time: self.time, ..World::default() };
        for Committed { change, committed_at, .. } in &self.log[..seq.0 as usize] {
            world.apply(change.partner, &change.kind, *committed_at);
        }
        world
    }

    /// Write sets that fit the world as it is; the world moves on to hold them.
    pub fn random_sets(&mut self, random: &mut Random, now: Micros) -> Vec<WriteSet> {
        let mut sets = Vec::new();
        for _ in 0..=random.below(3) {
            let mut set = WriteSet::new(PARTNERS[random.below(PARTNERS.len())]);
            for _ in 0..random.below(8) {
                let kind = self.random_change(random, set.partner);
                self.apply(set.partner, &kind, now);
                set.changes.push(kind);
            }
            sets.push(set);
        }
        sets
    }

    fn random_change(&mut self, random: &mut Random, partner: PartnerNo) -> ChangeKind {
        if random.chance(20) {
            return random_record(random);
        }
        let id = id(random.below(IDS));
        self.time += 1;
        let stamp = Stamp::new(Micros(self.time), Lane::Push, random.next() >> 40);
        let before = self.assets.get(&(partner, id.clone())).cloned();
        let Some(before) = before else { return self.birth(random, partner, id, stamp) };
        if random.chance(40) {
            let quote = random_quote(random, stamp);
            return ChangeKind::Price(PriceChange {
                slot: before.slot,
                id,
                visible: random.chance(90),
                quote,
            });
        }
        let mut change = AssetChange {
            slot: before.slot,
            id,
            event: AssetEvent::Updated,
            head: before.head.clone(),
            set: Vec::new(),
            removed: Vec::new(),
            stamp,
            origin: random_origin(random),
        };
        revise(random, &before, &mut change);
        ChangeKind::Asset(Box::new(change))
    }

    fn birth(&self, random: &mut Random, partner: PartnerNo, id: AssetId, stamp: Stamp) -> ChangeKind {
        let used: BTreeSet<Slot> =
            self.assets.iter().filter(|((p, _), _)| *p == partner).map(|(_, asset)| asset.slot).collect();
        let slot = (0..).map(Slot).find(|slot| !used.contains(slot)).expect("there are few");
        let mut head = AssetHead { version: 1, life: stamp, ..AssetHead::unborn() };
        let set = random_members(random);
        if random.chance(50) {
            head.base = stamp;
        } else {
            let exception = |m: &Member| Exception { name: m.name.clone(), stamp, removed: false };
            head.exceptions = set.iter().map(exception).collect();
        }
        let origin = random_origin(random);
        let (event, removed) = (AssetEvent::Created, Vec::new());
        ChangeKind::Asset(Box::new(AssetChange { slot, id, event, head, set, removed, stamp, origin }))
    }

    fn apply(&mut self, partner: PartnerNo, kind: &ChangeKind, now: Micros) {
        let seq = Seq(self.last().0 + 1);
        match kind {
            ChangeKind::Asset(change) => self.apply_asset(seq, partner, change, now),
            ChangeKind::Price(change) => {
                let quotes = self.quotes.entry((partner, change.slot)).or_default();
                match change.quote.is_emptied() {
                    true => drop(quotes.remove(&change.quote.name)),
                    false => drop(quotes.insert(change.quote.name, change.quote.clone())),
                }
            }
            ChangeKind::Record(change) => {
                let key = (change.kind, partner, change.key.to_vec());
                match &change.value {
                    Some(value) => drop(self.records.insert(key, value.to_vec())),
                    None => drop(self.records.remove(&key)),
                }
            }
        }
        let change = Change { partner, kind: kind.clone() };
        self.log.push(Committed { seq, committed_at: now, change });
    }

    fn apply_asset(&mut self, seq: Seq, partner: PartnerNo, change: &AssetChange, now: Micros) {
        let key = (partner, change.id.clone());
        if change.event == AssetEvent::Forgotten {
            self.assets.remove(&key);
            self.quotes.remove(&(partner, change.slot));
            return;
        }
        let source = (change.origin, now);
        let asset = self.assets.entry(key).or_insert_with(|| Asset {
            slot: change.slot,
            head: change.head.clone(),
            members: Document::default(),
            base_origin: source,
            exceptions: BTreeMap::new(),
            changed: seq,
        });
        let silent = matches!(change.event, AssetEvent::Deleted | AssetEvent::Stamped);
        if change.event == AssetEvent::Created || (silent && !change.head.holds_members()) {
            asset.members = Document::from_members(change.set.clone());
        } else {
            change.removed.iter().for_each(|name| drop(asset.members.remove(name)));
            change.set.iter().for_each(|member| asset.members.set(member.clone()));
        }
        if change.event != AssetEvent::Stamped {
            asset.changed = seq;
        }
        asset.head = change.head.clone();
        let by_itself = change.head.exceptions.iter().any(|exception| exception.stamp == change.stamp);
        if change.stamp.happened() && change.head.base == change.stamp && !by_itself {
            asset.base_origin = source;
        }
        let mut exceptions = BTreeMap::new();
        for exception in &change.head.exceptions {
            let before = asset.exceptions.get(&exception.name).copied();
            let theirs =
                if exception.stamp == change.stamp { source } else { before.expect("kept from before") };
            exceptions.insert(exception.name.clone(), theirs);
        }
        asset.exceptions = exceptions;
    }

    fn row(&self, partner: PartnerNo, id: &AssetId) -> Option<AssetRow> {
        let asset = self.assets.get(&(partner, id.clone()))?;
        Some(AssetRow {
            partner,
            slot: asset.slot,
            id: id.clone(),
            head: asset.head.clone(),
            document: asset.members.clone(),
            base_origin: asset.base_origin,
            exception_origins: asset
                .exceptions
                .iter()
                .map(|(name, (o, at))| (name.clone(), *o, *at))
                .collect(),
            quotes: self.quotes_of(partner, asset.slot),
            changed: asset.changed,
        })
    }

    fn quotes_of(&self, partner: PartnerNo, slot: Slot) -> Vec<Quote> {
        self.quotes.get(&(partner, slot)).map(|quotes| quotes.values().cloned().collect()).unwrap_or_default()
    }

    /// The store shows exactly this world, whichever way it is asked.
    pub fn assert_shown_by(&self, reader: &Reader, random: &mut Random) {
        assert_eq!(reader.durable(), self.last());
        for partner in PARTNERS {
            self.assert_assets(reader, partner, random);
            for kind in KINDS {
                self.assert_records(reader, kind, partner, random);
            }
        }
        self.assert_log(reader, random);
    }

    /// Whatever the store shows is of this world; what it cannot show is told as damage.
    pub fn assert_never_wrong(&self, reader: &Reader) -> Told {
        let mut told = Told::default();
        assert_eq!(reader.durable(), self.last());
        for partner in PARTNERS {
            for number in 0..IDS {
                let id = id(number);
                let row = self.row(partner, &id);
                let quotes = row.as_ref().map(|row| (row.slot, row.quotes.clone()));
                told.compare(reader.quotes(partner, &id), quotes);
                let read = reader.asset(partner, &id).map(|read| with_known_writers(read, &row));
                told.compare(read, row.into_iter().collect());
            }
            let ids = self.assets.keys().filter(|(p, _)| *p == partner).map(|(_, id)| id);
            let rows: Vec<AssetRow> = ids.filter_map(|id| self.row(partner, id)).collect();
            let read = reader.assets(partner, None, IDS + 1).map(|read| with_known_writers(read, &rows));
            told.compare(read, rows);
            for kind in KINDS {
                let ours = self.records.iter().filter(|((k, p, _), _)| (*k, *p) == (kind, partner));
                for ((_, _, key), value) in ours.clone() {
                    told.compare(reader.raw_record((kind, partner), key), Some(value[..].into()));
                }
                let all = ours.map(|((_, _, key), value)| (key[..].into(), value[..].into())).collect();
                told.compare(reader.raw_records((kind, partner), None, false, 100), all);
            }
        }
        for since in (0..self.last().0).step_by(3) {
            let page = reader.changes(Seq(since), 1).map(|page| page.changes);
            told.compare(page, self.log[since as usize..since as usize + 1].to_vec());
        }
        told
    }

    fn assert_assets(&self, reader: &Reader, partner: PartnerNo, random: &mut Random) {
        let ids = self.assets.keys().filter(|(p, _)| *p == partner).map(|(_, id)| id);
        let expected: Vec<AssetRow> = ids.filter_map(|id| self.row(partner, id)).collect();
        let (mut paged, limit) = (Vec::new(), 1 + random.below(30));
        loop {
            let after = paged.last().map(|row: &AssetRow| row.id.clone());
            let page = reader.assets(partner, after.as_ref(), limit).unwrap();
            let at_end = page.len() < limit;
            paged.extend(page);
            if at_end {
                break;
            }
        }
        assert_eq!(paged, expected);
        for number in 0..IDS {
            let id = id(number);
            let row = self.row(partner, &id);
            assert_eq!(
                reader.quotes(partner, &id).unwrap(),
                row.as_ref().map(|r| (r.slot, r.quotes.clone()))
            );
            assert_eq!(reader.asset(partner, &id).unwrap(), row);
        }
        let mut index = Vec::new();
        reader.index(partner, &mut |slot, id, head, quotes| index.push((slot, id, head, quotes))).unwrap();
        let mut by_slot: Vec<_> = expected.into_iter().map(|r| (r.slot, r.id, r.head, r.quotes)).collect();
        by_slot.sort_by_key(|(slot, ..)| *slot);
        assert_eq!(index, by_slot);
    }

    fn assert_records(&self, reader: &Reader, kind: RecordKind, partner: PartnerNo, random: &mut Random) {
        let ours = self.records.iter().filter(|((k, p, _), _)| (*k, *p) == (kind, partner));
        let mut expected: Vec<RecordBytes> =
            ours.map(|((_, _, key), value)| (key[..].into(), value[..].into())).collect();
        for (key, value) in &expected {
            assert_eq!(reader.raw_record((kind, partner), key).unwrap().as_ref(), Some(value));
        }
        assert_eq!(reader.raw_record((kind, partner), b"never written").unwrap(), None);
        for newest_first in [false, true] {
            let (mut paged, limit) = (Vec::new(), 1 + random.below(12));
            loop {
                let after = paged.last().map(|(key, _): &RecordBytes| key.clone());
                let page =
                    reader.raw_records((kind, partner), after.as_deref(), newest_first, limit).unwrap();
                let at_end = page.len() < limit;
                paged.extend(page);
                if at_end {
                    break;
                }
            }
            assert_eq!(paged, expected);
            expected.reverse();
        }
    }

    /// The log gives every change once and in order, from wherever it still begins.
    fn assert_log(&self, reader: &Reader, random: &mut Random) {
        let mut since = match reader.changes(Seq(0), 1) {
            Ok(_) => Seq(0),
            Err(ReadError::Trimmed { oldest }) => Seq(oldest.0 - 1),
            Err(error) => panic!("{error}"),
        };
        assert!(since <= self.last());
        let limit = 1 + random.below(50);
        while since < self.last() {
            let page = reader.changes(since, limit).unwrap();
            let end = page.next.0 as usize;
            assert!(end > since.0 as usize && page.changes.len() <= limit);
            assert_eq!(page.changes, self.log[since.0 as usize..end]);
            since = page.next;
        }
        assert!(reader.changes(since, limit).unwrap().changes.is_empty());
    }
}

/// The rows with the writers of their bases, where damage has taken those and the store says so.
fn with_known_writers<'a>(
    read: impl IntoIterator<Item = AssetRow>,
    rows: impl IntoIterator<Item = &'a AssetRow>,
) -> Vec<AssetRow> {
    let mut rows = rows.into_iter();
    let known = |read: AssetRow| match rows.next() {
        Some(row) if read.base_origin.1 == Micros::BEGINNING => {
            AssetRow { base_origin: row.base_origin, ..read }
        }
        _ => read,
    };
    read.into_iter().map(known).collect()
}

/// What a damaged store had to say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    pub right: u64,
    pub errors: u64,
}

impl Told {
    fn compare<T: PartialEq + std::fmt::Debug>(&mut self, read: Result<T, ReadError>, expected: T) {
        match read {
            Ok(read) => {
                assert_eq!(read, expected);
                self.right += 1;
            }
            Err(error) => {
                assert!(error.is_damage(), "{error:?}");
                self.errors += 1;
            }
        }
    }
}

/// Ids of many lengths, some with a slash.
fn id(number: usize) -> AssetId {
    AssetId::new(&format!("{}/{}", number % 7, "x".repeat(number * 3))).expect("well formed")
}

fn revise(random: &mut Random, before: &Asset, change: &mut AssetChange) {
    let stamp = change.stamp;
    change.head.version += 1;
    match random.below(10) {
        0 | 1 => {
            change.event = AssetEvent::Stamped;
            if random.chance(50) {
                change.head.base = stamp;
                change.head.exceptions.clear();
            }
        }
        2 if before.head.is_alive() => {
            change.event = AssetEvent::Deleted;
            change.head.death = stamp;
            if random.chance(50) {
                change.head.end = stamp;
                change.head.exceptions.clear();
            }
        }
        2 | 3 if !before.head.is_alive() => change.event = AssetEvent::Forgotten,
        4..=6 => {
            change.head.life = stamp;
            change.head.base = stamp;
            change.head.exceptions.clear();
            change.set = random_members(random);
            if !before.head.is_alive() {
                change.event = AssetEvent::Created;
                return;
            }
            let stays = |name: &CompactString| change.set.iter().any(|member| member.name == *name);
            let names = before.members.members().iter().map(|member| member.name.clone());
            change.removed = names.filter(|name| !stays(name)).collect();
        }
        _ => {
            change.head.life = stamp;
            change.set = random_members(random);
            change.set.truncate(1);
            let mut names: Vec<(CompactString, bool)> =
                change.set.iter().map(|member| (member.name.clone(), false)).collect();
            let gone = before.members.members().iter().map(|m| &m.name).find(|name| **name != names[0].0);
            if let Some(name) = gone.filter(|_| random.chance(50)) {
                change.removed.push(name.clone());
                names.push((name.clone(), true));
            }
            for (name, removed) in names {
                change.head.exceptions.retain(|exception| exception.name != name);
                change.head.exceptions.push(Exception { name, stamp, removed });
            }
            change.head.exceptions.sort_by(|a, b| a.name.cmp(&b.name));
        }
    }
}

fn random_members(random: &mut Random) -> Vec<Member> {
    let names = ["a", "b", "legal_status", "title", "zz"];
    let from = random.below(names.len());
    let len = 1 + random.below(names.len() - from);
    let member = |name: &&str, hash: u64| Member {
        name: (*name).into(),
        text: hash.to_string().repeat(1 + (hash % 20) as usize).into(),
        hash: u128::from(hash),
    };
    names[from..from + len].iter().map(|name| member(name, random.next())).collect()
}

fn random_origin(random: &mut Random) -> Origin {
    match random.below(3) {
        0 => Origin::Push { delivery: random.next() },
        1 => Origin::Feed { run: random.next() >> 50, record: random.next() as u32 },
        _ => Origin::Admin { action: random.next() },
    }
}

fn random_quote(random: &mut Random, stamp: Stamp) -> Quote {
    let currency = Currency::new("EUR").expect("a code");
    let amount = Decimal::from_parts(i128::from(random.next() >> 20), 4).expect("in bounds");
    let name = ["price", "price", "price", "nav", "bid"][random.below(5)];
    let outlives_after = (random.next() >> 20) as i64;
    let undated = Undated { snapshot: Micros(5), first_seen: Micros(6), amount, currency, outlives_after };
    let is_emptied = random.chance(15);
    let extra = QuoteExtra { kind: Some("mid".repeat(random.below(60)).into()), ..QuoteExtra::default() };
    Quote {
        name: QuoteName::new(name).expect("a name"),
        currency,
        market: Market::Open,
        stamp: if is_emptied { Stamp::NEVER } else { stamp },
        amount: (!is_emptied && random.chance(80)).then_some(amount),
        received_at: stamp.at.plus(17),
        by_arrival: false,
        extra: (!is_emptied && random.chance(10)).then(|| Box::new(extra)),
        undated: (!is_emptied && random.chance(10)).then(|| Box::new(undated)),
    }
}

fn random_record(random: &mut Random) -> ChangeKind {
    let kind = KINDS[random.below(KINDS.len())];
    let key = vec![random.below(12) as u8; random.below(4)].into_boxed_slice();
    let value = random.chance(70).then(|| vec![random.next() as u8; random.below(90)].into_boxed_slice());
    ChangeKind::Record(Box::new(RecordChange { kind, key, value }))
}

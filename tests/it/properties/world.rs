//! A partner's catalogue in memory, moved by the pure functions of `rules` alone: what the ledger
//! and the reconciler do, without index, store or clock.

use std::collections::{BTreeMap, BTreeSet};
use tidegate::domain::{
    AssetChange, AssetEvent, AssetHead, AssetId, ChangeKind, Currency, Decimal, Document, FeedState, Lane,
    Member, Micros, Origin, Outcome, PriceChange, PriceWrite, Quote, QuoteName, Slot, Stamp, Verb,
};
use tidegate::rules::absence::{self, Absence};
use tidegate::rules::document::{self, Effect, StampedWrite};
use tidegate::rules::guard::{self, GuardDecision, GuardQuestion};
use tidegate::rules::policy::Policy;
use tidegate::rules::price::{self, PriceContext, PriceDecision, PricedAsset, UndatedPrice};
use tidegate::rules::reading::{self, Shown};
use tidegate::rules::snapshot::{self, SnapshotDecision, SnapshotTimes};

#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    pub head: AssetHead,
    pub document: Document,
    pub quotes: BTreeMap<QuoteName, Quote>,
}

/// A price as an item or a record bears it; without `as_of` it takes the item's time, or stands in
/// the undated register of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priced {
    pub amount: u64,
    pub as_of: Option<Micros>,
}

/// A record of a file; `None` where it is invalid and only its id could be read.
pub type Fed = (AssetId, Option<(Document, Option<Priced>)>);

#[derive(Clone, Debug)]
pub struct File {
    pub times: SnapshotTimes,
    pub complete: bool,
    pub allow_empty: bool,
    pub records: Vec<Fed>,
}

/// What a run did about deletes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    pub applied: bool,
    pub snapshot: Option<Micros>,
    pub dated: bool,
    pub deleted: u64,
    pub held: u64,
}

/// Members and quotes that a reader sees, without ages.
pub type Visible = BTreeMap<AssetId, (BTreeMap<String, u128>, BTreeMap<QuoteName, Shown>)>;

#[derive(Clone, Debug, Default)]
pub struct World {
    pub policy: Policy,
    pub assets: BTreeMap<AssetId, Held>,
    pub feed: FeedState,
    /// S of the files that have run, by their place, and whether it was theirs.
    pub replayed: BTreeMap<usize, (Micros, bool)>,
    /// What a store would be told, in order.
    pub log: Vec<ChangeKind>,
}

impl World {
    pub fn new() -> World {
        let policy = Policy { default_currency: Currency::new("EUR").ok(), ..Policy::default() };
        World { policy, ..World::default() }
    }

    /// A full or partial write, or a delete, with the price that it bears.
    pub fn write(
        &mut self,
        now: Micros,
        id: &AssetId,
        (verb, stamp): (Verb, Stamp),
        (members, removed): (&Document, &[compact_str::CompactString]),
        priced: Option<Priced>,
    ) -> Outcome {
        let write = StampedWrite { verb, stamp, members, removed };
        let outcome = self.document(id, write);
        match priced {
            Some(Priced { amount, as_of: None }) if stamp.lane() == Lane::Feed => {
                self.undated(now, id, amount, stamp.at);
            }
            Some(Priced { amount, as_of }) => {
                let run = (stamp.lane() == Lane::Feed).then_some(stamp.at);
                let stamp = Stamp::new(as_of.unwrap_or(stamp.at), stamp.lane(), 0);
                self.said(now, id, amount, (stamp, run));
            }
            None => {}
        }
        outcome
    }

    fn document(&mut self, id: &AssetId, write: StampedWrite<'_>) -> Outcome {
        let known = self.assets.get(id);
        let unborn = (AssetHead::unborn(), Document::default());
        let (head, document) = known.map_or(unborn, |held| (held.head.clone(), held.document.clone()));
        let decision = document::decide(&head, &document, write);
        if let Some(effect) = decision.effect {
            let died = effect.head.death > head.death;
            self.tell_document(id, &effect, write.stamp);
            let held = self.held(id);
            held.head = effect.head;
            held.document = effect.document;
            let born = effect.event == AssetEvent::Created;
            let gone = if died { held.bury(write.stamp) } else { Vec::new() };
            self.class_moved(id, born);
            self.tell_prices(id, gone, born);
        }
        decision.outcome
    }

    /// P2: the class decides anew which prices show.
    fn class_moved(&mut self, id: &AssetId, born: bool) {
        let limit = self.outlives_after(id);
        let held = self.held(id);
        let mut moved = Vec::new();
        for quote in held.quotes.values_mut() {
            if let Some(next) = reading::outliving_after(quote, limit) {
                let seen = held.head.is_alive() && !reading::reads_alike(Some(quote), &next);
                *quote = next.clone();
                moved.push((next, seen));
            }
        }
        // one that is born tells all its quotes
        moved.into_iter().filter(|_| !born).for_each(|(quote, seen)| self.tell_price(id, quote, seen));
    }

    fn outlives_after(&self, id: &AssetId) -> i64 {
        let heartbeat = self.assets.get(id).and_then(|held| self.heartbeat(held));
        reading::outlives_after(heartbeat, &self.policy)
    }

    pub fn price(&mut self, now: Micros, id: &AssetId, amount: u64, stamp: Stamp) -> Outcome {
        self.said(now, id, amount, (stamp, None))
    }

    fn said(
        &mut self,
        now: Micros,
        id: &AssetId,
        amount: u64,
        (stamp, run): (Stamp, Option<Micros>),
    ) -> Outcome {
        let write = PriceWrite {
            id: id.clone(),
            quote: QuoteName::PRICE,
            amount: Decimal::from_parts(i128::from(amount), 0),
            currency: None,
            at: Some(stamp.at),
            sequence: stamp.sequence(),
            market: Default::default(),
            stream: None,
            extra: None,
        };
        let decision = price::decide(&write, stamp, PriceContext { run, ..self.context(now, id) });
        self.priced(id, decision)
    }

    fn undated(&mut self, now: Micros, id: &AssetId, amount: u64, snapshot: Micros) {
        let price = UndatedPrice {
            quote: QuoteName::PRICE,
            amount: Decimal::from_parts(i128::from(amount), 0).expect("a small number is an amount"),
            currency: None,
            snapshot,
            fetch_started_at: now,
        };
        let decision = price::decide_undated(price, self.context(now, id));
        self.priced(id, decision);
    }

    fn context<'a>(&'a self, now: Micros, id: &AssetId) -> PriceContext<'a> {
        let held = self.assets.get(id);
        PriceContext {
            policy: &self.policy,
            asset: held.map(|held| PricedAsset::from(&held.head)),
            quote: held.and_then(|held| held.quotes.get(&QuoteName::PRICE)),
            quotes: held.map_or(0, |held| held.quotes.len()),
            now,
            released: false,
            run: None,
            by_arrival: false,
            outlives_after: self.outlives_after(id),
        }
    }

    fn priced(&mut self, id: &AssetId, decision: PriceDecision) -> Outcome {
        if let Some(quote) = decision.quote {
            self.held(id).quotes.insert(quote.name, quote.clone());
            self.tell_price(id, quote, decision.visible);
        }
        decision.item.outcome
    }

    /// One run of the feed, from the decision on its time to the guard.
    pub fn run(&mut self, now: Micros, file: &File) -> Ran {
        let SnapshotDecision::Apply { snapshot, dated } = snapshot::decide(file.times, &self.feed) else {
            return Ran::default();
        };
        self.feed.last_snapshot_at = Some(snapshot.0);
        self.feed.floor_at = Some(file.times.fetch_started_at.0);
        let ran = self.apply(now, file, snapshot, dated);
        if file.complete {
            guard::remember(&mut self.feed, file.records.len() as u64, ran.deleted, now);
        }
        ran
    }

    /// Applies a file at a given S.
    pub fn apply(&mut self, now: Micros, file: &File, snapshot: Micros, dated: bool) -> Ran {
        let stamp = Stamp::new(snapshot, Lane::Feed, 0);
        let living = self.assets.values().filter(|held| held.head.is_alive()).count() as u64;
        for (id, record) in &file.records {
            if let Some((members, priced)) = record {
                self.write(now, id, (Verb::Put, stamp), (members, &[]), *priced);
            }
            self.absences_are(id, 0);
        }
        let ran = Ran { applied: true, snapshot: Some(snapshot), dated, ..Ran::default() };
        if !file.complete {
            return ran;
        }
        self.absent(now, file, living, (snapshot, dated), ran)
    }

    fn absent(
        &mut self,
        now: Micros,
        file: &File,
        living: u64,
        (snapshot, dated): (Micros, bool),
        ran: Ran,
    ) -> Ran {
        let present: BTreeSet<&AssetId> = file.records.iter().map(|(id, _)| id).collect();
        let mut deletes = Vec::new();
        let mut first = Vec::new();
        for (id, held) in &self.assets {
            if !held.head.is_alive() || present.contains(id) {
                continue;
            }
            match absence::decide(&held.head, snapshot, dated) {
                Absence::Delete => deletes.push(id.clone()),
                Absence::First if file.records.is_empty() && !file.allow_empty => deletes.push(id.clone()),
                Absence::First => first.push((id.clone(), held.head.absences + 1)),
                Absence::Phantom | Absence::Agree => {}
            }
        }
        for (id, absences) in first {
            self.absences_are(&id, absences);
        }
        let count = deletes.len() as u64;
        let question = GuardQuestion {
            deletes: count,
            living,
            empty: file.records.is_empty(),
            allow_empty: file.allow_empty,
            now,
        };
        if let GuardDecision::Held { .. } = guard::decide(question, &self.feed) {
            return Ran { held: count, ..ran };
        }
        let stamp = Stamp::new(snapshot, Lane::Feed, 0);
        for id in deletes {
            self.write(now, &id, (Verb::Delete, stamp), (&Document::default(), &[]), None);
        }
        Ran { deleted: count, ..ran }
    }

    pub fn visible(&self) -> Visible {
        let living = self.assets.iter().filter(|(_, held)| held.head.is_alive());
        living.map(|(id, held)| (id.clone(), (held.members(), self.shown(held)))).collect()
    }

    /// The heartbeat of its class (P5).
    pub fn heartbeat(&self, held: &Held) -> Option<i64> {
        self.policy.heartbeats.get(&*held.document.text_of("class")?).copied()
    }

    fn shown(&self, held: &Held) -> BTreeMap<QuoteName, Shown> {
        let shown = |quote: &Quote| {
            let shown = reading::shown(quote)?;
            // an undated price's age counts from a fetch, which is no part of the state
            let since = shown.as_of.unwrap_or_default();
            Some((quote.name, Shown { since, ..shown }))
        };
        held.quotes.values().filter_map(shown).collect()
    }
}

impl World {
    fn held(&mut self, id: &AssetId) -> &mut Held {
        self.assets.entry(id.clone()).or_insert_with(Held::unborn)
    }

    fn absences_are(&mut self, id: &AssetId, absences: u8) {
        let Some(held) = self.assets.get_mut(id).filter(|held| held.head.absences != absences) else {
            return;
        };
        held.head.absences = absences;
        let (head, document) = (held.head.clone(), Document::default());
        let (set, removed) = (Vec::new(), Vec::new());
        let effect = Effect { head, event: AssetEvent::Stamped, document, set, removed };
        self.tell_document(id, &effect, Stamp::NEVER);
    }

    fn tell_document(&mut self, id: &AssetId, effect: &Effect, stamp: Stamp) {
        self.log.push(ChangeKind::Asset(Box::new(AssetChange {
            slot: slot_of(id),
            id: id.clone(),
            event: effect.event,
            head: effect.head.clone(),
            set: effect.set.clone(),
            removed: effect.removed.clone(),
            stamp,
            origin: Origin::Push { delivery: 0 },
        })));
    }

    /// The quotes that a death took, and those that were waiting for a birth (P3).
    fn tell_prices(&mut self, id: &AssetId, gone: Vec<Quote>, born: bool) {
        let lives = self.held(id).head.is_alive();
        gone.into_iter().for_each(|quote| self.tell_price(id, quote, lives));
        if born {
            let waiting: Vec<Quote> = self.held(id).quotes.values().cloned().collect();
            waiting.into_iter().for_each(|quote| self.tell_price(id, quote, true));
        }
    }

    fn tell_price(&mut self, id: &AssetId, quote: Quote, visible: bool) {
        let change = PriceChange { slot: slot_of(id), id: id.clone(), visible, quote };
        self.log.push(ChangeKind::Price(change));
    }
}

/// Any number of its own.
fn slot_of(id: &AssetId) -> Slot {
    let number = id.as_str().rsplit('-').next().and_then(|text| text.parse().ok());
    Slot(number.expect("ids end in a number"))
}

impl Held {
    pub fn unborn() -> Held {
        Held { head: AssetHead::unborn(), document: Document::default(), quotes: BTreeMap::new() }
    }

    /// Gives the quotes that it leaves less of.
    fn bury(&mut self, death: Stamp) -> Vec<Quote> {
        let mut gone = Vec::new();
        for (name, quote) in std::mem::take(&mut self.quotes) {
            let left = match price::after_death(&quote, death) {
                None => {
                    self.quotes.insert(name, quote);
                    continue;
                }
                Some(left) => left,
            };
            let blank = Quote { stamp: Stamp::NEVER, amount: None, undated: None, ..quote };
            gone.push(left.clone().unwrap_or(blank));
            self.quotes.extend(left.map(|left| (name, left)));
        }
        gone
    }

    pub fn members(&self) -> BTreeMap<String, u128> {
        self.document.members().iter().map(|m| (m.name.to_string(), m.hash)).collect()
    }
}

pub fn member(name: &str, value: u64) -> Member {
    Member { name: name.into(), text: value.to_string().into(), hash: u128::from(value) }
}

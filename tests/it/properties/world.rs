//! A partner's catalogue in memory, moved by the pure functions of `rules` alone: what the ledger
//! and the reconciler do, without index, store or clock.

use std::collections::{BTreeMap, BTreeSet};
use tidegate::domain::{
    AssetHead, AssetId, Currency, Decimal, Document, FeedState, Lane, Member, Micros, Outcome, PriceWrite,
    Quote, QuoteName, Stamp, Verb,
};
use tidegate::rules::absence::{self, Absence};
use tidegate::rules::document::{self, StampedWrite};
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
    pub deleted: u64,
    pub held: u64,
}

/// Members and quotes that a reader sees, without ages.
pub type Visible = BTreeMap<AssetId, (BTreeMap<String, u128>, BTreeMap<QuoteName, Shown>)>;

#[derive(Clone, Debug)]
pub struct World {
    pub policy: Policy,
    pub assets: BTreeMap<AssetId, Held>,
    pub feed: FeedState,
}

impl World {
    pub fn new() -> World {
        let policy = Policy { default_currency: Currency::new("EUR").ok(), ..Policy::default() };
        World { policy, assets: BTreeMap::new(), feed: FeedState::default() }
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
                let stamp = Stamp::new(as_of.unwrap_or(stamp.at), stamp.lane(), 0);
                self.price(now, id, amount, stamp);
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
            let held = self.assets.entry(id.clone()).or_insert_with(Held::unborn);
            let died = effect.head.death > held.head.death;
            held.head = effect.head;
            held.document = effect.document;
            if died {
                held.bury(write.stamp);
            }
        }
        decision.outcome
    }

    pub fn price(&mut self, now: Micros, id: &AssetId, amount: u64, stamp: Stamp) -> Outcome {
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
        let decision = price::decide(&write, stamp, self.context(now, id));
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
        }
    }

    fn priced(&mut self, id: &AssetId, decision: PriceDecision) -> Outcome {
        if let Some(quote) = decision.quote {
            let held = self.assets.entry(id.clone()).or_insert_with(Held::unborn);
            held.quotes.insert(quote.name, quote);
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
            if let Some(held) = self.assets.get_mut(id) {
                held.head.absences = 0;
            }
        }
        let ran = Ran { applied: true, snapshot: Some(snapshot), ..Ran::default() };
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
        for (id, held) in &mut self.assets {
            if !held.head.is_alive() || present.contains(id) {
                continue;
            }
            match absence::decide(&held.head, snapshot, dated) {
                Absence::Delete => deletes.push(id.clone()),
                Absence::First if file.records.is_empty() && !file.allow_empty => deletes.push(id.clone()),
                Absence::First => held.head.absences += 1,
                Absence::Phantom | Absence::Agree => {}
            }
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
        self.policy.heartbeats.get(held.document.plain_text("class")?).copied()
    }

    fn shown(&self, held: &Held) -> BTreeMap<QuoteName, Shown> {
        let heartbeat = self.heartbeat(held);
        let shown = |quote: &Quote| {
            let shown = reading::shown(quote, heartbeat)?;
            // an undated price's age counts from a fetch, which is no part of the state
            let since = shown.as_of.unwrap_or_default();
            Some((quote.name, Shown { since, ..shown }))
        };
        held.quotes.values().filter_map(shown).collect()
    }
}

impl Held {
    fn unborn() -> Held {
        Held { head: AssetHead::unborn(), document: Document::default(), quotes: BTreeMap::new() }
    }

    fn bury(&mut self, death: Stamp) {
        for (name, quote) in std::mem::take(&mut self.quotes) {
            match price::after_death(&quote, death) {
                None => drop(self.quotes.insert(name, quote)),
                Some(Some(left)) => drop(self.quotes.insert(name, left)),
                Some(None) => {}
            }
        }
    }

    fn members(&self) -> BTreeMap<String, u128> {
        self.document.members().iter().map(|m| (m.name.to_string(), m.hash)).collect()
    }
}

pub fn member(name: &str, value: u64) -> Member {
    Member { name: name.into(), text: value.to_string().into(), hash: u128::from(value) }
}

//! A partner's catalogue in memory, moved by the pure functions of `rules` alone: what the ledger
//! and the reconciler do, without index, store or clock.

use super::spelling::Spelling;
use std::collections::{BTreeMap, BTreeSet};
use tidegate::codec::json;
use tidegate::codec::render::heartbeat;
use tidegate::domain::{
    AssetChange, AssetEvent, AssetHead, AssetId, AssetWrite, ChangeKind, Currency, Document, FeedState, Lane,
    Market, Micros, Origin, Outcome, PriceChange, PriceWrite, Quote, QuoteName, Slot, Stamp, Verb,
};
use tidegate::rules::document::absence::{self, Absence};
use tidegate::rules::document::{self, Effect, StampedWrite};
use tidegate::rules::feed::guard::{self, GuardDecision, GuardQuestion};
use tidegate::rules::feed::snapshot::{self, SnapshotDecision, SnapshotTimes};
use tidegate::rules::policy::Policy;
use tidegate::rules::price::reading::{self, Shown};
use tidegate::rules::price::{self, PriceContext, PriceDecision, PricedAsset, UndatedPrice};

#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    pub head: AssetHead,
    /// What is kept of its members, hidden or not.
    pub document: Document,
    pub quotes: BTreeMap<QuoteName, Quote>,
}

/// A record of a file; `None` where it is invalid and only its id could be read.
pub type Fed = (AssetId, Option<AssetWrite>);

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

/// The run that holds a record.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub snapshot: Micros,
    pub fetch_started_at: Micros,
}

/// Members, in their canonical form, and quotes that a reader sees, without ages.
pub type Visible = BTreeMap<AssetId, (BTreeMap<String, String>, BTreeMap<QuoteName, Shown>)>;

#[derive(Clone, Debug, Default)]
pub struct World {
    pub policy: Policy,
    pub assets: BTreeMap<AssetId, Held>,
    pub feed: FeedState,
    /// How the next string is written.
    pub spelling: Spelling,
    /// Without the guard: it counts what has arrived, and so looks at the order.
    pub unguarded: bool,
    /// S of the files that have run, by their place, and whether it was theirs.
    pub replayed: BTreeMap<usize, (Micros, bool)>,
    /// The newest run that said a dated price of the feed, by asset and `as_of`.
    pub fed: BTreeMap<(AssetId, Micros), Micros>,
    /// What a store would be told, in order.
    pub log: Vec<ChangeKind>,
}

impl World {
    pub fn new() -> World {
        let mut policy = Policy { default_currency: Currency::new("EUR").ok(), ..Policy::default() };
        policy.heartbeats.insert("real/estate".into(), 5 * 60 * Micros::SECOND);
        World { policy, ..World::default() }
    }

    /// A full or partial write, or a delete, with the prices that it bears.
    pub fn write(&mut self, now: Micros, write: &AssetWrite, stamp: Stamp) -> Outcome {
        self.item(now, write, (stamp, None))
    }

    fn item(&mut self, now: Micros, write: &AssetWrite, (stamp, run): (Stamp, Option<Run>)) -> Outcome {
        let outcome = self.document(write, stamp);
        for price in &write.prices {
            match run.filter(|_| price.at.is_none()) {
                Some(run) => self.undated(now, price, run),
                None => {
                    let stamp = Stamp::new(price.at.unwrap_or(stamp.at), stamp.lane(), price.sequence);
                    self.dated(now, price, (stamp, run));
                }
            }
        }
        outcome
    }

    fn document(&mut self, write: &AssetWrite, stamp: Stamp) -> Outcome {
        let known = self.assets.get(&write.id);
        let unborn = (AssetHead::unborn(), Document::default());
        let (head, held) = known.map_or(unborn, |held| (held.head.clone(), held.document.clone()));
        let stamped =
            StampedWrite { verb: write.verb, stamp, members: &write.members, removed: &write.removed };
        let lacked =
            self.feed.last_absence_at.map_or(Stamp::NEVER, |at| Stamp::new(Micros(at), Lane::Feed, 0));
        let decision = document::decide_after(&head, &held, stamped, lacked);
        if let Some(effect) = decision.effect {
            self.exist(&write.id, &head, effect, stamp);
        }
        decision.outcome
    }

    fn exist(&mut self, id: &AssetId, before: &AssetHead, effect: Effect, stamp: Stamp) {
        let ended = effect.head.end > before.end;
        let born = effect.event == AssetEvent::Created;
        self.tell_document(id, &effect, stamp);
        let held = self.held(id);
        held.head = effect.head;
        held.document = effect.document;
        let gone = if ended { held.bury(stamp) } else { Vec::new() };
        self.class_moved(id, born);
        self.tell_prices(id, gone, born);
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
        let heartbeat = self.assets.get(id).and_then(|held| heartbeat(&held.document, &self.policy));
        reading::outlives_after(heartbeat, &self.policy)
    }

    /// A price by itself.
    pub fn price(&mut self, now: Micros, write: &PriceWrite, stamp: Stamp) -> Outcome {
        self.dated(now, write, (stamp, None))
    }

    fn dated(&mut self, now: Micros, write: &PriceWrite, (stamp, run): (Stamp, Option<Run>)) -> Outcome {
        if let Some(run) = run {
            let newest = self.fed.entry((write.id.clone(), stamp.at)).or_insert(run.snapshot);
            *newest = run.snapshot.max(*newest);
        }
        let run = run.map(|run| run.snapshot);
        let decision = price::decide(write, stamp, PriceContext { run, ..self.context(now, &write.id) });
        self.priced(&write.id, decision)
    }

    fn undated(&mut self, now: Micros, write: &PriceWrite, run: Run) {
        let price = UndatedPrice {
            quote: write.quote,
            amount: write.amount.expect("a feed withdraws nothing"),
            currency: write.currency,
            snapshot: run.snapshot,
            fetch_started_at: run.fetch_started_at,
            market: Market::Unsaid,
            extra: None,
        };
        let decision = price::decide_undated(price, self.context(now, &write.id));
        self.priced(&write.id, decision);
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

    pub fn visible(&self) -> Visible {
        let living = self.assets.iter().filter(|(_, held)| held.head.is_alive());
        living.map(|(id, held)| (id.clone(), (held.members(), held.shown()))).collect()
    }
}

impl World {
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
        let run = Run { snapshot, fetch_started_at: now };
        let living = self.assets.values().filter(|held| held.head.is_alive()).count() as u64;
        for (id, record) in &file.records {
            if let Some(write) = record {
                self.item(now, write, (stamp, Some(run)));
            }
            self.absences_are(id, 0);
        }
        let ran = Ran { applied: true, snapshot: Some(snapshot), dated, ..Ran::default() };
        if !file.complete {
            return ran;
        }
        self.absent(now, file, living, ran)
    }

    fn absent(&mut self, now: Micros, file: &File, living: u64, ran: Ran) -> Ran {
        let snapshot = ran.snapshot.expect("it was applied");
        let present: BTreeSet<&AssetId> = file.records.iter().map(|(id, _)| id).collect();
        let mut deletes = Vec::new();
        let mut first = Vec::new();
        for (id, held) in &self.assets {
            if !held.head.is_alive() || present.contains(id) {
                continue;
            }
            match absence::decide(&held.head, snapshot, ran.dated) {
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
        let passes = self.unguarded || guard::decide(question, &self.feed) == GuardDecision::Pass;
        if !passes {
            return Ran { held: count, ..ran };
        }
        if ran.dated {
            self.feed.last_absence_at = self.feed.last_absence_at.max(Some(snapshot.0));
        }
        deletes.iter().for_each(|id| self.hide(id, Stamp::new(snapshot, Lane::Feed, 0)));
        Ran { deleted: count, ..ran }
    }

    /// X3: an absence raises the death, and takes nothing.
    fn hide(&mut self, id: &AssetId, stamp: Stamp) {
        let held = self.held(id);
        held.head = absence::hide(&held.head, stamp);
        self.tell_head(id, AssetEvent::Deleted, stamp);
    }

    fn absences_are(&mut self, id: &AssetId, absences: u8) {
        let Some(held) = self.assets.get_mut(id).filter(|held| held.head.absences != absences) else {
            return;
        };
        held.head.absences = absences;
        self.tell_head(id, AssetEvent::Stamped, Stamp::NEVER);
    }
}

impl World {
    fn held(&mut self, id: &AssetId) -> &mut Held {
        self.assets.entry(id.clone()).or_insert_with(Held::unborn)
    }

    /// The head alone has moved.
    fn tell_head(&mut self, id: &AssetId, event: AssetEvent, stamp: Stamp) {
        let (head, document) = (self.held(id).head.clone(), Document::default());
        let effect = Effect { head, event, document, set: Vec::new(), removed: Vec::new() };
        self.tell_document(id, &effect, stamp);
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

    /// The quotes that an end took, and those that were waiting for a birth (P3).
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
    fn bury(&mut self, end: Stamp) -> Vec<Quote> {
        let mut gone = Vec::new();
        for (name, quote) in std::mem::take(&mut self.quotes) {
            let Some(left) = price::after_death(&quote, end) else {
                self.quotes.insert(name, quote);
                continue;
            };
            gone.push(left.clone().unwrap_or_else(|| quote.emptied()));
            self.quotes.extend(left.map(|left| (name, left)));
        }
        gone
    }

    /// Whether they are visible is another matter.
    pub fn members(&self) -> BTreeMap<String, String> {
        let canonical = |text: &str| json::canonical(text).expect("it was read before");
        self.document.members().iter().map(|m| (m.name.to_string(), canonical(&m.text))).collect()
    }

    pub fn shown(&self) -> BTreeMap<QuoteName, Shown> {
        self.quotes.values().filter_map(|quote| Some((quote.name, shown(quote)?))).collect()
    }
}

/// The price on top. An undated one's age counts from a fetch, which is no part of the state.
pub fn shown(quote: &Quote) -> Option<Shown> {
    let shown = reading::shown(quote)?;
    Some(Shown { since: shown.as_of.unwrap_or_default(), ..shown })
}

/// A full write of these members.
pub fn full(id: AssetId, members: Document) -> AssetWrite {
    let (removed, prices) = (Vec::new(), Vec::new());
    AssetWrite { verb: Verb::Put, id, at: None, sequence: 0, members, removed, kept: Vec::new(), prices }
}

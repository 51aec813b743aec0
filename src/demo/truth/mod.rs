//! What is true at one partner, and how it changes: the measure that the catalogue is held to.
//!
//! Every step and every snapshot carries a source time of its own, strictly rising per partner and
//! taken under the same lock as what it says: a snapshot holds exactly the steps stamped at or
//! below its `generated_at`. That makes "the state after all of it" well defined by RULES.md
//! whatever order, repetition or loss the steps meet on their way. What the rules leave to the
//! order of arrival is never done: see `patchable` and `deletable`.

pub mod asset;
pub mod book;

use self::asset::{AssetStep, DEFAULT_CURRENCY, Price, SimulatedAsset, Snapshot, TruthWrite};
use self::book::{Book, Members};
use crate::demo::dice::Dice;
use crate::demo::listed::{ADDED, Catalogue, Listed};
use crate::demo::text;
use crate::domain::{Currency, Decimal, Micros, Verb};
use compact_str::CompactString;
use std::sync::Arc;

pub struct Truth {
    book: Book,
    dice: Dice,
    assets: Vec<Arc<SimulatedAsset>>,
    last_at: Micros,
    version: u64,
    /// Offers made so far: number of the next asset.
    offers: usize,
    living: usize,
    living_max: usize,
    /// Deletes that may still happen: all of them together stay below the delete guard (F4).
    deletes_left: usize,
    /// The partner's feed heals what a PATCH misses that overtakes a create.
    heals: bool,
}

impl Truth {
    /// `count` assets of some age at `now`.
    pub fn new(book: Book, count: usize, heals: bool, dice: Dice, now: Micros) -> Truth {
        let mut truth = Truth {
            book,
            dice,
            assets: Vec::with_capacity(count),
            last_at: now,
            version: 1,
            offers: 0,
            living: 0,
            living_max: count + count / 5 + 20,
            deletes_left: (count / 25).max((count / 3).min(16)),
            heals,
        };
        for _ in 0..count {
            let at = now.plus(-truth.dice.between(Micros::HOUR, 90 * Micros::DAY));
            let asset = truth.offer(at);
            truth.assets.push(Arc::new(SimulatedAsset { steady: true, ..asset }));
        }
        truth
    }

    /// Takes up what a catalogue says as what is true: the partner has forgotten the rest.
    pub fn go_on_from(&mut self, catalogue: Catalogue, now: Micros) {
        self.assets = catalogue.into_iter().map(|(id, listed)| Arc::new(taken_up(id, listed, now))).collect();
        self.living = self.assets.len();
        self.living_max = self.living + self.living / 5 + 20;
        self.version += 1;
    }

    /// A snapshot at a time of its own.
    pub fn snapshot(&mut self, now: Micros) -> Snapshot {
        Snapshot { generated_at: self.tick(now), version: self.version, assets: self.assets.clone() }
    }

    /// Everything as one would first tell it.
    pub fn tell_all(&self) -> Vec<AssetStep> {
        (0..self.assets.len()).map(|place| self.whole(place, Verb::Post)).collect()
    }

    /// A time after everything that has happened; snapshots from here on count as changed, so
    /// that one more run applies them.
    pub fn seal(&mut self, now: Micros) -> Micros {
        self.version += 1;
        self.tick(now)
    }

    /// Moves the price of some living asset; `None` where it finds none.
    pub fn move_price(&mut self, now: Micros) -> Option<TruthWrite> {
        let place = self.find(|asset| !asset.deleted)?;
        let (asset, at) = self.touch(place, now);
        asset.price.as_of = at;
        let id = asset.id.clone();
        self.walk(place);
        Some(TruthWrite::Price { id, price: self.assets[place].price.clone() })
    }

    /// Something happens to some asset; `None` where there is no asset that it could happen to.
    pub fn change(&mut self, now: Micros) -> Option<TruthWrite> {
        let step = match self.dice.below(100) {
            0..10 => self.create(now),
            10..16 => self.delete(now),
            16..19 => self.revive(now),
            19..33 => self.switch_status(now),
            33..48 => self.move_legal_status(now),
            48..54 => self.remove_member(now),
            54..68 => self.rewrite(now),
            _ => None,
        };
        step.or_else(|| self.amend(now)).map(TruthWrite::Asset)
    }

    fn create(&mut self, now: Micros) -> Option<AssetStep> {
        if self.living >= self.living_max {
            return None;
        }
        let at = self.tick(now);
        let asset = self.offer(at);
        self.version += 1;
        self.assets.push(Arc::new(asset));
        let verb = if self.dice.chance(500) { Verb::Put } else { Verb::Post };
        Some(self.whole(self.assets.len() - 1, verb))
    }

    fn delete(&mut self, now: Micros) -> Option<AssetStep> {
        if self.deletes_left == 0 {
            return None;
        }
        let place = self.find(SimulatedAsset::deletable)?;
        let (asset, at) = self.touch(place, now);
        asset.members.clear();
        (asset.deleted, asset.steady) = (true, false);
        let id = asset.id.clone();
        self.deletes_left -= 1;
        self.living -= 1;
        Some(AssetStep { verb: Verb::Delete, id, at, members: Vec::new(), price: None })
    }

    /// The same id is offered again, with another document and in the same currency (P4).
    fn revive(&mut self, now: Micros) -> Option<AssetStep> {
        let place = self.find(|asset| asset.deleted)?;
        let number = self.assets[place].offer;
        let mut members = self.book.offer(number, &mut self.dice).members;
        let (asset, at) = self.touch(place, now);
        let currency = serde_json::Value::from(asset.price.currency.as_str()).to_string();
        members.insert("currency".into(), currency);
        (asset.members, asset.deleted, asset.price.as_of) = (members, false, at);
        self.living += 1;
        Some(self.whole(place, Verb::Put))
    }

    fn switch_status(&mut self, now: Micros) -> Option<AssetStep> {
        let place = self.find(|asset| !asset.deleted)?;
        let status = if self.assets[place].is_active() { "\"inactive\"" } else { "\"active\"" };
        let step = self.partial(place, now, ("status".into(), Some(status.into())));
        self.touched(place).was_inactive = true;
        Some(step)
    }

    fn move_legal_status(&mut self, now: Micros) -> Option<AssetStep> {
        let place = self.find(|asset| !asset.deleted)?;
        let legal = serde_json::Value::from(self.dice.pick(&book::LEGAL)).to_string();
        Some(self.partial(place, now, ("legal_status".into(), Some(legal))))
    }

    fn remove_member(&mut self, now: Micros) -> Option<AssetStep> {
        let name = self.dice.pick(&book::OPTIONAL);
        let place = self.find(|asset| asset.members.contains_key(name))?;
        Some(self.partial(place, now, (name.into(), None)))
    }

    fn amend(&mut self, now: Micros) -> Option<AssetStep> {
        let place = self.find(|asset| !asset.deleted)?;
        let (name, text) = book::amendment(&mut self.dice, self.version);
        let mut step = self.partial(place, now, (name, Some(text)));
        if step.verb == Verb::Post && self.dice.chance(250) {
            self.touched(place).price.as_of = step.at;
            self.walk(place);
            step.price = Some(self.assets[place].price.clone());
        }
        Some(step)
    }

    /// The whole document again, one member new and perhaps one left out.
    fn rewrite(&mut self, now: Micros) -> Option<AssetStep> {
        let place = self.find(|asset| !asset.deleted)?;
        let (name, text) = book::amendment(&mut self.dice, self.version);
        let dropped = self.dice.pick(&book::OPTIONAL);
        let with_price = self.dice.chance(500);
        let (asset, at) = self.touch(place, now);
        asset.members.remove(dropped);
        asset.members.insert(name, text);
        if with_price {
            asset.price.as_of = at;
            self.walk(place);
        }
        let step = self.whole(place, Verb::Put);
        Some(AssetStep { price: step.price.filter(|_| with_price), ..step })
    }

    /// Changes one member and says only that.
    fn partial(&mut self, place: usize, now: Micros, member: (CompactString, Option<String>)) -> AssetStep {
        let patchable = self.heals || self.assets[place].steady;
        let verb = if patchable && self.dice.chance(600) { Verb::Patch } else { Verb::Post };
        let (asset, at) = self.touch(place, now);
        match &member.1 {
            Some(text) => asset.members.insert(member.0.clone(), text.clone()),
            None => asset.members.remove(&member.0),
        };
        AssetStep { verb, id: asset.id.clone(), at, members: vec![member], price: None }
    }

    fn whole(&self, place: usize, verb: Verb) -> AssetStep {
        let asset = &self.assets[place];
        let members = asset.members.iter().map(|(name, text)| (name.clone(), Some(text.clone()))).collect();
        let price = Some(asset.price.clone());
        AssetStep { verb, id: asset.id.clone(), at: asset.updated_at, members, price }
    }

    fn offer(&mut self, at: Micros) -> SimulatedAsset {
        let number = self.offers;
        let offer = self.book.offer(number, &mut self.dice);
        self.offers += 1;
        if self.assets.iter().any(|asset| asset.id == offer.id) {
            return self.offer(at); // taken up from a life before
        }
        self.living += 1;
        let amount = amount(offer.mantissa.into(), offer.scale);
        SimulatedAsset {
            id: offer.id,
            members: offer.members,
            price: Price { amount, currency: offer.currency, as_of: at },
            updated_at: at,
            deleted: false,
            steady: false,
            was_inactive: false,
            offer: number,
        }
    }

    /// Moves an amount by up to half a percent, never to zero.
    fn walk(&mut self, place: usize) {
        let per_myriad = i128::from(self.dice.between(-50, 50));
        let price = &mut self.touched(place).price;
        let (mantissa, scale) = price.amount.parts();
        // amounts drop trailing zeros when they are read: give the walk its digits back
        let few = scale < 2 && mantissa < i128::MAX / 10_000;
        let (mantissa, scale) = if few { (mantissa * 100, scale + 2) } else { (mantissa, scale) };
        // a price that was taken up may have more digits than can be multiplied
        let step = mantissa.checked_mul(per_myriad).map_or(mantissa / 10_000 * per_myriad, |m| m / 10_000);
        let moved = (mantissa + step + per_myriad.signum()).max(1);
        price.amount = Decimal::from_parts(moved, scale).map_or(price.amount, in_short);
    }

    /// Some asset that fits, found by chance; few tries, so that a rare kind may not be found.
    fn find(&mut self, fits: impl Fn(&SimulatedAsset) -> bool) -> Option<usize> {
        (0..24)
            .map(|_| self.dice.below(self.assets.len()))
            .find(|&place| self.assets.get(place).is_some_and(|asset| fits(asset)))
    }

    fn touch(&mut self, place: usize, now: Micros) -> (&mut SimulatedAsset, Micros) {
        let at = self.tick(now);
        self.version += 1;
        let asset = self.touched(place);
        asset.updated_at = at;
        (asset, at)
    }

    fn touched(&mut self, place: usize) -> &mut SimulatedAsset {
        Arc::make_mut(&mut self.assets[place])
    }

    fn tick(&mut self, now: Micros) -> Micros {
        self.last_at = now.max(self.last_at.plus(1));
        self.last_at
    }
}

/// An asset as a catalogue shows it. One without a price is given one, which is yet to be told.
fn taken_up(id: String, listed: Listed, now: Micros) -> SimulatedAsset {
    let told = |name: &str| listed.members.get(name).and_then(|raw| text::string(raw));
    let updated_at = told("updated_at").and_then(|at| text::parse_time(&at)).unwrap_or(now);
    let price = listed.price.and_then(|price| {
        let (amount, currency) = (Decimal::parse(&price.amount).ok()?, Currency::new(&price.currency).ok()?);
        Some(Price { amount, currency, as_of: price.as_of? })
    });
    let currency = || Currency::new(DEFAULT_CURRENCY).expect("a code of our own");
    let first = || Price { amount: amount(100, 0), currency: currency(), as_of: now };
    let own = listed.members.into_iter().filter(|(name, _)| !ADDED.contains(&name.as_str()));
    let members: Members = own.map(|(name, raw)| (name.into(), raw)).collect();
    let was_inactive = members.get("status").is_some_and(|status| status != "\"active\"");
    let price = price.unwrap_or_else(first);
    SimulatedAsset { id, members, price, updated_at, deleted: false, steady: true, was_inactive, offer: 0 }
}

fn amount(mantissa: i128, scale: u8) -> Decimal {
    in_short(Decimal::from_parts(mantissa, scale).expect("prices here have few digits"))
}

/// Read from text, because that drops trailing zeros: equality is then of value.
fn in_short(amount: Decimal) -> Decimal {
    Decimal::parse(&amount.to_string()).expect("an amount reads as it is shown")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Micros = Micros(1_800_000_000_000_000);

    fn evolved(seed: u64, heals: bool) -> (Truth, Vec<TruthWrite>) {
        let mut truth = Truth::new(Book::Mixed, 60, heals, Dice::new(seed, "truth"), NOW);
        let mut steps = Vec::new();
        for tick in 0..1_500 {
            let now = NOW.plus(tick / 3); // slower than the steps: the clock must rise by itself
            steps.extend(truth.move_price(now));
            steps.extend(truth.change(now));
        }
        (truth, steps)
    }

    fn at(step: &TruthWrite) -> Micros {
        match step {
            TruthWrite::Price { price, .. } => price.as_of,
            TruthWrite::Asset(step) => step.at,
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_truth_and_steps() {
        let ((mut a, steps_a), (mut b, steps_b)) = (evolved(5, true), evolved(5, true));
        assert_eq!(steps_a, steps_b);
        assert_eq!(a.snapshot(NOW).assets, b.snapshot(NOW).assets);
        assert_ne!(steps_a, evolved(6, true).1);
    }

    #[test]
    fn source_times_rise_strictly_and_a_snapshot_lies_between_its_steps() {
        let (mut truth, steps) = evolved(1, true);
        assert!(steps.windows(2).all(|pair| at(&pair[0]) < at(&pair[1])));
        let snapshot = truth.snapshot(NOW);
        assert!(at(steps.last().unwrap()) < snapshot.generated_at);
        assert!(at(&truth.move_price(NOW).unwrap()) > snapshot.generated_at);
        assert!(truth.seal(NOW) > snapshot.generated_at && truth.version > snapshot.version);
    }

    #[test]
    fn every_kind_of_step_comes_up_and_deletes_stay_below_the_guard() {
        let (_, steps) = evolved(2, true);
        let of = |verb| {
            steps.iter().filter(|step| matches!(step, TruthWrite::Asset(step) if step.verb == verb)).count()
        };
        assert!([Verb::Put, Verb::Post, Verb::Patch].into_iter().all(|verb| of(verb) > 20));
        assert!((4..=20).contains(&of(Verb::Delete)), "{}", of(Verb::Delete));
        let names = |name: &str, text: Option<&str>| {
            steps.iter().any(|step| match step {
                TruthWrite::Asset(step) => {
                    step.members.iter().any(|(n, t)| n == name && t.as_deref() == text)
                }
                TruthWrite::Price { .. } => false,
            })
        };
        assert!(names("status", Some("\"inactive\"")) && names("legal_status", Some("\"frozen\"")));
        assert!(names("tags", None));
    }

    #[test]
    fn without_a_feed_only_assets_that_cannot_be_missing_are_patched() {
        let (truth, steps) = evolved(3, false);
        for step in &steps {
            let TruthWrite::Asset(step) = step else { continue };
            if step.verb == Verb::Patch {
                let asset = truth.assets.iter().find(|asset| asset.id == step.id).unwrap();
                assert!(asset.offer < 60, "{} was created later", asset.id);
            }
        }
    }

    #[test]
    fn the_steps_by_their_times_add_up_to_the_truth() {
        let (mut truth, steps) = evolved(4, true);
        let snapshot = truth.snapshot(NOW);
        for asset in snapshot.living() {
            let newest = steps.iter().filter_map(|step| match step {
                TruthWrite::Price { id, price } if *id == asset.id => Some(price),
                TruthWrite::Asset(step) if step.id == asset.id => step.price.as_ref(),
                _ => None,
            });
            if let Some(price) = newest.max_by_key(|price| price.as_of) {
                assert_eq!(*price, asset.price);
            }
        }
    }
}

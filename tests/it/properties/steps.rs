//! Random steps of a partner: pushes, prices, deletes and files, each with a source time of its own,
//! and each read from JSON whose strings are spelt anew every time.

use super::spelling::{read_asset, read_price, read_record};
use super::world::{Fed, File, Ran, World, full};
use proptest::prelude::*;
use std::collections::BTreeMap;
use tidegate::codec::time;
use tidegate::domain::{AssetId, Document, Lane, Micros, Stamp, Verb, Write};
use tidegate::rules::feed::snapshot::SnapshotTimes;

pub const IDS: usize = 3;
/// The last two are reserved: `class` decides on prices (P2, P5), `status` on absence (X5).
const NAMES: [&str; 5] = ["t", "u/\u{e9}", "v", "class", "status"];
const CLASS: usize = 3;
const STATUS: usize = 4;
const MINUTE: i64 = 60 * Micros::SECOND;
const BEGAN: i64 = 1_000 * Micros::DAY;
/// When everything arrives: later than every source time.
pub const NOW: Micros = Micros(BEGAN + 20 * Micros::HOUR);

/// Which of the names, and which of few values; `None` removes it.
pub type Said = BTreeMap<usize, Option<u64>>;

/// An amount, and whether it is dated.
pub type Offer = (u64, bool);

#[derive(Clone, Debug)]
pub enum Step {
    Write {
        verb: Verb,
        id: usize,
        said: Said,
        price: Option<u64>,
    },
    Price {
        id: usize,
        amount: u64,
    },
    /// Records of different ids. Without a time of its own it is dated by the fetch before (T3).
    Feed {
        complete: bool,
        dated: bool,
        records: Vec<(usize, Said, Option<Offer>)>,
    },
}

/// How values are made: few different ones, so that equal ones meet, or one of its own for each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    Few,
    OfTheirStep,
}

/// Which members are said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statuses {
    Said,
    Unsaid,
}

pub fn asset(number: usize) -> AssetId {
    AssetId::new(&format!("asset/-{number}")).expect("a short name is an id")
}

/// The source time of the step that stands at `place`.
pub fn time(place: usize) -> Micros {
    Micros(BEGAN + place as i64 * MINUTE)
}

fn said(removes: bool, statuses: Statuses) -> BoxedStrategy<Said> {
    let names = if statuses == Statuses::Said { NAMES.len() } else { NAMES.len() - 1 };
    let value =
        if removes { prop::option::weighted(0.8, 0..4u64).boxed() } else { (0..4u64).prop_map(Some).boxed() };
    prop::collection::btree_map(0..names, value, 0..4).boxed()
}

pub fn push(statuses: Statuses) -> impl Strategy<Value = Step> {
    let price = || prop::option::weighted(0.3, 1..9u64);
    prop_oneof![
        3 => (0..IDS, said(false, statuses), price())
            .prop_map(|(id, said, price)| Step::Write { verb: Verb::Put, id, said, price }),
        3 => (0..IDS, said(true, statuses), price())
            .prop_map(|(id, said, price)| Step::Write { verb: Verb::Post, id, said, price }),
        2 => (0..IDS).prop_map(|id| Step::Write { verb: Verb::Delete, id, said: Said::new(), price: None }),
        2 => (0..IDS, 1..9u64).prop_map(|(id, amount)| Step::Price { id, amount }),
    ]
}

pub fn feed(complete: bool, statuses: Statuses) -> impl Strategy<Value = Step> {
    let record = (0..IDS, said(false, statuses), prop::option::of((1..9u64, any::<bool>())));
    (prop::collection::vec(record, 0..4), any::<bool>()).prop_map(move |(mut records, dated)| {
        records.sort_by_key(|record| record.0);
        records.dedup_by_key(|record| record.0);
        Step::Feed { complete, dated, records }
    })
}

/// Steps whose files are partial: absence says nothing, so that a status may change at any time.
pub fn partial_steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![3 => push(Statuses::Said), 1 => feed(false, Statuses::Said)];
    prop::collection::vec(step, 1..9)
}

/// Steps whose complete files are dated: what such a file lacks is absent at once, and what comes late
/// has been absent. All are active: what is not is no matter of absence, and that is looked at when the
/// file comes (X5).
pub fn steps_with_absences() -> impl Strategy<Value = Vec<Step>> {
    let whole = feed(true, Statuses::Unsaid).prop_map(|step| match step {
        Step::Feed { complete, records, .. } => Step::Feed { complete, dated: true, records },
        other => other,
    });
    let step = prop_oneof![5 => push(Statuses::Unsaid), 1 => feed(false, Statuses::Unsaid), 3 => whole];
    prop::collection::vec(step, 1..10)
}

pub fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let all = Statuses::Said;
    prop::collection::vec(prop_oneof![4 => push(all), 1 => feed(false, all), 2 => feed(true, all)], 1..14)
}

/// Steps, and an order of them in which some come twice and the files in order of their S.
pub fn shuffled(steps: impl Strategy<Value = Vec<Step>>) -> impl Strategy<Value = (Vec<Step>, Vec<usize>)> {
    let orders = steps.prop_flat_map(|steps| {
        let places: Vec<usize> = (0..steps.len()).chain(0..steps.len().div_ceil(2)).collect();
        (Just(steps), Just(places).prop_shuffle())
    });
    orders.prop_map(|(steps, order)| {
        let order = feeds_in_order(&steps, &order);
        (steps, order)
    })
}

fn feeds_in_order(steps: &[Step], order: &[usize]) -> Vec<usize> {
    let is_feed = |place: &usize| matches!(steps[*place], Step::Feed { .. });
    let mut feeds: Vec<usize> = order.iter().copied().filter(is_feed).collect();
    feeds.sort_unstable();
    let mut feeds = feeds.into_iter();
    let sorted =
        |place: &usize| if is_feed(place) { feeds.next().expect("there are as many") } else { *place };
    order.iter().map(sorted).collect()
}

impl Values {
    fn of(self, place: usize, few: u64) -> u64 {
        match self {
            Values::Few => few,
            Values::OfTheirStep => place as u64 + 1,
        }
    }
}

/// What each name may say, in turn.
fn word(name: usize, value: u64) -> &'static str {
    let words = match name {
        CLASS => ["market", "real/estate", "nav", "own"],
        STATUS => ["active", "inactive", "active", "inactive"],
        _ => ["", "a/b \u{1f600}", "\"\\\n", "\u{e9}t\u{e9}"],
    };
    words[value as usize]
}

impl World {
    fn members(&mut self, place: usize, said: &Said, values: Values) -> Vec<(&'static str, String)> {
        let mut members = Vec::new();
        for (&name, value) in said {
            let value = match value {
                None => "null".to_owned(),
                Some(_) if values == Values::OfTheirStep && name < CLASS => values.of(place, 0).to_string(),
                Some(value) => self.spelling.text(word(name, *value)),
            };
            members.push((NAMES[name], value));
        }
        members
    }

    /// JSON of an asset with these members.
    fn body(&mut self, id: usize, mut members: Vec<(&'static str, String)>, price: Option<String>) -> String {
        members.push(("id", self.spelling.text(asset(id).as_str())));
        members.extend(price.map(|price| ("price", price)));
        self.spelling.object(&members)
    }

    fn offer(&mut self, amount: u64, as_of: Option<Micros>) -> String {
        let mut members = vec![("amount", self.spelling.text(&amount.to_string()))];
        members.push(("currency", self.spelling.text("EUR")));
        if let Some(as_of) = as_of {
            members.push(("as_of", self.spelling.text(&time::format(as_of))));
        }
        self.spelling.object(&members)
    }
}

/// When the file that stands at `place` was asked for: S of an undated one that follows.
fn fetched(place: usize) -> Micros {
    time(place).plus(21 * Micros::SECOND)
}

/// S of the dated file that stands at `place`: never just three heartbeats from a price.
pub fn snapshot(place: usize) -> Micros {
    time(place).plus(7 * Micros::SECOND)
}

pub fn file(place: usize, complete: bool, records: Vec<Fed>) -> File {
    let times = SnapshotTimes {
        generated_at: Some(snapshot(place)),
        fetch_started_at: fetched(place),
        ..SnapshotTimes::default()
    };
    File { times, complete, allow_empty: false, records }
}

impl World {
    /// The file of a feed step.
    pub fn file_of(&mut self, place: usize, step: &Step, values: Values) -> Option<File> {
        let Step::Feed { complete, dated, records } = step else { return None };
        let mut read = Vec::new();
        for (id, said, price) in records {
            let price = price.map(|(amount, dated)| {
                let as_of = dated.then(|| time(place).plus(-MINUTE / 2));
                self.offer(values.of(place, amount), as_of)
            });
            let members = self.members(place, said, values);
            let text = self.body(*id, members, price);
            read.push((asset(*id), Some(read_record(&text, &self.policy))));
        }
        let mut file = file(place, *complete, read);
        file.times.generated_at = file.times.generated_at.filter(|_| *dated);
        Some(file)
    }

    /// Applies the step that stands at `place`; a file's run tells what it did.
    pub fn step(&mut self, place: usize, step: &Step, values: Values) -> Option<Ran> {
        let stamp = Stamp::new(time(place), Lane::Push, 0);
        match step {
            Step::Write { verb: Verb::Delete, id, .. } => {
                let delete = full(asset(*id), Document::default());
                self.write(NOW, &tidegate::domain::AssetWrite { verb: Verb::Delete, ..delete }, stamp);
                None
            }
            Step::Write { verb, id, said, price } => {
                let price = price.map(|few| self.offer(values.of(place, few), None));
                let members = self.members(place, said, values);
                let body = self.body(*id, members, price);
                let Write::Asset(write) = read_asset(&body, *verb, &self.policy) else {
                    unreachable!("it is an asset's body")
                };
                self.write(NOW, &write, stamp);
                None
            }
            Step::Price { id, amount } => {
                let offer = self.offer(values.of(place, *amount), None);
                let id = self.spelling.member("id", &format!("\"{}\"", asset(*id)));
                let body = format!("{{{id},{}", &offer[1..]);
                let Write::Price(write) = read_price(&body, &self.policy) else {
                    unreachable!("it is a price's body")
                };
                self.price(NOW, &write, Stamp::new(time(place), Lane::Price, 0));
                None
            }
            Step::Feed { .. } => self.run_step(place, step, values),
        }
    }

    fn run_step(&mut self, place: usize, step: &Step, values: Values) -> Option<Ran> {
        let file = self.file_of(place, step, values)?;
        // the same bytes are not applied again but by an operator's replay, at their S (F5)
        if let Some((snapshot, dated)) = self.replayed.get(&place).copied() {
            return Some(self.apply(NOW, &file, snapshot, dated));
        }
        let ran = self.run(NOW, &file);
        if let Some(snapshot) = ran.snapshot {
            self.replayed.insert(place, (snapshot, ran.dated));
        }
        Some(ran)
    }

    pub fn after(steps: &[Step], order: &[usize], values: Values) -> World {
        World::new().then(steps, order, values)
    }

    pub fn then(mut self, steps: &[Step], order: &[usize], values: Values) -> World {
        for &place in order {
            self.step(place, &steps[place], values);
        }
        self
    }
}

//! Random steps of a partner: pushes, prices, deletes and files, each with a source time of its own.

use super::world::{Fed, File, Priced, Ran, World, member};
use compact_str::CompactString;
use proptest::prelude::*;
use tidegate::domain::{AssetId, Document, Lane, Member, Micros, Stamp, Verb};
use tidegate::rules::snapshot::SnapshotTimes;

pub const IDS: usize = 3;
const NAMES: [&str; 3] = ["t", "u", "v"];
const MINUTE: i64 = 60 * Micros::SECOND;
const BEGAN: i64 = 1_000 * Micros::DAY;
/// When everything arrives: later than every source time.
pub const NOW: Micros = Micros(BEGAN + 20 * Micros::HOUR);

/// Which of the names, and a small value for it; `None` removes it.
pub type Said = Vec<(usize, Option<u64>)>;

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
    /// Records of different ids: members, an amount, whether it is dated.
    Feed {
        complete: bool,
        records: Vec<(usize, Said, Option<(u64, bool)>)>,
    },
}

/// How values are made: few different ones, so that equal ones meet, or one of its own for each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    Few,
    OfTheirStep,
}

pub fn asset(number: usize) -> AssetId {
    AssetId::new(&format!("asset-{number}")).expect("a short name is an id")
}

/// The source time of the step that stands at `place`.
pub fn time(place: usize) -> Micros {
    Micros(BEGAN + place as i64 * MINUTE)
}

fn said(removes: bool) -> BoxedStrategy<Said> {
    let value =
        if removes { prop::option::weighted(0.8, 1..5u64).boxed() } else { (1..5u64).prop_map(Some).boxed() };
    prop::collection::vec((0..NAMES.len(), value), 0..4).boxed()
}

pub fn push() -> impl Strategy<Value = Step> {
    let price = || prop::option::weighted(0.3, 1..9u64);
    prop_oneof![
        3 => (0..IDS, said(false), price())
            .prop_map(|(id, said, price)| Step::Write { verb: Verb::Put, id, said, price }),
        3 => (0..IDS, said(true), price())
            .prop_map(|(id, said, price)| Step::Write { verb: Verb::Post, id, said, price }),
        2 => (0..IDS).prop_map(|id| Step::Write { verb: Verb::Delete, id, said: Vec::new(), price: None }),
        2 => (0..IDS, 1..9u64).prop_map(|(id, amount)| Step::Price { id, amount }),
    ]
}

pub fn feed(complete: bool) -> impl Strategy<Value = Step> {
    let record = (0..IDS, said(false), prop::option::of((1..9u64, any::<bool>())));
    prop::collection::vec(record, 0..4).prop_map(move |mut records| {
        records.sort_by_key(|record| record.0);
        records.dedup_by_key(|record| record.0);
        Step::Feed { complete, records }
    })
}

/// Steps whose files are partial: absence says nothing.
pub fn partial_steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(prop_oneof![3 => push(), 1 => feed(false)], 1..9)
}

pub fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(prop_oneof![4 => push(), 1 => feed(false), 2 => feed(true)], 1..14)
}

/// Steps, and an order of them in which some come twice and the files in order of their S.
pub fn shuffled() -> impl Strategy<Value = (Vec<Step>, Vec<usize>)> {
    let orders = partial_steps().prop_flat_map(|steps| {
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

    fn document(self, place: usize, said: &Said) -> Document {
        let class = Member { text: "\"market\"".into(), ..member("class", 1) };
        let given = |&(name, value): &(usize, Option<u64>)| Some(member(NAMES[name], self.of(place, value?)));
        Document::from_members(said.iter().filter_map(given).chain([class]).collect())
    }
}

/// S of the file that stands at `place`: never just three heartbeats from a price.
pub fn snapshot(place: usize) -> Micros {
    time(place).plus(7 * Micros::SECOND)
}

pub fn file(place: usize, complete: bool, records: Vec<Fed>) -> File {
    let times = SnapshotTimes {
        generated_at: Some(snapshot(place)),
        fetch_started_at: NOW,
        ..SnapshotTimes::default()
    };
    File { times, complete, allow_empty: false, records }
}

/// The file of a feed step.
pub fn file_of(place: usize, step: &Step, values: Values) -> Option<File> {
    let Step::Feed { complete, records } = step else { return None };
    let records = records.iter().map(|(id, said, price)| {
        let priced = price.map(|(amount, dated)| Priced {
            amount: values.of(place, amount),
            as_of: dated.then(|| time(place).plus(-MINUTE / 2)),
        });
        (asset(*id), Some((values.document(place, said), priced)))
    });
    Some(file(place, *complete, records.collect()))
}

impl World {
    /// Applies the step that stands at `place`; a file's run tells what it did.
    pub fn step(&mut self, place: usize, step: &Step, values: Values) -> Option<Ran> {
        let stamp = Stamp::new(time(place), Lane::Push, 0);
        match step {
            Step::Write { verb, id, said, price } => {
                let removed: Vec<CompactString> = said
                    .iter()
                    .filter(|(name, value)| {
                        value.is_none() && said.iter().all(|(n, v)| n != name || v.is_none())
                    })
                    .map(|(name, _)| NAMES[*name].into())
                    .collect();
                let document = values.document(place, said);
                let priced = price.map(|few| Priced { amount: values.of(place, few), as_of: None });
                self.write(NOW, &asset(*id), (*verb, stamp), (&document, &removed), priced);
                None
            }
            Step::Price { id, amount } => {
                let stamp = Stamp::new(time(place), Lane::Price, 0);
                self.price(NOW, &asset(*id), values.of(place, *amount), stamp);
                None
            }
            Step::Feed { .. } => {
                let file = file_of(place, step, values)?;
                let again = self.feed.last_snapshot_at == Some(snapshot(place).0);
                // the same bytes are not applied again but by an operator's replay, at their S (F5)
                Some(if again { self.apply(NOW, &file, snapshot(place), true) } else { self.run(NOW, &file) })
            }
        }
    }

    pub fn after(steps: &[Step], order: &[usize], values: Values) -> World {
        let mut world = World::new();
        for &place in order {
            world.step(place, &steps[place], values);
        }
        world
    }
}

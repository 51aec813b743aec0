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
    /// Without a time of its own it is dated by the fetch before (T3).
    Feed {
        complete: bool,
        dated: bool,
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
    (prop::collection::vec(record, 0..4), any::<bool>()).prop_map(move |(mut records, dated)| {
        records.sort_by_key(|record| record.0);
        records.dedup_by_key(|record| record.0);
        Step::Feed { complete, dated, records }
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

/// Steps, and an order of them in which the complete files stand where they stood, and what came
/// between two of them is shuffled, some of it twice.
pub fn shuffled_between_files() -> impl Strategy<Value = (Vec<Step>, Vec<usize>)> {
    let keys = prop::collection::vec(any::<(u32, u32, bool)>(), 14);
    (any_steps(), keys).prop_map(|(steps, keys)| {
        let is_complete = |place: &usize| matches!(steps[*place], Step::Feed { complete: true, .. });
        let places: Vec<usize> = (0..steps.len()).collect();
        let mut order = Vec::new();
        for stretch in places.chunk_by(|a, b| is_complete(a) == is_complete(b)) {
            if is_complete(&stretch[0]) {
                order.extend(stretch);
                continue;
            }
            let once = stretch.iter().map(|&place| (keys[place].0, place));
            let again = stretch.iter().filter(|place| keys[**place].2).map(|&place| (keys[place].1, place));
            let mut mixed: Vec<(u32, usize)> = once.chain(again).collect();
            mixed.sort_unstable();
            let mixed: Vec<usize> = mixed.into_iter().map(|(_, place)| place).collect();
            order.extend(feeds_in_order(&steps, &mixed));
        }
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

/// The file of a feed step.
pub fn file_of(place: usize, step: &Step, values: Values) -> Option<File> {
    let Step::Feed { complete, dated, records } = step else { return None };
    let records = records.iter().map(|(id, said, price)| {
        let priced = price.map(|(amount, dated)| Priced {
            amount: values.of(place, amount),
            as_of: dated.then(|| time(place).plus(-MINUTE / 2)),
        });
        (asset(*id), Some((values.document(place, said), priced)))
    });
    let mut file = file(place, *complete, records.collect());
    file.times.generated_at = file.times.generated_at.filter(|_| *dated);
    Some(file)
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

//! The properties of RULES.md, as far as they speak of decisions, of the oracle itself.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::fixture::{HOUR, SECOND, doc, oclock, orders, record, usd};
use super::types::{Lane, PriceIn, RecordIn, RunReport, SnapshotIn, Visible, VisibleAsset};
use super::{Model, Policy};

const IDS: [&str; 3] = ["a", "b", "c"];
/// In every file, so that none is empty (F4).
const ALWAYS: &str = "always";
const NAMES: [&str; 3] = ["t", "u", "v"];

/// A record: asset, members, price, whether the price is dated.
type Fed = (usize, Vec<(usize, u8)>, Option<u8>, bool);

/// One step; its place in the list is its source time, so that all stamps are distinct.
#[derive(Clone, Debug)]
enum Step {
    Put { id: usize, members: Vec<(usize, u8)>, price: Option<u8> },
    Post { id: usize, members: Vec<(usize, u8)>, price: Option<u8> },
    Delete { id: usize },
    Price { id: usize, amount: u8 },
    Feed { complete: bool, records: Vec<Fed> },
}

fn some_members() -> impl Strategy<Value = Vec<(usize, u8)>> {
    prop::collection::vec((0..NAMES.len(), 1..9u8), 0..3)
}

fn push_step() -> impl Strategy<Value = Step> {
    let id = || 0..IDS.len();
    let price = || prop::option::of(1..9u8);
    prop_oneof![
        (id(), some_members(), price()).prop_map(|(id, members, price)| Step::Put { id, members, price }),
        (id(), some_members(), price()).prop_map(|(id, members, price)| Step::Post { id, members, price }),
        id().prop_map(|id| Step::Delete { id }),
        (id(), 1..9u8).prop_map(|(id, amount)| Step::Price { id, amount }),
    ]
}

fn feed_step(complete: bool) -> impl Strategy<Value = Step> {
    let one = (0..IDS.len(), some_members(), prop::option::of(1..9u8), any::<bool>());
    prop::collection::vec(one, 0..3).prop_map(move |records| Step::Feed { complete, records })
}

/// Three of four files are complete; none is without a date.
fn steps_with_complete_files() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(prop_oneof![4 => push_step(), 1 => feed_step(false), 3 => feed_step(true)], 1..9)
}

fn partial_steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(prop_oneof![3 => push_step(), 1 => feed_step(false)], 1..8)
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![3 => push_step(), 1 => feed_step(false), 1 => feed_step(true)];
    prop::collection::vec(step, 1..14)
}

fn time(place: usize) -> i64 {
    oclock(1) + place as i64 * 60 * SECOND
}

fn text(members: &[(usize, u8)]) -> super::Members {
    let pairs: Vec<_> = members.iter().map(|(n, v)| (NAMES[*n], v.to_string())).collect();
    pairs.iter().map(|(n, v)| (n.to_string(), v.as_str().into())).chain(doc(&[("class", "market")])).collect()
}

fn file(place: usize, complete: bool, records: &[Fed]) -> SnapshotIn {
    let by_id: BTreeMap<usize, RecordIn> = records
        .iter()
        .map(|(id, members, price, dated)| {
            let as_of = dated.then_some(time(place) - 30 * SECOND);
            let price = price.map(|p| PriceIn::new(IDS[*id], &p.to_string(), "USD", as_of));
            (*id, RecordIn { members: text(members), price, ..record(IDS[*id], &[]) })
        })
        .collect();
    SnapshotIn {
        fetch_start: oclock(20),
        body_hash: place as u64 + 1,
        generated_at: Some(time(place)),
        complete,
        records: by_id.into_values().chain([record(ALWAYS, &[])]).collect(),
        ..SnapshotIn::default()
    }
}

/// Applies the step that stands at `place`; everything arrives at 20:00.
fn apply(m: &mut Model, place: usize, step: &Step) -> Option<RunReport> {
    let now = oclock(20);
    let at = Some(time(place));
    let inner = |price: &Option<u8>| price.map(|p| PriceIn::new("", &p.to_string(), "USD", None));
    match step {
        Step::Put { id, members, price } => {
            m.put(now, IDS[*id], at, &text(members), inner(price));
        }
        Step::Post { id, members, price } => {
            m.post(now, IDS[*id], at, &text(members), inner(price));
        }
        Step::Delete { id } => {
            m.delete(now, IDS[*id], at);
        }
        Step::Price { id, amount } => {
            m.price(now, usd(IDS[*id], &amount.to_string(), time(place)));
        }
        Step::Feed { complete, records } => {
            return Some(m.snapshot(now, file(place, *complete, records)));
        }
    }
    None
}

fn state(m: &Model) -> BTreeMap<String, VisibleAsset> {
    m.catalogue(oclock(21))
}

fn applied(steps: &[Step], order: &[usize]) -> Model {
    let mut m = Model::new(Policy { unguarded: true, ..Policy::default() });
    for place in order {
        apply(&mut m, *place, &steps[*place]);
    }
    m
}

/// The feed runs put back into order of S; the rest stays where it is.
fn feeds_in_order(steps: &[Step], order: &[usize]) -> Vec<usize> {
    let is_feed = |place: &&usize| matches!(steps[**place], Step::Feed { .. });
    let mut feeds: Vec<usize> = order.iter().filter(is_feed).copied().collect();
    feeds.sort_unstable();
    let mut feeds = feeds.into_iter();
    let next = |place: &usize| if is_feed(&place) { feeds.next().expect("as many") } else { *place };
    order.iter().map(next).collect()
}

fn shuffled(steps: impl Strategy<Value = Vec<Step>>) -> impl Strategy<Value = (Vec<Step>, Vec<usize>)> {
    steps.prop_flat_map(|steps| {
        // Some steps come twice.
        let places: Vec<usize> = (0..steps.len()).chain(0..steps.len() / 2).collect();
        (Just(steps), Just(places).prop_shuffle())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Complete files and their absences included; without the guard, which counts what has arrived.
    #[test]
    fn property_1_any_order_ends_in_the_same_state(
        (steps, order) in shuffled(steps_with_complete_files())
    ) {
        let straight: Vec<usize> = (0..steps.len()).collect();
        let order = feeds_in_order(&steps, &order);
        prop_assert_eq!(state(&applied(&steps, &straight)), state(&applied(&steps, &order)));
    }

    /// Nothing is confirmed meanwhile: what an approval keeps is decided anew by the next file.
    #[test]
    fn property_2_a_snapshot_twice_changes_nothing_the_second_time(steps in any_steps()) {
        let mut m = Model::new(Policy { confirm: 0, ..Policy::default() });
        for (place, step) in steps.iter().enumerate() {
            let report = apply(&mut m, place, step);
            if report.is_some() {
                let before = state(&m);
                let again = apply(&mut m, place, step).expect("a run reports");
                prop_assert_eq!(again.created + again.updated + again.deleted, 0);
                prop_assert_eq!(state(&m), before);
            }
        }
    }

    #[test]
    fn property_3_no_feed_replaces_a_dated_price_by_an_earlier_one(steps in any_steps()) {
        let mut m = Model::new(Policy::default());
        for (place, step) in steps.iter().enumerate() {
            let before = state(&m);
            if apply(&mut m, place, step).is_none() {
                continue;
            }
            let after = state(&m);
            for (id, asset) in &before {
                let old = asset.quotes.get("price").and_then(|q| q.as_of);
                let new = after.get(id).and_then(|a| a.quotes.get("price")?.as_of);
                prop_assert!(old.is_none() || new.is_none() || new >= old);
            }
        }
    }

    #[test]
    fn property_4_a_body_that_did_not_close_changes_nothing(steps in any_steps(), cut in feed_step(true)) {
        let mut m = Model::new(Policy::default());
        for (place, step) in steps.iter().enumerate() {
            apply(&mut m, place, step);
        }
        let before = state(&m);
        let Step::Feed { records, .. } = cut else { unreachable!("a feed step") };
        let cut = SnapshotIn { closed: false, ..file(steps.len(), true, &records) };
        m.snapshot(oclock(20), cut);
        prop_assert_eq!(state(&m), before);
    }

    /// Nothing of an absent asset, until something newer than the file says that it lives.
    #[test]
    fn property_5_nothing_of_an_absent_asset_is_visible(
        (steps, order) in shuffled(steps_with_complete_files()), id in 0..IDS.len()
    ) {
        let order = feeds_in_order(&steps, &order);
        let mut m = applied(&steps, &order);
        m.snapshot(oclock(20), file(steps.len(), true, &[]));
        prop_assert!(!matches!(m.visible(oclock(21), IDS[id]), Visible::Alive(_)));
        // all of it once more, but for the files, comes too late
        for place in order.iter().filter(|place| !matches!(steps[**place], Step::Feed { .. })) {
            apply(&mut m, *place, &steps[*place]);
        }
        prop_assert!(!matches!(m.visible(oclock(21), IDS[id]), Visible::Alive(_)));
    }

    /// Compared with a model that never saw what stands at or below the delete.
    #[test]
    fn property_5_nothing_at_or_below_a_said_delete_shows_after_it(
        (steps, order) in shuffled(partial_steps()), id in 0..IDS.len(), d in 0..8usize
    ) {
        // A run out of order is skipped (F5), which is another matter.
        let order = feeds_in_order(&steps, &order);
        let mut m = applied(&steps, &order);
        m.delete(oclock(20), IDS[id], Some(time(d)));
        for place in &order {
            apply(&mut m, *place, &steps[*place]);
        }
        let above: Vec<usize> = order.iter().copied().filter(|p| *p > d).collect();
        let mut fresh = Model::new(Policy::default());
        for place in above {
            apply(&mut fresh, place, &steps[place]);
        }
        let alive = |m: &Model| matches!(m.visible(oclock(21), IDS[id]), Visible::Alive(_));
        prop_assert!(!alive(&m) || alive(&fresh));
        if let (Some(seen), Some(late)) = (state(&m).get(IDS[id]), state(&fresh).get(IDS[id])) {
            for quote in seen.quotes.values() {
                prop_assert!(quote.as_of.is_none_or(|as_of| as_of > time(d)));
            }
            prop_assert!(seen.members.keys().all(|k| late.members.contains_key(k)));
        }
    }

    #[test]
    fn property_7_an_invalid_record_neither_changes_nor_removes(steps in any_steps(), id in 0..IDS.len()) {
        let mut m = Model::new(Policy::default());
        for (place, step) in steps.iter().enumerate() {
            apply(&mut m, place, step);
        }
        let before = m.visible(oclock(21), IDS[id]);
        let bad = RecordIn { valid: false, ..record(IDS[id], &[("t", "bad")]) };
        let file = SnapshotIn { records: vec![bad], ..file(steps.len(), true, &[]) };
        m.snapshot(oclock(20), file);
        prop_assert_eq!(m.visible(oclock(21), IDS[id]), before);
    }

    /// Over hourly files that exchange some of their 60 records.
    #[test]
    fn property_10_deletes_without_a_plan_stay_within_the_guard(losses in prop::collection::vec(0..25usize, 1..30)) {
        let mut m = Model::new(Policy::default());
        let mut deletes: Vec<(i64, usize)> = Vec::new();
        let mut from = 0;
        for (hour, loss) in losses.iter().enumerate() {
            let now = oclock(1) + hour as i64 * HOUR;
            from += loss;
            // Always 60 records, so that the baseline stays 60 and the limit 20.
            let records = (from..from + 60).map(|n| record(&format!("{n:05}"), &[])).collect();
            let snapshot = SnapshotIn { records, generated_at: Some(now), fetch_start: now, ..file(hour, true, &[]) };
            deletes.push((now, m.snapshot(now, snapshot).deleted));
            let day: usize = deletes.iter().filter(|(t, _)| now - t < 24 * HOUR).map(|(_, n)| n).sum();
            prop_assert!(day <= 40);
        }
    }

    /// The highest lane wins at equal times, in any order.
    #[test]
    fn d3_lanes_decide_in_any_order(which in 0..6usize) {
        let lanes = [Lane::Feed, Lane::Push, Lane::Admin];
        let mut m = Model::new(Policy::default());
        for place in &orders(3)[which] {
            let price = usd("a", &(place + 1).to_string(), oclock(1));
            m.price_in_lane(oclock(2), price, lanes[*place]);
        }
        m.put(oclock(2), "a", Some(oclock(1)), &doc(&[]), None);
        let state = state(&m);
        prop_assert_eq!(state["a"].quotes["price"].amount.as_deref(), Some("3"));
    }
}

//! Properties of order: 1 and 5, and the ties of D3.

use super::config;
use super::spelling::Spelling;
use super::steps::{
    IDS, Statuses, Step, Values, asset, feed, file, partial_steps, push, shuffled, steps_with_absences, time,
};
use super::world::{Visible, World, full};
use proptest::prelude::*;
use std::collections::BTreeMap;
use tidegate::codec::json;
use tidegate::domain::{AssetId, Document, Lane, Member, Micros, Stamp, Verb};

/// The guard counts what has arrived by then: it is no matter of stamps.
fn unguarded(seed: u64) -> World {
    World { unguarded: true, spelling: Spelling::seeded(seed), ..World::new() }
}

fn number_of(id: &AssetId) -> usize {
    (0..IDS).find(|n| asset(*n) == *id).expect("one of ours")
}

proptest! {
    #![proptest_config(config())]

    /// Complete files and their absences included; in the two orders each string is spelt in other ways.
    #[test]
    fn property_1_any_order_with_repetitions_and_complete_files_ends_in_the_same_visible_state(
        (steps, order) in shuffled(steps_with_absences()), seed: u64
    ) {
        let straight: Vec<usize> = (0..steps.len()).collect();
        let expected = unguarded(1).then(&steps, &straight, Values::Few).visible();
        prop_assert_eq!(unguarded(seed).then(&steps, &order, Values::Few).visible(), expected);
    }

    /// Statuses included, and files without a date: here absence says nothing.
    #[test]
    fn property_1_any_order_with_repetitions_ends_in_the_same_visible_state(
        (steps, order) in shuffled(partial_steps()), seed: u64
    ) {
        let straight: Vec<usize> = (0..steps.len()).collect();
        let expected = unguarded(1).then(&steps, &straight, Values::Few).visible();
        prop_assert_eq!(unguarded(seed).then(&steps, &order, Values::Few).visible(), expected);
    }

    /// However the strings are spelt: not only what shows, all that is kept is the same but for the text.
    #[test]
    fn property_1_another_spelling_of_everything_is_a_repetition(
        steps in prop::collection::vec(prop_oneof![3 => push(Statuses::Said), 2 => feed(true, Statuses::Said)], 1..9),
        seed: u64
    ) {
        let straight: Vec<usize> = (0..steps.len()).collect();
        let plain = unguarded(1).then(&steps, &straight, Values::Few);
        let again = unguarded(seed).then(&steps, &straight, Values::Few);
        let kept = |world: &World| -> Vec<_> {
            let all = world.assets.iter();
            all.map(|(id, held)| (id.clone(), held.head.clone(), held.members(), held.quotes.clone())).collect()
        };
        prop_assert_eq!(kept(&plain), kept(&again));
    }

    /// Each value names the step that it came from, so that what shows tells its age.
    #[test]
    fn property_5_nothing_at_or_below_a_said_delete_is_visible_after_it(
        (steps, order) in shuffled(steps_with_absences()), when in 0..30usize
    ) {
        let mut world = unguarded(7);
        let mut end = [None::<usize>; IDS];
        for (n, &place) in order.iter().enumerate() {
            world.step(place, &steps[place], Values::OfTheirStep);
            if let Step::Write { verb: Verb::Delete, id, .. } = steps[place] {
                end[id] = end[id].max(Some(place));
            }
            if n == when || n + 1 == order.len() {
                shows_nothing_of_before(&world.visible(), &end)?;
            }
        }
    }

    /// An asset that a file lacks is seen again only by what says that it lives and is newer: a push, or
    /// a file that holds it. All that is older comes too late, in whatever order.
    #[test]
    fn property_5_nothing_of_an_absent_asset_is_visible_while_it_is_absent(
        (steps, order) in shuffled(steps_with_absences())
    ) {
        let mut world = unguarded(7);
        let mut signs: BTreeMap<usize, usize> = BTreeMap::new();
        let mut lacked: BTreeMap<usize, usize> = BTreeMap::new();
        for &place in &order {
            world.step(place, &steps[place], Values::Few);
            let mut lives = |id: usize| {
                let newest = signs.entry(id).or_insert(place);
                *newest = place.max(*newest);
            };
            match &steps[place] {
                Step::Write { verb: Verb::Put | Verb::Post, id, .. } => lives(*id),
                Step::Feed { records, .. } => records.iter().for_each(|(id, ..)| lives(*id)),
                _ => {}
            }
            if let Step::Feed { complete: true, records, .. } = &steps[place] {
                let holds = |id: &usize| records.iter().any(|(held, ..)| held == id);
                lacked.extend((0..IDS).filter(|id| !holds(id)).map(|id| (id, place)));
            }
            for (id, _) in world.visible() {
                let id = number_of(&id);
                prop_assert!(signs.get(&id) > lacked.get(&id), "{id} after {place}: {signs:?} {lacked:?}");
            }
        }
    }

    /// A late delete never takes what is newer (X1), wherever it comes in.
    #[test]
    fn property_1_a_delete_may_come_at_any_place(steps in steps_with_absences(), id in 0..IDS, at in 0..10usize) {
        let mut steps = steps;
        steps.push(Step::Write { verb: Verb::Delete, id, said: Default::default(), price: None });
        let last = steps.len() - 1;
        let mut order: Vec<usize> = (0..last).collect();
        order.insert(at.min(last), last);
        let early = unguarded(1).then(&steps, &order, Values::Few);
        let late = unguarded(2).then(&steps, &(0..=last).collect::<Vec<_>>(), Values::Few);
        prop_assert_eq!(early.visible(), late.visible());
    }

    #[test]
    fn d3_at_equal_times_lane_then_sequence_decide_in_any_order(
        ranks in Just(vec![(Lane::Feed, 0), (Lane::Push, 0), (Lane::Push, 7), (Lane::Admin, 0)]).prop_shuffle()
    ) {
        let mut world = World::new();
        for &(lane, sequence) in &ranks {
            let said = lane as u64 * 10 + sequence;
            write(&mut world, Verb::Put, "t", &said.to_string(), Stamp::new(Micros(5), lane, sequence));
        }
        let (members, _) = &world.visible()[&asset(0)];
        prop_assert_eq!(&members["t"], &(Lane::Admin as u64 * 10).to_string());
    }

    /// D3: what has lost at its stamp has lost, however often it comes again and in whatever spelling.
    #[test]
    fn d3_of_contents_at_one_stamp_the_last_that_was_new_stays(
        values in prop::collection::vec(0..4usize, 1..12), verb in prop_oneof![Just(Verb::Put), Just(Verb::Post)]
    ) {
        let mut world = World::new();
        let mut seen = Vec::new();
        for value in values {
            let text = world.spelling.text(["a/b", "b/", "/c", "d"][value]);
            write(&mut world, verb, "t", &text, Stamp::new(Micros(5), Lane::Push, 0));
            if !seen.contains(&value) {
                seen.push(value);
            }
        }
        let last = ["a/b", "b/", "/c", "d"][*seen.last().expect("one at least")];
        let (members, _) = &world.visible()[&asset(0)];
        prop_assert_eq!(&members["t"], &json::canonical(&format!("\"{last}\"")).expect("a string"));
    }
}

fn write(world: &mut World, verb: Verb, name: &str, text: &str, stamp: Stamp) {
    let hash = json::value_hash(text).expect("a value");
    let member = Member { name: name.into(), text: text.into(), hash };
    let write = full(asset(0), Document::from_members(vec![member]));
    world.write(Micros(9), &tidegate::domain::AssetWrite { verb, ..write }, stamp);
}

fn shows_nothing_of_before(visible: &Visible, end: &[Option<usize>; IDS]) -> Result<(), TestCaseError> {
    for (id, (members, quotes)) in visible {
        let Some(end) = end[number_of(id)] else { continue };
        let own = members.iter().filter(|(name, _)| !["class", "status"].contains(&name.as_str()));
        for (name, from) in own {
            let from: usize = from.parse().expect("the step's number");
            prop_assert!(from > end + 1, "{id} {name} {members:?}");
        }
        for shown in quotes.values() {
            prop_assert!(shown.as_of.is_none_or(|at| at > time(end)), "{id} {shown:?}");
            let from = shown.amount.expect("none is withdrawn").parts().0;
            prop_assert!(from > end as i128 + 1, "{id} {shown:?}");
        }
    }
    Ok(())
}

/// X3: whether a push newer than S comes before the run or after it makes no difference.
#[test]
fn x3_a_push_newer_than_s_leaves_the_asset_whole_before_the_run_or_after_it() {
    let push = |world: &mut World, verb: Verb, name: &str, place: usize| {
        write(world, verb, name, "1", Stamp::new(time(place), Lane::Push, 0));
    };
    let other = || vec![(asset(1), Some(full(asset(1), Document::default())))];
    let run = |world: &mut World| world.run(super::steps::NOW, &file(10, true, other()));
    let names = |world: &World| world.visible()[&asset(0)].0.keys().cloned().collect::<Vec<_>>();
    for push_first in [true, false] {
        let mut world = World::new();
        push(&mut world, Verb::Put, "old", 1);
        if push_first {
            push(&mut world, Verb::Post, "new", 15);
        }
        assert_eq!(run(&mut world).deleted, u64::from(!push_first));
        if !push_first {
            push(&mut world, Verb::Post, "new", 15);
        }
        assert_eq!(names(&world), ["new", "old"]);
    }
}

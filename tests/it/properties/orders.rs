//! Properties of order: 1 and 5, and the ties of D3.

use super::config;
use super::steps::{Step, Values, asset, partial_steps, shuffled, shuffled_between_files, time};
use super::world::{World, member};
use proptest::prelude::*;
use tidegate::domain::{Document, Lane, Micros, Stamp, Verb};

proptest! {
    #![proptest_config(config())]

    /// With complete files too, where what is older than one has come before it.
    #[test]
    fn property_1_between_complete_files_any_order_ends_in_the_same_visible_state(
        (steps, order) in shuffled_between_files()
    ) {
        let straight: Vec<usize> = (0..steps.len()).collect();
        let expected = World::after(&steps, &straight, Values::Few).visible();
        prop_assert_eq!(World::after(&steps, &order, Values::Few).visible(), expected);
    }

    /// Files are partial here: X3 as it is written keeps an asset whole if a push newer than S has
    /// come before the run, and deletes what is older if that push comes after it; the test below
    /// pins both ways.
    #[test]
    fn property_1_any_order_with_repetitions_ends_in_the_same_visible_state((steps, order) in shuffled()) {
        let straight: Vec<usize> = (0..steps.len()).collect();
        let expected = World::after(&steps, &straight, Values::Few).visible();
        prop_assert_eq!(World::after(&steps, &order, Values::Few).visible(), expected);
    }

    /// Each value names the step that it came from, so that what shows tells its age.
    #[test]
    fn property_5_nothing_at_or_below_a_delete_is_visible_after_it(
        (steps, order) in shuffled(), when in 0..30usize
    ) {
        let mut world = World::new();
        let mut death = [None::<usize>; super::steps::IDS];
        for (n, &place) in order.iter().enumerate() {
            world.step(place, &steps[place], Values::OfTheirStep);
            if let Step::Write { verb: Verb::Delete, id, .. } = steps[place] {
                death[id] = death[id].max(Some(place));
            }
            if n != when && n + 1 != order.len() {
                continue;
            }
            for (id, (members, quotes)) in world.visible() {
                let Some(death) = (0..super::steps::IDS).find(|n| asset(*n) == id).and_then(|n| death[n]) else {
                    continue;
                };
                let own = members.iter().filter(|(name, _)| *name != "class");
                prop_assert!(own.into_iter().all(|(_, from)| *from > death as u128 + 1), "{id} {members:?}");
                for shown in quotes.values() {
                    prop_assert!(shown.as_of.is_none_or(|at| at > time(death)), "{id} {shown:?}");
                    let from = shown.amount.expect("none is withdrawn").parts().0;
                    prop_assert!(from > death as i128 + 1, "{id} {shown:?}");
                }
            }
        }
    }

    /// A late delete never takes what is newer (X1), wherever it comes in.
    #[test]
    fn property_1_a_delete_may_come_at_any_place(steps in partial_steps(), id in 0..super::steps::IDS, at in 0..9usize) {
        let mut steps = steps;
        let delete = Step::Write { verb: Verb::Delete, id, said: Vec::new(), price: None };
        steps.push(delete);
        let last = steps.len() - 1;
        let mut order: Vec<usize> = (0..last).collect();
        order.insert(at.min(last), last);
        let early = World::after(&steps, &order, Values::Few);
        let late = World::after(&steps, &(0..=last).collect::<Vec<_>>(), Values::Few);
        prop_assert_eq!(early.visible(), late.visible());
    }

    #[test]
    fn d3_at_equal_times_lane_then_sequence_decide_in_any_order(
        ranks in Just(vec![(Lane::Feed, 0), (Lane::Push, 0), (Lane::Push, 7), (Lane::Admin, 0)]).prop_shuffle()
    ) {
        let mut world = World::new();
        let at = |(lane, sequence)| Stamp::new(Micros(5), lane, sequence);
        for &rank in &ranks {
            let value = at(rank).lane() as u64 * 10 + at(rank).sequence();
            let document = Document::from_members(vec![member("t", value)]);
            world.write(Micros(9), &asset(0), (Verb::Put, at(rank)), (&document, &[]), None);
        }
        let (members, _) = &world.visible()[&asset(0)];
        prop_assert_eq!(members["t"], Lane::Admin as u128 * 10);
    }
}

/// Why property 1 leaves complete files out.
#[test]
fn x3_whether_a_push_newer_than_s_comes_before_the_run_or_after_it_makes_a_difference() {
    let put = |world: &mut World, n: usize, place: usize, name: &str| {
        let document = Document::from_members(vec![member(name, 1)]);
        let stamp = Stamp::new(time(place), Lane::Push, 0);
        let verb = if place > 5 { Verb::Post } else { Verb::Put };
        world.write(super::steps::NOW, &asset(n), (verb, stamp), (&document, &[]), None);
    };
    let other = || vec![(asset(1), Some((Document::default(), None)))];
    let run = |world: &mut World| world.run(super::steps::NOW, &super::steps::file(10, true, other()));
    let names = |world: &World| world.visible()[&asset(0)].0.keys().cloned().collect::<Vec<_>>();
    let mut kept = World::new();
    put(&mut kept, 0, 1, "old");
    put(&mut kept, 0, 15, "new");
    assert_eq!(run(&mut kept).deleted, 0);
    assert_eq!(names(&kept), ["new", "old"]);
    let mut deleted = World::new();
    put(&mut deleted, 0, 1, "old");
    put(&mut deleted, 1, 1, "old");
    assert_eq!(run(&mut deleted).deleted, 1);
    put(&mut deleted, 0, 15, "new");
    assert_eq!(names(&deleted), ["new"]);
}

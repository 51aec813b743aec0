//! Absence hides, a said delete ends (X1–X3): what is held of an asset while it is dead.

use super::fixture::{doc, feed, push};
use super::*;
use crate::domain::Micros;
use crate::rules::document::absence::{self, Absence};
use proptest::prelude::*;

/// One thing that happens to the asset.
#[derive(Clone, Copy, Debug)]
enum Step {
    Put(i64, &'static str),
    Post(i64, &'static str),
    Patch(i64, &'static str),
    Delete(i64),
    /// A dated and complete file that lacks the asset.
    Lacks(i64),
    /// One that holds it, with this member.
    Holds(i64, &'static str),
}

/// An asset, a follower that knows no rule, and the time of the last file whose absences counted.
#[derive(Clone)]
struct FixtureAsset {
    head: AssetHead,
    held: Document,
    followed: Option<Document>,
    lacked: Stamp,
}

impl FixtureAsset {
    fn new() -> FixtureAsset {
        let (head, held) = (AssetHead::unborn(), Document::default());
        FixtureAsset { head, held, followed: None, lacked: Stamp::NEVER }
    }

    fn after(steps: &[Step]) -> FixtureAsset {
        let mut asset = FixtureAsset::new();
        for &step in steps {
            asset.take(step);
        }
        asset
    }

    fn take(&mut self, step: Step) -> Option<DocumentDecision> {
        let named = |name: &str| if name.is_empty() { Document::default() } else { doc(&[(name, 1)]) };
        let (verb, stamp, members) = match step {
            Step::Put(time, name) => (Verb::Put, push(time), named(name)),
            Step::Post(time, name) => (Verb::Post, push(time), named(name)),
            Step::Patch(time, name) => (Verb::Patch, push(time), named(name)),
            Step::Delete(time) => (Verb::Delete, push(time), Document::default()),
            Step::Holds(time, name) => (Verb::Put, feed(time), named(name)),
            Step::Lacks(time) => {
                self.be_lacked(time);
                return None;
            }
        };
        let decision = self.write(verb, stamp, &members);
        if let Step::Holds(time, _) = step {
            self.lacked = feed(time);
        }
        Some(decision)
    }

    fn be_lacked(&mut self, time: i64) {
        if self.head.is_alive() && absence::decide(&self.head, Micros(time), true) == Absence::Delete {
            self.head = absence::hide(&self.head, feed(time));
            self.followed = None;
        }
        self.lacked = feed(time);
    }

    fn write(&mut self, verb: Verb, stamp: Stamp, members: &Document) -> DocumentDecision {
        let write = StampedWrite { verb, stamp, members, removed: &[] };
        // as the ledger does, a delete that ends all is decided without the document
        let read = verb != Verb::Delete || !ends_all(&self.head, stamp);
        let held = if read { self.held.clone() } else { Document::default() };
        let decision = decide_after(&self.head, &held, write, self.lacked);
        let Some(effect) = &decision.effect else { return decision };
        match (effect.event, &mut self.followed) {
            (AssetEvent::Created, followed) => {
                assert!(followed.is_none());
                *followed = Some(Document::from_members(effect.set.clone()));
            }
            (AssetEvent::Updated, Some(followed)) => {
                effect.removed.iter().for_each(|name| drop(followed.remove(name)));
                effect.set.iter().for_each(|member| followed.set(member.clone()));
            }
            (AssetEvent::Deleted, followed) => *followed = None,
            (AssetEvent::Stamped, _) => {}
            (event, followed) => panic!("{event:?} over {followed:?}"),
        }
        (self.head, self.held) = (effect.head.clone(), effect.document.clone());
        assert!(self.head.version == 0 || self.head.hash == self.held.hash());
        assert!(self.head.holds_members() || self.held.is_empty());
        decision
    }

    /// What a reader sees; the follower sees the same.
    fn visible(&self) -> Option<Vec<&str>> {
        let shown =
            self.head.is_alive().then(|| self.held.members().iter().map(|m| m.name.as_str()).collect());
        assert_eq!(self.followed.as_ref(), self.head.is_alive().then_some(&self.held));
        shown
    }
}

/// Every order of the steps in which those that `is_ordered` come in the order given.
fn orders(steps: &[Step], is_ordered: fn(&Step) -> bool) -> Vec<Vec<Step>> {
    if steps.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for place in 0..steps.len() {
        let waits = is_ordered(&steps[place]) && steps[..place].iter().any(is_ordered);
        if waits {
            continue;
        }
        let mut rest = steps.to_vec();
        let step = rest.remove(place);
        for mut order in orders(&rest, is_ordered) {
            order.insert(0, step);
            all.push(order);
        }
    }
    all
}

fn is_run(step: &Step) -> bool {
    matches!(step, Step::Lacks(_) | Step::Holds(..))
}

#[test]
fn x1_what_is_stamped_above_the_end_is_kept_while_the_asset_is_dead() {
    let steps = [Step::Put(1, "a"), Step::Patch(15, "n"), Step::Delete(10), Step::Post(20, "b")];
    for order in orders(&steps, |_| false) {
        let mut asset = FixtureAsset::new();
        let mut taken = false;
        for &step in &order {
            let decision = asset.take(step).unwrap();
            let refused = matches!(decision.outcome, Outcome::Gone | Outcome::NotFound);
            taken |= matches!(step, Step::Patch(..)) && !refused;
        }
        let wanted = if taken { vec!["b", "n"] } else { vec!["b"] };
        assert_eq!(asset.visible(), Some(wanted), "{order:?}");
    }
}

#[test]
fn x2_an_asset_comes_back_from_an_absence_with_all_that_it_held() {
    let mut asset = FixtureAsset::after(&[Step::Put(1, "a"), Step::Post(5, "b"), Step::Lacks(10)]);
    assert_eq!(asset.visible(), None);
    let version = asset.head.version;
    let back = asset.take(Step::Post(15, "c")).unwrap();
    assert_eq!((back.outcome, back.rule), (Outcome::Created, Rule::X1));
    let effect = back.effect.unwrap();
    assert_eq!(effect.event, AssetEvent::Created);
    assert_eq!(effect.set.len(), 3, "the event carries the whole document");
    assert!(effect.head.version > version);
    assert_eq!(asset.visible(), Some(vec!["a", "b", "c"]));
}

#[test]
fn x2_a_file_that_holds_it_again_speaks_for_all_its_members_but_newer_ones() {
    let steps = [Step::Put(1, "a"), Step::Lacks(10), Step::Patch(12, "n"), Step::Holds(20, "f")];
    assert_eq!(FixtureAsset::after(&steps).visible(), Some(vec!["f"]));
    let steps = [Step::Put(1, "a"), Step::Patch(25, "n"), Step::Delete(10), Step::Holds(20, "f")];
    assert_eq!(FixtureAsset::after(&steps).visible(), Some(vec!["f", "n"]), "a patch above the end is kept");
}

#[test]
fn x3_a_write_of_before_an_absence_is_held_hidden_and_shows_when_the_asset_comes_back() {
    let mut asset = FixtureAsset::after(&[Step::Put(1, "a"), Step::Lacks(10)]);
    let late = asset.take(Step::Post(5, "b")).unwrap();
    assert_eq!((late.outcome, late.rule, late.hidden), (Outcome::Superseded, Rule::X3, true));
    assert_eq!(late.effect.unwrap().event, AssetEvent::Stamped);
    assert_eq!(asset.visible(), None);
    assert_eq!(asset.take(Step::Patch(30, "n")).unwrap().outcome, Outcome::Gone);
    asset.take(Step::Post(20, ""));
    assert_eq!(asset.visible(), Some(vec!["a", "b"]));
}

#[test]
fn x1_a_delete_said_during_an_absence_ends_what_is_at_or_below_it_and_no_reader_sees_a_change() {
    let mut asset = FixtureAsset::after(&[Step::Put(1, "a"), Step::Post(8, "b"), Step::Lacks(10)]);
    let delete = asset.take(Step::Delete(5)).unwrap();
    assert_eq!((delete.outcome, delete.rule), (Outcome::Deleted, Rule::X1));
    assert_eq!(delete.effect.unwrap().event, AssetEvent::Stamped);
    assert_eq!((asset.head.death, asset.head.end), (feed(10), push(5)));
    assert_eq!(asset.take(Step::Delete(5)).unwrap().outcome, Outcome::Duplicate);
    assert_eq!(asset.take(Step::Put(4, "x")).unwrap().rule, Rule::X1);
    asset.take(Step::Post(20, "c"));
    assert_eq!(asset.visible(), Some(vec!["b", "c"]));
    let mut ended = FixtureAsset::after(&[Step::Put(1, "a"), Step::Lacks(10), Step::Delete(12)]);
    assert!(!ended.head.is_absent() && ended.held.is_empty());
    assert_eq!(ended.take(Step::Delete(13)).unwrap().outcome, Outcome::Unchanged);
}

#[test]
fn x3_a_push_stamped_at_or_below_the_last_file_is_judged_as_if_it_had_come_before_it() {
    for (time, lives) in [(9, false), (10, true), (11, true)] {
        let mut asset = FixtureAsset::after(&[Step::Lacks(10)]);
        let late = asset.take(Step::Post(time, "a")).unwrap();
        assert_eq!(late.outcome, if lives { Outcome::Created } else { Outcome::Superseded }, "{time}");
        assert_eq!((late.hidden, asset.visible().is_some()), (!lives, lives));
    }
    let mut known = FixtureAsset::after(&[Step::Put(1, "a"), Step::Lacks(5), Step::Lacks(10)]);
    assert_eq!(known.head.death, feed(5));
    known.take(Step::Post(7, "b"));
    assert_eq!((known.head.death, known.visible()), (feed(10), None));
}

#[test]
fn x5_a_late_push_that_makes_an_asset_inactive_is_kept() {
    let mut asset = FixtureAsset::after(&[Step::Lacks(10)]);
    let status = Member { name: "status".into(), text: "\"inactive\"".into(), hash: 7 };
    asset.write(Verb::Post, push(5), &Document::from_members(vec![status]));
    assert!(asset.head.is_alive() && asset.head.inactive);
}

#[test]
fn x3_an_asset_stays_whole_whether_a_newer_post_comes_before_the_file_without_it_or_after() {
    let steps = [Step::Put(1, "name"), Step::Lacks(10), Step::Post(15, "x")];
    for order in [[0, 1, 2], [0, 2, 1]] {
        let asset = FixtureAsset::after(&order.map(|place| steps[place]));
        assert_eq!(asset.visible(), Some(vec!["name", "x"]), "{order:?}");
    }
}

#[test]
fn property_1_pushes_and_runs_end_alike_in_every_order() {
    let worlds: [&[Step]; 6] = [
        &[Step::Put(1, "a"), Step::Post(15, "b"), Step::Delete(5), Step::Lacks(10), Step::Post(20, "c")],
        &[Step::Put(1, "a"), Step::Post(8, "b"), Step::Lacks(10), Step::Lacks(20), Step::Post(15, "c")],
        &[Step::Put(6, "a"), Step::Delete(5), Step::Lacks(10), Step::Holds(20, "f"), Step::Post(12, "c")],
        &[Step::Holds(10, "f"), Step::Lacks(20), Step::Post(15, "a"), Step::Delete(12), Step::Put(13, "b")],
        &[Step::Lacks(10), Step::Holds(20, "f"), Step::Lacks(30), Step::Post(25, "a"), Step::Delete(15)],
        &[Step::Put(5, "a"), Step::Delete(25), Step::Lacks(10), Step::Put(30, "b"), Step::Post(27, "c")],
    ];
    for steps in worlds {
        let orders = orders(steps, is_run);
        let first = FixtureAsset::after(&orders[0]);
        for order in &orders {
            let asset = FixtureAsset::after(order);
            assert_eq!(asset.visible(), first.visible(), "{order:?} and {:?}", orders[0]);
            let twice: Vec<Step> = order.iter().flat_map(|&step| [step, step]).collect();
            assert_eq!(FixtureAsset::after(&twice).visible(), first.visible(), "{twice:?}");
        }
    }
}

proptest! {
    #[test]
    fn property_1_holds_for_pushes_and_runs_of_distinct_times_in_any_order(
        kinds in proptest::collection::vec((0..5usize, 0..3usize), 2..9),
        seed in any::<u64>(),
    ) {
        const NAMES: [&str; 3] = ["a", "b", "c"];
        let step = |(place, &(kind, name)): (usize, &(usize, usize))| {
            let time = 10 * place as i64;
            match kind {
                0 => Step::Put(time, NAMES[name]),
                1 => Step::Post(time, NAMES[name]),
                2 => Step::Delete(time),
                3 => Step::Lacks(time),
                _ => Step::Holds(time, NAMES[name]),
            }
        };
        let steps: Vec<Step> = kinds.iter().enumerate().map(step).collect();
        let runs: Vec<Step> = steps.iter().copied().filter(is_run).collect();
        let mut shuffled = steps.clone();
        fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
        let mut runs = runs.into_iter();
        for step in shuffled.iter_mut().filter(|step| is_run(step)) {
            *step = runs.next().unwrap();
        }
        let (in_time, late) = (FixtureAsset::after(&steps), FixtureAsset::after(&shuffled));
        prop_assert_eq!(in_time.visible(), late.visible(), "{:?}", shuffled);
    }
}

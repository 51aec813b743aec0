//! The edges at `<` and `≤` of D1–D3, X1 and X3, over the pure functions: what a slip of one sign
//! would change.

use super::absence::{self, Absence};
use super::fixture::{FixtureAsset, doc, feed, push};
use crate::domain::{AssetHead, Exception, Lane, Micros, Outcome, Rule, Stamp, Verb};

#[test]
fn d3_full_writes_at_the_equal_stamp_win_by_their_commit_whatever_their_contents_hash_to() {
    let mut asset = FixtureAsset::new();
    asset.put(10, &[("a", 1)]);
    for value in [9, 2, 3, 0] {
        let tied = asset.write(Verb::Put, push(10), &[("a", value)], &[]);
        assert_eq!((tied.outcome, tied.rule, tied.ambiguous), (Outcome::Updated, Rule::D3, true));
        assert_eq!(asset.put(10, &[("a", value)]), Outcome::Duplicate);
    }
}

#[test]
fn d3_partial_writes_at_the_equal_stamp_win_by_their_commit_whatever_their_values_hash_to() {
    let mut asset = FixtureAsset::new();
    asset.put(10, &[("a", 5)]);
    for value in [2, 7, 1] {
        assert_eq!(asset.post(10, &[("a", value)]), Outcome::Updated, "{value}");
        assert_eq!(asset.post(10, &[("a", value)]), Outcome::Duplicate, "{value}");
    }
    let removed = asset.write(Verb::Post, push(10), &[], &["a"]);
    assert_eq!((removed.outcome, removed.ambiguous), (Outcome::Updated, true));
}

#[test]
fn d3_a_full_write_wins_over_an_earlier_commit_of_its_stamp_but_its_repeat_undoes_none() {
    let mut asset = FixtureAsset::new();
    asset.post(10, &[("a", 2)]);
    assert_eq!(asset.put(10, &[("a", 1), ("b", 1)]), Outcome::Updated);
    assert_eq!(asset.document, doc(&[("a", 1), ("b", 1)]));
    assert_eq!(asset.post(10, &[("a", 2)]), Outcome::Duplicate, "it has lost");
    assert_eq!(asset.post(10, &[("a", 3)]), Outcome::Updated);
    asset.post(11, &[("c", 1)]);
    let again = asset.write(Verb::Put, push(10), &[("a", 1), ("b", 1)], &[]);
    assert_eq!((again.outcome, again.superseded), (Outcome::Duplicate, vec!["a".into(), "c".into()]));
    assert_eq!(asset.document, doc(&[("a", 3), ("b", 1), ("c", 1)]));
}

#[test]
fn d1_a_partial_write_that_loses_with_all_it_says_is_superseded_though_it_moves_life() {
    let mut asset = FixtureAsset::new();
    asset.put(10, &[("a", 1)]);
    asset.patch(20, &[("a", 2)]);
    assert_eq!(asset.post(15, &[("a", 3)]), Outcome::Superseded);
    assert_eq!((asset.head.life, &asset.document), (push(15), &doc(&[("a", 2)])));
    assert_eq!(asset.post(16, &[]), Outcome::Unchanged, "it has lost with nothing");
    assert_eq!(asset.head.life, push(16));
    assert_eq!(asset.post(18, &[("a", 3), ("b", 1)]), Outcome::Updated);
}

#[test]
fn d2_a_partial_write_without_effect_is_a_duplicate_only_if_it_repeats() {
    let mut asset = FixtureAsset::new();
    asset.put(5, &[("a", 1)]);
    asset.post(20, &[("b", 1)]);
    assert_eq!(asset.post(5, &[("a", 1)]), Outcome::Duplicate, "what it names, it repeats");
    assert_eq!(asset.post(20, &[]), Outcome::Duplicate, "it repeats the newest sign of life");
    assert_eq!(asset.post(19, &[]), Outcome::Unchanged);
    assert_eq!(asset.patch(21, &[]), Outcome::Unchanged);
}

#[test]
fn x1_what_is_stamped_at_the_delete_is_gone_and_just_above_it_lives() {
    for verb in [Verb::Put, Verb::Post] {
        let mut asset = FixtureAsset::new();
        asset.delete(10);
        let late = asset.write(verb, push(10), &[("a", 1)], &[]);
        assert_eq!((late.outcome, late.rule), (Outcome::Superseded, Rule::X1));
        let next = asset.write(verb, push(11), &[("a", 1)], &[]);
        assert_eq!((next.outcome, next.rule), (Outcome::Created, Rule::X1));
        let mut other = FixtureAsset::new();
        let first = other.write(verb, push(11), &[("a", 1)], &[]);
        assert_eq!((first.outcome, first.rule), (Outcome::Created, Rule::D1), "nothing had died");
    }
}

#[test]
fn x1_ties_with_a_delete_go_by_lane_before_delete_beats_write() {
    let mut asset = FixtureAsset::new();
    asset.write(Verb::Put, push(10), &[("a", 1)], &[]);
    assert_eq!(asset.write(Verb::Delete, feed(10), &[], &[]).outcome, Outcome::Superseded);
    assert!(asset.head.is_alive());
    let admin = Stamp::new(Micros(10), Lane::Admin, 0);
    assert_eq!(asset.write(Verb::Delete, admin, &[], &[]).outcome, Outcome::Deleted);
}

#[test]
fn x1_a_late_delete_takes_base_and_members_at_its_stamp_and_leaves_those_above() {
    let mut asset = FixtureAsset::new();
    asset.put(10, &[("base", 1)]);
    asset.post(15, &[("x", 1)]);
    asset.post(20, &[("y", 1)]);
    assert_eq!(asset.delete(9), Outcome::Superseded);
    assert_eq!(asset.document, doc(&[("base", 1), ("x", 1), ("y", 1)]));
    assert_eq!(asset.delete(10), Outcome::Updated);
    assert_eq!(asset.document, doc(&[("x", 1), ("y", 1)]));
    assert_eq!(asset.delete(14), Outcome::Superseded);
    assert_eq!(asset.delete(15), Outcome::Updated);
    assert_eq!(asset.document, doc(&[("y", 1)]));
    assert_eq!(asset.delete(20), Outcome::Deleted);
    assert_eq!(asset.head.exceptions, []);
}

#[test]
fn x3_the_newest_of_life_and_members_keeps_the_asset() {
    let exception = |name: &str, time| Exception { name: name.into(), stamp: push(time), removed: false };
    let by_life = AssetHead { life: push(15), base: push(5), ..AssetHead::unborn() };
    assert_eq!(absence::decide(&by_life, Micros(14), true), Absence::Phantom);
    assert_eq!(absence::decide(&by_life, Micros(15), true), Absence::Phantom, "a push at exactly S");
    assert_eq!(absence::decide(&by_life, Micros(16), true), Absence::Delete);
    let exceptions = vec![exception("a", 6), exception("b", 15), exception("c", 7)];
    let by_member = AssetHead { life: push(5), base: push(5), exceptions, ..AssetHead::unborn() };
    assert_eq!(absence::decide(&by_member, Micros(14), true), Absence::Phantom);
    assert_eq!(absence::decide(&by_member, Micros(16), true), Absence::Delete);
}

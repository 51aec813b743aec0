//! Worked examples and edges of D1–D3 and X1, over the pure function.

use super::fixture::{FixtureAsset, doc, feed, push};
use super::*;
use crate::domain::{Lane, Micros};

#[test]
fn d1_a_partial_write_changes_only_what_it_names() {
    let mut asset = FixtureAsset::new();
    assert_eq!(asset.put(1, &[("title", 1), ("legal_status", 2), ("images", 3)]), Outcome::Created);
    assert_eq!(asset.post(2, &[("legal_status", 9)]), Outcome::Updated);
    assert_eq!(asset.document, doc(&[("title", 1), ("legal_status", 9), ("images", 3)]));
}

#[test]
fn d1_an_older_full_write_yields_to_newer_members_and_lists_them() {
    let mut asset = FixtureAsset::new();
    asset.put(1, &[("title", 1), ("a", 1)]);
    asset.post(20, &[("title", 2)]);
    let decision = asset.write(Verb::Put, feed(10), &[("title", 1), ("a", 5)], &[]);
    assert_eq!((decision.outcome, decision.superseded), (Outcome::Updated, vec!["title".into()]));
    assert_eq!(asset.document, doc(&[("title", 2), ("a", 5)]));
}

#[test]
fn d1_the_boundary_is_the_equal_stamp() {
    let mut asset = FixtureAsset::new();
    asset.put(10, &[("a", 1)]);
    assert_eq!(asset.post(9, &[("a", 2)]), Outcome::Superseded);
    assert_eq!(asset.post(10, &[("a", 1)]), Outcome::Duplicate);
    let tied = asset.write(Verb::Post, push(10), &[("a", 3)], &[]);
    assert_eq!((tied.outcome, tied.rule, tied.ambiguous), (Outcome::Updated, Rule::D3, true));
    assert_eq!(asset.post(11, &[("a", 4)]), Outcome::Updated);
}

#[test]
fn d2_equal_content_is_a_duplicate_or_unchanged_by_its_stamp() {
    let mut asset = FixtureAsset::new();
    asset.put(10, &[("a", 1)]);
    assert_eq!(asset.put(10, &[("a", 1)]), Outcome::Duplicate);
    let again = asset.write(Verb::Put, push(11), &[("a", 1)], &[]);
    assert_eq!((again.outcome, again.rule), (Outcome::Unchanged, Rule::D2));
    let effect = again.effect.expect("the stamp is recorded");
    assert_eq!((effect.event, effect.head.base), (AssetEvent::Stamped, push(11)));
    assert_eq!(asset.put(10, &[("a", 1)]), Outcome::Superseded);
}

#[test]
fn d1_d2_what_no_reader_sees_is_unchanged_and_what_one_sees_is_updated() {
    let mut asset = FixtureAsset::new();
    asset.write(Verb::Post, push(1), &[], &["a"]);
    // the head holds a base from now on, which the store must learn; the document is as empty as before
    let emptied = asset.write(Verb::Put, push(2), &[], &[]);
    assert_eq!((emptied.outcome, emptied.rule), (Outcome::Unchanged, Rule::D2));
    let effect = emptied.effect.expect("the stamp is recorded");
    assert_eq!((effect.event, effect.head.holds_members()), (AssetEvent::Stamped, true));
    let set = asset.write(Verb::Put, push(3), &[("a", 1)], &[]);
    assert_eq!((set.outcome, set.rule), (Outcome::Updated, Rule::D1));
    let removed = asset.write(Verb::Post, push(4), &[], &["a"]);
    assert_eq!((removed.outcome, removed.rule), (Outcome::Updated, Rule::D1));
}

#[test]
fn d3_at_equal_time_the_higher_lane_wins() {
    let mut asset = FixtureAsset::new();
    asset.write(Verb::Put, push(10), &[("a", 1)], &[]);
    let fed = asset.write(Verb::Put, feed(10), &[("a", 2)], &[]);
    assert_eq!(fed.outcome, Outcome::Superseded);
    let admin = asset.write(Verb::Put, Stamp::new(Micros(10), Lane::Admin, 0), &[("a", 3)], &[]);
    assert_eq!(admin.outcome, Outcome::Updated);
    let numbered = asset.write(Verb::Put, Stamp::new(Micros(10), Lane::Admin, 1), &[("a", 4)], &[]);
    assert_eq!(numbered.outcome, Outcome::Updated);
}

#[test]
fn d3_at_the_equal_stamp_delete_beats_write() {
    let mut asset = FixtureAsset::new();
    asset.put(10, &[("a", 1)]);
    assert_eq!(asset.delete(10), Outcome::Deleted);
    assert_eq!(asset.put(10, &[("a", 1)]), Outcome::Superseded);
    assert_eq!(asset.put(11, &[("a", 1)]), Outcome::Created);
}

#[test]
fn x1_a_put_a_post_and_a_delete_end_alike_in_any_of_the_six_orders() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut asset = FixtureAsset::new();
        for step in order {
            match step {
                0 => asset.put(1, &[("a", 1), ("b", 1)]),
                1 => asset.post(15, &[("x", 1)]),
                _ => asset.delete(10),
            };
        }
        assert!(asset.head.is_alive(), "{order:?}");
        assert_eq!(asset.document, doc(&[("x", 1)]), "{order:?}");
    }
}

#[test]
fn x1_a_late_delete_updates_what_it_still_removes_and_is_else_superseded() {
    let mut asset = FixtureAsset::new();
    asset.put(1, &[("a", 1)]);
    asset.post(15, &[("x", 1)]);
    assert_eq!(asset.delete(10), Outcome::Updated);
    assert_eq!(asset.delete(12), Outcome::Superseded);
    assert_eq!(asset.head.death, push(12), "death is remembered also when it removed nothing");
    assert_eq!(asset.delete(12), Outcome::Duplicate);
    assert_eq!(asset.delete(11), Outcome::Superseded);
    assert_eq!(asset.delete(15), Outcome::Deleted);
}

#[test]
fn x1_a_late_push_below_the_delete_is_superseded_and_a_later_one_revives() {
    let mut asset = FixtureAsset::new();
    asset.put(5, &[("a", 1)]);
    asset.delete(10);
    let late = asset.write(Verb::Post, push(9), &[("a", 2)], &[]);
    assert_eq!((late.outcome, late.rule), (Outcome::Superseded, Rule::X1));
    let back = asset.write(Verb::Post, push(11), &[("b", 2)], &[]);
    assert_eq!((back.outcome, back.rule), (Outcome::Created, Rule::X1));
    assert_eq!(asset.document, doc(&[("b", 2)]));
}

#[test]
fn a_delete_of_an_unknown_id_leaves_a_tombstone() {
    let mut asset = FixtureAsset::new();
    assert_eq!(asset.delete(10), Outcome::Deleted);
    assert_eq!(asset.put(10, &[("a", 1)]), Outcome::Superseded);
    assert_eq!(asset.delete(11), Outcome::Unchanged);
}

#[test]
fn a_patch_neither_creates_nor_revives() {
    let mut asset = FixtureAsset::new();
    assert_eq!(asset.write(Verb::Patch, push(1), &[("a", 1)], &[]).outcome, Outcome::NotFound);
    asset.put(1, &[("a", 1), ("b", 1)]);
    assert_eq!(asset.write(Verb::Patch, push(2), &[("a", 2)], &["b"]).outcome, Outcome::Updated);
    assert_eq!(asset.document, doc(&[("a", 2)]));
    asset.delete(3);
    assert_eq!(asset.write(Verb::Patch, push(4), &[("a", 1)], &[]).outcome, Outcome::Gone);
}

#[test]
fn a_removed_member_stays_removed_until_a_newer_full_write() {
    let mut asset = FixtureAsset::new();
    asset.put(1, &[("a", 1), ("b", 1)]);
    asset.write(Verb::Post, push(5), &[], &["b"]);
    let older = asset.write(Verb::Put, push(4), &[("a", 1), ("b", 7)], &[]);
    assert_eq!((older.outcome, older.superseded), (Outcome::Unchanged, vec!["b".into()]));
    assert_eq!(asset.document, doc(&[("a", 1)]));
    assert_eq!(asset.put(6, &[("a", 1), ("b", 7)]), Outcome::Updated);
    assert!(asset.head.exceptions.is_empty());
}

#[test]
fn x5_status_marks_an_asset_inactive() {
    let mut asset = FixtureAsset::new();
    asset.put(1, &[("a", 1)]);
    assert!(!asset.head.inactive);
    let status = |text: &str, hash| {
        Document::from_members(vec![Member { name: "status".into(), text: text.into(), hash }])
    };
    for (time, text, inactive) in [(2, "\"inactive\"", true), (3, "\"active\"", false)] {
        let members = status(text, time as u128);
        let write = StampedWrite { verb: Verb::Post, stamp: push(time), members: &members, removed: &[] };
        let effect = decide(&asset.head, &asset.document, write).effect.expect("a change");
        assert_eq!(effect.head.inactive, inactive);
        asset = FixtureAsset { head: effect.head, document: effect.document };
    }
}

#[test]
fn d3_a_tie_that_wins_is_no_loss_though_another_member_lost() {
    let mut asset = FixtureAsset::new();
    asset.post(10, &[("x", 1)]);
    asset.post(20, &[("y", 1)]);
    let tied = asset.write(Verb::Post, push(10), &[("x", 2), ("y", 2)], &[]);
    assert_eq!((tied.outcome, tied.ambiguous), (Outcome::Updated, true));
    assert_eq!(tied.superseded, ["y"]);
}

#[test]
fn x5_a_status_of_null_is_the_default() {
    let status = |text: &str| Member { name: "status".into(), text: text.into(), hash: 1 };
    let inactive = |text| is_inactive(&Document::from_members(vec![status(text)]));
    assert!(!inactive("null") && !inactive("\"active\"") && inactive("\"inactive\""));
}

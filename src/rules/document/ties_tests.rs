//! D3: what has lost a tie has lost for good; and A5: a string has one meaning however it is spelt.

use super::fixture::{FixtureAsset, doc, push};
use super::*;
use proptest::prelude::*;

fn put(asset: &mut FixtureAsset, time: i64, members: &[(&str, u128)]) -> (Outcome, bool) {
    let decision = asset.write(Verb::Put, push(time), members, &[]);
    (decision.outcome, decision.ambiguous)
}

fn post(asset: &mut FixtureAsset, time: i64, members: &[(&str, u128)]) -> (Outcome, bool) {
    let decision = asset.write(Verb::Post, push(time), members, &[]);
    (decision.outcome, decision.ambiguous)
}

const TIED: (Outcome, bool) = (Outcome::Updated, true);
const DUPLICATE: (Outcome, bool) = (Outcome::Duplicate, false);

#[test]
fn d3_a_late_repeat_of_a_members_value_that_has_lost_is_a_duplicate() {
    let mut asset = FixtureAsset::new();
    put(&mut asset, 1, &[("a", 1)]);
    post(&mut asset, 10, &[("a", 2)]);
    assert_eq!(post(&mut asset, 10, &[("a", 3)]), TIED);
    let head = asset.head.clone();
    let again = asset.write(Verb::Post, push(10), &[("a", 2)], &[]);
    assert_eq!((again.outcome, again.effect), (Outcome::Duplicate, None));
    assert_eq!((&asset.head, &asset.document), (&head, &doc(&[("a", 3)])));
    assert_eq!(asset.write(Verb::Post, push(10), &[], &["a"]).outcome, Outcome::Updated);
    assert_eq!(post(&mut asset, 10, &[("a", 3)]), DUPLICATE);
    post(&mut asset, 11, &[("a", 5)]);
    assert!(asset.head.beaten.is_empty(), "the stamp stands no longer");
    assert_eq!(post(&mut asset, 11, &[("a", 3)]), TIED, "at another stamp it has not lost");
}

#[test]
fn d3_a_late_repeat_of_a_full_write_that_has_lost_is_a_duplicate() {
    let mut asset = FixtureAsset::new();
    put(&mut asset, 10, &[("a", 1), ("b", 1)]);
    assert_eq!(put(&mut asset, 10, &[("a", 2)]), TIED);
    assert_eq!(put(&mut asset, 10, &[("a", 1), ("b", 1)]), DUPLICATE);
    assert_eq!(put(&mut asset, 10, &[("a", 3)]), TIED);
    for lost in [&[("a", 1), ("b", 1)][..], &[("a", 2)]] {
        assert_eq!(put(&mut asset, 10, lost), DUPLICATE);
    }
    assert_eq!(asset.document, doc(&[("a", 3)]));
    put(&mut asset, 11, &[("a", 4)]);
    assert!(asset.head.beaten.is_empty());
}

#[test]
fn d3_a_full_write_is_known_again_though_a_member_of_it_had_been_overwritten_when_it_lost() {
    let mut asset = FixtureAsset::new();
    put(&mut asset, 10, &[("a", 1), ("b", 1)]);
    post(&mut asset, 12, &[("b", 7)]);
    assert_eq!(put(&mut asset, 10, &[("a", 2), ("b", 2)]), TIED);
    post(&mut asset, 13, &[("c", 1)]);
    assert_eq!(put(&mut asset, 10, &[("a", 1), ("b", 1)]), DUPLICATE);
    assert_eq!(asset.document, doc(&[("a", 2), ("b", 7), ("c", 1)]));
}

#[test]
fn d3_at_most_eight_values_are_remembered_per_stamp_and_the_oldest_goes() {
    let mut asset = FixtureAsset::new();
    for value in 0..10 {
        post(&mut asset, 10, &[("a", value)]);
    }
    assert_eq!(asset.head.beaten.len(), Beaten::PER_STAMP_MAX);
    (1..9).for_each(|value| assert_eq!(post(&mut asset, 10, &[("a", value)]), DUPLICATE, "{value}"));
    assert_eq!(post(&mut asset, 10, &[("a", 0)]), TIED);
    let names: Vec<String> = (0..100).map(|n| format!("{n:03}")).collect();
    for value in [1, 2] {
        let members: Vec<(&str, u128)> = names.iter().map(|name| (name.as_str(), value)).collect();
        post(&mut asset, 20, &members);
    }
    assert_eq!(asset.head.beaten.len(), Beaten::PER_ASSET_MAX);
}

#[test]
fn d3_what_has_lost_is_forgotten_with_a_delete_that_ends_its_stamp() {
    let mut asset = FixtureAsset::new();
    put(&mut asset, 10, &[("a", 1)]);
    put(&mut asset, 10, &[("a", 2)]);
    post(&mut asset, 15, &[("b", 1)]);
    post(&mut asset, 15, &[("b", 2)]);
    assert_eq!(asset.head.beaten.len(), 2);
    asset.write(Verb::Delete, push(12), &[], &[]);
    assert_eq!(asset.head.beaten.len(), 1);
    assert_eq!(post(&mut asset, 15, &[("b", 1)]), DUPLICATE);
}

#[test]
fn b9_a_full_and_a_partial_write_of_the_same_stamp_are_counted_as_ambiguous_in_both_orders() {
    let mut full_first = FixtureAsset::new();
    full_first.put(10, &[("a", 1)]);
    assert_eq!(post(&mut full_first, 10, &[("a", 2)]), TIED);
    let mut partial_first = FixtureAsset::new();
    partial_first.post(10, &[("a", 2)]);
    let tied = partial_first.write(Verb::Put, push(10), &[("a", 1)], &[]);
    assert_eq!((tied.outcome, tied.rule, tied.ambiguous), (Outcome::Updated, Rule::D3, true));
    assert_eq!(post(&mut partial_first, 10, &[("a", 2)]), DUPLICATE, "it has lost");
    let mut alike = FixtureAsset::new();
    alike.post(10, &[("a", 1)]);
    assert_eq!(put(&mut alike, 10, &[("a", 1)]), (Outcome::Unchanged, false), "nothing was in doubt");
}

/// A JSON string whose characters are escaped where the bit is set.
fn spelt(word: &str, mut bits: u64) -> String {
    let mut text = String::from("\"");
    for letter in word.chars() {
        match bits & 1 {
            1 => letter.encode_utf16(&mut [0; 2]).iter().for_each(|unit| text += &format!("\\u{unit:04x}")),
            _ => text.push(letter),
        }
        bits = bits.rotate_right(1);
    }
    text + "\""
}

proptest! {
    #[test]
    fn a5_equal_content_behaves_alike_however_its_strings_are_escaped(
        status in "active|inactive|sold|active ", currency in "EUR|USD|nothing", bits in any::<u64>(),
    ) {
        let member = |name: &str, word: &str, bits| {
            let hash = crate::domain::Document::from_members(vec![Member {
                name: word.into(),
                text: "".into(),
                hash: 0,
            }])
            .hash();
            Member { name: name.into(), text: spelt(word, bits).into(), hash }
        };
        let written = |bits: u64| {
            let members = vec![member("status", &status, bits), member("currency", &currency, !bits)];
            let mut asset = FixtureAsset::new();
            asset.write_document(Verb::Put, push(10), &Document::from_members(members), &[]);
            (asset.head, asset.document)
        };
        let (plain, escaped) = (written(0), written(bits));
        prop_assert_eq!(&plain.0, &escaped.0);
        prop_assert_eq!(plain.0.inactive, status != "active");
        prop_assert_eq!(plain.1.text_of("status"), escaped.1.text_of("status"));
        prop_assert_eq!(plain.0.currency.is_some(), currency != "nothing");
    }
}

#[test]
fn a5_a_head_written_before_strings_were_decoded_is_mended_by_the_next_write_of_equal_content() {
    let members = Document::from_members(vec![Member {
        name: "status".into(),
        text: r#""\u0061ctive""#.into(),
        hash: 1,
    }]);
    let mut asset = FixtureAsset::new();
    asset.write_document(Verb::Put, push(10), &members, &[]);
    asset.head.inactive = true;
    assert_eq!(asset.write_document(Verb::Put, push(11), &members, &[]).outcome, Outcome::Unchanged);
    assert!(!asset.head.inactive);
}

//! Properties of the log: 6, 8 and 9, over what the decisions tell a store, encoded and decoded.

use super::config;
use super::steps::{Step, Values, any_steps};
use super::world::{Held, World, shown};
use proptest::prelude::*;
use std::collections::BTreeMap;
use tidegate::codec::log::{Changes, RecordStart, put_record};
use tidegate::domain::{
    AssetChange, AssetEvent, AssetHead, AssetId, ChangeKind, Document, Micros, PartnerNo, Quote, QuoteName,
    Seq, WriteSet,
};
use tidegate::rules::price::reading::Shown;

type Assets = BTreeMap<AssetId, Held>;

/// Each record is read by itself, so all may stand under the same key.
const FIRST: Seq = Seq(1);

/// A log record for each step that told something, and the assets after it.
fn commits(steps: &[Step]) -> (World, Vec<(Vec<u8>, Assets)>) {
    let mut world = World::new();
    let (mut records, mut bytes_before) = (Vec::new(), 0);
    for (place, step) in steps.iter().enumerate() {
        world.step(place, step, Values::Few);
        let set = WriteSet { partner: PartnerNo(1), changes: std::mem::take(&mut world.log) };
        if set.changes.is_empty() {
            continue;
        }
        let (mut record, mut places) = (Vec::new(), Vec::new());
        let start = RecordStart { first: FIRST, committed_at: Micros(place as i64), bytes_before };
        put_record(&mut record, &mut places, start, &[set]).expect("in bounds");
        bytes_before += record.len() as u64;
        records.push((record, world.assets.clone()));
    }
    (world, records)
}

fn changes(record: &[u8]) -> Vec<ChangeKind> {
    let mut read = Changes::new(record, FIRST).expect("a head");
    let mut changes = Vec::new();
    while let Some((change, _)) = read.read().expect("a change") {
        assert_eq!(change.partner, PartnerNo(1));
        changes.push(change.kind);
    }
    changes
}

/// Applies a change as facts, without a rule.
fn apply(assets: &mut Assets, change: ChangeKind) {
    match change {
        ChangeKind::Asset(change) => {
            let held = assets.entry(change.id.clone()).or_insert_with(Held::unborn);
            revise(held, &change);
            held.head = change.head;
        }
        ChangeKind::Price(change) => {
            let held = assets.entry(change.id).or_insert_with(Held::unborn);
            let empty = !change.quote.stamp.happened() && change.quote.undated.is_none();
            match empty {
                true => drop(held.quotes.remove(&change.quote.name)),
                false => drop(held.quotes.insert(change.quote.name, change.quote)),
            }
        }
        ChangeKind::Record(_) => {}
    }
}

/// What is held of an asset: what a change removes of it is gone, and all else stays, hidden or not.
fn revise(held: &mut Held, change: &AssetChange) {
    if change.event == AssetEvent::Created {
        // it sets the whole document
        held.document = Document::default();
    }
    change.removed.iter().for_each(|name| drop(held.document.remove(name)));
    change.set.iter().for_each(|member| held.document.set(member.clone()));
}

/// All of it, a value's spelling apart: another spelling is no change, and is not told.
fn kept(assets: &Assets) -> Vec<(AssetId, AssetHead, BTreeMap<String, String>, BTreeMap<QuoteName, Quote>)> {
    let all = assets.iter();
    all.map(|(id, held)| (id.clone(), held.head.clone(), held.members(), held.quotes.clone())).collect()
}

/// What a follower of the change stream knows of an asset: members, and the prices on top.
type Followed = (BTreeMap<String, String>, BTreeMap<QuoteName, Shown>);

/// Hears only what the stream says to readers, and knows no rule: created, set and removed, the price on
/// top, deleted.
fn hear(followed: &mut BTreeMap<AssetId, Followed>, change: ChangeKind) {
    match change {
        ChangeKind::Asset(change) => match change.event {
            AssetEvent::Deleted => drop(followed.remove(&change.id)),
            AssetEvent::Created => drop(followed.insert(change.id.clone(), set_by(&change))),
            AssetEvent::Updated => {
                let (members, _) = followed.get_mut(&change.id).expect("it was created");
                change.removed.iter().for_each(|name| drop(members.remove(name.as_str())));
                members.extend(set_by(&change).0);
            }
            AssetEvent::Stamped | AssetEvent::Forgotten => {}
        },
        ChangeKind::Price(change) if change.visible => {
            let (_, quotes) = followed.get_mut(&change.id).expect("it was created");
            match shown(&change.quote) {
                Some(on_top) => drop(quotes.insert(change.quote.name, on_top)),
                None => drop(quotes.remove(&change.quote.name)),
            }
        }
        ChangeKind::Price(_) | ChangeKind::Record(_) => {}
    }
}

fn set_by(change: &AssetChange) -> Followed {
    let document = Document::from_members(change.set.clone());
    (Held { document, ..Held::unborn() }.members(), BTreeMap::new())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn property_6_the_state_rebuilt_from_the_log_is_the_live_one(steps in any_steps()) {
        let (world, records) = commits(&steps);
        let mut rebuilt = Assets::new();
        for (record, _) in &records {
            changes(record).into_iter().for_each(|change| apply(&mut rebuilt, change));
        }
        prop_assert_eq!(kept(&rebuilt), kept(&world.assets));
        // a record that is applied twice is harmless, if those after it are too
        for (record, _) in &records {
            changes(record).into_iter().for_each(|change| apply(&mut rebuilt, change));
        }
        let quotes = |assets: &Assets| -> Vec<_> { assets.values().map(|held| held.quotes.clone()).collect() };
        prop_assert_eq!(quotes(&rebuilt), quotes(&world.assets));
    }

    /// A crash leaves a prefix of the log: each is a state that there was, nothing lost and nothing
    /// invented; and a record that was cut anywhere is no record.
    #[test]
    fn property_9_each_prefix_of_the_log_is_a_state_that_there_was(steps in any_steps(), cut in 0.0..1.0f64) {
        let (_, records) = commits(&steps);
        let mut rebuilt = Assets::new();
        for (record, then) in &records {
            changes(record).into_iter().for_each(|change| apply(&mut rebuilt, change));
            prop_assert_eq!(kept(&rebuilt), kept(then));
            let torn = &record[..(record.len() as f64 * cut) as usize];
            let read = Changes::new(torn, FIRST).and_then(|mut read| {
                while read.read()?.is_some() {}
                Ok(())
            });
            prop_assert!(read.is_err(), "{} of {} bytes", torn.len(), record.len());
        }
    }

    /// After every step: members, and the price on top of each quote, as `GET` says them.
    #[test]
    fn property_8_a_follower_that_knows_no_rule_has_what_readers_see_after_every_step(steps in any_steps()) {
        let (mut world, mut followed) = (World::new(), BTreeMap::new());
        for (place, step) in steps.iter().enumerate() {
            world.step(place, step, Values::Few);
            std::mem::take(&mut world.log).into_iter().for_each(|change| hear(&mut followed, change));
            prop_assert_eq!(&followed, &world.visible());
        }
    }

    #[test]
    fn property_8_the_change_stream_replayed_from_its_beginning_is_what_readers_see(steps in any_steps()) {
        let (world, records) = commits(&steps);
        let mut followed = BTreeMap::new();
        for (record, _) in &records {
            changes(record).into_iter().for_each(|change| hear(&mut followed, change));
        }
        prop_assert_eq!(followed, world.visible());
    }
}

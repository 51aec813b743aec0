//! Properties of feeds: 2, 3, 4 and 7.

use super::config;
use super::steps::{NOW, Statuses, Step, Values, any_steps, asset, feed, file};
use super::world::{Held, Visible, World};
use proptest::prelude::*;
use tidegate::codec::snapshot::{Parents, SnapshotLimits, scan};
use tidegate::domain::{AssetId, Lane, Mapping, Micros, QuoteName, RecordFault, Rule};
use tidegate::rules::feed::survey::{InvalidRecord, Presence, Survey, SurveyedRecord};

const MINUTE: i64 = 60 * Micros::SECOND;

fn world_after(steps: &[Step]) -> World {
    World::after(steps, &(0..steps.len()).collect::<Vec<_>>(), Values::Few)
}

proptest! {
    #![proptest_config(config())]

    /// At the same S again (a replay), and at an S raised by the time rule because the bytes differ.
    #[test]
    fn property_2_a_snapshot_twice_changes_nothing_the_second_time(steps in any_steps()) {
        let mut world = World::new();
        for (place, step) in steps.iter().enumerate() {
            let Some(ran) = world.step(place, step, Values::Few) else { continue };
            let Some((file, snapshot)) = world.file_of(place, step, Values::Few).zip(ran.snapshot) else { continue };
            if ran.held > 0 {
                break; // the same file once more would count in the guard's baseline
            }
            let before = (world.visible(), world.assets.clone());
            let mut again = world.clone();
            let twice = again.apply(NOW, &file, snapshot, ran.dated);
            if !ran.dated {
                // the second absence of X3 takes what the first has counted, and nothing else changes
                let absent = |(id, _): &(&AssetId, &_)| before.1[*id].head.absences == 0;
                let kept: Visible = before.0.iter().filter(absent).map(|(id, seen)| (id.clone(), seen.clone())).collect();
                let mut after = again.visible();
                after.retain(|id, _| kept.contains_key(id));
                prop_assert_eq!(after, kept);
                continue;
            }
            prop_assert_eq!(twice.deleted, 0);
            prop_assert_eq!(&(again.visible(), again.assets), &before);
            let ran = world.run(NOW, &file);
            prop_assert!(ran.applied && ran.deleted == 0);
            prop_assert_eq!(world.visible(), before.0);
        }
    }

    #[test]
    fn property_3_no_feed_replaces_a_dated_price_by_an_earlier_one_and_undated_ones_show_by_p2(
        steps in any_steps(), gap in 0..5i64
    ) {
        let mut world = World::new();
        // from "older than three heartbeats at once" to "never": all arms of P2 are met
        world.policy.heartbeats.insert("market".into(), gap * MINUTE);
        world.policy.feed_interval = gap * Micros::DAY;
        for (place, step) in steps.iter().enumerate() {
            let before = world.clone();
            if world.step(place, step, Values::Few).is_none() {
                continue;
            }
            for (id, held) in &world.assets {
                let Some(quote) = held.quotes.get(&QuoteName::PRICE) else { continue };
                let old = before.assets.get(id).and_then(|held| held.quotes.get(&QuoteName::PRICE));
                if let Some(old) = old.filter(|old| old.stamp.happened()) {
                    prop_assert!(quote.stamp >= old.stamp);
                }
                let Some(undated) = quote.undated.as_ref() else { continue };
                let shows_undated = held.shown()[&QuoteName::PRICE].as_of.is_none();
                let passed = if quote.stamp.lane() == Lane::Feed {
                    world.fed.get(&(id.clone(), quote.stamp.at)) < Some(&undated.snapshot)
                } else {
                    undated.snapshot.since(quote.stamp.at) > outlived(&world, held)
                };
                prop_assert_eq!(shows_undated, !quote.stamp.happened() || passed, "{:?}", quote);
            }
        }
    }

    /// A file is read to its end before anything of it is applied: cut anywhere, it is an error.
    #[test]
    fn property_4_a_body_that_did_not_close_is_refused_wherever_it_was_cut(
        ids in prop::collection::vec("[a-z\\]}\"\\\\é]{1,6}", 0..5), bare: bool, cut in 0.0..1.0f64
    ) {
        let records: Vec<String> =
            ids.iter().map(|id| serde_json::json!({ "id": id, "t": [id, {}] }).to_string()).collect();
        let records = format!("[{}]", records.join(","));
        let whole = if bare { records } else { format!("{{\"count\":{},\"assets\":{records}}}", ids.len()) };
        let limits = SnapshotLimits { record_bytes_max: 1 << 20, records_max: 100, served_as_lines: false, is_paged: false };
        let mut seen = 0;
        let read = scan(whole.as_bytes(), &Mapping::default(), &limits, &Parents::default(), |_| seen += 1);
        prop_assert!(read.is_ok(), "{:?} {whole}", read.err());
        prop_assert_eq!(seen, ids.len());
        let end = (whole.len() as f64 * cut) as usize;
        let read = scan(&whole.as_bytes()[..end], &Mapping::default(), &limits, &Parents::default(), |_| ());
        prop_assert!(read.is_err(), "cut at {end}: {whole}");
    }

    /// Also where the other record of the same id is valid: neither changes it, and it is present.
    #[test]
    fn property_7_an_invalid_record_neither_changes_nor_removes_its_asset(
        steps in any_steps(), id in 0..super::steps::IDS, others in feed(true, Statuses::Said), twice: bool
    ) {
        let mut world = world_after(&steps);
        let before = world.assets.get(&asset(id)).cloned();
        let mut survey = Survey::default();
        survey.invalid(fault(), Some(asset(id)));
        if twice {
            let record = SurveyedRecord { record: 1, offset: 1, bytes: 1, lead: 0, element: 0, page: 0, updated_at: None, content: 7 };
            survey.valid(asset(id), record);
        }
        // enough sound ones that the file is not refused as a whole (F3)
        for n in 0..3 {
            let record = SurveyedRecord { record: 2 + n, offset: 2, bytes: 1, lead: 0, element: 0, page: 0, updated_at: None, content: 7 };
            survey.valid(asset(100 + n as usize), record);
        }
        let surveyed = survey.finish().expect("one fault is no reason to refuse");
        let present = surveyed.present.iter().find(|(present, _)| *present == asset(id));
        prop_assert_eq!(present, Some(&(asset(id), Presence::Quarantined)));
        prop_assert!(!surveyed.deletes_barred);
        let other: AssetId = asset(id);
        let valid = world.file_of(steps.len(), &others, Values::Few).map(|file| file.records).unwrap_or_default();
        let mut records: Vec<_> = valid.into_iter().filter(|(id, _)| *id != other).collect();
        records.push((other, None));
        world.run(NOW, &file(steps.len(), true, records));
        let mut after = world.assets.get(&asset(id)).cloned();
        if let (Some(after), Some(before)) = (&mut after, &before) {
            after.head.absences = before.head.absences; // presence starts them again
        }
        prop_assert_eq!(after, before);
    }
}

/// P2: three heartbeats of its class, or three intervals of the feed, at least three days.
fn outlived(world: &World, held: &Held) -> i64 {
    let class = held.members().get("class").and_then(|text| serde_json::from_str::<String>(text).ok());
    let heartbeat = class.and_then(|class| world.policy.heartbeats.get(&class));
    let of_feed = || (3 * world.policy.feed_interval).max(3 * Micros::DAY);
    heartbeat.map_or_else(of_feed, |heartbeat| 3 * heartbeat)
}

fn fault() -> InvalidRecord {
    let fault =
        RecordFault { record: Some(0), code: "x".into(), detail: "x".into(), ..RecordFault::default() };
    InvalidRecord { fault, bytes: 1, lead: 0, element: 0, rule: Rule::F2 }
}

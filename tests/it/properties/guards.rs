//! Property 10, and the edges of the guard (F4) against sums made in another way.

use super::config;
use super::steps::asset;
use super::world::{File, World, full};
use proptest::prelude::*;
use tidegate::domain::{Document, Micros};
use tidegate::rules::feed::snapshot::SnapshotTimes;

/// F4 as it is written, in fortieths of an asset: a baseline between two counts stays exact.
fn limit_in_fortieths(counts: &[u64], living: u64) -> u64 {
    let mut last: Vec<u64> = counts.iter().rev().take(7).copied().collect();
    last.sort_unstable();
    let doubled = match last.len() {
        0 => 2 * living,
        n => last[(n - 1) / 2] + last[n / 2],
    };
    doubled.max(800.min(80.max(2 * doubled)))
}

fn living(world: &World) -> u64 {
    world.assets.values().filter(|held| held.head.is_alive()).count() as u64
}

proptest! {
    #![proptest_config(config())]

    /// Files that exchange some of their records, hours apart, and now and then all of them.
    #[test]
    fn property_10_deletes_without_a_plan_never_exceed_the_guard_in_any_day(
        runs in prop::collection::vec((0..26usize, 1..30i64, 1..70usize), 1..12)
    ) {
        let mut world = World::new();
        let (mut now, mut from) = (Micros(1_000 * Micros::DAY), 0);
        let (mut counts, mut deletes) = (Vec::new(), Vec::new());
        for (lost, hours, count) in runs {
            now = now.plus(hours * Micros::HOUR);
            from += lost;
            let ids = (from..from + count).map(|n| (asset(n), Some(full(asset(n), Document::default()))));
            let times = SnapshotTimes {
                generated_at: Some(now), fetch_started_at: now, ..SnapshotTimes::default()
            };
            let file = File { times, complete: true, allow_empty: false, records: ids.collect() };
            let before = living(&world);
            let ran = world.run(now, &file);
            prop_assert!(ran.applied);
            let limit = limit_in_fortieths(&counts, before);
            let within = |span: i64| -> u64 {
                deletes.iter().filter(|(at, _)| now.since(*at) < span).map(|(_, n)| n).sum()
            };
            let (day, week) = (within(Micros::DAY), within(7 * Micros::DAY));
            let wanted = ran.deleted + ran.held;
            let passes = 40 * wanted <= limit && 40 * (day + wanted) <= 2 * limit && 40 * (week + wanted) <= 4 * limit;
            prop_assert_eq!(ran.held == 0, wanted == 0 || passes, "{:?} {} {} {} {}", ran, limit, day, week, before);
            deletes.push((now, ran.deleted));
            counts.push(count as u64);
        }
    }
}

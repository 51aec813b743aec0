//! Power loss and failing disks, at every point of a short workload.

use crate::store::world::World;
use crate::support::random::Random;
use crate::support::simdisk::{CrashPoint, Keeps, SimDisk};
use crate::support::small_store::KEEP_ALL;
use tidegate::domain::Micros;
use tidegate::store::{Opened, StoreError, StoreOptions, open_backend};

/// So small that a checkpoint takes several slices.
const SMALL: StoreOptions = StoreOptions { overlay_bytes_max: 64 << 10, log_bytes_max: 4 << 10, ..KEEP_ALL };

/// A disk with an empty store on it, made in peace: a new file gets its name when it is whole.
fn formatted() -> SimDisk {
    let disk = SimDisk::default();
    drop(open_backend(disk.clone(), &SMALL).expect("the store opens"));
    let now = *disk.crash_points().last().expect("now is one");
    SimDisk::holding(disk.after_crash(now, Keeps::Everything, &mut Random(0)))
}

/// What a workload sent, and how much of it was acknowledged.
struct Sent {
    /// The world after each group, the empty one first.
    worlds: Vec<World>,
    acked: u64,
}

/// Commits, slices and trims until all is done or the disk fails.
fn work(disk: &SimDisk, seed: u64, groups: i64) -> Sent {
    let mut random = Random(seed);
    let mut sent = Sent { worlds: vec![World::default()], acked: 0 };
    let Ok(Opened { mut writer, reader: _reader, .. }) = open_backend(disk.clone(), &SMALL) else {
        return sent;
    };
    for step in 1..=groups {
        let mut world = sent.worlds[sent.worlds.len() - 1].clone();
        let mut sets = world.random_sets(&mut random, Micros(step));
        sent.worlds.push(world);
        let committed = writer.commit(&mut sets, Micros(step));
        if committed.is_ok() {
            sent.acked += 1;
            disk.note(sent.acked);
        }
        let behind = committed.and_then(|_| match step % 5 {
            0 => writer.checkpoint_all(),
            4 => writer.trim(Micros(step)).map(|_| ()),
            _ => writer.checkpoint_slice().map(|_| ()),
        });
        if behind.is_err() {
            let mut more = sent.worlds[0].clone().random_sets(&mut random, Micros(step));
            assert!(matches!(writer.commit(&mut more, Micros(step)), Err(StoreError::Latched)));
            assert!(matches!(writer.checkpoint_slice(), Err(StoreError::Latched)));
            assert!(matches!(writer.trim(Micros(step)), Err(StoreError::Latched)));
            break;
        }
    }
    sent
}

/// acked ⊆ recovered ⊆ sent, each group whole, the log without a gap; and work goes on.
fn assert_recovers(disk: &SimDisk, sent: &Sent, acked: u64, random: &mut Random) {
    let Opened { mut writer, reader, .. } = open_backend(disk.clone(), &SMALL).expect("the store opens");
    let mut possible = sent.worlds.iter().skip(acked as usize).take(2);
    let world = possible.find(|world| world.last() == reader.durable());
    let mut world =
        world.unwrap_or_else(|| panic!("{acked} acked, recovered {:?}", reader.durable())).clone();
    world.assert_shown_by(&reader, random);
    writer.commit(&mut world.random_sets(random, Micros(1_000)), Micros(1_000)).expect("work goes on");
    writer.checkpoint_all().expect("work goes on");
    assert_eq!(reader.durable(), world.last());
}

#[test]
fn c2_power_loss_at_any_sync_loses_nothing_acknowledged_and_invents_nothing() {
    for seed in [1, 2] {
        let disk = formatted();
        let sent = work(&disk, seed, 14);
        assert_eq!(sent.acked, 14);
        let mut random = Random(seed);
        for (number, point) in disk.crash_points().into_iter().enumerate() {
            for keeps in Keeps::ALL {
                for _ in 0..2 {
                    println!("seed {seed}, sync {number}, keeps {keeps:?}, random {:?}", random.0);
                    let image = disk.after_crash(point, keeps, &mut random);
                    assert_recovers(&SimDisk::holding(image), &sent, point.note, &mut random);
                }
            }
        }
    }
}

#[test]
fn c3_power_loss_during_recovery_twice_over_loses_nothing_either() {
    let disk = formatted();
    let sent = work(&disk, 3, 14);
    let mut random = Random(3);
    for point in disk.crash_points() {
        let mut disk = SimDisk::holding(disk.after_crash(point, Keeps::SomeSectors(512), &mut random));
        for nested in 0..3 {
            println!("at {point:?}, nested {nested}, random {:?}", random.0);
            // recovery only: with a tiny overlay it writes checkpoints on its way
            let tiny = StoreOptions { overlay_bytes_max: 4 << 10, ..SMALL };
            drop(open_backend(disk.clone(), &tiny).expect("the store opens"));
            let points = disk.crash_points();
            let again: CrashPoint = points[random.below(points.len())];
            let keeps = Keeps::ALL[random.below(Keeps::ALL.len())];
            disk = SimDisk::holding(disk.after_crash(again, keeps, &mut random));
        }
        assert_recovers(&disk, &sent, point.note, &mut random);
    }
}

#[test]
fn c4_a_disk_that_fails_at_its_nth_call_latches_the_store_and_loses_nothing() {
    let whole = formatted();
    assert_eq!(work(&whole, 4, 6).acked, 6);
    let mut random = Random(4);
    for call in 1..=whole.calls() {
        let disk = formatted();
        disk.fail_at(call);
        let sent = work(&disk, 4, 6);
        let now = *disk.crash_points().last().expect("now is one");
        for keeps in [Keeps::Everything, Keeps::Nothing, Keeps::SomeSectors(512)] {
            println!("call {call}, keeps {keeps:?}, random {:?}", random.0);
            let image = disk.after_crash(now, keeps, &mut random);
            assert_recovers(&SimDisk::holding(image), &sent, sent.acked, &mut random);
        }
    }
}

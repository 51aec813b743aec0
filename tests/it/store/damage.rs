//! Bits that change in a file that was closed in order (bit rot, a bad controller, a foreign hand): whatever is read
//! afterwards is what was written, or an error; and a checkpoint over it makes nothing of it look whole.

use crate::store::world::{Told, World};
use crate::support::random::Random;
use crate::support::simdisk::{Keeps, SimDisk};
use crate::support::small_store::KEEP_ALL;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::collections::BTreeSet;
use tidegate::domain::{Micros, Seq};
use tidegate::store::{Opened, ReadError, StoreError, StoreOptions, open, open_backend};

/// A file that was closed with everything in its tables, and what it shows.
fn closed() -> (Vec<u8>, World) {
    let disk = SimDisk::default();
    let mut world = World::default();
    let mut random = Random(1);
    let mut opened = open_backend(disk.clone(), &KEEP_ALL).unwrap();
    while world.last() < Seq(350) {
        opened.writer.commit(&mut world.random_sets(&mut random, Micros(1)), Micros(1)).unwrap();
    }
    opened.writer.checkpoint_all().unwrap();
    drop(opened);
    let now = *disk.crash_points().last().unwrap();
    (disk.after_crash(now, Keeps::Everything, &mut random), world)
}

pub fn flipped(image: &[u8], bit: usize) -> Vec<u8> {
    let mut image = image.to_vec();
    image[bit / 8] ^= 1 << (bit % 8);
    image
}

/// What became of a flipped bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Became {
    /// The file is not opened.
    Refused,
    /// Some reads are errors, all others right.
    Told,
    /// All is as it was.
    Harmless,
}

/// Opens, reads all that can be read, commits and checkpoints, and reads all again.
fn live_with(image: Vec<u8>, world: &World, random: &mut Random) -> Became {
    let mut opened = match open_backend(SimDisk::holding(image), &KEEP_ALL) {
        Ok(opened) => opened,
        Err(error) => {
            println!("refused: {error}");
            return Became::Refused;
        }
    };
    let mut world = world.clone();
    let Told { errors, .. } = world.assert_never_wrong(&opened.reader);
    for _ in 0..4 {
        let before = world.clone();
        if let Err(error) = opened.writer.commit(&mut world.random_sets(random, Micros(2)), Micros(2)) {
            println!("latched: {error}");
            before.assert_never_wrong(&opened.reader);
            return Became::Refused;
        }
    }
    world.assert_never_wrong(&opened.reader);
    if let Err(error) = opened.writer.checkpoint_all() {
        println!("latched: {error}");
        world.assert_never_wrong(&opened.reader);
        return Became::Refused;
    }
    let after = world.assert_never_wrong(&opened.reader);
    let counted: u64 = opened.reader.damage().map(|(_, times)| times).sum();
    assert_eq!(errors + after.errors > 0, counted > 0, "what is told is counted");
    if errors > 0 { Became::Told } else { Became::Harmless }
}

/// Where in the file the values of the tables lie.
fn places_of_values(
    image: &[u8],
    directory: &std::path::Path,
) -> Vec<(&'static str, std::ops::Range<usize>)> {
    let path = directory.join("copy.redb");
    std::fs::write(&path, image).unwrap();
    let db = Database::open(&path).unwrap();
    let txn = db.begin_read().unwrap();
    let mut values: Vec<(&'static str, Vec<u8>)> = Vec::new();
    let log = txn.open_table(TableDefinition::<u64, &[u8]>::new("log")).unwrap();
    values.extend(log.iter().unwrap().map(|row| ("log", row.unwrap().1.value().to_vec())));
    for name in ["assets", "prices"] {
        let table = txn.open_table(TableDefinition::<(u32, u32), &[u8]>::new(name)).unwrap();
        values.extend(table.iter().unwrap().map(|row| (name, row.unwrap().1.value().to_vec())));
    }
    let table = txn.open_table(TableDefinition::<(u32, &[u8]), &[u8]>::new("documents")).unwrap();
    values.extend(table.iter().unwrap().map(|row| ("documents", row.unwrap().1.value().to_vec())));
    let table = txn.open_table(TableDefinition::<(u8, u32, &[u8]), &[u8]>::new("records")).unwrap();
    values.extend(table.iter().unwrap().map(|row| ("records", row.unwrap().1.value().to_vec())));
    // a value may lie in the file more than once, in pages that are no longer used: all of them count
    let mut places = Vec::new();
    for (name, value) in values {
        let first = all_places(image, &value);
        assert!(!first.is_empty(), "a value of {name} is not found");
        places.extend(first.into_iter().map(|at| (name, at..at + value.len())));
    }
    places
}

pub fn all_places(image: &[u8], wanted: &[u8]) -> Vec<usize> {
    let (head, mut at, mut found) = (&wanted[..wanted.len().min(9)], 0, Vec::new());
    while let Some(place) = image[at..].windows(head.len()).position(|window| window == head) {
        if image[at + place..].starts_with(wanted) {
            found.push(at + place);
        }
        at += place + 1;
    }
    found
}

#[test]
fn a_bit_flipped_in_any_value_is_told_and_never_shown() {
    let (image, world) = closed();
    let directory = tempfile::tempdir().unwrap();
    let places = places_of_values(&image, directory.path());
    let mut random = Random(2);
    let mut told = BTreeSet::new();
    let mut met = [0; 3];
    for round in 0..75 {
        let tables = ["log", "documents", "assets", "prices", "records"];
        let table = tables[round % tables.len()];
        let of_table: Vec<_> = places.iter().filter(|(name, _)| *name == table).collect();
        let (_, place) = of_table[random.below(of_table.len())];
        let bit = place.start * 8 + random.below(place.len() * 8);
        println!("bit {bit}, in {table}");
        let became = live_with(flipped(&image, bit), &world, &mut random);
        met[became as usize] += 1;
        if became == Became::Told {
            told.insert(table);
        }
    }
    println!("refused, told, harmless: {met:?}");
    assert_eq!(told.len(), 5, "told of {told:?} alone");
    // the last record of the log is read by every start
    assert!(met[Became::Told as usize] >= 40, "{met:?}");
}

#[test]
fn a_bit_flipped_anywhere_in_the_file_shows_nothing_that_was_not_written() {
    let (image, world) = closed();
    let mut random = Random(3);
    let used: Vec<usize> = (0..image.len()).filter(|at| image[*at] != 0).collect();
    let mut met = [0; 3];
    for _ in 0..80 {
        let bit = used[random.below(used.len())] * 8 + random.below(8);
        println!("bit {bit}");
        met[live_with(flipped(&image, bit), &world, &mut random) as usize] += 1;
    }
    println!("refused, told, harmless: {met:?}");
    assert!(met[Became::Told as usize] + met[Became::Refused as usize] > 20, "{met:?}");
}

#[test]
fn a_damaged_record_of_the_log_is_told_at_open_and_in_the_changes_and_let_go_when_it_is_the_oldest() {
    let directory = tempfile::tempdir().unwrap();
    let (mut world, mut random) = (World::default(), Random(4));
    let damage = |first: u64| {
        let db = Database::open(directory.path().join("tidegate.redb")).unwrap();
        let txn = db.begin_write().unwrap();
        let mut log = txn.open_table(TableDefinition::<u64, &[u8]>::new("log")).unwrap();
        let keys: Vec<u64> = log.iter().unwrap().map(|row| row.unwrap().0.value()).collect();
        let key = *keys.iter().rfind(|key| **key <= first).unwrap();
        let mut record = log.get(key).unwrap().unwrap().value().to_vec();
        *record.last_mut().unwrap() ^= 1;
        log.insert(key, record.as_slice()).unwrap();
        drop(log);
        txn.commit().unwrap();
        key
    };
    let mut opened = open(directory.path(), &KEEP_ALL).unwrap();
    while world.last() < Seq(60) {
        opened.writer.commit(&mut world.random_sets(&mut random, Micros(1)), Micros(1)).unwrap();
    }
    opened.writer.checkpoint_all().unwrap();
    drop(opened);
    let key = damage(30);
    let Opened { writer, reader, .. } = open(directory.path(), &KEEP_ALL).unwrap();
    let read = reader.changes(Seq(key - 1), 1_000).map(|_| ());
    assert!(matches!(&read, Err(error) if error.is_damage()), "{read:?}");
    let behind = reader.changes(Seq(key), 1_000).map(|_| ());
    assert!(behind.is_err() || key == world.last().0, "a place within it");
    assert_eq!(
        reader.damage().filter(|(_, times)| *times > 0).map(|(table, _)| table).collect::<Vec<_>>(),
        ["log"]
    );
    let options = StoreOptions { log_keep: 0, ..KEEP_ALL };
    drop((writer, reader));
    let Opened { mut writer, reader, .. } = open(directory.path(), &options).unwrap();
    while writer.trim(Micros(1_000)).unwrap() > 0 {}
    match reader.changes(Seq(0), 1) {
        Err(ReadError::Trimmed { oldest }) => {
            assert!(oldest.0 > key, "{oldest:?} is beyond the damaged {key}")
        }
        other => panic!("{:?}", other.map(|page| page.next)),
    }
    writer.commit(&mut world.random_sets(&mut random, Micros(2)), Micros(2)).unwrap();
    while world.last() < Seq(100) {
        writer.commit(&mut world.random_sets(&mut random, Micros(2)), Micros(2)).unwrap();
    }
    drop((writer, reader)); // killed: the tail is in the log alone
    damage(world.last().0);
    let error = open(directory.path(), &KEEP_ALL).map(|_| ()).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("restore it from a backup"), "{error}");
}

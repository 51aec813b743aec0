//! Opening: who may, and what is refused.

use crate::store::world::World;
use crate::support::random::Random;
use crate::support::simdisk::SimDisk;
use crate::support::small_store::KEEP_ALL;
use redb::{Database, ReadableDatabase, TableDefinition};
use std::fs;
use std::path::Path;
use std::process::Command;
use tidegate::domain::{Micros, Seq};
use tidegate::store::{Opened, StoreError, StoreOptions, open, open_backend};

const META: TableDefinition<&str, u64> = TableDefinition::new("meta");

fn error_of(directory: &Path, options: &StoreOptions) -> StoreError {
    open(directory, options).map(|_| ()).expect_err("opening is refused")
}

/// Something to lose.
fn fill(directory: &Path) -> World {
    let mut world = World::default();
    let mut opened = open(directory, &KEEP_ALL).unwrap();
    let mut random = Random(1);
    while world.last() < Seq(20) {
        opened.writer.commit(&mut world.random_sets(&mut random, Micros(1)), Micros(1)).unwrap();
    }
    world
}

#[test]
fn c9_a_file_that_is_missing_or_emptied_is_refused_unless_told_to_begin_anew() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tidegate.redb");
    fill(directory.path());
    for lose in [|file: &Path| fs::remove_file(file).unwrap(), |file: &Path| fs::write(file, "").unwrap()] {
        lose(&file);
        let error = error_of(directory.path(), &KEEP_ALL);
        assert!(
            matches!(error, StoreError::Missing { .. }) && error.to_string().contains("--init"),
            "{error}"
        );
        let opened = open(directory.path(), &StoreOptions { init: true, ..KEEP_ALL }).unwrap();
        assert_eq!(opened.reader.durable(), Seq(0));
        drop(opened);
        drop(open(directory.path(), &KEEP_ALL).unwrap());
    }
}

/// Commits so many groups more.
fn go_on(opened: &mut Opened, world: &mut World, groups: usize) {
    let mut random = Random(world.last().0);
    for _ in 0..groups {
        let before = world.last();
        let mut sets = Vec::new();
        while world.last() == before {
            sets.extend(world.random_sets(&mut random, Micros(1)));
        }
        opened.writer.commit(&mut sets, Micros(1)).unwrap();
    }
}

/// A cursor at the store's end, as it is given out.
fn given(opened: &Opened) -> (u32, Seq) {
    (opened.reader.journal(), opened.reader.durable())
}

#[test]
fn a_plain_start_keeps_every_cursor_whatever_became_of_the_mark() {
    let directory = tempfile::tempdir().unwrap();
    let mark = directory.path().join("tidegate.reached");
    let mut world = fill(directory.path());
    let mut cursors = Vec::new();
    for groups in 0..4 {
        let mut opened = open(directory.path(), &KEEP_ALL).unwrap();
        go_on(&mut opened, &mut world, groups);
        opened.writer.checkpoint_slice().unwrap();
        go_on(&mut opened, &mut world, groups);
        cursors.push(given(&opened));
    }
    for torn in [Some(""), Some("12"), Some("nonsense\n"), None] {
        match torn {
            Some(torn) => fs::write(&mark, torn).unwrap(),
            None => fs::remove_file(&mark).unwrap(),
        }
        let opened = open(directory.path(), &KEEP_ALL).unwrap();
        for (journal, seq) in &cursors {
            assert!(opened.reader.has_given(*journal, *seq), "{cursors:?}");
        }
        cursors.push(given(&opened));
    }
    let opened = open(directory.path(), &KEEP_ALL).unwrap();
    world.assert_shown_by(&opened.reader, &mut Random(5));
}

#[test]
fn a_change_keeps_the_cursor_of_the_life_that_committed_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut world = fill(directory.path());
    let mut opened = open(directory.path(), &KEEP_ALL).unwrap();
    let (before, life) = (opened.reader.durable(), opened.reader.journal());
    go_on(&mut opened, &mut world, 3);
    let last = opened.reader.durable();
    let first_life = opened.reader.journal_of(before);
    assert!(first_life != life && opened.reader.journal_of(last) == life);
    drop(opened);
    let reader = open(directory.path(), &KEEP_ALL).unwrap().reader;
    assert_eq!((reader.journal_of(before), reader.journal_of(last)), (first_life, life));
    assert_ne!(reader.journal(), life, "each opening begins a life");
}

#[test]
fn the_store_s_files_are_for_its_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("store");
    fill(&directory);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    let files: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    files.iter().for_each(|file| assert_eq!(mode(file), 0o600, "{}", file.display()));
}

#[test]
fn a_file_that_was_removed_or_replaced_while_it_is_open_is_written_no_more() {
    let lose: [fn(&Path); 3] = [
        |file| fs::remove_file(file).unwrap(),
        |file| fs::rename(file, file.with_extension("away")).unwrap(),
        |file| {
            let copy = file.with_extension("copy");
            fs::copy(file, &copy).unwrap();
            fs::rename(&copy, file).unwrap();
        },
    ];
    for lose in lose {
        let directory = tempfile::tempdir().unwrap();
        let mut world = fill(directory.path());
        let mut opened = open(directory.path(), &KEEP_ALL).unwrap();
        go_on(&mut opened, &mut world, 1);
        assert!(!opened.reader.is_displaced());
        lose(&directory.path().join("tidegate.redb"));
        assert!(opened.reader.is_displaced());
        let mut sets = world.random_sets(&mut Random(7), Micros(1));
        let refused = opened.writer.commit(&mut sets, Micros(1)).unwrap_err();
        assert!(matches!(refused, StoreError::Displaced { .. }), "{refused}");
        assert!(matches!(opened.writer.checkpoint_all(), Err(StoreError::Latched)));
    }
}

#[test]
fn c8_a_file_that_is_not_ours_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tidegate.redb");
    fs::write(&file, "this is no database").unwrap();
    assert!(matches!(error_of(directory.path(), &KEEP_ALL), StoreError::Open { .. }));
    assert_eq!(fs::read_to_string(&file).unwrap(), "this is no database");
}

#[test]
fn a_file_whose_making_was_cut_short_is_made_again() {
    let directory = tempfile::tempdir().unwrap();
    let new = directory.path().join("tidegate.redb.new");
    fs::write(&new, vec![0; 5_000]).unwrap();
    drop(open(directory.path(), &KEEP_ALL).unwrap());
    assert!(!new.exists());
}

#[test]
fn c10_a_newer_schema_is_refused_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let world = fill(directory.path());
    let set_schema = |schema: u64| {
        let db = Database::open(directory.path().join("tidegate.redb")).unwrap();
        let txn = db.begin_write().unwrap();
        txn.open_table(META).unwrap().insert("schema", schema).unwrap();
        txn.commit().unwrap();
    };
    set_schema(3);
    let error = error_of(directory.path(), &KEEP_ALL);
    assert!(matches!(error, StoreError::Newer { found: 3, known: 2 }), "{error}");
    assert!(error.to_string().contains("restore a backup"));
    set_schema(2);
    let opened = open(directory.path(), &KEEP_ALL).unwrap();
    world.assert_shown_by(&opened.reader, &mut Random(2));
}

#[test]
fn c11_a_second_opener_is_refused_and_the_first_unharmed() {
    let directory = tempfile::tempdir().unwrap();
    let mut opened = open(directory.path(), &KEEP_ALL).unwrap();
    assert!(matches!(error_of(directory.path(), &KEEP_ALL), StoreError::AlreadyOpen { .. }));
    let status = another_opener(directory.path());
    assert!(status.success(), "the second process is told that the file is open: {status}");
    let (mut world, mut random) = (World::default(), Random(3));
    opened.writer.commit(&mut world.random_sets(&mut random, Micros(1)), Micros(1)).unwrap();
    world.assert_shown_by(&opened.reader, &mut random);
    drop(opened);
    assert!(!another_opener(directory.path()).success(), "now nothing keeps it out");
}

const DIRECTORY: &str = "TIDEGATE_TEST_DIRECTORY";

fn another_opener(directory: &Path) -> std::process::ExitStatus {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "store::opening::opening_a_second_time_is_refused"]);
    command.env(DIRECTORY, directory).output().unwrap().status
}

/// Says something only where c11 runs it, in a process of its own.
#[test]
fn opening_a_second_time_is_refused() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let error = error_of(Path::new(&directory), &KEEP_ALL);
    assert!(matches!(error, StoreError::AlreadyOpen { .. }), "{error}");
}

#[test]
fn c11_a_backend_of_ours_keeps_the_lock() {
    let disk = SimDisk::default();
    let opened = open_backend(disk.clone(), &KEEP_ALL).unwrap();
    let second = open_backend(disk.clone(), &KEEP_ALL).map(|_| ());
    assert!(matches!(second, Err(StoreError::AlreadyOpen { .. })));
    drop(opened);
    assert!(open_backend(disk, &KEEP_ALL).is_ok());
}

#[test]
fn c7_a_directory_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a file");
    fs::write(&file, "").unwrap();
    let error = error_of(&file.join("below"), &KEEP_ALL);
    assert!(matches!(error, StoreError::Directory { .. }), "{error}");
    assert!(error.to_string().contains("below"));
}

#[test]
fn tables_and_keys_are_pinned() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path());
    let db = Database::open(directory.path().join("tidegate.redb")).unwrap();
    let txn = db.begin_read().unwrap();
    txn.open_table(TableDefinition::<u64, &[u8]>::new("log")).unwrap();
    txn.open_table(TableDefinition::<(u32, &[u8]), &[u8]>::new("documents")).unwrap();
    txn.open_table(TableDefinition::<(u32, u32), &[u8]>::new("assets")).unwrap();
    txn.open_table(TableDefinition::<(u32, u32), &[u8]>::new("prices")).unwrap();
    txn.open_table(TableDefinition::<(u8, u32, &[u8]), &[u8]>::new("records")).unwrap();
    txn.open_table(TableDefinition::<u8, &[u8]>::new("lives")).unwrap();
    let meta = txn.open_table(META).unwrap();
    for (name, value) in [("schema", 2), ("checkpoint", 0), ("oldest", 1)] {
        assert_eq!(meta.get(name).unwrap().unwrap().value(), value, "{name}");
    }
    for name in ["journal", "check"] {
        assert!(meta.get(name).unwrap().is_some(), "{name}");
    }
    assert_eq!(txn.list_tables().unwrap().count(), 7);
}

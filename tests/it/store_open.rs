//! Opening: who may, and what is refused.

use crate::simdisk::SimDisk;
use crate::store_world::{Random, World};
use redb::{Database, ReadableDatabase, TableDefinition};
use std::fs;
use std::path::Path;
use std::process::Command;
use tidegate::domain::{Micros, Seq};
use tidegate::store::{Opened, Progress, StoreError, StoreOptions, open, open_backend};

const OPTIONS: StoreOptions = StoreOptions {
    cache_bytes: 1 << 20,
    overlay_bytes_max: 1 << 20,
    log_keep: i64::MAX,
    log_bytes_max: u64::MAX,
    init: false,
};

const META: TableDefinition<&str, u64> = TableDefinition::new("meta");

fn error_of(directory: &Path, options: &StoreOptions) -> StoreError {
    open(directory, options).map(|_| ()).expect_err("opening is refused")
}

/// Something to lose.
fn fill(directory: &Path) -> World {
    let mut world = World::default();
    let mut opened = open(directory, &OPTIONS).unwrap();
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
        let error = error_of(directory.path(), &OPTIONS);
        assert!(
            matches!(error, StoreError::Missing { .. }) && error.to_string().contains("--init"),
            "{error}"
        );
        let opened = open(directory.path(), &StoreOptions { init: true, ..OPTIONS }).unwrap();
        assert_eq!(opened.reader.durable(), Seq(0));
        drop(opened);
        drop(open(directory.path(), &OPTIONS).unwrap());
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

fn journal_of(directory: &Path) -> u32 {
    open(directory, &OPTIONS).unwrap().reader.journal()
}

#[test]
fn an_older_copy_put_in_place_gets_another_identity_once_and_loses_nothing_that_it_holds() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tidegate.redb");
    let mut world = fill(directory.path());
    let (journal, backup) = (journal_of(directory.path()), fs::read(&file).unwrap());
    let backed_up = world.clone();
    let mut opened = open(directory.path(), &OPTIONS).unwrap();
    go_on(&mut opened, &mut world, 5);
    opened.writer.checkpoint_all().unwrap();
    assert_eq!(opened.reader.journal(), journal);
    drop(opened);

    fs::write(&file, &backup).unwrap();
    let mut opened = open(directory.path(), &OPTIONS).unwrap();
    let renewed = opened.reader.journal();
    assert_ne!(renewed, journal, "the cursors given since the copy was made are not of this journal");
    backed_up.assert_shown_by(&opened.reader, &mut Random(4));
    let mut world = backed_up;
    go_on(&mut opened, &mut world, 3);
    drop(opened);
    let opened = open(directory.path(), &OPTIONS).unwrap();
    assert_eq!(opened.reader.journal(), renewed, "it is ours now");
    world.assert_shown_by(&opened.reader, &mut Random(4));
    drop(opened);

    fs::write(&file, &backup).unwrap();
    let again = journal_of(directory.path());
    assert!(again != renewed && again != journal, "the same copy a second time");
}

#[test]
fn a_finished_checkpoint_notes_how_far_the_log_has_come() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tidegate.redb");
    let mut world = fill(directory.path());
    let (journal, backup) = (journal_of(directory.path()), fs::read(&file).unwrap());
    let mut opened = open(directory.path(), &OPTIONS).unwrap();
    go_on(&mut opened, &mut world, 5);
    while opened.writer.checkpoint_slice().unwrap() != Progress::Finished {}
    drop(opened); // as a kill would: nothing more is noted
    fs::write(&file, &backup).unwrap();
    assert_ne!(journal_of(directory.path()), journal);
}

#[test]
fn a_file_that_was_killed_at_any_point_keeps_its_identity_whatever_became_of_the_mark() {
    let directory = tempfile::tempdir().unwrap();
    let mark = directory.path().join("tidegate.reached");
    let mut world = fill(directory.path());
    let journal = journal_of(directory.path());
    for groups in 0..4 {
        let mut opened = open(directory.path(), &OPTIONS).unwrap();
        go_on(&mut opened, &mut world, groups);
        opened.writer.checkpoint_slice().unwrap();
        go_on(&mut opened, &mut world, groups);
        drop(opened);
        assert_eq!(journal_of(directory.path()), journal);
    }
    for torn in ["", "12", "nonsense\n"] {
        fs::write(&mark, torn).unwrap();
        assert_eq!(journal_of(directory.path()), journal);
    }
    fs::remove_file(&mark).unwrap();
    let opened = open(directory.path(), &OPTIONS).unwrap();
    assert_eq!(opened.reader.journal(), journal);
    world.assert_shown_by(&opened.reader, &mut Random(5));
}

#[test]
fn c8_a_file_that_is_not_ours_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tidegate.redb");
    fs::write(&file, "this is no database").unwrap();
    assert!(matches!(error_of(directory.path(), &OPTIONS), StoreError::Open { .. }));
    assert_eq!(fs::read_to_string(&file).unwrap(), "this is no database");
}

#[test]
fn a_file_whose_making_was_cut_short_is_made_again() {
    let directory = tempfile::tempdir().unwrap();
    let new = directory.path().join("tidegate.redb.new");
    fs::write(&new, vec![0; 5_000]).unwrap();
    drop(open(directory.path(), &OPTIONS).unwrap());
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
    set_schema(2);
    let error = error_of(directory.path(), &OPTIONS);
    assert!(matches!(error, StoreError::Newer { found: 2, known: 1 }), "{error}");
    assert!(error.to_string().contains("restore a backup"));
    set_schema(1);
    let opened = open(directory.path(), &OPTIONS).unwrap();
    world.assert_shown_by(&opened.reader, &mut Random(2));
}

#[test]
fn c11_a_second_opener_is_refused_and_the_first_unharmed() {
    let directory = tempfile::tempdir().unwrap();
    let mut opened = open(directory.path(), &OPTIONS).unwrap();
    assert!(matches!(error_of(directory.path(), &OPTIONS), StoreError::AlreadyOpen { .. }));
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
    command.args(["--exact", "store_open::opening_a_second_time_is_refused"]);
    command.env(DIRECTORY, directory).output().unwrap().status
}

/// Says something only where c11 runs it, in a process of its own.
#[test]
fn opening_a_second_time_is_refused() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let error = error_of(Path::new(&directory), &OPTIONS);
    assert!(matches!(error, StoreError::AlreadyOpen { .. }), "{error}");
}

#[test]
fn c11_a_backend_of_ours_keeps_the_lock() {
    let disk = SimDisk::default();
    let opened = open_backend(disk.clone(), &OPTIONS).unwrap();
    let second = open_backend(disk.clone(), &OPTIONS).map(|_| ());
    assert!(matches!(second, Err(StoreError::AlreadyOpen { .. })));
    drop(opened);
    assert!(open_backend(disk, &OPTIONS).is_ok());
}

#[test]
fn c7_a_directory_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a file");
    fs::write(&file, "").unwrap();
    let error = error_of(&file.join("below"), &OPTIONS);
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
    let meta = txn.open_table(META).unwrap();
    for (name, value) in [("schema", 1), ("checkpoint", 0), ("oldest", 1)] {
        assert_eq!(meta.get(name).unwrap().unwrap().value(), value, "{name}");
    }
    assert!(meta.get("journal").unwrap().is_some());
    assert_eq!(txn.list_tables().unwrap().count(), 6);
}

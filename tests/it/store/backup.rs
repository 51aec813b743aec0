//! Backups of a store that is written meanwhile: what is restored is the state at the change that the backup names,
//! in a history of its own; what is damaged, cut off or none of ours is refused by name.

use crate::store::world::World;
use crate::support::random::Random;
use crate::support::small_store::KEEP_ALL;
use std::fs;
use std::path::Path;
use tidegate::domain::{Micros, PartnerNo, Seq, WriteSet};
use tidegate::store::{
    BackupError, BackupParser, BackupSource, BackupSummary, Opened, ReadError, RestoreOrder, Restored,
    StoreError, StoreOptions, inspect, open, restore,
};

/// So small that checkpoints run all the time, and are slow.
const SMALL: StoreOptions = StoreOptions { overlay_bytes_max: 256 << 10, ..KEEP_ALL };
/// Pieces that hold a few rows.
const PIECE_BYTES: usize = 600;

fn put_back(backup: &[u8], directory: &Path, force: bool) -> Result<Restored, BackupError> {
    let order = RestoreOrder {
        options: &SMALL,
        force,
        watch: &mut |_, _| (),
        last: &mut |_| Ok(WriteSet::new(PartnerNo(0))),
        now: Micros(1),
    };
    restore(backup, directory, order)
}

fn verify(backup: &[u8]) -> Result<BackupSummary, BackupError> {
    BackupParser::default().read_all::<BackupError>(backup, &mut |_, _| Ok(()))
}

/// A store and what it should show.
struct Scene {
    opened: Opened,
    world: World,
    random: Random,
    step: i64,
}

impl Scene {
    fn begin(directory: &Path, seed: u64) -> Scene {
        let opened = open(directory, &SMALL).unwrap();
        Scene { opened, world: World::default(), random: Random(seed), step: 0 }
    }

    fn write(&mut self, groups: usize) {
        for _ in 0..groups {
            self.step += 1;
            let now = Micros(self.step);
            let mut sets = self.world.random_sets(&mut self.random, now);
            self.opened.writer.commit(&mut sets, now).unwrap();
            match self.random.below(20) {
                0 => self.opened.writer.checkpoint_all().unwrap(),
                1..=12 => drop(self.opened.writer.checkpoint_slice().unwrap()),
                _ => {}
            }
        }
    }

    /// A backup, with so many groups written between two pieces of it at most.
    fn back_up(&mut self, between: usize) -> Vec<u8> {
        let mut source = BackupSource::in_pieces_of(&self.opened.reader, PIECE_BYTES);
        let mut backup = Vec::new();
        while let Some(piece) = source.next_piece(Micros(self.step)).unwrap() {
            backup.extend(piece);
            let groups = self.random.below(between + 1);
            self.write(groups);
        }
        backup
    }
}

#[test]
fn a_backup_of_a_store_that_is_written_meanwhile_is_its_state_at_the_change_that_it_names() {
    let mut written_meanwhile = 0;
    for seed in 1..=6 {
        println!("seed {seed}");
        let (live, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut scene = Scene::begin(live.path(), seed);
        scene.write(120);
        let began = scene.world.last();
        let backup = scene.back_up(4);
        let summary = verify(&backup).unwrap();
        let reached = summary.end.reached;
        assert!(began <= reached && summary.start.durable == began);
        written_meanwhile += reached.0 - began.0;
        let restored = put_back(&backup, &place.path().join("store"), false).unwrap();
        assert_eq!((restored.backup, restored.store.reached), (summary, reached));
        assert!(restored.store.damaged.is_empty() && restored.replaced.is_none());
        let mut opened = open(&place.path().join("store"), &SMALL).unwrap();
        assert_eq!(opened.reader.durable(), reached);
        let (mut world, now) = (scene.world.at(reached), Micros(scene.step));
        world.assert_shown_by(&opened.reader, &mut scene.random);
        // and it goes on from there
        for _ in 0..30 {
            let mut sets = world.random_sets(&mut scene.random, now);
            opened.writer.commit(&mut sets, now).unwrap();
        }
        opened.writer.checkpoint_all().unwrap();
        world.assert_shown_by(&opened.reader, &mut scene.random);
    }
    assert!(written_meanwhile > 1_000, "{written_meanwhile} changes were written meanwhile");
}

#[test]
fn u1_no_cursor_that_was_ever_given_is_of_a_restored_store() {
    let live = tempfile::tempdir().unwrap();
    let mut scene = Scene::begin(live.path(), 3);
    scene.write(50);
    drop(scene);
    let mut opened = open(live.path(), &SMALL).unwrap();
    let mut source = BackupSource::in_pieces_of(&opened.reader, PIECE_BYTES);
    let mut backup = Vec::new();
    while let Some(piece) = source.next_piece(Micros(0)).unwrap() {
        backup.extend(piece);
    }
    let given: Vec<(u32, Seq)> =
        (0..=opened.reader.durable().0).map(|seq| (opened.reader.journal_of(Seq(seq)), Seq(seq))).collect();
    assert!(given.iter().all(|(life, seq)| opened.reader.has_given(*life, *seq)));
    opened.writer.checkpoint_all().unwrap();
    drop((source, opened));
    for _ in 0..2 {
        put_back(&backup, live.path(), true).unwrap();
        let opened = open(live.path(), &SMALL).unwrap();
        assert!(given.iter().all(|(life, seq)| !opened.reader.has_given(*life, *seq)));
        assert!(opened.reader.has_given(opened.reader.journal(), opened.reader.durable()));
    }
}

#[test]
fn a_backup_of_an_empty_store_is_one() {
    let (live, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let backup = Scene::begin(live.path(), 1).back_up(0);
    assert_eq!(put_back(&backup, place.path(), false).unwrap().store.reached, Seq(0));
    assert_eq!(open(place.path(), &SMALL).unwrap().reader.durable(), Seq(0));
}

#[test]
fn a_backup_that_was_cut_off_changed_or_mixed_up_is_refused_by_name_and_leaves_nothing() {
    let (live, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut scene = Scene::begin(live.path(), 5);
    scene.write(60);
    let backup = scene.back_up(1);
    let refused = |bytes: &[u8]| -> BackupError {
        let error = put_back(bytes, place.path(), false).map(|_| ()).unwrap_err();
        let told = verify(bytes).unwrap_err();
        assert_eq!(told.to_string(), error.to_string());
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "nothing is left of {error}");
        error
    };
    for cut in (1..backup.len()).step_by(backup.len() / 60) {
        let error = refused(&backup[..cut]);
        assert!(matches!(error, BackupError::CutOff { .. }), "cut at {cut}: {error}");
        assert!(error.to_string().contains("it is not whole; use another one"), "{error}");
    }
    for at in (20..backup.len()).step_by(backup.len() / 60) {
        let mut changed = backup.clone();
        changed[at] ^= 0x10;
        let error = refused(&changed);
        assert!(matches!(error, BackupError::Damaged { .. }), "byte {at}: {error}");
        assert!(error.to_string().contains("is damaged in piece"), "{error}");
    }
    assert!(matches!(refused(&[&backup[..], b"x"].concat()), BackupError::Longer));
    assert!(matches!(refused(b"-- PostgreSQL database dump\n"), BackupError::NoBackup));
    assert!(matches!(refused(b""), BackupError::CutOff { .. }));
    let newer = [b"tidegate-backup 2\n", &backup[18..]].concat();
    let error = refused(&newer);
    assert!(error.to_string().contains("format 2, this release knows up to 1"), "{error}");
    put_back(&backup, place.path(), false).unwrap();
}

#[test]
fn a_store_that_is_there_is_kept_unless_told_so_and_one_that_is_open_in_any_case() {
    let (live, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut scene = Scene::begin(live.path(), 8);
    scene.write(40);
    let backup = scene.back_up(0);
    let mut other = Scene::begin(place.path(), 9);
    other.write(10);
    let kept = other.world.clone();
    let error = put_back(&backup, place.path(), false).map(|_| ()).unwrap_err();
    assert!(
        matches!(error, BackupError::Occupied { .. }) && error.to_string().contains("--force"),
        "{error}"
    );
    let error = put_back(&backup, place.path(), true).map(|_| ()).unwrap_err();
    assert!(matches!(error, BackupError::Store(StoreError::AlreadyOpen { .. })), "{error}");
    assert!(error.to_string().contains("stop it first"), "{error}");
    other.write(1);
    drop(other.opened);
    let restored = put_back(&backup, place.path(), true).unwrap();
    let replaced = restored.replaced.unwrap();
    assert_eq!(replaced, place.path().join("tidegate.redb.replaced"));
    assert!(inspect(&replaced).unwrap().reached >= kept.last());
    let opened = open(place.path(), &SMALL).unwrap();
    scene.world.assert_shown_by(&opened.reader, &mut scene.random);
    drop(opened);
    // a file that has been lost is what backups are for
    fs::remove_file(place.path().join("tidegate.redb")).unwrap();
    put_back(&backup, place.path(), false).unwrap();
}

#[test]
fn a_log_that_is_trimmed_before_it_was_taken_ends_the_backup_with_the_reason() {
    let live = tempfile::tempdir().unwrap();
    let mut scene = Scene::begin(live.path(), 11);
    scene.write(20);
    let mut source = BackupSource::in_pieces_of(&scene.opened.reader, PIECE_BYTES);
    let first = source.next_piece(Micros(0)).unwrap().unwrap();
    drop((source, scene.opened));
    let trims = StoreOptions { log_bytes_max: 1, ..SMALL };
    let mut opened = open(live.path(), &trims).unwrap();
    let mut behind = BackupSource::in_pieces_of(&opened.reader, PIECE_BYTES);
    behind.next_piece(Micros(0)).unwrap();
    let (mut world, mut random) = (World::default(), Random(1));
    for _ in 0..20 {
        opened.writer.commit(&mut world.random_sets(&mut random, Micros(1)), Micros(1)).unwrap();
    }
    opened.writer.checkpoint_all().unwrap();
    assert!(opened.writer.trim(Micros(2)).unwrap() > 0);
    let error = behind.next_piece(Micros(0)).unwrap_err();
    assert!(matches!(error, ReadError::Trimmed { .. }), "{error}");
    let told = verify(&[first, behind.failed("the log was trimmed")].concat()).unwrap_err();
    assert_eq!(told.to_string(), "the daemon could not finish the backup: the log was trimmed");
}

#[test]
fn a_damaged_store_gives_no_backup_and_is_said_to_be_damaged() {
    let (live, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut scene = Scene::begin(live.path(), 12);
    scene.write(200);
    scene.opened.writer.checkpoint_all().unwrap();
    drop(scene.opened);
    let path = copy.path().join("tidegate.redb");
    let whole = fs::read(live.path().join("tidegate.redb")).unwrap();
    fs::write(&path, &whole).unwrap();
    let sound = inspect(&path).unwrap();
    assert!(sound.rows.documents > 0 && sound.rows.log > 0 && sound.damaged.is_empty(), "{sound:?}");
    let (mut found, mut untouched) = (0, 0);
    for at in (0..whole.len()).step_by(whole.len() / 150) {
        let mut changed = whole.clone();
        changed[at] ^= 0x40;
        fs::write(&path, &changed).unwrap();
        match inspect(&path) {
            // of a page that nobody uses
            Ok(same) => {
                assert_eq!(same, sound, "byte {at}");
                untouched += 1;
            }
            Err(error) => {
                assert!(!matches!(error, StoreError::AlreadyOpen { .. }), "{error}");
                found += 1;
            }
        }
        assert_eq!(fs::read(&path).unwrap(), changed, "a look changes nothing");
    }
    assert!(found > 20, "{found} found, {untouched} where nobody looks");
}

#[test]
fn a_look_at_the_file_of_a_store_that_was_killed_changes_nothing_of_it() {
    let (live, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut scene = Scene::begin(live.path(), 13);
    scene.write(100);
    let path = copy.path().join("tidegate.redb");
    // as after `kill -9`: the file as it is, while it is open
    fs::copy(live.path().join("tidegate.redb"), &path).unwrap();
    let before = fs::read(&path).unwrap();
    let found = inspect(&path).unwrap();
    assert_eq!((found.reached, found.bytes), (scene.world.last(), before.len() as u64));
    assert_eq!(fs::read(&path).unwrap(), before);
    let error = inspect(&live.path().join("tidegate.redb")).unwrap_err();
    assert!(matches!(error, StoreError::AlreadyOpen { .. }), "{error}");
}

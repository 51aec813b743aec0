//! Older copies put back: whatever is copied, put back and started, in whatever order, a follower either goes on with
//! what really followed, or is told to begin anew. It is never left with changes that the store does not have, nor
//! without some that it has.

use crate::store::world::World;
use crate::support::random::Random;
use crate::support::small_store::KEEP_ALL;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tidegate::domain::{Committed, Micros, Seq};
use tidegate::store::{Opened, Reader, open};

const DATABASE: &str = "tidegate.redb";
const MARK: &str = "tidegate.reached";

/// What is done, one after the other, on the machine at hand.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Commits so many groups.
    Push(usize),
    /// The follower at hand takes all that is there.
    Follow,
    Checkpoint,
    /// Stops in order.
    Stop,
    /// Ends as by `kill -9`.
    Kill,
    Start,
    /// Copies the directory, whether it is in use or not.
    Copy(u8),
    /// Puts a copy in place of what is there.
    Put(u8, What),
    /// Goes over to another machine, which has a directory of its own.
    Machine(u8),
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// The directory is removed and made again.
    Directory,
    /// Each file is written over in its place: it keeps its number.
    InPlace,
    /// The same for the database alone; the mark stays as it is.
    Database,
    /// A new file for the database alone.
    DatabaseAnew,
    /// The directory but for the mark, which then is missing.
    WithoutMark,
    /// The database over the one that is there, and no mark.
    DatabaseAndNoMark,
}

use Step::*;

/// Each way, and how often the follower must be told to begin anew, at least. Each ends with a push and a follow, on a
/// store that runs.
#[rustfmt::skip]
const WAYS: [(&str, usize, &[Step]); 28] = [
    ("nothing is put back: a stop and a start", 0, &[Push(5), Follow, Stop, Start]),
    ("nothing is put back: a kill and a start", 0, &[Push(5), Follow, Kill, Start]),
    ("nothing is put back: kills in a row", 0, &[Push(5), Follow, Kill, Start, Kill, Start, Push(1), Kill, Start]),
    ("the copy holds all that the follower knows", 0, &[Push(5), Follow, Stop, Copy(1), Start, Push(9), Stop, Put(1, What::Directory), Start]),
    ("the directory, after a stop", 1, &[Push(5), Stop, Copy(1), Start, Push(3), Follow, Stop, Put(1, What::Directory), Start]),
    ("the directory, after a kill", 1, &[Push(5), Stop, Copy(1), Start, Push(3), Follow, Kill, Put(1, What::Directory), Start]),
    ("the directory in place, file by file", 1, &[Push(5), Stop, Copy(1), Start, Push(3), Follow, Kill, Put(1, What::InPlace), Start]),
    ("the directory, and the log grows past the cursor at once", 1, &[Push(5), Stop, Copy(1), Start, Push(1), Follow, Kill, Put(1, What::Directory), Start, Push(20)]),
    ("the directory without the mark", 1, &[Push(5), Stop, Copy(1), Start, Push(3), Follow, Stop, Put(1, What::WithoutMark), Start]),
    ("the database in place, the mark kept", 1, &[Push(5), Stop, Copy(1), Start, Push(3), Follow, Stop, Put(1, What::Database), Start]),
    ("the database anew, the mark kept", 1, &[Push(5), Stop, Copy(1), Start, Push(3), Follow, Kill, Put(1, What::DatabaseAnew), Start]),
    ("the database, and no mark", 1, &[Push(5), Stop, Copy(1), Start, Push(3), Follow, Kill, Put(1, What::DatabaseAndNoMark), Start]),
    ("a copy that lacks only what came after the mark was written", 1, &[Push(5), Checkpoint, Copy(1), Push(1), Follow, Kill, Put(1, What::Database), Start]),
    ("a copy made while the daemon ran", 1, &[Push(5), Copy(1), Push(3), Follow, Stop, Put(1, What::Directory), Start]),
    ("a copy made while the daemon ran, after a kill", 1, &[Push(5), Copy(1), Push(3), Follow, Kill, Put(1, What::InPlace), Start]),
    ("a copy of a killed daemon's directory", 1, &[Push(5), Kill, Copy(1), Start, Push(3), Follow, Kill, Put(1, What::Directory), Start]),
    ("twice the same copy", 2, &[Push(5), Stop, Copy(1), Start, Push(3), Follow, Kill, Put(1, What::Directory), Start, Push(4), Follow, Kill, Put(1, What::Directory), Start]),
    ("twice the same copy, nobody followed in between", 1, &[Push(5), Stop, Copy(1), Start, Push(3), Follow, Kill, Put(1, What::Directory), Start, Push(9), Kill, Put(1, What::Directory), Start, Push(9)]),
    ("an older copy over a newer one", 2, &[Push(5), Copy(1), Push(3), Copy(2), Push(3), Follow, Kill, Put(2, What::Directory), Start, Push(2), Follow, Kill, Put(1, What::Directory), Start]),
    ("a newer copy over an older one", 2, &[Push(5), Copy(1), Push(3), Copy(2), Push(3), Follow, Kill, Put(1, What::Directory), Start, Push(2), Follow, Kill, Put(2, What::Directory), Start]),
    ("a copy, and back to what was there before", 1, &[Push(5), Stop, Copy(1), Start, Push(3), Follow, Stop, Copy(2), Put(1, What::Directory), Start, Push(3), Stop, Put(2, What::Directory), Start, Push(2), Follow, Stop, Put(1, What::Directory), Start]),
    ("a copy of the empty store", 1, &[Copy(1), Push(5), Follow, Stop, Put(1, What::Directory), Start, Push(9)]),
    ("a start that does nothing between copy and loss", 1, &[Push(5), Stop, Start, Stop, Copy(1), Start, Stop, Start, Push(2), Follow, Kill, Put(1, What::Directory), Start, Push(2)]),
    ("killed again and again after the restore", 1, &[Push(5), Stop, Copy(1), Start, Push(3), Follow, Kill, Put(1, What::InPlace), Start, Kill, Start, Kill, Start, Push(5), Kill, Start]),
    ("another machine takes over from a copy", 1, &[Push(5), Stop, Copy(1), Start, Push(3), Follow, Kill, Machine(1), Put(1, What::Directory), Start]),
    ("another machine takes over from a hot copy", 1, &[Push(5), Copy(1), Push(3), Follow, Kill, Machine(1), Put(1, What::Directory), Start, Push(8)]),
    ("two machines go on from one copy, and the follower changes over twice", 2, &[Push(5), Copy(1), Machine(1), Put(1, What::Directory), Start, Push(6), Machine(0), Push(3), Follow, Machine(1), Follow, Push(2), Machine(0), Push(9)]),
    ("the first machine comes back after the second took over", 2, &[Push(5), Stop, Copy(1), Start, Push(3), Follow, Stop, Machine(1), Put(1, What::Directory), Start, Push(7), Follow, Kill, Machine(0), Start]),
];

/// One directory, and what it should hold.
struct Machine {
    directory: PathBuf,
    opened: Option<Opened>,
    random: Random,
}

/// Knows no more than a cursor, and the changes up to there.
#[derive(Clone, Default)]
struct Follower {
    cursor: (u32, Seq),
    known: Vec<Committed>,
    resets: usize,
}

impl Follower {
    fn follow(&mut self, reader: &Reader) {
        let (life, seq) = self.cursor;
        if seq > Seq(0) && !(reader.has_given(life, seq) && seq <= reader.durable()) {
            self.resets += 1;
            self.known.clear();
        }
        let since = self.known.last().map_or(Seq(0), |change| change.seq);
        self.known.extend(reader.changes(since, usize::MAX).unwrap().changes);
        self.cursor = (reader.journal(), reader.durable());
        let all = reader.changes(Seq(0), usize::MAX).unwrap().changes;
        assert_eq!(self.known, all, "what the follower knows is not what the store says");
    }
}

struct Scene {
    place: TempDir,
    machines: BTreeMap<u8, Machine>,
    at: u8,
    copies: BTreeMap<u8, BTreeMap<String, Vec<u8>>>,
    /// Follows wherever it is said to, another one beside it only at the end.
    follower: Follower,
    pushed: i64,
}

fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

impl Scene {
    fn new() -> Scene {
        let place = tempfile::tempdir().unwrap();
        let mut scene = Scene {
            place,
            machines: BTreeMap::new(),
            at: 0,
            copies: BTreeMap::new(),
            follower: Follower::default(),
            pushed: 0,
        };
        scene.go_to(0);
        scene.step(Start);
        scene
    }

    fn go_to(&mut self, machine: u8) {
        self.at = machine;
        let directory = self.place.path().join(format!("machine {machine}"));
        fs::create_dir_all(&directory).unwrap();
        let new = || Machine { directory, opened: None, random: Random(u64::from(machine)) };
        self.machines.entry(machine).or_insert_with(new);
    }

    fn machine(&mut self) -> &mut Machine {
        self.machines.get_mut(&self.at).unwrap()
    }

    fn opened(&mut self) -> &mut Opened {
        self.machine().opened.as_mut().expect("it runs")
    }

    fn step(&mut self, step: Step) {
        match step {
            Push(groups) => (0..groups).for_each(|_| self.push()),
            Follow => {
                let reader = self.opened().reader.clone();
                self.follower.follow(&reader);
            }
            Checkpoint => self.opened().writer.checkpoint_all().unwrap(),
            Stop => {
                self.step(Checkpoint);
                self.machine().opened = None;
            }
            Kill => {
                let directory = self.machine().directory.clone();
                let left = files(&directory);
                self.machine().opened = None;
                left.iter().for_each(|(name, bytes)| fs::write(directory.join(name), bytes).unwrap());
            }
            Start => {
                let directory = self.machine().directory.clone();
                self.machine().opened = Some(open(&directory, &KEEP_ALL).unwrap());
            }
            Copy(number) => {
                let copy = files(&self.machine().directory);
                self.copies.insert(number, copy);
            }
            Put(number, what) => put(&self.copies[&number], &self.machines[&self.at].directory, what),
            Step::Machine(machine) => self.go_to(machine),
        }
    }

    /// A group like no other: its content has a number, and the machine's dice.
    fn push(&mut self) {
        self.pushed += 1;
        let now = Micros(self.pushed);
        let mut random = self.machine().random.clone();
        let mut sets = Vec::new();
        while sets.iter().all(|set: &tidegate::domain::WriteSet| set.changes.is_empty()) {
            sets = World::default().random_sets(&mut random, now);
        }
        self.machine().random = random;
        self.opened().writer.commit(&mut sets, now).unwrap();
    }
}

fn put(copy: &BTreeMap<String, Vec<u8>>, directory: &Path, what: What) {
    let write = |name: &str| fs::write(directory.join(name), &copy[name]).unwrap();
    match what {
        What::Directory | What::WithoutMark => {
            fs::remove_dir_all(directory).unwrap();
            fs::create_dir(directory).unwrap();
            copy.keys().for_each(|name| write(name));
        }
        What::InPlace => copy.keys().for_each(|name| write(name)),
        What::DatabaseAnew => {
            fs::remove_file(directory.join(DATABASE)).unwrap();
            write(DATABASE);
        }
        What::Database | What::DatabaseAndNoMark => write(DATABASE),
    }
    if matches!(what, What::WithoutMark | What::DatabaseAndNoMark) {
        fs::remove_file(directory.join(MARK)).unwrap();
    }
}

#[test]
fn u1_however_an_older_copy_is_put_back_no_follower_is_left_wrong_in_silence() {
    for (name, resets, steps) in WAYS {
        println!("{name}");
        let mut scene = Scene::new();
        // one that takes each change as it comes, and two that stay away from some moment on
        let mut away = vec![Follower::default(); steps.len()];
        for (place, step) in steps.iter().enumerate() {
            scene.step(*step);
            if let Some(opened) = &scene.machines[&scene.at].opened {
                away[place].follow(&opened.reader);
            }
        }
        for step in [Push(1), Follow] {
            scene.step(step);
        }
        let reader = scene.opened().reader.clone();
        away.iter_mut().for_each(|follower| follower.follow(&reader));
        assert_eq!(scene.follower.resets, resets, "{name}");
    }
}

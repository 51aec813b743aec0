//! A disk in memory that forgets and tears what was not synced, and fails when told to.
//!
//! It remembers every write since its beginning. A crash at a sync keeps all that earlier syncs
//! covered, and any part of the rest: whole writes, or single sectors of them, and the length of
//! the file or not.

use crate::support::random::Random;
use redb::{BackendError, StorageBackend};
use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

#[derive(Clone, Debug)]
enum Op {
    Write {
        offset: usize,
        bytes: Vec<u8>,
    },
    SetLen(usize),
    /// Reached when the test had noted this number.
    Sync {
        note: u64,
    },
}

#[derive(Debug, Default)]
struct Disk {
    first: Vec<u8>,
    live: Vec<u8>,
    history: Vec<Op>,
    note: u64,
    locked: bool,
    calls: u64,
    fails_at: Option<u64>,
    sync_takes: Duration,
}

/// Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct SimDisk(Arc<Mutex<Disk>>);

/// Which part of what was not synced survives a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    Nothing,
    Everything,
    SomeWrites,
    /// Some sectors of this many bytes of each write.
    SomeSectors(usize),
}

impl Keeps {
    pub const ALL: [Keeps; 5] = [
        Keeps::Nothing,
        Keeps::Everything,
        Keeps::SomeWrites,
        Keeps::SomeSectors(512),
        Keeps::SomeSectors(4_096),
    ];
}

/// A moment at which the power may fail: just before a sync was done.
#[derive(Clone, Copy, Debug)]
pub struct CrashPoint {
    at: usize,
    /// What the test had noted by then.
    pub note: u64,
}

impl SimDisk {
    pub fn holding(image: Vec<u8>) -> SimDisk {
        let disk = Disk { first: image.clone(), live: image, ..Disk::default() };
        SimDisk(Arc::new(Mutex::new(disk)))
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().expect("no test panics while it holds the disk")
    }

    /// From now on a sync takes so long.
    pub fn sync_takes(&self, time: Duration) {
        self.disk().sync_takes = time;
    }

    /// Notes what has been acknowledged, for the crash points to come.
    pub fn note(&self, note: u64) {
        self.disk().note = note;
    }

    /// The `call`-th call from the beginning fails, once.
    pub fn fail_at(&self, call: u64) {
        self.disk().fails_at = Some(call);
    }

    /// Reads, writes, syncs and changes of length so far.
    pub fn calls(&self) -> u64 {
        self.disk().calls
    }

    /// Every sync so far, and now.
    pub fn crash_points(&self) -> Vec<CrashPoint> {
        let disk = self.disk();
        let syncs = disk.history.iter().enumerate().filter_map(|(at, op)| match op {
            Op::Sync { note } => Some(CrashPoint { at, note: *note }),
            _ => None,
        });
        syncs.chain([CrashPoint { at: disk.history.len(), note: disk.note }]).collect()
    }

    /// What the disk holds after a crash at that point.
    pub fn after_crash(&self, point: CrashPoint, keeps: Keeps, random: &mut Random) -> Vec<u8> {
        let disk = self.disk();
        let before = &disk.history[..point.at];
        let synced = before.iter().rposition(|op| matches!(op, Op::Sync { .. })).map_or(0, |at| at + 1);
        let mut image = disk.first.clone();
        before[..synced].iter().for_each(|op| play(&mut image, op));
        for op in &before[synced..] {
            match keeps {
                Keeps::Nothing => {}
                Keeps::Everything => play(&mut image, op),
                Keeps::SomeWrites => {
                    if random.chance(50) {
                        play(&mut image, op);
                    }
                }
                Keeps::SomeSectors(sector) => play_torn(&mut image, op, sector, random),
            }
        }
        image
    }

    fn call(&self) -> io::Result<MutexGuard<'_, Disk>> {
        let mut disk = self.disk();
        disk.calls += 1;
        if disk.fails_at == Some(disk.calls) {
            return Err(io::Error::other("the disk failed because the test said so"));
        }
        Ok(disk)
    }
}

fn play(image: &mut Vec<u8>, op: &Op) {
    match op {
        Op::Write { offset, bytes } => put(image, *offset, bytes),
        Op::SetLen(len) => image.resize(*len, 0),
        Op::Sync { .. } => {}
    }
}

fn play_torn(image: &mut Vec<u8>, op: &Op, sector: usize, random: &mut Random) {
    let Op::Write { offset, bytes } = op else {
        if random.chance(50) {
            play(image, op);
        }
        return;
    };
    let (mut at, end) = (*offset, offset + bytes.len());
    while at < end {
        let next = end.min((at / sector + 1) * sector);
        if random.chance(50) {
            put(image, at, &bytes[at - offset..next - offset]);
        }
        at = next;
    }
}

fn put(image: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if image.len() < offset + bytes.len() {
        image.resize(offset + bytes.len(), 0);
    }
    image[offset..offset + bytes.len()].copy_from_slice(bytes);
}

impl StorageBackend for SimDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk().live.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let disk = self.call()?;
        let offset = offset as usize;
        let found = disk.live.get(offset..offset + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut disk = self.call()?;
        disk.live.resize(len as usize, 0);
        disk.history.push(Op::SetLen(len as usize));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.call()?;
        let note = disk.note;
        disk.history.push(Op::Sync { note });
        let takes = disk.sync_takes;
        drop(disk);
        if !takes.is_zero() {
            #[expect(clippy::disallowed_methods, reason = "a slow disk blocks the thread that waits for it")]
            std::thread::sleep(takes);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut disk = self.call()?;
        put(&mut disk.live, offset as usize, data);
        disk.history.push(Op::Write { offset: offset as usize, bytes: data.to_vec() });
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.disk().locked = false;
        Ok(())
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        if !matches!(start, Bound::Unbounded | Bound::Included(0)) || end != Bound::Unbounded {
            return Err(BackendError::Unsupported);
        }
        Ok(!std::mem::replace(&mut self.disk().locked, true))
    }

    fn unlock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        self.disk().locked = false;
        Ok(())
    }
}

//! A look at a store's file that changes nothing of it: every page by redb's own checksums, every row by ours.
//!
//! redb mends what a crash has left, and writes down what it finds. Here that goes to memory beside the file,
//! so that a file can be looked at which somebody has to hand out afterwards as it was.

use super::format::RowCounts;
use crate::codec::log::{LogError, record_head};
use crate::domain::Seq;
use crate::store::damage::Damage;
use crate::store::open::{open_error, unless_damaged};
use crate::store::tables::lives::{self, Lives};
use crate::store::tables::meta::{self, Meta};
use crate::store::tables::{assets, documents, log, prices, records};
use crate::store::{StoreError, verify};
use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageBackend};
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a file is found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// The identity of its last life.
    pub journal: u32,
    /// Everything up to here is in the tables.
    pub checkpoint: Seq,
    /// The first change that the log holds, or will hold.
    pub oldest: Seq,
    /// The last change.
    pub reached: Seq,
    /// Rows of its tables.
    pub rows: RowCounts,
    /// Tables with rows that are damaged in themselves, and how many: only these are lost.
    pub damaged: Vec<(&'static str, u64)>,
}

/// Looks at all of a file. Errs where it is damaged as a whole, is none of ours, or is open elsewhere.
pub fn inspect(path: &Path) -> Result<Inspection, StoreError> {
    let file = lock(path)?;
    unless_damaged(path, || {
        let bytes = file.metadata().map_err(|source| in_directory(path, source))?.len();
        let beside = Beside { file, written: Mutex::new(Written { length: bytes, pages: BTreeMap::new() }) };
        let mut builder = Database::builder();
        builder.set_check_integrity_on_open(true);
        let db = builder.create_with_backend(beside).map_err(|error| open_error(error, path))?;
        look(&db, path, bytes)
    })
}

/// Opens a file for reading, and holds it as a daemon would: errs where one does.
pub fn lock(path: &Path) -> Result<File, StoreError> {
    let file = File::open(path).map_err(|source| in_directory(path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::AlreadyOpen { place: path.display().to_string() }),
        Err(TryLockError::Error(source)) => Err(in_directory(path, source)),
    }
}

fn in_directory(path: &Path, source: io::Error) -> StoreError {
    StoreError::Directory { path: path.into(), source }
}

fn look(db: &Database, path: &Path, bytes: u64) -> Result<Inspection, StoreError> {
    let txn = db.begin_read()?;
    let missing = || StoreError::Corrupt { table: "meta", source: LogError::Truncated };
    let meta = meta::read(&txn)?.ok_or_else(missing)?;
    if let Some(row) = txn.open_table(lives::TABLE)?.get(lives::ROW)? {
        Lives::take(row.value()).map_err(StoreError::corrupt("lives"))?;
    }
    let damage = Damage::default();
    verify::walk(db, &damage)?;
    let log = walk_log(&txn.open_table(log::TABLE)?, meta.oldest)?;
    let rows = RowCounts {
        log: log.records,
        documents: txn.open_table(documents::TABLE)?.len()?,
        assets: txn.open_table(assets::TABLE)?.len()?,
        prices: txn.open_table(prices::TABLE)?.len()?,
        records: txn.open_table(records::TABLE)?.len()?,
    };
    let tail_begins = log.first.is_none_or(|first| first.0 <= meta.checkpoint.0 + 1);
    let reached = log.last.unwrap_or(meta.checkpoint).max(meta.checkpoint);
    if !tail_begins {
        let found = log.first.map_or(0, |first| first.0);
        return Err(StoreError::Gap { expected: meta.checkpoint.0 + 1, found });
    }
    let damaged = damage.counts().into_iter().filter(|(_, times)| *times > 0).collect();
    let Meta { journal, checkpoint, oldest } = meta;
    Ok(Inspection { path: path.into(), bytes, journal, checkpoint, oldest, reached, rows, damaged })
}

#[derive(Default)]
struct Log {
    records: u64,
    first: Option<Seq>,
    last: Option<Seq>,
}

/// Every record, one after the other without a gap.
fn walk_log(table: &impl ReadableTable<u64, &'static [u8]>, oldest: Seq) -> Result<Log, StoreError> {
    let mut log = Log::default();
    let mut expected = oldest.0;
    for row in table.iter()? {
        let (key, record) = row?;
        let first = key.value();
        if first != expected {
            return Err(StoreError::Gap { expected, found: first });
        }
        let head = record_head(record.value(), Seq(first)).map_err(StoreError::corrupt("log"))?;
        let last = log::last_seq(first, head.count);
        log.records += 1;
        log.first.get_or_insert(Seq(first));
        log.last = Some(last);
        expected = last.0 + 1;
    }
    Ok(log)
}

const PAGE: usize = 4096;

/// A file, and what would have been written to it.
#[derive(Debug)]
struct Beside {
    file: File,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    length: u64,
    pages: BTreeMap<u64, Box<[u8; PAGE]>>,
}

impl Beside {
    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the file holds; zeroes beyond its end.
    fn read_file(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut done = 0;
        while done < out.len() {
            match self.file.read_at(&mut out[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        out[done..].fill(0);
        Ok(())
    }
}

/// The pages that a stretch of bytes touches: number, place in the page, place in the stretch.
fn pages(offset: u64, length: usize) -> impl Iterator<Item = (u64, std::ops::Range<usize>, usize)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == length {
            return None;
        }
        let at = offset + done as u64;
        let from = (at % PAGE as u64) as usize;
        let count = (PAGE - from).min(length - done);
        let piece = (at / PAGE as u64, from..from + count, done);
        done += count;
        Some(piece)
    })
}

impl StorageBackend for Beside {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.written().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.read_file(offset, out)?;
        let written = self.written();
        for (number, within, at) in pages(offset, out.len()) {
            if let Some(page) = written.pages.get(&number) {
                out[at..at + within.len()].copy_from_slice(&page[within]);
            }
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<(), io::Error> {
        self.written().length = length;
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        Ok(())
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), io::Error> {
        for (number, within, at) in pages(offset, bytes.len()) {
            let known = self.written().pages.contains_key(&number);
            let mut page = Box::new([0; PAGE]);
            if !known {
                self.read_file(number * PAGE as u64, &mut page[..])?;
            }
            let mut written = self.written();
            let page = written.pages.entry(number).or_insert(page);
            let length = within.len();
            page[within].copy_from_slice(&bytes[at..at + length]);
        }
        Ok(())
    }
}

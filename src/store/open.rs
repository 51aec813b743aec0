//! Opening: the directory, the marker, the schema, and the way back to where the log ended.
//!
//! Beside the redb file lies a marker that says that it exists. A file that is missing although
//! the marker is there has been lost, and is never silently begun anew. A second one says how far
//! the file had come, so that an older copy of it is noticed.

use super::high_water::{HighWater, HighWaterFile};
use super::shared::Shared;
use super::tables::{self, log, meta};
use super::writer::Writer;
use super::{Reader, StoreError, recovery};
use crate::codec::log::record_head;
use crate::config::StoreSettings;
use crate::domain::Seq;
use redb::{Builder, Database, DatabaseError, Durability, ReadTransaction, ReadableDatabase, ReadableTable};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const FILE: &str = "tidegate.redb";
/// A file in the making: redb cannot open one whose making was cut short, so only a whole one gets
/// the real name.
const NEW_FILE: &str = "tidegate.redb.new";
const MARKER: &str = "tidegate.exists";
const MARKER_TEXT: &str = "tidegate.redb lies beside this file. If it is missing, it has been lost: \
    Tidegate then refuses to start with an empty catalogue unless told so with --init.\n";

#[derive(Clone, Copy, Debug)]
pub struct StoreOptions {
    /// Memory for pages of the tables.
    pub cache_bytes: usize,
    /// Above this the overlay is full. The store only begins checkpoints in time for it; refusing
    /// writes is the admission's part.
    pub overlay_bytes_max: usize,
    /// Microseconds for which changes are kept in the log.
    pub log_keep: i64,
    /// Bytes of log kept at most, what is not yet in the tables aside.
    pub log_bytes_max: u64,
    /// A missing file may be made although the marker says that it existed.
    pub init: bool,
}

impl StoreOptions {
    /// What the configuration says; `init` is only ever said by a person, once.
    pub fn of(settings: &StoreSettings, init: bool) -> StoreOptions {
        StoreOptions {
            cache_bytes: settings.cache_bytes,
            overlay_bytes_max: settings.overlay_bytes_max,
            log_keep: i64::try_from(settings.log_keep.as_micros()).unwrap_or(i64::MAX),
            log_bytes_max: settings.log_bytes_max,
            init,
        }
    }
}

/// What opening had to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Records of the log above the checkpoint, applied again.
    pub records: u64,
    /// Changes in them.
    pub changes: u64,
    pub took: Duration,
}

pub struct Opened {
    pub writer: Writer,
    pub reader: Reader,
    pub recovery: Recovery,
}

/// Opens the store in `directory`, making both where they are not there yet.
pub fn open(directory: &Path, options: &StoreOptions) -> Result<Opened, StoreError> {
    let in_directory = |source| StoreError::Directory { path: directory.into(), source };
    fs::create_dir_all(directory).map_err(in_directory)?;
    let (path, marker) = (directory.join(FILE), directory.join(MARKER));
    let there = fs::metadata(&path).is_ok_and(|found| found.len() > 0);
    let existed = marker.exists();
    if existed && !there && !options.init {
        return Err(StoreError::Missing { path, marker });
    }
    let high_water = HighWaterFile::within(directory);
    if !there {
        if existed {
            tracing::warn!(path = %path.display(), "database file missing, beginning anew as told by --init");
        }
        high_water.forget().map_err(in_directory)?;
        make(directory, &path, options)?;
    }
    let db = builder(options).create(&path).map_err(|error| open_error(error, &path))?;
    if existed && !options.init && meta::read(&db.begin_read()?)?.is_none() {
        return Err(StoreError::Missing { path, marker });
    }
    let mut opened = open_database(db, options, high_water.read())?;
    mark(directory, &marker).map_err(in_directory)?;
    // what recovery read may be on its way to the disk still, and the mark must not be ahead of it
    opened.writer.begin(Durability::Immediate)?.commit()?;
    opened.writer.high_water_file = Some(high_water);
    opened.writer.note_high_water(true);
    Ok(opened)
}

/// Makes a whole, empty store under another name, then gives it the real one.
fn make(directory: &Path, path: &Path, options: &StoreOptions) -> Result<(), StoreError> {
    let in_directory = |source| StoreError::Directory { path: directory.into(), source };
    let new = directory.join(NEW_FILE);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(in_directory(error)),
        _ => {}
    }
    let db = builder(options).create(&new).map_err(|error| open_error(error, &new))?;
    begin_journal(&db)?;
    drop(db);
    fs::rename(&new, path).and_then(|()| sync_directory(directory)).map_err(in_directory)
}

/// Opens the store in a backend of the caller's: for tests that make the disk fail.
pub fn open_backend<B: redb::StorageBackend>(
    backend: B,
    options: &StoreOptions,
) -> Result<Opened, StoreError> {
    let db = builder(options)
        .create_with_backend(backend)
        .map_err(|error| open_error(error, Path::new("the given backend")))?;
    open_database(db, options, None)
}

fn builder(options: &StoreOptions) -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(options.cache_bytes);
    builder
}

fn open_error(error: DatabaseError, path: &Path) -> StoreError {
    let place = path.display().to_string();
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem};
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::AlreadyOpen { place },
        DatabaseError::Storage(redb::StorageError::Io(source))
            if matches!(source.kind(), NotADirectory | NotFound | PermissionDenied | ReadOnlyFilesystem) =>
        {
            StoreError::Directory { path: path.parent().unwrap_or(path).into(), source }
        }
        error => StoreError::Open { place, source: Box::new(error.into()) },
    }
}

/// Makes the marker, durably.
fn mark(directory: &Path, marker: &Path) -> io::Result<()> {
    if marker.exists() {
        return Ok(());
    }
    let mut file = File::create(marker)?;
    file.write_all(MARKER_TEXT.as_bytes())?;
    file.sync_all()?;
    sync_directory(directory)
}

/// Makes the names in a directory durable.
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// `known`: how far the file that is expected here had come.
fn open_database(
    db: Database,
    options: &StoreOptions,
    known: Option<HighWater>,
) -> Result<Opened, StoreError> {
    let found = meta::read(&db.begin_read()?)?;
    let mut meta = match found {
        Some(meta) => meta,
        None => begin_journal(&db)?,
    };
    let end = log_end(&db.begin_read()?)?;
    let position = Seq(meta.checkpoint);
    let last = end.map_or(position, |end| end.last.max(position));
    if let Some(known) = known.filter(|known| known.journal != meta.journal || last < known.reached) {
        meta.journal = renew_journal(&db)?;
        tracing::warn!(
            ends_at = last.0,
            reached = known.reached.0,
            "older database file put in place of ours, refusing the cursors given before"
        );
    }
    let shared = Arc::new(Shared::new(db, meta.journal, last));
    let mut writer = Writer::new(shared.clone(), *options, position);
    writer.log_bytes = end.map_or(0, |end| end.bytes);
    let recovery = recovery::run(&mut writer)?;
    Ok(Opened { writer, reader: Reader::new(shared), recovery })
}

fn new_identity() -> Result<u32, StoreError> {
    getrandom::u32().map_err(|source| StoreError::Random { source })
}

/// Gives a journal that goes on from an earlier point another identity, durably.
fn renew_journal(db: &Database) -> Result<u32, StoreError> {
    let journal = new_identity()?;
    let txn = db.begin_write()?;
    txn.open_table(meta::TABLE)?.insert(meta::JOURNAL, u64::from(journal))?;
    txn.commit()?;
    Ok(journal)
}

/// Makes all tables and gives the journal its identity.
fn begin_journal(db: &Database) -> Result<meta::Meta, StoreError> {
    let journal = new_identity()?;
    let txn = db.begin_write()?;
    tables::create_all(&txn)?;
    let mut table = txn.open_table(meta::TABLE)?;
    table.insert(meta::SCHEMA, meta::SCHEMA_VERSION)?;
    table.insert(meta::JOURNAL, u64::from(journal))?;
    table.insert(meta::CHECKPOINT, 0)?;
    table.insert(meta::OLDEST, 1)?;
    drop(table);
    txn.commit()?;
    Ok(meta::Meta { journal, checkpoint: 0 })
}

/// Where the log ends: its last change, and the bytes of all its records.
#[derive(Clone, Copy)]
struct LogEnd {
    last: Seq,
    bytes: u64,
}

fn log_end(txn: &ReadTransaction) -> Result<Option<LogEnd>, StoreError> {
    let table = txn.open_table(log::TABLE)?;
    let Some((first, record)) = table.last()? else { return Ok(None) };
    let head = record_head(record.value()).map_err(StoreError::corrupt("log"))?;
    let bytes = head.bytes_before.saturating_add(record.value().len() as u64);
    Ok(Some(LogEnd { last: log::last_seq(first.value(), head.count), bytes }))
}

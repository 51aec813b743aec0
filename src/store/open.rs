//! Opening: the directory, the marker, the schema, and the way back to where the log ended.
//!
//! Beside the redb file lies a marker that says that it exists. A file that is missing although
//! the marker is there has been lost, and an empty one never silently takes its place. A second one
//! says how far the file had come, so that an older copy of it is noticed. Each opening begins a life of
//! the file, which is what cursors rest on.

use super::high_water::{HighWater, HighWaterFile};
use super::options::StoreOptions;
use super::place::FilePlace;
use super::recovery::{self, Recovery};
use super::shared::Shared;
use super::tables::lives::{self, Lives};
use super::tables::meta::{self, Meta};
use super::tables::{self, log};
use super::writer::Writer;
use super::{Reader, StoreError, verify};
use crate::codec::log::record_head;
use crate::config::private::{self, create_directory, create_file};
use crate::domain::Seq;
use crate::telemetry::caught;
use redb::backends::FileBackend;
use redb::{
    Builder, Database, DatabaseError, Durability, ReadTransaction, ReadableDatabase, ReadableTable,
    TableError,
};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The database, in its directory.
pub const FILE: &str = "tidegate.redb";
/// A file in the making: redb cannot open one whose making was cut short, so only a whole one gets
/// the real name.
const NEW_FILE: &str = "tidegate.redb.new";
/// Says that the database exists, or did.
pub const MARKER: &str = "tidegate.exists";
const MARKER_TEXT: &str = "tidegate.redb lies beside this file. If it is missing, it has been lost: \
    Tidegate then refuses to start with an empty catalogue unless told so with --init.\n";

/// A store that has been opened: one writer, any number of readers.
pub struct Opened {
    /// The only one that writes.
    pub writer: Writer,
    /// To be cloned.
    pub reader: Reader,
    /// What opening it has found.
    pub recovery: Recovery,
}

/// Opens the store in `directory`, making both where they are not there yet.
pub fn open(directory: &Path, options: &StoreOptions) -> Result<Opened, StoreError> {
    let in_directory = |source| StoreError::Directory { path: directory.into(), source };
    create_directory(directory).map_err(in_directory)?;
    let (path, marker) = (directory.join(FILE), directory.join(MARKER));
    let there = fs::metadata(&path).is_ok_and(|found| found.len() > 0);
    let existed = marker.exists();
    if existed && !there && !options.init {
        return Err(StoreError::Missing { path, marker });
    }
    let high_water = HighWaterFile::within(directory);
    if !there {
        if existed {
            tracing::warn!(path = %path.display(), "database file missing, beginning again as told by --init");
        }
        high_water.forget().map_err(in_directory)?;
        make(directory, &path, options)?;
    }
    let mut opened = unless_damaged(&path, || {
        let (db, found) = open_file(&path, options)?;
        if existed && !options.init && meta::read(&db.begin_read()?)?.is_none() {
            return Err(StoreError::Missing { path: path.clone(), marker: marker.clone() });
        }
        open_database(db, options, FoundFile { known: high_water.read(), ..found })
    })?;
    mark(directory, &marker).map_err(in_directory)?;
    // what recovery read may be on its way to the disk still, and the mark must not be ahead of it
    opened.writer.begin(Durability::Immediate)?.commit()?;
    opened.writer.high_water_file = Some(high_water);
    opened.writer.note_high_water(true);
    Ok(opened)
}

/// Opens; where the bytes of the file make that fail or panic, says that it is damaged.
pub fn unless_damaged<T>(path: &Path, open: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let result = caught(open).unwrap_or_else(|cause| Err(StoreError::Panicked { cause }));
    result.map_err(|error| match error.damaged() {
        Some(_) => StoreError::Damaged { place: path.display().to_string(), source: Box::new(error) },
        None => error,
    })
}

/// What is known of a file beside what it says itself.
#[derive(Default)]
pub struct FoundFile {
    /// How far the file that is expected here had come.
    pub known: Option<HighWater>,
    /// Where it is.
    pub place: Option<FilePlace>,
    /// redb has verified every page of it just now.
    pub is_verified: bool,
}

/// Opens the database at a path, and makes one that is not there.
pub fn open_file(path: &Path, options: &StoreOptions) -> Result<(Database, FoundFile), StoreError> {
    let in_directory = |source| StoreError::Directory { path: path.parent().unwrap_or(path).into(), source };
    let file = private::open_file(path).map_err(in_directory)?;
    let place = FilePlace::of(&file, path).map_err(in_directory)?;
    let repaired = Arc::new(AtomicBool::new(false));
    let mut builder = builder(options);
    let notice = repaired.clone();
    builder.set_repair_callback(move |_| notice.store(true, Ordering::Relaxed));
    let backend = FileBackend::new(file).map_err(|error| open_error(error, path))?;
    let db = builder.create_with_backend(backend).map_err(|error| open_error(error, path))?;
    let is_verified = repaired.load(Ordering::Relaxed);
    Ok((db, FoundFile { known: None, place: Some(place), is_verified }))
}

/// Makes a whole, empty store under another name, then gives it the real one.
fn make(directory: &Path, path: &Path, options: &StoreOptions) -> Result<(), StoreError> {
    let in_directory = |source| StoreError::Directory { path: directory.into(), source };
    let new = directory.join(NEW_FILE);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(in_directory(error)),
        _ => {}
    }
    let (db, _) = open_file(&new, options)?;
    begin_file(&db)?;
    drop(db);
    fs::rename(&new, path).and_then(|()| sync_directory(directory)).map_err(in_directory)
}

/// Opens the store in a backend that the caller gives: for tests that make the disk fail.
pub fn open_backend<B: redb::StorageBackend>(
    backend: B,
    options: &StoreOptions,
) -> Result<Opened, StoreError> {
    let place = Path::new("the given backend");
    unless_damaged(place, || {
        let db = builder(options).create_with_backend(backend).map_err(|error| open_error(error, place))?;
        open_database(db, options, FoundFile::default())
    })
}

fn builder(options: &StoreOptions) -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(options.cache_bytes);
    builder
}

/// What redb says of a file that it does not open.
pub fn open_error(error: DatabaseError, path: &Path) -> StoreError {
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
pub fn mark(directory: &Path, marker: &Path) -> io::Result<()> {
    if marker.exists() {
        return Ok(());
    }
    let mut file = create_file(marker)?;
    file.write_all(MARKER_TEXT.as_bytes())?;
    file.sync_all()?;
    sync_directory(directory)
}

/// Makes the names in a directory durable.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Begins a life of a database, and applies the tail of its log.
pub fn open_database(db: Database, options: &StoreOptions, found: FoundFile) -> Result<Opened, StoreError> {
    let meta = match meta::read(&db.begin_read()?)? {
        Some(meta) => meta,
        None => begin_file(&db)?,
    };
    let end = log_end(&db.begin_read()?)?;
    let last = end.map_or(meta.checkpoint, |end| end.last.max(meta.checkpoint));
    let mut lives = history(&db, &meta)?;
    if let Some(known) = found.known
        && (last < known.reached || !lives.admit(known.journal, known.reached))
    {
        tracing::warn!(
            ends_at = last.0,
            reached = known.reached.0,
            "an older database file was put in place of ours: what came since is lost, and cursors of \
             followers that are ahead of it are refused"
        );
    }
    begin_life(&db, &mut lives, meta, last)?;
    let mut shared = Shared::new(db, lives, last);
    shared.place = found.place;
    if !found.is_verified {
        verify::walk(&shared.db, &shared.damage)?;
    }
    let shared = Arc::new(shared);
    let mut writer = Writer::new(shared.clone(), *options, meta.checkpoint);
    writer.log_bytes = end.map_or(0, |end| end.bytes);
    let recovery = recovery::run(&mut writer)?;
    Ok(Opened { writer, reader: Reader::new(shared), recovery })
}

/// An identity for a life.
pub fn new_identity() -> Result<u32, StoreError> {
    getrandom::u32().map_err(|source| StoreError::Random { source })
}

/// The lives that the file has had. A history that cannot be read begins again, empty: then every
/// cursor given so far is refused.
fn history(db: &Database, meta: &Meta) -> Result<Lives, StoreError> {
    let table = match db.begin_read()?.open_table(lives::TABLE) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(Lives::of_one(meta.journal)),
        other => other?,
    };
    let row = table.get(lives::ROW)?;
    let Some(row) = row else { return Ok(Lives::of_one(meta.journal)) };
    Lives::take(row.value()).or_else(|cause| {
        tracing::error!(%cause, "the history of the database is damaged: all cursors are refused");
        Ok(Lives::default())
    })
}

/// Begins a life after `last`, durably. Only then may anything be given out under its name.
fn begin_life(db: &Database, lives: &mut Lives, meta: Meta, last: Seq) -> Result<(), StoreError> {
    let mut identity = new_identity()?;
    while lives.holds(identity) {
        identity = new_identity()?;
    }
    lives.begin(identity, Seq(last.0 + 1), meta.oldest);
    let mut row = Vec::new();
    lives.put(&mut row);
    let txn = db.begin_write()?;
    txn.open_table(lives::TABLE)?.insert(lives::ROW, row.as_slice())?;
    meta::put(&txn, &Meta { journal: identity, ..meta })?;
    txn.commit()?;
    Ok(())
}

/// Makes all tables, in which nothing stands yet.
fn begin_file(db: &Database) -> Result<Meta, StoreError> {
    let meta = Meta { journal: new_identity()?, checkpoint: Seq(0), oldest: Seq(1) };
    let txn = db.begin_write()?;
    tables::create_all(&txn)?;
    meta::put(&txn, &meta)?;
    txn.commit()?;
    Ok(meta)
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
    let head = record_head(record.value(), Seq(first.value())).map_err(StoreError::corrupt("log"))?;
    let bytes = head.bytes_before.saturating_add(record.value().len() as u64);
    Ok(Some(LogEnd { last: log::last_seq(first.value(), head.count), bytes }))
}

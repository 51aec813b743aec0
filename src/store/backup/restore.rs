//! A store made from a backup: written beside its place, opened and verified there, and only then put into it.

use super::contents::{BackupParser, BackupSummary, VerifiedRows};
use super::error::BackupError;
use super::format::{BackupStart, RowCounts, RowKey, Section};
use super::inspect::{Inspection, inspect, lock};
use crate::domain::{Micros, Seq, WriteSet};
use crate::store::high_water::HighWaterFile;
use crate::store::open::{self, FILE, FoundFile, MARKER};
use crate::store::tables::lives::{self, Lives};
use crate::store::tables::meta::{self, Meta};
use crate::store::tables::{self, assets, documents, log, prices, records};
use crate::store::{ReadError, Reader, StoreError, StoreOptions};
use redb::{Database, Durability};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A store in the making; of one whose making was cut short the rest is removed by the next.
const NEW_FILE: &str = "tidegate.redb.restored";
/// The store that was there, after a restore by force.
const OLD_FILE: &str = "tidegate.redb.replaced";

/// What has become of a restore.
#[derive(Debug)]
pub struct Restored {
    /// What the backup was.
    pub backup: BackupSummary,
    /// What the store now is.
    pub store: Inspection,
    /// Where the store is that was there before.
    pub replaced: Option<PathBuf>,
}

/// How a store is restored.
pub struct RestoreOrder<'a> {
    /// What the store is opened with meanwhile.
    pub options: &'a StoreOptions,
    /// A store that is there is kept beside; without this it is refused.
    pub force: bool,
    /// Told how far it is.
    pub watch: &'a mut dyn FnMut(&BackupStart, RowCounts),
    /// What is committed behind the backup's last change, before the store is put into its place.
    pub last: &'a mut dyn FnMut(&Reader) -> Result<WriteSet, ReadError>,
    /// Our clock.
    pub now: Micros,
}

/// Makes a store in `directory` from a backup, with a history of its own: no cursor that was ever given is of
/// it. Nothing is put into place before all of the backup has been verified, and the file made of it too.
pub fn restore(input: impl Read, directory: &Path, order: RestoreOrder<'_>) -> Result<Restored, BackupError> {
    let force = order.force;
    let in_directory = |source| StoreError::Directory { path: directory.into(), source };
    let path = directory.join(FILE);
    let is_there = fs::metadata(&path).is_ok_and(|found| found.len() > 0);
    if is_there && !force {
        return Err(BackupError::Occupied { path });
    }
    crate::config::private::create_directory(directory).map_err(in_directory)?;
    // held until the other file is in its place: no daemon may begin meanwhile
    let _locked = is_there.then(|| lock(&path)).transpose()?;
    let new = directory.join(NEW_FILE);
    remove(&new).map_err(in_directory)?;
    let made = open::unless_damaged(&new, || Ok(make(input, &new, order)));
    let (backup, store) = made.map_err(BackupError::from).flatten().inspect_err(|_| {
        // what is left of it is removed by the next restore at the latest
        let _ = remove(&new);
    })?;
    let replaced = is_there.then(|| directory.join(OLD_FILE));
    let put = || {
        if let Some(old) = &replaced {
            fs::rename(&path, old)?;
        }
        fs::rename(&new, &path)?;
        // the mark of another history
        HighWaterFile::within(directory).forget()?;
        open::mark(directory, &directory.join(MARKER))?;
        open::sync_directory(directory)
    };
    put().map_err(in_directory)?;
    Ok(Restored { backup, store: Inspection { path, ..store }, replaced })
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn make(
    input: impl Read,
    new: &Path,
    order: RestoreOrder<'_>,
) -> Result<(BackupSummary, Inspection), BackupError> {
    let RestoreOrder { options, watch, last, now, .. } = order;
    let (db, _) = open::open_file(new, options)?;
    let backup = write(input, &db, watch)?;
    db.close().map_err(|error| StoreError::Database { source: Box::new(error.into()) })?;
    // as the daemon will open it; what the log says goes into the tables
    let (db, found) = open::open_file(new, options)?;
    let mut opened = open::open_database(db, options, FoundFile { known: None, ..found })?;
    let ends_with =
        |reached: Seq| BackupError::Differs { what: format!("it ends with change {}", reached.0) };
    let reached = opened.reader.durable();
    if reached != backup.end.reached {
        return Err(ends_with(reached));
    }
    let last = last(&opened.reader).map_err(|error| BackupError::Unreadable { source: error })?;
    let written = opened.writer.commit(&mut vec![last], now)?.last;
    opened.writer.checkpoint_all()?;
    drop(opened);
    let store = inspect(new)?;
    if store.reached != written {
        return Err(ends_with(store.reached));
    }
    if let Some((table, rows)) = store.damaged.first() {
        return Err(BackupError::Differs { what: format!("{rows} rows of {table} are damaged") });
    }
    Ok((backup, store))
}

fn write(
    input: impl Read,
    db: &Database,
    watch: &mut dyn FnMut(&BackupStart, RowCounts),
) -> Result<BackupSummary, BackupError> {
    let journal = open::new_identity()?;
    let mut take = |parser: &BackupParser, rows: Option<VerifiedRows>| -> Result<(), BackupError> {
        if let Some(start) = parser.start() {
            watch(start, parser.seen());
        }
        match (rows, parser.start()) {
            (Some(rows), _) => insert(db, &rows)?,
            (None, Some(start)) if parser.seen() == RowCounts::default() => begin(db, start, journal)?,
            (None, _) => {}
        }
        Ok(())
    };
    let summary = BackupParser::default().read_all(input, &mut take)?;
    let mut txn = db.begin_write().map_err(StoreError::from)?;
    txn.set_durability(Durability::Immediate).map_err(StoreError::from)?;
    txn.commit().map_err(StoreError::from)?;
    Ok(summary)
}

/// A file that holds nothing yet but where its log will begin.
fn begin(db: &Database, start: &BackupStart, journal: u32) -> Result<(), StoreError> {
    let txn = db.begin_write()?;
    tables::create_all(&txn)?;
    let oldest = Seq(start.checkpoint.0 + 1);
    meta::put(&txn, &Meta { journal, checkpoint: start.checkpoint, oldest })?;
    let mut row = Vec::new();
    Lives::of_one(journal).put(&mut row);
    txn.open_table(lives::TABLE)?.insert(lives::ROW, row.as_slice())?;
    txn.commit()?;
    Ok(())
}

fn insert(db: &Database, rows: &VerifiedRows) -> Result<(), StoreError> {
    let mut txn = db.begin_write()?;
    // all of it is synced at the end; a file that is not finished is not used
    txn.set_durability(Durability::None)?;
    match rows.section {
        Section::Log => {
            let mut table = txn.open_table(log::TABLE)?;
            for (key, value) in rows.rows() {
                let RowKey::Log(first) = key else { continue };
                table.insert(first, value)?;
            }
        }
        Section::Documents => {
            let mut table = txn.open_table(documents::TABLE)?;
            for (key, value) in rows.rows() {
                let RowKey::Document(partner, id) = key else { continue };
                table.insert((partner, id), value)?;
            }
        }
        Section::Records => {
            let mut table = txn.open_table(records::TABLE)?;
            for (key, value) in rows.rows() {
                let RowKey::Record(kind, partner, key) = key else { continue };
                table.insert((kind, partner, key), value)?;
            }
        }
        Section::Assets | Section::Prices => {
            let is_assets = rows.section == Section::Assets;
            let mut table = txn.open_table(if is_assets { assets::TABLE } else { prices::TABLE })?;
            for (key, value) in rows.rows() {
                let RowKey::Block(partner, number) = key else { continue };
                table.insert((partner, number), value)?;
            }
        }
    }
    txn.commit()?;
    Ok(())
}

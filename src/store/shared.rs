//! What writer and readers share: the database, the overlay, the durable sequence.

use super::damage::Damage;
use super::overlay::Overlay;
use super::place::FilePlace;
use super::tables::lives::Lives;
use super::{ReadError, StoreError};
use crate::domain::Seq;
use redb::{Database, ReadTransaction, ReadableDatabase};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::watch;

/// A reader that a finishing checkpoint overtook this often reads under the lock instead.
const ATTEMPTS: usize = 3;

/// One open file, with what is known of it in memory.
pub struct Shared {
    /// The file.
    pub db: Database,
    /// Its history, the present life included.
    pub lives: Lives,
    /// What was found damaged since it was opened.
    pub damage: Damage,
    /// Where the file is; `None` for one that has no path.
    pub place: Option<FilePlace>,
    /// The sequence up to which all changes are on disk and visible.
    pub durable: watch::Sender<Seq>,
    /// About how many bytes the overlay takes in memory.
    pub overlay_bytes: AtomicUsize,
    /// The last sequence of the newest record of the log that is large to read.
    pub large_until: AtomicU64,
    overlay: RwLock<Overlay>,
    /// Mirrors `Overlay::finished`, for a look before the lock is taken.
    finished: AtomicU64,
    displaced: AtomicBool,
}

impl Shared {
    /// A file that holds everything up to `durable`, with an empty overlay.
    pub fn new(db: Database, lives: Lives, durable: Seq) -> Shared {
        Shared {
            db,
            lives,
            damage: Damage::default(),
            place: None,
            durable: watch::Sender::new(durable),
            overlay_bytes: AtomicUsize::new(0),
            large_until: AtomicU64::new(0),
            overlay: RwLock::default(),
            finished: AtomicU64::new(0),
            displaced: AtomicBool::new(false),
        }
    }

    /// The error that says so, if the file has been found removed or replaced: it is written no more.
    pub fn displaced(&self) -> Option<StoreError> {
        let place = self.place.as_ref().filter(|_| self.displaced.load(Ordering::Acquire))?;
        Some(StoreError::Displaced { path: place.path.clone() })
    }

    /// Whether the file is no longer in its place. Once that was so, it stays so.
    pub fn look_at_place(&self) -> bool {
        if self.place.as_ref().is_some_and(FilePlace::is_lost) {
            self.displaced.store(true, Ordering::Release);
        }
        self.displaced.load(Ordering::Acquire)
    }

    /// The overlay, to be read. Errs where a panic has torn it.
    pub fn overlay(&self) -> Result<RwLockReadGuard<'_, Overlay>, StoreError> {
        self.overlay.read().map_err(|_| StoreError::Torn)
    }

    /// The overlay, to be changed: by the writer's thread alone. Errs where a panic has torn it.
    pub fn overlay_mut(&self) -> Result<RwLockWriteGuard<'_, Overlay>, StoreError> {
        self.overlay.write().map_err(|_| StoreError::Torn)
    }

    /// Lets the frozen generation go; what it said is in the tables that are visible from now on.
    pub fn drop_frozen(&self) -> Result<(), StoreError> {
        let mut overlay = self.overlay_mut()?;
        let frozen = overlay.frozen.take();
        overlay.finished += 1;
        self.finished.store(overlay.finished, Ordering::Release);
        self.overlay_bytes.store(overlay.bytes(), Ordering::Relaxed);
        drop(overlay);
        drop(frozen); // after the lock: it frees tens of megabytes
        Ok(())
    }

    /// Reads from the tables and from the overlay at one moment. `scout` reads the tables without
    /// the lock; `collect` then takes what belongs to it from the overlay, in memory only.
    pub fn together<S, T>(
        &self,
        scout: impl Fn(&ReadTransaction) -> Result<S, StoreError>,
        collect: impl Fn(&Overlay, &S) -> T,
    ) -> Result<(ReadTransaction, S, T), ReadError> {
        for _ in 0..ATTEMPTS {
            let finished = self.finished.load(Ordering::Acquire);
            let txn = self.begin_read()?;
            let scouted = scout(&txn)?;
            let overlay = self.overlay()?;
            if overlay.finished == finished {
                let collected = collect(&overlay, &scouted);
                return Ok((txn, scouted, collected));
            }
        }
        let overlay = self.overlay()?;
        let txn = self.begin_read()?;
        let scouted = scout(&txn)?;
        let collected = collect(&overlay, &scouted);
        Ok((txn, scouted, collected))
    }

    /// Begins to read the tables as they are now.
    pub fn begin_read(&self) -> Result<ReadTransaction, StoreError> {
        Ok(self.db.begin_read()?)
    }
}

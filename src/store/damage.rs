//! Damage: what was read from the file and is not what was written. It is counted by table, and never
//! shown as a value.

use super::StoreError;
use std::sync::atomic::{AtomicU64, Ordering};

/// The tables, and `file` for what redb itself could not read.
pub const PLACES: [&str; 8] = ["log", "documents", "assets", "prices", "records", "meta", "lives", "file"];

/// How often damage was met since the file was opened.
#[derive(Debug, Default)]
pub struct Damage([AtomicU64; PLACES.len()]);

impl Damage {
    /// Counts an error if damage has caused it.
    pub fn note(&self, error: &StoreError) {
        let Some(met) = error.damaged() else { return };
        let place = PLACES.iter().position(|place| *place == met).unwrap_or(PLACES.len() - 1);
        self.0[place].fetch_add(1, Ordering::Relaxed);
    }

    /// The count of each place, in the order of `PLACES`.
    pub fn counts(&self) -> [(&'static str, u64); PLACES.len()] {
        std::array::from_fn(|place| (PLACES[place], self.0[place].load(Ordering::Relaxed)))
    }
}

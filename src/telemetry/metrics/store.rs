//! What is counted of the store, and of the log of the program.

use super::Metrics;
use std::time::Duration;

impl Metrics {
    /// A group of so many write sets, with so many changes, is durable.
    pub fn commit_finished(&self, took: Duration, (sets, changes): (usize, usize)) {
        self.0.commit_seconds.record(took);
        self.0.commit_sets.record(sets as f64);
        self.0.commit_changes.record(changes as f64);
    }

    /// A group of changes could not be written, for this reason.
    pub fn commit_failed(&self, reason: &'static str) {
        self.0.commit_failures.of(reason).increment(1);
    }

    /// Changes were moved from memory into the tables.
    pub fn checkpoint_finished(&self, took: Duration) {
        self.0.checkpoint_seconds.record(took);
    }

    /// A start has read so many changes again.
    pub fn recovered(&self, changes: u64, took: Duration) {
        self.0.recovery_changes.set(changes as f64);
        self.0.recovery_seconds.set(took.as_secs_f64());
    }

    /// Damage has been met so often in `table` since the start.
    pub fn damage_stands_at(&self, table: &'static str, times: u64) {
        if times > 0 {
            self.0.store_damaged.of(table).absolute(times);
        }
    }

    /// So many lines of the log have been dropped since the start.
    pub fn log_dropped_stands_at(&self, lines: u64) {
        self.0.log_dropped.absolute(lines);
    }
}

//! A run under way, with the task that reads its file.

use super::active::ActiveRun;
use super::board::RunProgress;
use super::ending::Ending;
use crate::clock::Mark;
use crate::domain::{RunId, RunReport};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// A run under way: its task, which ends with it, and its state once it applies.
pub struct RunningFeed {
    pub run: RunId,
    pub task: JoinHandle<()>,
    pub progress: Arc<RunProgress>,
    pub began: Mark,
    pub active: Option<Box<ActiveRun>>,
    /// Its state once all records are applied.
    pub ending: Option<Box<Ending>>,
    /// It reads a stored file again: it says nothing of the feed as it is now.
    pub is_replay: bool,
    /// What its report will say, once that is durable.
    pub report: Option<(RunReport, Option<Duration>)>,
    /// Another run was asked for after the end of this one had been decided.
    pub run_again: bool,
}

impl Drop for RunningFeed {
    /// A panic drops the actor's state: the task must not go on beside the successor's.
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl RunningFeed {
    /// Whether the catalogue is between two snapshots.
    pub fn is_applying(&self) -> bool {
        self.active.is_some() || self.ending.is_some()
    }
}

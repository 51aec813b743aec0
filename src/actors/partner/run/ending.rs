//! The end of a run, on its way to its report.

use super::absences::Absences;
use super::active::ActiveRun;
use crate::actors::partner::message::run::FetchedFile;
use crate::domain::{ChangeKind, RunCounts, RunReport};
use std::collections::VecDeque;

/// A run whose records are applied, on its way to its report.
#[derive(Debug)]
pub struct Ending {
    /// `None` where absence from the file proves nothing.
    pub absences: Option<Absences>,
    pub closing: Closing,
    /// What the plans delete that this run has confirmed, and that are approved already: with the
    /// first part.
    pub approved: Vec<ChangeKind>,
    /// The others, which follow part by part.
    pub confirmed: VecDeque<u64>,
}

/// What is recorded at the end.
#[derive(Debug)]
pub enum Closing {
    Applied(Box<ActiveRun>),
    Unchanged { file: FetchedFile, report: Box<RunReport> },
}

impl Closing {
    pub fn counts(&mut self) -> &mut RunCounts {
        match self {
            Closing::Applied(active) => &mut active.counts,
            Closing::Unchanged { report, .. } => &mut report.counts,
        }
    }
}

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
    pub end: EndOf,
    /// What the plans delete that this run has confirmed, and that are approved already: with the
    /// first part.
    pub approved: Vec<ChangeKind>,
    /// The others, which follow part by part.
    pub confirmed: VecDeque<u64>,
}

/// What is recorded at the end.
#[derive(Debug)]
pub enum EndOf {
    Applied(Box<ActiveRun>),
    Unchanged { file: FetchedFile, report: Box<RunReport> },
}

impl EndOf {
    pub fn counts(&mut self) -> &mut RunCounts {
        match self {
            EndOf::Applied(active) => &mut active.counts,
            EndOf::Unchanged { report, .. } => &mut report.counts,
        }
    }
}

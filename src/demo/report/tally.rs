//! What became of the deliveries: counted by the tasks that send them, read by the terminal.

use crate::load::Histogram;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Refusals whose words are kept for the report.
const REFUSALS_KEPT: usize = 5;

/// Pushes and feeds of all partners.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Requests that got a final answer.
    pub answered: u64,
    /// Writes in them.
    pub items: u64,
    /// Outcome of each item, by its name in the reply.
    pub outcomes: BTreeMap<String, u64>,
    /// Answers that asked for a later attempt (429, 503 and the like).
    pub shed: u64,
    /// Attempts that got no answer at all.
    pub unreached: u64,
    /// Requests that were refused as wrong: none should be.
    pub refused: u64,
    /// Answers that nobody had expected, the first few.
    pub refusals: Vec<String>,
}

/// The final answer to one delivery.
#[derive(Debug, Default)]
pub struct CallAnswer {
    pub items: u64,
    pub outcomes: BTreeMap<String, u64>,
    /// What the answer said, where it refused anything.
    pub refusal: Option<String>,
}

#[derive(Default)]
struct Kept {
    counts: Counts,
    /// Since the last line.
    recent: Histogram,
    /// Before it.
    earlier: Histogram,
}

#[derive(Default)]
pub struct PushTally(Mutex<Kept>);

impl PushTally {
    pub fn answered(&self, answer: CallAnswer, took: Duration) {
        let mut kept = self.lock();
        kept.recent.record(took);
        let counts = &mut kept.counts;
        counts.answered += 1;
        counts.items += answer.items;
        for (outcome, items) in answer.outcomes {
            *counts.outcomes.entry(outcome).or_default() += items;
        }
        if let Some(refusal) = answer.refusal {
            counts.refused += 1;
            if counts.refusals.len() < REFUSALS_KEPT {
                counts.refusals.push(refusal);
            }
        }
    }

    pub fn shed(&self) {
        self.lock().counts.shed += 1;
    }

    pub fn unreached(&self) {
        self.lock().counts.unreached += 1;
    }

    pub fn read(&self) -> Counts {
        self.lock().counts.clone()
    }

    /// The latencies since the last call.
    pub fn take_latencies(&self) -> Histogram {
        let mut kept = self.lock();
        let taken = std::mem::take(&mut kept.recent);
        kept.earlier.merge(&taken);
        taken
    }

    /// Those of the whole run.
    pub fn all_latencies(&self) -> Histogram {
        self.take_latencies();
        self.lock().earlier.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // counts stay usable whatever a task that held them did
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Where a write came from: what a change and a quote remember of it.

use serde::{Deserialize, Serialize};

/// Where a write came from, for `explain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A partner's call.
    Push {
        /// The beginning of the hash of the delivery's id; 0 where it had none.
        delivery: u64,
    },
    /// A record of the partner's feed, or its absence.
    Feed {
        /// The number of the run.
        run: u64,
        /// The record's place in the file, from 0; `u32::MAX` for an absence.
        record: u32,
    },
    /// A plan of held deletes that was approved.
    Plan {
        /// The number of the run that lacked the record.
        run: u64,
        /// The plan's.
        plan: u64,
    },
    /// An operator's order.
    Admin {
        /// The number of the action.
        action: u64,
    },
}

impl Origin {
    /// Whether it says more than the lane does: a push without a delivery id does not.
    pub fn names_a_source(self) -> bool {
        self != Origin::Push { delivery: 0 }
    }
}

//! Where a write came from: what a change and a quote remember of it.

use serde::{Deserialize, Serialize};

/// Where a write came from, for `explain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// `delivery`: hash of the delivery's id, 0 where it had none.
    Push {
        delivery: u64,
    },
    /// `run` of the partner's feed, `record` its place in the file (from 0).
    Feed {
        run: u64,
        record: u32,
    },
    Admin {
        action: u64,
    },
}

impl Origin {
    /// A push without a delivery id is told by its lane already.
    pub fn is_telling(self) -> bool {
        self != Origin::Push { delivery: 0 }
    }
}

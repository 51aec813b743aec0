//! Plans (F4): deletes that the guard kept back, until someone or the feed itself decides.

use crate::domain::Micros;
use serde::{Deserialize, Serialize};

/// A held plan is undone after this long.
pub const EXPIRY: i64 = 72 * Micros::HOUR;
/// A snapshot that has this share of a plan's ids again cancels it.
const CANCEL_PERCENT: usize = 90;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanState {
    Held,
    Approved,
    Rejected,
    Cancelled,
    Expired,
}

/// Deletes that wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub id: u64,
    pub state: PlanState,
    /// The run that would have deleted them, and its `S`.
    pub run: u64,
    pub snapshot_at: i64,
    pub opened_at: i64,
    pub expires_at: i64,
    /// When it left `held`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<i64>,
    /// What F4 compared with, and allowed.
    pub baseline: u64,
    pub allowed: u64,
    /// What would be deleted, sorted.
    pub ids: Vec<String>,
    /// `S` of the last accepted snapshot when it was rejected or expired: that snapshot opens no
    /// other plan for these ids, however often it is seen again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turned_down_under: Option<i64>,
    /// Why an operator decided as they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl PlanState {
    pub fn as_str(self) -> &'static str {
        match self {
            PlanState::Held => "held",
            PlanState::Approved => "approved",
            PlanState::Rejected => "rejected",
            PlanState::Cancelled => "cancelled",
            PlanState::Expired => "expired",
        }
    }
}

impl Plan {
    /// Share of the baseline that would go, in percent.
    pub fn share_percent(&self) -> f64 {
        if self.baseline == 0 { 100.0 } else { self.ids.len() as f64 * 100.0 / self.baseline as f64 }
    }

    pub fn is_held(&self) -> bool {
        self.state == PlanState::Held
    }

    /// F4: whether it is undone by time.
    pub fn is_overdue(&self, now: Micros) -> bool {
        self.is_held() && now.0 >= self.expires_at
    }

    /// F4: whether a later snapshot, which holds `present` of the ids again, cancels it.
    pub fn is_cancelled_by(&self, present: usize) -> bool {
        self.is_held() && present * 100 >= self.ids.len() * CANCEL_PERCENT
    }

    pub fn close(&mut self, state: PlanState, now: Micros, reason: Option<String>) {
        self.state = state;
        self.closed_at = Some(now.0);
        self.reason = reason;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(ids: usize) -> Plan {
        Plan {
            id: 1,
            state: PlanState::Held,
            run: 1,
            snapshot_at: 0,
            opened_at: 0,
            expires_at: EXPIRY,
            closed_at: None,
            baseline: 10_000,
            allowed: 500,
            ids: (0..ids).map(|n| n.to_string()).collect(),
            turned_down_under: None,
            reason: None,
        }
    }

    #[test]
    fn f4_ninety_percent_back_cancel_a_plan() {
        assert!(!plan(600).is_cancelled_by(539));
        assert!(plan(600).is_cancelled_by(540));
        let mut approved = plan(600);
        approved.close(PlanState::Approved, Micros(5), None);
        assert!(!approved.is_cancelled_by(600));
    }

    #[test]
    fn f4_a_plan_expires_after_seventy_two_hours() {
        assert!(!plan(1).is_overdue(Micros(EXPIRY - 1)));
        assert!(plan(1).is_overdue(Micros(EXPIRY)));
    }

    #[test]
    fn f4_the_share_is_of_the_baseline() {
        assert_eq!(plan(600).share_percent(), 6.0);
    }
}

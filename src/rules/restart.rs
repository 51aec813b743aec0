//! How often an actor may be restarted before it is left down (its partner is then faulted).

use crate::domain::Micros;
use std::collections::VecDeque;

/// At most this many restarts …
pub const RESTARTS_MAX: usize = 5;
/// … within this time.
pub const WINDOW: i64 = 60 * Micros::SECOND;

/// The recent restarts of one actor.
#[derive(Clone, Debug, Default)]
pub struct RestartBudget {
    recent: VecDeque<Micros>,
}

impl RestartBudget {
    /// Takes one restart from the budget; `false` where it is used up.
    pub fn take(&mut self, now: Micros) -> bool {
        while self.recent.front().is_some_and(|&at| now.since(at) >= WINDOW) {
            self.recent.pop_front();
        }
        if self.recent.len() >= RESTARTS_MAX {
            return false;
        }
        self.recent.push_back(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_five_a_minute() {
        let mut budget = RestartBudget::default();
        assert!((0..5).all(|n| budget.take(Micros(n))));
        assert!(!budget.take(Micros(WINDOW - 1)));
        assert!(budget.take(Micros(WINDOW)));
        assert!(!budget.take(Micros(WINDOW)));
    }
}

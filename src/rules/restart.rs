//! When an actor that has died, or could not be started, is started again: at once, then after
//! waits that double; one that fails too often is left down for a while.

use crate::domain::Micros;
use std::collections::VecDeque;
use std::time::Duration;

/// At most this many restarts …
pub const RESTARTS_MAX: usize = 5;
/// … within this time.
pub const WINDOW: i64 = 60 * Micros::SECOND;
/// Left down for so long once they are used up.
pub const REST: Duration = Duration::from_secs(60);
/// Before the second restart of a window; doubled with each further one.
const SECOND_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What follows the end of an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// It is started again after this wait.
    After(Duration),
    /// The budget is used up: down for this long, unless an operator configures it again.
    LeftDown(Duration),
}

/// The recent restarts of one actor.
#[derive(Clone, Debug, Default)]
pub struct RestartBudget {
    recent: VecDeque<Micros>,
}

impl RestartBudget {
    /// Takes one restart from the budget, and says when it is due.
    pub fn take(&mut self, now: Micros) -> Restart {
        while self.recent.front().is_some_and(|&at| now.since(at) >= WINDOW) {
            self.recent.pop_front();
        }
        if self.recent.len() >= RESTARTS_MAX {
            return Restart::LeftDown(REST);
        }
        let wait = wait_after(self.recent.len() as u32);
        self.recent.push_back(now);
        Restart::After(wait)
    }
}

/// The wait before the next restart, behind so many within the window.
fn wait_after(restarts: u32) -> Duration {
    let Some(doublings) = restarts.checked_sub(1) else { return Duration::ZERO };
    SECOND_WAIT.saturating_mul(2_u32.saturating_pow(doublings)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_five_a_minute_and_then_a_minute_s_rest() {
        let mut budget = RestartBudget::default();
        assert!((0..5).all(|n| matches!(budget.take(Micros(n)), Restart::After(_))));
        assert_eq!(budget.take(Micros(WINDOW - 1)), Restart::LeftDown(REST));
        assert!(matches!(budget.take(Micros(WINDOW)), Restart::After(_)));
        assert_eq!(budget.take(Micros(WINDOW)), Restart::LeftDown(REST));
    }

    #[test]
    fn the_first_restart_comes_at_once_and_the_others_after_waits_that_double_up_to_a_cap() {
        let mut budget = RestartBudget::default();
        let waits = [0, 100, 200, 400, 800].map(|ms| Restart::After(Duration::from_millis(ms)));
        assert_eq!([0, 1, 2, 3, 4].map(|n| budget.take(Micros(n))), waits);
        assert_eq!(wait_after(u32::MAX), LONGEST_WAIT);
        let calm = Micros(3 * WINDOW);
        assert_eq!(budget.take(calm), Restart::After(Duration::ZERO), "what is long past is forgotten");
    }
}

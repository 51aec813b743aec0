//! What becomes of a stream whose client takes less than there is.
//!
//! A stream that has come to the end of the log once and then falls out of what is kept there is behind by
//! its client's own doing; one that comes back after a time away is not, and is told all of it. The first
//! is helped before it is let go: its prices are conflated, unless it said `mode=all`; and if it still falls
//! behind it is ended, with the cursor to come back by. It is told of both, and no change of a document is
//! ever left out.

use crate::domain::Micros;

/// Behind by this, a slow stream is told of the prices of one quote the last alone …
const CONFLATED_BEHIND: i64 = 10 * Micros::SECOND;
/// … and by this it ends.
const ENDED_BEHIND: i64 = 120 * Micros::SECOND;

/// Whether a stream keeps up.
#[derive(Debug)]
pub struct Haste {
    may_conflate: bool,
    has_followed: bool,
    is_conflated: bool,
}

/// How a piece of what a stream is behind with is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slowness {
    /// As it is.
    InTime,
    /// Conflated; from here on, where it says so.
    Conflated { begins: bool },
    /// Not at all.
    TooSlow,
}

impl Haste {
    /// Of a stream that has just opened.
    pub fn new(may_conflate: bool) -> Haste {
        Haste { may_conflate, has_followed: false, is_conflated: false }
    }

    /// It is at the end of the log. Says whether it has been conflated until now.
    pub fn has_caught_up(&mut self) -> bool {
        self.has_followed = true;
        std::mem::take(&mut self.is_conflated)
    }

    /// The next change was committed so long ago, in microseconds.
    pub fn judge(&mut self, behind: i64) -> Slowness {
        if !self.has_followed || behind < CONFLATED_BEHIND && !self.is_conflated {
            return Slowness::InTime;
        }
        if behind >= ENDED_BEHIND {
            return Slowness::TooSlow;
        }
        match self.may_conflate {
            true => Slowness::Conflated { begins: !std::mem::replace(&mut self.is_conflated, true) },
            false => Slowness::InTime,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d1_a_slow_stream_is_conflated_then_ended_and_one_that_was_away_is_neither() {
        let mut away = Haste::new(true);
        assert_eq!(away.judge(ENDED_BEHIND), Slowness::InTime, "it has never followed");
        let mut slow = Haste::new(true);
        assert!(!slow.has_caught_up());
        assert_eq!(slow.judge(CONFLATED_BEHIND - 1), Slowness::InTime);
        assert_eq!(slow.judge(CONFLATED_BEHIND), Slowness::Conflated { begins: true });
        assert_eq!(slow.judge(1), Slowness::Conflated { begins: false }, "until it has caught up");
        assert!(slow.has_caught_up());
        assert_eq!(slow.judge(1), Slowness::InTime);
        assert_eq!(slow.judge(ENDED_BEHIND), Slowness::TooSlow);
    }

    #[test]
    fn d1_a_stream_that_wants_all_is_not_conflated_but_ended_all_the_same() {
        let mut slow = Haste::new(false);
        slow.has_caught_up();
        assert_eq!(slow.judge(ENDED_BEHIND - 1), Slowness::InTime);
        assert_eq!(slow.judge(ENDED_BEHIND), Slowness::TooSlow);
    }
}

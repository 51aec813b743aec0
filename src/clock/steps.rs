//! Whether our clock has been set: back, so that it is behind a time that we have written down
//! already, or ahead by a leap.
//!
//! What is ordered by receive time stays in order all the same (T1), but what is kept for a time is
//! kept for longer or shorter, and a file without a date may wait. An operator should know.

use crate::domain::Micros;
use std::time::Duration;

/// Steps up to this are what keeping time in step with others costs.
const STEP_MIN: i64 = 5 * Micros::SECOND;
/// A machine that slept leaps too: only what is longer than a busy moment is worth a line.
const LEAP_MIN: i64 = 60 * Micros::SECOND;

/// What was found at a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockStep {
    /// It went back, and is behind the newest time seen by so much.
    Back(i64),
    /// It has passed the newest time seen again.
    CaughtUp,
    /// It went ahead by so much more than the time that passed.
    Leap(i64),
}

/// The newest time seen, and when.
#[derive(Clone, Copy, Debug)]
pub struct ClockSteps {
    newest: Micros,
    last: Option<Micros>,
    behind: bool,
}

impl ClockSteps {
    /// `newest`: the newest time that is known from before, of an earlier life of the daemon.
    pub fn starting_after(newest: Micros) -> ClockSteps {
        ClockSteps { newest, last: None, behind: false }
    }

    /// Looks at the clock, `passed` after the look before.
    pub fn look(&mut self, now: Micros, passed: Duration) -> Option<ClockStep> {
        let passed = i64::try_from(passed.as_micros()).unwrap_or(i64::MAX);
        let leapt = self.last.map_or(0, |last| now.since(last).saturating_sub(passed));
        let was_behind = std::mem::replace(&mut self.behind, self.newest.since(now) > STEP_MIN);
        let fell = self.last.is_none_or(|last| last.since(now) > STEP_MIN);
        self.last = Some(now);
        self.newest = self.newest.max(now);
        match (was_behind, self.behind) {
            (_, true) if !was_behind || fell => Some(ClockStep::Back(self.newest.since(now))),
            (true, false) => Some(ClockStep::CaughtUp),
            _ if leapt > LEAP_MIN => Some(ClockStep::Leap(leapt)),
            _ => None,
        }
    }

    /// How far `now` is behind the newest time seen; 0 for a step that is none.
    pub fn behind(&self, now: Micros) -> i64 {
        if self.behind { self.newest.since(now) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = Micros::SECOND;
    const LOOK: Duration = Duration::from_secs(5);

    fn look(steps: &mut ClockSteps, seconds: i64) -> Option<ClockStep> {
        steps.look(Micros(seconds * SECOND), LOOK)
    }

    #[test]
    fn a6_a_clock_that_goes_back_is_told_once_and_again_when_it_has_caught_up() {
        let mut steps = ClockSteps::starting_after(Micros::BEGINNING);
        assert_eq!(look(&mut steps, 1_000), None);
        assert_eq!(look(&mut steps, 995), None, "a step of five seconds");
        assert_eq!(look(&mut steps, 1_000), None);
        assert_eq!(look(&mut steps, 970), Some(ClockStep::Back(30 * SECOND)));
        assert_eq!(look(&mut steps, 975), None);
        assert_eq!(steps.behind(Micros(975 * SECOND)), 25 * SECOND);
        assert_eq!(look(&mut steps, 900), Some(ClockStep::Back(100 * SECOND)), "and once more");
        assert_eq!(look(&mut steps, 996), Some(ClockStep::CaughtUp));
        assert_eq!(steps.behind(Micros(996 * SECOND)), 0);
    }

    #[test]
    fn a6_a_clock_behind_what_was_written_by_an_earlier_life_is_told_at_the_start() {
        let mut steps = ClockSteps::starting_after(Micros(86_400 * SECOND));
        assert_eq!(look(&mut steps, 100), Some(ClockStep::Back(86_300 * SECOND)));
        assert_eq!(look(&mut steps, 105), None);
    }

    #[test]
    fn a_leap_ahead_is_told_and_the_time_that_passed_is_none() {
        let mut steps = ClockSteps::starting_after(Micros::BEGINNING);
        look(&mut steps, 0);
        assert_eq!(steps.look(Micros(3_600 * SECOND), Duration::from_secs(3_600)), None);
        assert_eq!(look(&mut steps, 3_665), None);
        assert_eq!(look(&mut steps, 3_731), Some(ClockStep::Leap(61 * SECOND)));
    }
}

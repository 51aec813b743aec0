//! Source time (T1, T2, T4): when the partner says that it was true.

use crate::domain::Micros;

/// T4: how far ahead of our clock a price may be.
pub const PRICE_AHEAD_MAX: i64 = 30 * Micros::SECOND;
/// T4: how far ahead of our clock a document may be.
pub const DOCUMENT_AHEAD_MAX: i64 = 300 * Micros::SECOND;
/// T4: an envelope further ahead of the fetch than this counts as undated.
pub const ENVELOPE_AHEAD_MAX: i64 = 60 * Micros::SECOND;

/// T4: whether `at`, which the partner says, is too far ahead of `now` to be believed.
pub fn is_future(at: Micros, now: Micros, ahead_max: i64) -> bool {
    at > now.plus(ahead_max)
}

/// The receive times that stand in where a push carries no time of its own (T1): unique and rising
/// for each partner, even where the clock goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UndatedClock {
    last: Micros,
}

impl Default for UndatedClock {
    fn default() -> UndatedClock {
        UndatedClock { last: Micros::BEGINNING }
    }
}

impl UndatedClock {
    /// A clock whose next time lies after `last`.
    pub fn starting_after(last: Micros) -> UndatedClock {
        UndatedClock { last }
    }

    /// X4: what has only just come is newer than all that has been forgotten.
    #[must_use]
    pub fn above(self, history_floor: Option<Micros>) -> UndatedClock {
        UndatedClock { last: history_floor.map_or(self.last, |floor| self.last.max(floor)) }
    }

    /// The last time that it gave.
    pub fn last(self) -> Micros {
        self.last
    }

    /// T1: the receive time, or one microsecond after the last one given.
    pub fn next(&mut self, received_at: Micros) -> Micros {
        self.last = received_at.max(self.last.plus(1));
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t1_receive_times_are_unique_and_rise_even_when_the_clock_goes_back() {
        let mut clock = UndatedClock::default();
        assert_eq!(clock.next(Micros(100)), Micros(100));
        assert_eq!(clock.next(Micros(100)), Micros(101));
        assert_eq!(clock.next(Micros(50)), Micros(102));
        assert_eq!(clock.next(Micros(200)), Micros(200));
    }

    #[test]
    fn x4_a_receive_time_is_never_at_or_before_what_is_forgotten() {
        let above = |floor| UndatedClock::starting_after(Micros(50)).above(floor).next(Micros(100));
        assert_eq!(above(Some(Micros(200))), Micros(201));
        assert_eq!(above(Some(Micros(100))), Micros(101));
        assert_eq!(above(Some(Micros(99))), Micros(100));
        assert_eq!(above(None), Micros(100));
    }

    #[test]
    fn t4_the_edge_itself_is_still_believed() {
        let now = Micros(1_000_000_000);
        assert!(!is_future(now.plus(PRICE_AHEAD_MAX), now, PRICE_AHEAD_MAX));
        assert!(is_future(now.plus(PRICE_AHEAD_MAX + 1), now, PRICE_AHEAD_MAX));
    }
}

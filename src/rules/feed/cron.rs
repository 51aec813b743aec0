//! The slots of a cron expression in a time zone: times of a wall clock, each of which comes once.
//!
//! The expression is matched against the wall clock alone, which is what whoever writes it looks at; which
//! instant a time of the wall clock is, the zone says. Where the clock is put back, a time that it shows
//! twice is a slot at its first showing only. Where it is put forward, the slots that it leaves out fall
//! together into one, at the instant of the change: a feed is rather early than left out for a day.

use crate::domain::Micros;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use std::time::Duration;

/// A time on the wall clock is matched from some day on that has no part in what follows.
const SOME_DAY: DateTime = jiff::civil::date(2026, 1, 1).at(0, 0, 0, 0);

/// Slots that are looked at to find how far apart they are: a year of days, or some days of minutes.
const SLOTS_LOOKED_AT: usize = 1_500;

/// Longer than the distance of any two slots of an expression that means anything: 29 February.
const NEVER: i32 = 8 * 366;

/// No zone has ever left out, or shown again, more than a day.
const SLOTS_PASSED_MAX: usize = 2 * 24 * 60;

/// When a feed is fetched: an expression of five fields, and the zone of the wall clock that it means.
#[derive(Clone, Debug, PartialEq)]
pub struct CronTimes {
    /// As it was written.
    pub expression: String,
    /// The zone's name.
    pub zone_name: String,
    cron: Cron,
    zone: TimeZone,
    /// The longest distance of two slots, as the wall clock shows it.
    pub longest: Duration,
    /// The shortest.
    pub shortest: Duration,
}

/// Why an expression says no times.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CronFault {
    /// It cannot be read.
    #[error("must be a cron expression of five fields: {0}")]
    Unread(String),
    /// It can be read, and no day is such a day.
    #[error("must name a time that comes: no day is such a day")]
    Never,
    /// No zone has this name.
    #[error("must be the name of a time zone")]
    Zone,
}

impl CronTimes {
    /// Five fields, or a name such as `@daily`: minute, hour, day, month, day of the week.
    pub fn parse(expression: &str, zone_name: &str) -> Result<CronTimes, CronFault> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(expression).map_err(|error| CronFault::Unread(error.to_string()))?;
        let zone = TimeZone::get(zone_name).map_err(|_| CronFault::Zone)?;
        let (longest, shortest) = (Duration::ZERO, Duration::MAX);
        let (expression, zone_name) = (expression.into(), zone_name.into());
        let mut times = CronTimes { expression, zone_name, cron, zone, longest, shortest };
        let first = times.wall_after(SOME_DAY).ok_or(CronFault::Never)?;
        if first.since(SOME_DAY).is_ok_and(|span| span.get_days() > NEVER) {
            return Err(CronFault::Never);
        }
        times.look_at_distances(first);
        Ok(times)
    }

    /// The first slot behind `at`; `None` only where the calendar ends.
    pub fn next_after(&self, at: Micros) -> Option<Micros> {
        let mut wall = self.zone.to_datetime(Timestamp::from_microsecond(at.0).ok()?);
        // what the wall clock has shown before is behind us, also where it shows it again
        for _ in 0..SLOTS_PASSED_MAX {
            wall = self.wall_after(wall)?;
            let slot = self.instant_of(wall)?;
            if slot > at {
                return Some(slot);
            }
        }
        None
    }

    /// How many slots lie behind `after` and not behind `until`, counted up to `most`.
    pub fn slots_between(&self, after: Micros, until: Micros, most: u64) -> u64 {
        let (mut at, mut slots) = (after, 0);
        while slots < most
            && let Some(next) = self.next_after(at).filter(|&next| next <= until)
        {
            (at, slots) = (next, slots + 1);
        }
        slots
    }

    fn look_at_distances(&mut self, mut wall: DateTime) {
        for _ in 0..SLOTS_LOOKED_AT {
            let Some(next) = self.wall_after(wall) else { break };
            let distance = next.duration_since(wall).unsigned_abs();
            (self.longest, self.shortest) = (self.longest.max(distance), self.shortest.min(distance));
            wall = next;
        }
    }

    fn wall_after(&self, wall: DateTime) -> Option<DateTime> {
        self.cron.find_next_occurrence(&wall, false).ok()
    }

    /// The first instant at which the wall clock shows this time; where it shows it never, the instant at
    /// which it is put forward over it.
    fn instant_of(&self, wall: DateTime) -> Option<Micros> {
        let ambiguous = self.zone.to_ambiguous_timestamp(wall);
        let timestamp = match ambiguous.offset() {
            AmbiguousOffset::Gap { before, .. } => {
                // in the offset of before, it lies behind the change by what it lies in the gap
                let beyond = before.to_timestamp(wall).ok()?;
                self.zone.preceding(beyond + jiff::SignedDuration::from_nanos(1)).next()?.timestamp()
            }
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
                ambiguous.compatible().ok()?
            }
        };
        Some(Micros(timestamp.as_microsecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Micros {
        Micros(text.parse::<Timestamp>().unwrap().as_microsecond())
    }

    fn slots(expression: &str, zone: &str, from: &str, number: usize) -> Vec<String> {
        let times = CronTimes::parse(expression, zone).unwrap();
        let next = |from: &Micros| times.next_after(*from);
        let slots = std::iter::successors(times.next_after(at(from)), next).take(number);
        slots.map(|slot| Timestamp::from_microsecond(slot.0).unwrap().to_string()).collect()
    }

    #[test]
    fn a40_a_slot_that_the_wall_clock_shows_twice_comes_once_at_its_first_showing() {
        // 25 October 2026 in Berlin: 03:00 becomes 02:00
        assert_eq!(
            slots("30 2 * * *", "Europe/Berlin", "2026-10-24T23:00:00Z", 2),
            ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
        );
        assert_eq!(
            slots("*/30 * * * *", "Europe/Berlin", "2026-10-24T23:59:00Z", 4),
            ["2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z", "2026-10-25T02:30:00Z"],
            "an hour of the wall clock is shown again, and nothing of it comes again"
        );
        let again = slots("*/30 * * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", 1);
        assert_eq!(again, ["2026-10-25T02:00:00Z"], "a start in the second showing waits for what is new");
    }

    #[test]
    fn a40_slots_that_the_wall_clock_leaves_out_fall_together_into_one_at_the_change() {
        // 29 March 2026 in Berlin: 02:00 becomes 03:00, at 01:00Z
        assert_eq!(
            slots("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2),
            ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]
        );
        assert_eq!(
            slots("*/20 * * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", 3),
            ["2026-03-29T00:40:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:20:00Z"],
            "those of the hour that is left out are that of 03:00"
        );
        // Samoa left out 30 December 2011 whole
        assert_eq!(
            slots("0 12 * * *", "Pacific/Apia", "2011-12-29T23:00:00Z", 2),
            ["2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"]
        );
        // Lord Howe moves by half an hour
        assert_eq!(
            slots("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z", 1),
            ["2026-10-03T15:30:00Z"]
        );
    }

    #[test]
    fn a40_29_february_comes_when_there_is_one_and_30_february_is_refused() {
        assert_eq!(
            slots("0 6 29 2 *", "UTC", "2026-01-01T00:00:00Z", 2),
            ["2028-02-29T06:00:00Z", "2032-02-29T06:00:00Z"]
        );
        assert_eq!(CronTimes::parse("0 6 30 2 *", "UTC"), Err(CronFault::Never));
    }

    #[test]
    fn an_expression_has_five_fields_and_a_zone_that_exists() {
        for good in ["0 6 * * MON-FRI", "*/5 * * * *", "@daily", "0 0 L * *", "15 3 1,15 * *"] {
            assert!(CronTimes::parse(good, "Europe/Berlin").is_ok(), "{good}");
        }
        for bad in ["", "6", "* * * *", "0 0 6 * * *", "60 * * * *", "0 24 * * *", "0 6 * * FUNDAY"] {
            assert!(matches!(CronTimes::parse(bad, "UTC"), Err(CronFault::Unread(_))), "{bad}");
        }
        assert_eq!(CronTimes::parse("0 6 * * *", "Europe/Atlantis"), Err(CronFault::Zone));
    }

    #[test]
    fn the_distances_of_slots_are_those_of_the_wall_clock() {
        let distances = |expression| {
            let times = CronTimes::parse(expression, "Europe/Berlin").unwrap();
            (times.longest.as_secs() / 60, times.shortest.as_secs() / 60)
        };
        assert_eq!(distances("0 6 * * MON-FRI"), (3 * 1_440, 1_440));
        assert_eq!(distances("*/15 * * * *"), (15, 15));
        assert_eq!(distances("0 6,7 * * *"), (23 * 60, 60));
    }

    #[test]
    fn missed_slots_are_counted_and_no_more_than_asked_for() {
        let hourly = CronTimes::parse("0 * * * *", "UTC").unwrap();
        let (from, to) = (at("2026-05-01T00:00:00Z"), at("2026-05-01T05:00:00Z"));
        assert_eq!(
            hourly.slots_between(from, to, 100),
            5,
            "the slot at the end counts, that at the start not"
        );
        assert_eq!(hourly.slots_between(from, to, 3), 3);
        assert_eq!(hourly.slots_between(to, from, 3), 0);
    }
}

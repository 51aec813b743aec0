//! When a feed is fetched next: at its interval or its next slot, moved by jitter. After a failure: see
//! `circuit`.

use super::cron::CronTimes;
use crate::domain::Micros;
use std::time::Duration;

/// What the next fetch depends on.
#[derive(Clone, Copy, Debug)]
pub struct ScheduleQuestion<'a> {
    /// From the end of one run to the next fetch; of a cron feed the longest distance of its slots.
    pub every: Duration,
    /// Its slots, where it is fetched by a wall clock.
    pub cron: Option<&'a CronTimes>,
    /// Share of the wait by which it is moved, both ways together (0.0–0.5).
    pub jitter: f64,
    /// The feed's own number in 0.0..1.0, which stays: see `place_of`.
    pub place: f64,
    /// By the wall clock.
    pub now: Micros,
    /// Slots up to here have had their run; `None`: none yet.
    pub slots_served: Option<Micros>,
}

/// A fetch begins at most so long behind its slot, where jitter is wanted: feeds that share a slot, and
/// most want the full hour, are spread over this.
const SPREAD_MAX: Duration = Duration::from_secs(60);

/// The place of a feed among all others: the same today and tomorrow, whatever else there is.
pub fn place_of(partner: &str) -> f64 {
    let hash = xxhash_rust::xxh3::xxh3_64(partner.as_bytes());
    (hash >> 11) as f64 / (1u64 << 53) as f64
}

/// How long to wait from the end of a run to the next fetch. A slot has its own share of jitter.
pub fn next_wait(question: ScheduleQuestion<'_>) -> Duration {
    match question.cron {
        Some(times) => until_slot(times, &question),
        None => {
            let share = 1.0 + question.jitter * (question.place - 0.5);
            question.every.mul_f64(share.clamp(0.5, 1.5))
        }
    }
}

/// Until the next slot that has had no run; no time at all where one has passed meanwhile: any number of
/// missed slots come to one run (A39). A fetch is never before its slot.
fn until_slot(times: &CronTimes, question: &ScheduleQuestion<'_>) -> Duration {
    let from = served(question.every, question.slots_served, question.now);
    let Some(slot) = times.next_after(from) else { return question.every };
    let spread = SPREAD_MAX.min(times.shortest.mul_f64(question.jitter)).mul_f64(question.place);
    match slot <= question.now {
        // what remains of its spread: all that were missed must not begin at once either
        true => spread.saturating_sub(micros(question.now.since(slot))),
        false => micros(slot.since(question.now)) + spread,
    }
}

/// Up to where slots have had their run. A clock that was put back shows times that it has shown before:
/// they have had theirs; one that had run ahead for longer than slots are apart says nothing (A40).
fn served(every: Duration, slots_served: Option<Micros>, now: Micros) -> Micros {
    let every = i64::try_from(every.as_micros()).unwrap_or(i64::MAX);
    slots_served.filter(|served| served.since(now) <= every).unwrap_or(now)
}

/// Slots that have passed without a run of their own before this one, which begins now.
pub fn slots_missed(times: &CronTimes, slots_served: Option<Micros>, now: Micros) -> u64 {
    const MISSED_COUNTED_MAX: u64 = 10_000;
    slots_served.map_or(0, |served| times.slots_between(served, now, MISSED_COUNTED_MAX).saturating_sub(1))
}

fn micros(span: i64) -> Duration {
    Duration::from_micros(u64::try_from(span).unwrap_or_default())
}

/// How long to wait before the first fetch after a start: soon, but not all feeds at once.
pub fn first_wait(feeds: usize, chance: f64) -> Duration {
    let spread = Duration::from_millis(2).saturating_mul(u32::try_from(feeds).unwrap_or(u32::MAX));
    spread.min(Duration::from_secs(30)).mul_f64(chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::feed::circuit::{FailureQuestion, wait_after};

    const DAY: Duration = Duration::from_secs(86_400);

    fn question() -> ScheduleQuestion<'static> {
        ScheduleQuestion {
            every: DAY,
            cron: None,
            jitter: 0.0,
            place: 0.5,
            now: Micros(0),
            slots_served: None,
        }
    }

    #[test]
    fn first_fetches_are_spread_by_the_number_of_feeds_but_over_half_a_minute_at_most() {
        assert_eq!(first_wait(10, 1.0), Duration::from_millis(20));
        assert_eq!(first_wait(10, 0.5), Duration::from_millis(10));
        assert_eq!(first_wait(1_000_000, 1.0), Duration::from_secs(30));
    }

    #[test]
    fn jitter_moves_a_fetch_by_at_most_its_share() {
        for place in [0.0, 0.3, 0.999] {
            let wait = next_wait(ScheduleQuestion { jitter: 0.1, place, ..question() });
            assert!(wait >= DAY.mul_f64(0.95) && wait <= DAY.mul_f64(1.05), "{wait:?}");
        }
    }

    /// 06:00 each day.
    fn daily(at: i64) -> (CronTimes, Micros) {
        (CronTimes::parse("0 6 * * *", "UTC").unwrap(), Micros(at * 60 * Micros::SECOND))
    }

    fn wait_of(times: &CronTimes, now: Micros, served: Option<Micros>, jitter: f64) -> u64 {
        let question =
            ScheduleQuestion { cron: Some(times), now, slots_served: served, jitter, ..question() };
        next_wait(question).as_secs()
    }

    #[test]
    fn a39_any_number_of_missed_slots_come_to_one_run_at_once() {
        let (times, now) = daily(10 * 1_440 + 12 * 60);
        let (_, a_week_before) = daily(3 * 1_440 + 12 * 60);
        assert_eq!(wait_of(&times, now, Some(a_week_before), 0.0), 0);
        assert_eq!(slots_missed(&times, Some(a_week_before), now), 6, "one of the seven has this run");
        assert_eq!(wait_of(&times, now, Some(now), 0.0), 18 * 3_600, "then the next slot is awaited");
        assert_eq!(slots_missed(&times, None, now), 0);
        assert_eq!(wait_of(&times, now, None, 0.0), 18 * 3_600, "what was before the feed is not missed");
    }

    #[test]
    fn a40_a_clock_that_is_put_back_gives_no_slot_twice_and_one_that_was_wrong_stops_nothing() {
        let (times, served) = daily(1_440 + 6 * 60);
        let (_, before) = daily(1_440 + 5 * 60);
        assert_eq!(wait_of(&times, before, Some(served), 0.0), 25 * 3_600, "not at six again");
        let (_, long_before) = daily(60);
        assert_eq!(wait_of(&times, long_before, Some(served), 0.0), 5 * 3_600, "it had run ahead");
    }

    #[test]
    fn a42_feeds_of_one_slot_begin_within_a_minute_behind_it_each_at_its_own_place() {
        let (times, now) = daily(0);
        let waits: Vec<u64> = (0..1_000)
            .map(|feed| {
                let place = place_of(&format!("partner-{feed}"));
                let cron = ScheduleQuestion { cron: Some(&times), now, jitter: 0.1, place, ..question() };
                next_wait(cron).as_secs() - 6 * 3_600
            })
            .collect();
        assert!(waits.iter().all(|&wait| wait < 60));
        let most = (0..60).map(|second| waits.iter().filter(|&&wait| wait == second).count()).max().unwrap();
        assert!(most < 40, "{most} of 1,000 in one second");
        assert_eq!(place_of("acme").to_bits(), place_of("acme").to_bits());
    }

    #[test]
    fn a_failed_cron_feed_is_retried_before_its_slot_and_waits_for_it_afterwards() {
        let (times, now) = daily(5 * 60 + 50);
        const RETRIES: &[Duration] =
            &[Duration::from_secs(60), Duration::from_secs(300), Duration::from_secs(900)];
        let cron = ScheduleQuestion { cron: Some(&times), now, slots_served: Some(now), ..question() };
        let wait = |failures| {
            let failed = FailureQuestion {
                regular: next_wait(cron),
                retries: RETRIES,
                failures,
                code: "timeout",
                retry_after: None,
                circuit_failures: 5,
                circuit_pause: Duration::from_secs(3_600),
                chance: 1.0,
            };
            wait_after(failed).as_secs()
        };
        assert_eq!([1, 2, 3, 4].map(wait), [60, 300, 600, 600], "a retry is no reason to be late");
    }
}

//! Numbered price streams (G1): which numbers are missing, since when, and what is to be done.
//!
//! Prices are absolute, so a gap holds nothing back: the newest applies at once, and what is
//! missing is only remembered, named in replies, and in the end healed by the feed.

use crate::domain::{Micros, MissingRange, StreamState};

/// Missing ranges remembered per stream; beyond, the oldest is given up.
pub const RANGES_MAX: usize = 256;
/// A range open this long is named in replies: please send it again.
pub const NAMED_AFTER: i64 = 2 * Micros::SECOND;
/// A range open this long makes the feed be fetched early.
pub const FETCH_AFTER: i64 = 10 * Micros::SECOND;

/// What a message did to the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// A range was opened, or one was split in two.
    pub opened: bool,
    /// How long the range had been open that this message took from.
    pub healed_after: Option<i64>,
    /// It was the range's last number.
    pub closed: bool,
    /// Ranges given up: the stream started again, or there were too many.
    pub abandoned: usize,
    /// The number had been seen before.
    pub repeated: bool,
}

impl StreamState {
    /// G1 for one numbered message.
    pub fn receive(&mut self, number: u64, as_of: Micros, now: Micros) -> Noted {
        let mut noted = Noted::default();
        if number > self.last {
            self.advance(number, now, &mut noted);
        } else if let Some(opened_at) = self.take_missing(number, &mut noted) {
            noted.healed_after = Some(now.since(Micros(opened_at)));
        } else if as_of.0 > self.newest_as_of {
            // the number fell back with newer news: the partner counts from 1 again
            noted.abandoned += self.missing.len();
            *self = StreamState::default();
            self.advance(number, now, &mut noted);
        } else {
            noted.repeated = true;
        }
        self.newest_as_of = self.newest_as_of.max(as_of.0);
        noted
    }

    /// Ranges to be named in a reply: a request to send them again.
    pub fn named(&self, now: Micros) -> Vec<(u64, u64)> {
        // one from before our clock went back has been open for who knows how long
        let long_open = |range: &&MissingRange| {
            range.opened_at > now.0 || now.since(Micros(range.opened_at)) >= NAMED_AFTER
        };
        self.missing.iter().filter(long_open).map(|range| (range.from, range.to)).collect()
    }

    /// When the oldest range was opened that is younger than the last early fetch: that fetch was
    /// for all that was open then.
    pub fn unfetched_since(&self, fetched_at: Micros) -> Option<Micros> {
        let opened = self.missing.iter().map(|range| Micros(range.opened_at));
        opened.filter(|&opened_at| opened_at > fetched_at).min()
    }

    /// The feed has spoken as of `snapshot`: what was missing before is in it.
    pub fn healed_by_feed(&mut self, snapshot: Micros) -> Vec<MissingRange> {
        let (healed, open) = self.missing.iter().partition(|range| range.opened_at < snapshot.0);
        self.missing = open;
        healed
    }

    /// When the newest range was opened that is missing: prices received before that read as `gap`
    /// (P5), also those that came after an older one was opened.
    pub fn open_since(&self) -> Option<Micros> {
        self.missing.iter().map(|range| Micros(range.opened_at)).max()
    }

    fn advance(&mut self, number: u64, now: Micros, noted: &mut Noted) {
        if number > self.last + 1 {
            self.missing.push(MissingRange { from: self.last + 1, to: number - 1, opened_at: now.0 });
            noted.opened = true;
        }
        self.last = number;
        noted.abandoned += self.give_up_surplus();
    }

    /// Takes one number out of the range that holds it. A range that is split counts as one more
    /// opened, so that those opened are those closed, given up and still open.
    fn take_missing(&mut self, number: u64, noted: &mut Noted) -> Option<i64> {
        let place = self.missing.iter().position(|range| (range.from..=range.to).contains(&number))?;
        let range = self.missing.remove(place);
        if number < range.to {
            self.missing.insert(place, MissingRange { from: number + 1, ..range });
        }
        if range.from < number {
            self.missing.insert(place, MissingRange { to: number - 1, ..range });
        }
        noted.closed = range.from == range.to;
        noted.opened = range.from < number && number < range.to;
        noted.abandoned += self.give_up_surplus();
        Some(range.opened_at)
    }

    fn give_up_surplus(&mut self) -> usize {
        let surplus = self.missing.len().saturating_sub(RANGES_MAX);
        self.missing.drain(..surplus);
        surplus
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = Micros::SECOND;

    fn receive(stream: &mut StreamState, number: u64, as_of: i64, now: i64) -> Noted {
        stream.receive(number, Micros(as_of), Micros(now))
    }

    fn ranges(stream: &StreamState) -> Vec<(u64, u64)> {
        stream.missing.iter().map(|range| (range.from, range.to)).collect()
    }

    #[test]
    fn g1_the_worked_example() {
        let mut stream = StreamState { last: 41, newest_as_of: 0, missing: Vec::new() };
        assert!(receive(&mut stream, 43, 100, 1).opened);
        assert_eq!(ranges(&stream), [(42, 42)]);
        let late = receive(&mut stream, 42, 99, 4);
        assert_eq!((late.healed_after, late.closed, late.opened), (Some(3), true, false));
        assert_eq!(ranges(&stream), []);
        assert!(receive(&mut stream, 42, 99, 5).repeated);
    }

    #[test]
    fn g1_a_range_is_named_after_two_seconds_and_fetched_for_once() {
        let mut stream = StreamState::default();
        receive(&mut stream, 3, 1, 0);
        assert!(stream.named(Micros(2 * SECOND - 1)).is_empty());
        assert_eq!(stream.named(Micros(2 * SECOND)), [(1, 2)]);
        assert_eq!(stream.named(Micros(-SECOND)), [(1, 2)], "our clock went back");
        assert_eq!(stream.unfetched_since(Micros::BEGINNING), Some(Micros(0)));
        assert_eq!(stream.unfetched_since(Micros(10 * SECOND)), None);
        assert_eq!(stream.open_since(), Some(Micros(0)));
        receive(&mut stream, 5, 2, 7);
        assert_eq!(stream.open_since(), Some(Micros(7)), "what came before may be what is missing now");
    }

    #[test]
    fn g1_a_late_message_splits_its_range() {
        let mut stream = StreamState::default();
        receive(&mut stream, 10, 100, 0);
        let split = receive(&mut stream, 5, 50, 1);
        assert_eq!((ranges(&stream), split.opened, split.closed), (vec![(1, 4), (6, 9)], true, false));
        receive(&mut stream, 1, 50, 1);
        receive(&mut stream, 9, 50, 1);
        assert_eq!(ranges(&stream), [(2, 4), (6, 8)]);
    }

    #[test]
    fn g1_only_a_number_in_the_middle_opens_a_range_and_only_a_lone_one_closes_it() {
        for (number, opened, closed) in [(1, false, false), (2, true, false), (3, false, false)] {
            let mut stream = StreamState::default();
            receive(&mut stream, 4, 100, 0);
            let noted = receive(&mut stream, number, 50, 1);
            assert_eq!((noted.opened, noted.closed), (opened, closed), "{number}");
        }
        let mut stream = StreamState::default();
        receive(&mut stream, 2, 100, 0);
        let noted = receive(&mut stream, 1, 50, 1);
        assert_eq!((noted.opened, noted.closed), (false, true));
    }

    #[test]
    fn g1_a_fetch_was_for_all_that_was_open_then() {
        let mut stream = StreamState::default();
        for (number, now) in [(3, 100), (6, 200), (9, 300)] {
            receive(&mut stream, number, 1, now);
        }
        assert_eq!(stream.unfetched_since(Micros(99)), Some(Micros(100)));
        assert_eq!(stream.unfetched_since(Micros(100)), Some(Micros(200)));
        assert_eq!(stream.unfetched_since(Micros(300)), None);
    }

    #[test]
    fn g1_a_number_that_falls_back_with_newer_news_starts_anew() {
        let mut stream = StreamState::default();
        for n in 1..=5 {
            receive(&mut stream, n, n as i64, 0);
        }
        receive(&mut stream, 8, 8, 0);
        assert!(receive(&mut stream, 1, 8, 0).repeated, "not newer: a repeat");
        assert!(receive(&mut stream, 8, 8, 0).repeated, "the last one again");
        let anew = receive(&mut stream, 1, 9, 0);
        assert_eq!((anew.abandoned, stream.last), (1, 1));
        assert_eq!(ranges(&stream), []);
    }

    #[test]
    fn g1_at_most_so_many_ranges_are_remembered() {
        let mut stream = StreamState::default();
        let abandoned: usize = (1..=300).map(|n| receive(&mut stream, 2 * n, n as i64, 0).abandoned).sum();
        assert_eq!((stream.missing.len(), abandoned), (RANGES_MAX, 300 - RANGES_MAX));
        assert_eq!(stream.missing[0].from, 2 * 44 + 1);
    }

    #[test]
    fn g1_the_feed_heals_what_was_missing_before_it_spoke() {
        let mut stream = StreamState::default();
        receive(&mut stream, 3, 1, 100);
        receive(&mut stream, 6, 1, 200);
        assert_eq!(stream.open_since(), Some(Micros(200)), "the newer of the two");
        assert_eq!(stream.healed_by_feed(Micros(200)).len(), 1);
        assert_eq!(ranges(&stream), [(4, 5)]);
    }
}

//! Times that our own clock gave while it ran ahead (T4): moved back once the clock is right.
//!
//! All of a partner are moved by one amount, so their order stays, and to above what they had come
//! after, so that nothing newer is turned back. Nobody but our clock can have given them: what is
//! said so far ahead is kept aside.

use crate::domain::{AssetHead, FeedState, Micros, Quote, SetBack, Stamp};

/// What lies ahead by less is waited for: a clock that is behind for a moment, as at the start of a
/// machine, must not move what is right.
pub const AHEAD_MIN: i64 = Micros::DAY;
/// A clock that shows less has not been set at all (2025-01-01).
const NOT_SET_BEFORE: Micros = Micros(1_735_689_600_000_000);

/// The times of one partner, as far as they matter for moving some back.
#[derive(Clone, Copy, Debug)]
pub struct Ahead {
    now: Micros,
    /// The newest that stays.
    stays: Micros,
    oldest: Micros,
    newest: Micros,
}

impl Ahead {
    /// Nothing lies ahead yet, as of `now`.
    pub fn of(now: Micros) -> Ahead {
        Ahead { now, stays: Micros::BEGINNING, oldest: Micros(i64::MAX), newest: Micros::BEGINNING }
    }

    fn limit(&self) -> Micros {
        self.now.plus(AHEAD_MIN)
    }

    /// Takes in one time of our own clock.
    pub fn note(&mut self, at: Micros) {
        if at > self.limit() {
            self.oldest = self.oldest.min(at);
            self.newest = self.newest.max(at);
        } else {
            self.stays = self.stays.max(at);
        }
    }

    /// The stamps of an asset, where they are to be told from others that lie ahead.
    pub fn note_head(&mut self, head: &AssetHead) {
        if stamps_of(head).any(|stamp| stamp.at > self.limit()) {
            stamps_of(head).for_each(|stamp| self.note(stamp.at));
        }
    }

    /// The quotes of an asset, which must stay above its end.
    pub fn note_quotes(&mut self, quotes: &[Quote], end: Stamp) {
        let undated = |quote: &Quote| quote.undated.as_ref().map(|undated| undated.snapshot);
        let times =
            |quote: &Quote| [Some(quote.stamp.at), undated(quote), quote.fed_at()].into_iter().flatten();
        let limit = self.limit();
        for at in quotes.iter().flat_map(times).filter(|&at| at > limit) {
            self.note(at);
            self.note(end.at);
        }
    }

    /// Takes in the times that a feed's state holds.
    pub fn note_feed(&mut self, feed: &FeedState) {
        marks_of(feed).into_iter().flatten().for_each(|at| self.note(Micros(at)));
    }

    /// Whether there is anything to move.
    pub fn found(&self) -> bool {
        self.newest > self.limit() && self.now >= NOT_SET_BEFORE
    }

    /// The newest comes to just before now, or the oldest to above what stays; `None` where there is nothing to
    /// move, or no room for it in its order.
    pub fn set_back(&self) -> Option<SetBack> {
        if !self.found() {
            return None;
        }
        let span = self.newest.since(self.oldest);
        let to = self.now.plus(-span - 1).max(self.stays.plus(1));
        let fits = to.plus(span) <= self.limit() && to < self.oldest;
        fits.then(|| SetBack { limit: self.limit().0, by: self.oldest.since(to) })
    }
}

impl SetBack {
    /// The time moved back, or as it was.
    pub fn time(self, at: Micros) -> Micros {
        if at.0 > self.limit { at.plus(-self.by) } else { at }
    }

    fn stamp(self, stamp: Stamp) -> Stamp {
        Stamp::new(self.time(stamp.at), stamp.lane(), stamp.sequence())
    }

    /// What a clock has shown when something reached us: no later than now.
    fn arrival(self, at: Micros, now: Micros) -> Micros {
        self.time(at).min(now)
    }

    /// `None` where nothing of it lies ahead.
    pub fn head(self, head: &AssetHead, now: Micros) -> Option<AssetHead> {
        let mut moved = head.clone();
        for stamp in [&mut moved.life, &mut moved.death, &mut moved.end, &mut moved.base] {
            if stamp.at.0 > self.limit {
                *stamp = self.stamp(*stamp);
            }
        }
        for exception in moved.exceptions.iter_mut().filter(|held| held.stamp.at.0 > self.limit) {
            exception.stamp = self.stamp(exception.stamp);
        }
        moved.died_at = self.arrival(head.died_at, now);
        (moved != *head).then_some(moved)
    }

    /// The same of a quote.
    pub fn quote(self, quote: &Quote, now: Micros) -> Option<Quote> {
        let mut moved = quote.clone();
        if quote.stamp.at.0 > self.limit {
            moved.stamp = self.stamp(quote.stamp);
        }
        moved.received_at = self.arrival(quote.received_at, now);
        if let Some(undated) = &mut moved.undated {
            undated.snapshot = self.time(undated.snapshot);
            undated.first_seen = self.arrival(undated.first_seen, now);
        }
        if let Some(extra) = &mut moved.extra {
            extra.fed_at = extra.fed_at.map(|at| self.time(at));
        }
        (moved != *quote).then_some(moved)
    }

    /// Moves back the times of a feed's state.
    pub fn feed(self, feed: &mut FeedState, now: Micros) {
        let moved = |at: &mut Option<i64>| *at = at.map(|at| self.time(Micros(at)).0);
        moved(&mut feed.last_snapshot_at);
        moved(&mut feed.last_stated_at);
        moved(&mut feed.last_absence_at);
        moved(&mut feed.floor_at);
        moved(&mut feed.floor_before);
        moved(&mut feed.history_floor);
        feed.last_success_at = feed.last_success_at.map(|at| at.min(now.0));
        for (at, _) in &mut feed.deletes {
            *at = (*at).min(now.0);
        }
    }
}

fn stamps_of(head: &AssetHead) -> impl Iterator<Item = Stamp> + '_ {
    let exceptions = head.exceptions.iter().map(|exception| exception.stamp);
    [head.life, head.death, head.end, head.base].into_iter().chain(exceptions)
}

fn marks_of(feed: &FeedState) -> [Option<i64>; 5] {
    let FeedState { last_snapshot_at, last_absence_at, floor_at, floor_before, history_floor, .. } = feed;
    [*last_snapshot_at, *last_absence_at, *floor_at, *floor_before, *history_floor]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Exception, Lane};

    const NOW: Micros = Micros(1_780_000_000_000_000);
    const YEAR: i64 = 365 * Micros::DAY;

    fn set_back(times: &[i64]) -> Option<SetBack> {
        let mut ahead = Ahead::of(NOW);
        times.iter().for_each(|&at| ahead.note(NOW.plus(at)));
        ahead.set_back()
    }

    fn moved(times: &[i64]) -> Vec<i64> {
        let by = set_back(times).expect("some lie ahead");
        times.iter().map(|&at| by.time(NOW.plus(at)).0 - NOW.0).collect()
    }

    #[test]
    fn a6_what_lies_ahead_is_moved_back_together_and_the_newest_to_before_now() {
        assert_eq!(moved(&[YEAR]), [-1]);
        assert_eq!(moved(&[-50, YEAR, YEAR + 7, YEAR + 40]), [-50, -41, -34, -1]);
    }

    #[test]
    fn a6_what_was_moved_stays_above_what_it_came_after() {
        assert_eq!(moved(&[-5, YEAR, YEAR + 40]), [-5, -4, 36]);
    }

    #[test]
    fn a6_less_than_a_day_ahead_is_waited_for_and_so_is_what_has_no_room() {
        assert_eq!(set_back(&[-1, 0, AHEAD_MIN]), None);
        assert!(set_back(&[-1, 0, AHEAD_MIN + 1]).is_some());
        assert_eq!(set_back(&[0, YEAR, YEAR + AHEAD_MIN]), None);
    }

    #[test]
    fn a6_a_clock_that_was_never_set_moves_nothing() {
        let mut ahead = Ahead::of(Micros(0));
        ahead.note(NOW);
        assert_eq!(ahead.set_back(), None);
    }

    #[test]
    fn a6_moving_twice_is_moving_once() {
        let by = set_back(&[-5, YEAR, YEAR + 40]).unwrap();
        let once = by.time(NOW.plus(YEAR + 40));
        assert_eq!(by.time(once), once);
    }

    #[test]
    fn a6_a_head_keeps_the_order_of_its_stamps() {
        let at = |at: i64, lane| Stamp::new(NOW.plus(at), lane, 0);
        let exception = Exception { name: "n".into(), stamp: at(YEAR + 9, Lane::Push), removed: false };
        let head = AssetHead {
            life: at(YEAR + 9, Lane::Push),
            death: at(YEAR + 3, Lane::Feed),
            base: at(YEAR, Lane::Feed),
            exceptions: vec![exception],
            died_at: NOW.plus(YEAR),
            ..AssetHead::unborn()
        };
        let mut ahead = Ahead::of(NOW);
        ahead.note_head(&head);
        let by = ahead.set_back().unwrap();
        let right = by.head(&head, NOW).unwrap();
        assert_eq!((right.base, right.death), (at(-10, Lane::Feed), at(-7, Lane::Feed)));
        assert_eq!((right.life, right.exceptions[0].stamp), (at(-1, Lane::Push), at(-1, Lane::Push)));
        assert!(right.is_alive() && right.end == Stamp::NEVER && right.died_at <= NOW);
        assert_eq!(by.head(&right, NOW), None, "it is right already");
    }

    #[test]
    fn a6_a_feeds_marks_move_with_its_assets() {
        let ahead_of = |at: i64| Some(NOW.0 + at);
        let mut feed = FeedState {
            last_snapshot_at: ahead_of(YEAR),
            floor_at: ahead_of(YEAR + 60),
            history_floor: ahead_of(-YEAR),
            last_success_at: ahead_of(YEAR + 61),
            deletes: vec![(NOW.0 + YEAR, 3)],
            ..FeedState::default()
        };
        let mut ahead = Ahead::of(NOW);
        ahead.note_feed(&feed);
        let by = ahead.set_back().unwrap();
        by.feed(&mut feed, NOW);
        assert_eq!((feed.last_snapshot_at, feed.floor_at), (ahead_of(-61), ahead_of(-1)));
        assert_eq!((feed.history_floor, feed.last_success_at), (ahead_of(-YEAR), ahead_of(0)));
        assert_eq!(feed.deletes, [(NOW.0, 3)], "F4 counts them for a day and a week, not for a year");
    }
}

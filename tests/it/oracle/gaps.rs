//! G1: the numbered streams of a partner and what is missing in them. A gap holds nothing back.

use std::collections::BTreeMap;

/// Missing ranges remembered per stream; beyond it the lowest are forgotten, as the likeliest never
/// to come.
const RANGES_MAX: usize = 256;
/// Open for so long, a range is named in replies.
const NAMED_AFTER_US: i64 = 2_000_000;
/// Open for so long, the feed is fetched early.
const FETCH_AFTER_US: i64 = 10_000_000;

#[derive(Clone, Copy, Debug)]
struct Missing {
    from: u64,
    to: u64,
    opened: i64,
}

#[derive(Clone, Debug, Default)]
struct Stream {
    highest: u64,
    newest_as_of: Option<i64>,
    missing: Vec<Missing>,
}

#[derive(Clone, Debug, Default)]
pub struct Gaps {
    streams: BTreeMap<String, Stream>,
}

impl Gaps {
    /// A message arrived, whatever becomes of its price.
    pub fn note(&mut self, now: i64, name: &str, number: u64, as_of: i64) {
        let stream = self.streams.entry(name.to_string()).or_default();
        let newer = stream.newest_as_of.is_none_or(|newest| as_of > newest);
        if number <= stream.highest && !stream.close(number) && newer {
            // The number falls back with a newer time: the stream starts anew.
            *stream = Stream::default();
        }
        stream.advance(now, number);
        stream.newest_as_of = stream.newest_as_of.max(Some(as_of));
    }

    /// All missing ranges of a stream.
    pub fn missing(&self, name: &str) -> Vec<(u64, u64)> {
        self.ranges(name, i64::MAX, 0)
    }

    /// The ranges that replies name.
    pub fn named(&self, name: &str, now: i64) -> Vec<(u64, u64)> {
        self.ranges(name, now, NAMED_AFTER_US)
    }

    /// Whether one was opened at a time that still lies ahead, since our clock has gone back: how long
    /// it has been open cannot be known.
    pub fn opened_ahead(&self, name: &str, now: i64) -> bool {
        let stream = self.streams.get(name);
        stream.is_some_and(|stream| stream.missing.iter().any(|missing| missing.opened > now))
    }

    /// A range has been open long enough to fetch the feed early.
    pub fn fetch_due(&self, now: i64) -> bool {
        let mut names = self.streams.keys();
        names.any(|name| !self.ranges(name, now, FETCH_AFTER_US).is_empty())
    }

    /// A gap is open that was not yet open at `received`, in whatever stream: whose price is missing
    /// cannot be known, so it may be any asset's.
    pub fn gapped_since(&self, received: i64) -> bool {
        let mut missing = self.streams.values().flat_map(|stream| &stream.missing);
        missing.any(|m| received < m.opened)
    }

    fn ranges(&self, name: &str, now: i64, open_us: i64) -> Vec<(u64, u64)> {
        let missing = self.streams.get(name).map(|s| s.missing.as_slice()).unwrap_or_default();
        let old = missing.iter().filter(|m| now.saturating_sub(m.opened) >= open_us);
        old.map(|m| (m.from, m.to)).collect()
    }
}

impl Stream {
    /// Takes a number out of the range that misses it; false if none does.
    fn close(&mut self, number: u64) -> bool {
        let Some(at) = self.missing.iter().position(|m| m.from <= number && number <= m.to) else {
            return false;
        };
        let range = self.missing.remove(at);
        let halves = [Missing { to: number - 1, ..range }, Missing { from: number + 1, ..range }];
        let left = halves.into_iter().filter(|m| m.from <= m.to);
        self.missing.splice(at..at, left);
        true
    }

    fn advance(&mut self, now: i64, number: u64) {
        if number > self.highest + 1 {
            self.missing.push(Missing { from: self.highest + 1, to: number - 1, opened: now });
        }
        self.highest = self.highest.max(number);
        if self.missing.len() > RANGES_MAX {
            self.missing.remove(0);
        }
    }
}

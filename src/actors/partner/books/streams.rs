//! The partner's numbered price streams (G1): kept in memory, recorded with the prices that moved
//! them.

use super::damaged::DamagedRecords;
use super::record;
use crate::domain::{ChangeKind, Micros, Missing, MissingRange, PartnerNo, StreamState};
use crate::rules::push::gaps::{Noted, RANGES_MAX};
use crate::store::{ReadError, Reader};
use compact_str::CompactString;
use std::collections::{BTreeMap, BTreeSet};

/// Streams of one partner; numbers of a further one are not followed.
pub const STREAMS_MAX: usize = 64;
/// Ranges that one reply names: a stream's are all among them, and a reply stays a small one.
const RANGES_NAMED_MAX: usize = RANGES_MAX;

#[derive(Debug, Default)]
pub struct Streams {
    by_name: BTreeMap<CompactString, StreamState>,
    moved: BTreeSet<CompactString>,
}

impl Streams {
    /// One that is damaged begins again with its next message.
    pub fn read(
        reader: &Reader,
        partner: PartnerNo,
        damaged: &mut DamagedRecords,
    ) -> Result<Streams, ReadError> {
        let mut streams = Streams::default();
        record::each::<StreamState>(reader, partner, STREAMS_MAX, |row| {
            streams.by_name.extend(damaged.unless(row.value).map(|stream| (row.key, stream)));
            Ok(())
        })?;
        Ok(streams)
    }

    /// Notes a numbered message; `None` where the partner has too many streams already.
    pub fn receive(
        &mut self,
        name: &CompactString,
        number: u64,
        as_of: Micros,
        now: Micros,
    ) -> Option<Noted> {
        if !self.by_name.contains_key(name) && self.by_name.len() >= STREAMS_MAX {
            return None;
        }
        let noted = self.by_name.entry(name.clone()).or_default().receive(number, as_of, now);
        if !noted.repeated {
            self.moved.insert(name.clone());
        }
        Some(noted)
    }

    /// What the partner is to send again: first of the streams that its request spoke of, then of
    /// its others. Whatever it sends next, it is told.
    pub fn named(&self, spoken_of: &BTreeSet<CompactString>, now: Micros) -> Vec<Missing> {
        let (spoken_of, others): (Vec<_>, Vec<_>) =
            self.by_name.iter().partition(|(name, _)| spoken_of.contains(*name));
        let mut left = RANGES_NAMED_MAX;
        let mut named = Vec::new();
        for (name, stream) in spoken_of.into_iter().chain(others) {
            let mut ranges = stream.named(now);
            ranges.truncate(left);
            left -= ranges.len();
            if !ranges.is_empty() {
                named.push((name.to_string(), ranges));
            }
        }
        named
    }

    /// When the oldest range was opened that no early fetch has been made for.
    pub fn unfetched_since(&self, fetched_at: Micros) -> Option<Micros> {
        self.by_name.values().filter_map(|stream| stream.unfetched_since(fetched_at)).min()
    }

    /// When the newest range was opened that is missing in any stream: prices that were received
    /// before read as `gap` (P5).
    pub fn open_since(&self) -> Option<Micros> {
        self.by_name.values().filter_map(StreamState::open_since).max()
    }

    /// Ranges that are missing now.
    pub fn open(&self) -> usize {
        self.by_name.values().map(|stream| stream.missing.len()).sum()
    }

    /// The feed has spoken as of `snapshot`; gives back what that healed.
    pub fn healed_by_feed(&mut self, snapshot: Micros) -> Vec<MissingRange> {
        let mut healed = Vec::new();
        for (name, stream) in &mut self.by_name {
            let ranges = stream.healed_by_feed(snapshot);
            if !ranges.is_empty() {
                self.moved.insert(name.clone());
            }
            healed.extend(ranges);
        }
        healed
    }

    /// The records of the streams that have moved since the last call.
    pub fn changes(&mut self) -> Vec<ChangeKind> {
        let moved = std::mem::take(&mut self.moved);
        moved.into_iter().filter_map(|name| self.record(&name)).collect()
    }

    fn record(&self, name: &CompactString) -> Option<ChangeKind> {
        let state = self.by_name.get(name)?;
        Some(record::put(name, state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::records::Record;
    use crate::rules::push::gaps::NAMED_AFTER;

    #[test]
    fn g1_streams_come_back_from_their_records() {
        let mut streams = Streams::default();
        streams.receive(&"a".into(), 3, Micros(1), Micros(7));
        streams.receive(&"b".into(), 1, Micros(1), Micros(7));
        let changes = streams.changes();
        assert!(streams.changes().is_empty(), "each is recorded once");
        let mut again = Streams::default();
        for change in &changes {
            let ChangeKind::Record(record) = change else { panic!("streams are records") };
            let name = StreamState::read_key(&record.key).unwrap();
            again.by_name.insert(name, StreamState::decode(record.value.as_deref().unwrap()).unwrap());
        }
        assert_eq!(again.by_name, streams.by_name);
        assert_eq!(again.open_since(), Some(Micros(7)));
    }

    #[test]
    fn u10_every_stream_is_named_and_those_spoken_of_first() {
        let mut streams = Streams::default();
        for (name, number) in [("a", 3), ("b", 2), ("c", 1)] {
            streams.receive(&name.into(), number, Micros(1), Micros(0));
        }
        let named = |spoken_of: &[&str], now| {
            let spoken_of = spoken_of.iter().map(|&name| name.into()).collect();
            streams.named(&spoken_of, Micros(now))
        };
        let (a, b) = (("a".to_owned(), vec![(1, 2)]), ("b".to_owned(), vec![(1, 1)]));
        assert_eq!(named(&["b", "c"], NAMED_AFTER), [b.clone(), a.clone()]);
        assert_eq!(named(&[], NAMED_AFTER), [a, b]);
        assert_eq!(named(&["a"], NAMED_AFTER - 1), []);
    }

    #[test]
    fn g1_one_reply_names_so_many_ranges_and_no_more() {
        let mut streams = Streams::default();
        for n in 1..=200 {
            for name in ["a", "b"] {
                streams.receive(&name.into(), 2 * n, Micros(1), Micros(0));
            }
        }
        let named = streams.named(&["b".into()].into(), Micros(NAMED_AFTER));
        let counts: Vec<_> = named.iter().map(|(name, ranges)| (name.as_str(), ranges.len())).collect();
        assert_eq!(counts, [("b", 200), ("a", RANGES_NAMED_MAX - 200)]);
    }

    #[test]
    fn g1_a_partner_has_at_most_so_many_streams() {
        let mut streams = Streams::default();
        let taken = (0..STREAMS_MAX + 1).filter(|n| {
            streams.receive(&CompactString::from(n.to_string()), 1, Micros(1), Micros(1)).is_some()
        });
        assert_eq!(taken.count(), STREAMS_MAX);
    }
}

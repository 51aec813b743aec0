//! Stamps: what writes are compared by (`src/RULES.md`, "Words").

/// Microseconds since 1970-01-01T00:00:00Z. Used for source time and for our own clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Micros(pub i64);

impl Micros {
    /// Before every write: the time of what has never happened.
    pub const BEGINNING: Micros = Micros(i64::MIN);
    /// A second, in microseconds.
    pub const SECOND: i64 = 1_000_000;
    /// An hour, in microseconds.
    pub const HOUR: i64 = 3_600 * Self::SECOND;
    /// A day of 24 hours, in microseconds.
    pub const DAY: i64 = 24 * Self::HOUR;

    /// The time so many microseconds later, or earlier; held to the range of the type.
    pub fn plus(self, micros: i64) -> Micros {
        Micros(self.0.saturating_add(micros))
    }

    /// Microseconds from `earlier` to here, never below zero.
    pub fn since(self, earlier: Micros) -> i64 {
        self.0.saturating_sub(earlier.0).max(0)
    }
}

/// The way by which a write came. Its rank breaks ties of equal source time (D3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// A record of a feed, or its absence.
    Feed = 0,
    /// A push of an asset.
    Push = 1,
    /// A push of a price.
    Price = 2,
    /// An operator's order.
    Admin = 3,
}

/// `(at, lane rank, sequence)`, compared left to right. Lane and sequence share one word, so
/// that a stamp takes 16 bytes: an index holds several for each asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stamp {
    /// Source time: when the partner says that it was true, not when it reached us.
    pub at: Micros,
    rank: u64,
}

impl Stamp {
    /// Below every stamp that a write can carry.
    pub const NEVER: Stamp = Stamp { at: Micros::BEGINNING, rank: 0 };
    /// The highest sequence a partner may give.
    pub const SEQUENCE_MAX: u64 = (1 << 62) - 1;

    /// The stamp of a write. `sequence` is at most `SEQUENCE_MAX`; higher bits are cut off.
    pub fn new(at: Micros, lane: Lane, sequence: u64) -> Stamp {
        debug_assert!(sequence <= Self::SEQUENCE_MAX, "codec refuses larger sequences");
        Stamp { at, rank: (lane as u64) << 62 | (sequence & Self::SEQUENCE_MAX) }
    }

    /// The way by which the write came; `Feed` for `NEVER`.
    pub fn lane(self) -> Lane {
        match self.rank >> 62 {
            0 => Lane::Feed,
            1 => Lane::Push,
            2 => Lane::Price,
            _ => Lane::Admin,
        }
    }

    /// The partner's own number; 0 where it gave none.
    pub fn sequence(self) -> u64 {
        self.rank & Self::SEQUENCE_MAX
    }

    /// Whether it is the stamp of a write, and not `NEVER`.
    pub fn happened(self) -> bool {
        self != Self::NEVER
    }

    /// The two words of the stamp, for the log's bytes.
    pub fn to_words(self) -> (i64, u64) {
        (self.at.0, self.rank)
    }

    /// The stamp whose words `to_words` gives.
    pub fn from_words(at: i64, rank: u64) -> Stamp {
        Stamp { at: Micros(at), rank }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_order_by_time_then_lane_then_sequence() {
        let s = |at, lane, seq| Stamp::new(Micros(at), lane, seq);
        assert!(s(2, Lane::Feed, 0) > s(1, Lane::Admin, 9));
        assert!(s(1, Lane::Admin, 0) > s(1, Lane::Price, 9));
        assert!(s(1, Lane::Price, 0) > s(1, Lane::Push, 9));
        assert!(s(1, Lane::Push, 0) > s(1, Lane::Feed, 9));
        assert!(s(1, Lane::Push, 2) > s(1, Lane::Push, 1));
        assert!(Stamp::NEVER < s(i64::MIN + 1, Lane::Feed, 0));
    }

    #[test]
    fn a_stamp_is_sixteen_bytes_and_gives_its_parts_back() {
        assert_eq!(size_of::<Stamp>(), 16);
        let stamp = Stamp::new(Micros(-5), Lane::Admin, Stamp::SEQUENCE_MAX);
        assert_eq!((stamp.lane(), stamp.sequence()), (Lane::Admin, Stamp::SEQUENCE_MAX));
        let (at, rank) = stamp.to_words();
        assert_eq!(Stamp::from_words(at, rank), stamp);
    }
}

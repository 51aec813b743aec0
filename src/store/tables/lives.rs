//! `lives`: the history of the file, in one row.
//!
//! A life begins each time the file is opened, with a random identity and the sequence after the
//! last that the file then holds; it ends where the next one begins. A cursor names a life and a
//! sequence, and belongs to this file where the life is in its history and reached that sequence.
//!
//! That is all it takes to notice a copy that was put back. A copy holds the lives up to the moment
//! at which it was made. What the original went on to give out in the life that was under way lies
//! after that life's end in the copy's history, and later lives are not in it at all; what the copy
//! gives out from its next opening on has an identity that no other history has. Nothing of this rests
//! on names, times or numbers of files, which copies, machines and file systems treat as they like.

use super::tag;
use crate::codec::log::{FrameKey, LogError, begin_frame, open_frame, put_varint, seal_frame};
use crate::domain::Seq;
use redb::TableDefinition;

/// Always 0 → the history.
pub const TABLE: TableDefinition<'static, u8, &'static [u8]> = TableDefinition::new("lives");
/// The key of the one row.
pub const ROW: u8 = 0;

/// So many are kept: a file that is opened more often while it keeps a change forgets its oldest,
/// whose cursors are then gone.
const LIVES_MAX: usize = 4_096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Life {
    identity: u32,
    /// The first sequence that it may give.
    first: Seq,
}

/// The lives of the file, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lives(Vec<Life>);

impl Lives {
    /// The history of a file of the first schema, which had one identity from its making.
    pub fn of_one(identity: u32) -> Lives {
        Lives(vec![Life { identity, first: Seq(1) }])
    }

    /// Begins a life whose first sequence is `first`. Lives whose cursors are all gone, because the log
    /// begins after them with `oldest`, are forgotten.
    pub fn begin(&mut self, identity: u32, first: Seq, oldest: Seq) {
        self.0.push(Life { identity, first });
        let gone = self.0.windows(2).take_while(|pair| pair[1].first < oldest).count();
        self.0.drain(..gone.max(self.0.len().saturating_sub(LIVES_MAX)));
    }

    /// Whether a life of that identity is among them.
    pub fn holds(&self, identity: u32) -> bool {
        self.0.iter().any(|life| life.identity == identity)
    }

    /// The life now under way.
    pub fn current(&self) -> u32 {
        self.0.last().map_or(0, |life| life.identity)
    }

    /// The life in which a sequence was given; the oldest that is known for those before it.
    pub fn of(&self, seq: Seq) -> u32 {
        let behind = self.0.partition_point(|life| life.first <= seq);
        self.0.get(behind.saturating_sub(1)).map_or(0, |life| life.identity)
    }

    /// Whether a cursor is of this history. How far the present life has come is not known here.
    pub fn admit(&self, identity: u32, seq: Seq) -> bool {
        let Some(place) = self.0.iter().rposition(|life| life.identity == identity) else { return false };
        self.0.get(place + 1).is_none_or(|next| seq < next.first)
    }

    /// Writes the row over what is in `out`.
    pub fn put(&self, out: &mut Vec<u8>) {
        begin_frame(out);
        put_varint(out, self.0.len() as u64);
        for life in &self.0 {
            out.extend_from_slice(&life.identity.to_le_bytes());
            put_varint(out, life.first.0);
        }
        seal_frame(out, frame_key());
    }

    /// Reads the row. Errs where the bytes are not what was written.
    pub fn take(row: &[u8]) -> Result<Lives, LogError> {
        let mut input = open_frame(row, frame_key())?;
        let mut lives = Vec::new();
        for _ in 0..input.length()? {
            lives.push(Life { identity: input.u32()?, first: Seq(input.varint()?) });
        }
        input.finish()?;
        Ok(Lives(lives))
    }
}

fn frame_key() -> FrameKey {
    FrameKey::new(tag::LIVES, &[ROW])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lives(of: &[(u32, u64)]) -> Lives {
        let mut lives = Lives::default();
        of.iter().for_each(|(identity, first)| lives.begin(*identity, Seq(*first), Seq(1)));
        lives
    }

    #[test]
    fn a_cursor_is_of_the_history_up_to_where_its_life_ended() {
        let ours = lives(&[(7, 1), (8, 101), (9, 101), (5, 130)]);
        for (identity, seq, is_ours) in [
            (7, 0, true),
            (7, 100, true),
            (7, 101, false),
            (8, 100, true),
            (8, 101, false),
            (9, 129, true),
            (9, 130, false),
            (5, 40, true),
            (5, 9_999, true),
            (6, 1, false),
        ] {
            assert_eq!(ours.admit(identity, Seq(seq)), is_ours, "{identity}-{seq}");
        }
        let given: Vec<u32> = [0, 1, 100, 101, 129, 130].map(|seq| ours.of(Seq(seq))).into();
        assert_eq!(given, [7, 7, 7, 9, 9, 5]);
        assert_eq!((ours.current(), ours.holds(8), ours.holds(6)), (5, true, false));
    }

    #[test]
    fn a_copy_that_goes_on_takes_no_cursor_that_the_original_gave_since_and_the_other_way_round() {
        let shared = lives(&[(7, 1), (8, 50)]); // copied when 60 had been reached
        let (mut copy, mut original) = (shared.clone(), shared);
        copy.begin(20, Seq(61), Seq(1));
        original.begin(30, Seq(90), Seq(1));
        assert!(copy.admit(8, Seq(60)) && original.admit(8, Seq(60)), "what both have");
        for seq in [61, 70, 89] {
            assert!(!copy.admit(8, Seq(seq)), "given by the original after the copy was made");
            assert!(!original.admit(20, Seq(seq)) && !copy.admit(30, Seq(seq)));
        }
    }

    #[test]
    fn lives_that_lead_nowhere_are_forgotten_and_the_present_one_never() {
        let mut few = lives(&[(1, 1), (2, 10), (3, 20)]);
        few.begin(4, Seq(30), Seq(21));
        assert_eq!(few, lives(&[(3, 20), (4, 30)]));
        few.begin(5, Seq(30), Seq(1_000));
        assert_eq!(few, lives(&[(5, 30)]));
        let many: Vec<(u32, u64)> = (1..=10_000).map(|n| (n, u64::from(n))).collect();
        let many = lives(&many);
        assert_eq!((many.0.len(), many.current()), (LIVES_MAX, 10_000));
        assert!(many.admit(9_999, Seq(9_999)) && !many.admit(1, Seq(1)));
    }

    #[test]
    fn a_row_gives_back_the_history() {
        let ours = lives(&[(7, 1), (u32::MAX, 101), (0, u64::MAX)]);
        let mut out = vec![3; 5];
        ours.put(&mut out);
        assert_eq!(Lives::take(&out), Ok(ours));
        for cut in 0..out.len() {
            assert!(Lives::take(&out[..cut]).is_err());
        }
    }
}

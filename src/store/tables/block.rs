//! Packed blocks: the rows of neighbouring slots in one value.
//!
//! ```text
//! frame { applied:u64 { length:varint row } for each slot; empty rows at the end left out }
//! ```
//!
//! A price that changes costs its share of one block's rewrite instead of a page of its own.

use crate::codec::log::{FrameKey, Input, LogError, begin_frame, open_frame, put_prefixed, seal_frame};
use crate::domain::Seq;

/// A block being read, slot by slot.
pub struct Block<'a> {
    /// The last change that is applied to it.
    pub applied: Seq,
    input: Input<'a>,
}

impl<'a> Block<'a> {
    /// A block at its first slot. Errs where the bytes are not what was written under this key.
    pub fn new(bytes: &'a [u8], key: FrameKey) -> Result<Block<'a>, LogError> {
        let mut input = open_frame(bytes, key)?;
        Ok(Block { applied: Seq(input.u64()?), input })
    }

    /// A block that is not there: nothing applied, all rows empty.
    pub fn absent() -> Block<'static> {
        Block { applied: Seq(0), input: Input::new(&[]) }
    }

    /// The row of the next slot; empty beyond the end.
    #[inline]
    pub fn next_row(&mut self) -> Result<&'a [u8], LogError> {
        if self.input.is_empty() { Ok(&[]) } else { self.input.prefixed() }
    }

    /// The row of one slot, `place` counted from the block's first.
    pub fn row(mut self, place: usize) -> Result<&'a [u8], LogError> {
        for _ in 0..place {
            self.next_row()?;
        }
        self.next_row()
    }
}

/// A block being written over what was in its buffer.
pub struct BlockWriter<'a> {
    out: &'a mut Vec<u8>,
    empty_rows: usize,
}

impl<'a> BlockWriter<'a> {
    /// A block without rows yet, to which everything up to `applied` is applied.
    pub fn new(out: &'a mut Vec<u8>, applied: Seq) -> BlockWriter<'a> {
        begin_frame(out);
        out.extend_from_slice(&applied.0.to_le_bytes());
        BlockWriter { out, empty_rows: 0 }
    }

    /// Appends the row of the next slot; empty for a slot that holds nothing.
    #[inline]
    pub fn push(&mut self, row: &[u8]) {
        if row.is_empty() {
            self.empty_rows += 1;
            return;
        }
        self.out.resize(self.out.len() + self.empty_rows, 0);
        self.empty_rows = 0;
        put_prefixed(self.out, row);
    }

    /// Seals the block for the key under which it is kept.
    pub fn finish(self, key: FrameKey) {
        seal_frame(self.out, key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::log::FRAME_LEN;

    #[test]
    fn rows_come_back_by_slot_and_empty_ones_at_the_end_take_no_room() {
        let key = FrameKey::new(9, b"key");
        let mut out = vec![1, 2, 3];
        let mut writer = BlockWriter::new(&mut out, Seq(9));
        for row in [&b""[..], b"one", b"", b"", &[7; 300], b"", b""] {
            writer.push(row);
        }
        writer.finish(key);
        assert_eq!(out.len(), FRAME_LEN + 8 + 1 + 4 + 2 + 302);
        let block = || Block::new(&out, key).unwrap();
        assert_eq!(block().applied, Seq(9));
        assert_eq!(block().row(1), Ok(&b"one"[..]));
        assert_eq!(block().row(3), Ok(&b""[..]));
        assert_eq!(block().row(4), Ok(&[7; 300][..]));
        assert_eq!(block().row(200), Ok(&b""[..]));
        assert_eq!(Block::absent().row(5), Ok(&b""[..]));
        assert_eq!(Block::new(&[3], key).err(), Some(LogError::Version(3)));
        assert_eq!(Block::new(&out[..28], key).err(), Some(LogError::Checksum));
    }

    #[test]
    fn a_block_of_the_first_version_is_read_for_ever() {
        let mut out = vec![1];
        out.extend_from_slice(&9u64.to_le_bytes());
        put_prefixed(&mut out, b"one");
        let block = || Block::new(&out, FrameKey::new(9, b"key")).unwrap();
        assert_eq!((block().applied, block().row(0)), (Seq(9), Ok(&b"one"[..])));
        let cut = Block::new(&out[..11], FrameKey::new(9, b"key")).unwrap();
        assert_eq!(cut.row(0), Err(LogError::Truncated));
    }
}

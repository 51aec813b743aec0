//! Packed blocks: the rows of neighbouring slots in one value.
//!
//! ```text
//! version:u8 applied:u64 { length:varint row } for each slot; empty rows at the end left out
//! ```
//!
//! A price that changes costs its share of one block's rewrite instead of a page of its own.

use crate::codec::log::{Input, LogError, put_prefixed};
use crate::domain::Seq;

const VERSION: u8 = 1;

/// A block being read, slot by slot.
pub struct Block<'a> {
    pub applied: Seq,
    input: Input<'a>,
}

impl<'a> Block<'a> {
    pub fn new(bytes: &'a [u8]) -> Result<Block<'a>, LogError> {
        let mut input = Input::new(bytes);
        match input.u8()? {
            VERSION => Ok(Block { applied: Seq(input.u64()?), input }),
            other => Err(LogError::Version(other)),
        }
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
    pub fn new(out: &'a mut Vec<u8>, applied: Seq) -> BlockWriter<'a> {
        out.clear();
        out.push(VERSION);
        out.extend_from_slice(&applied.0.to_le_bytes());
        BlockWriter { out, empty_rows: 0 }
    }

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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_by_slot_and_empty_ones_at_the_end_take_no_room() {
        let mut out = vec![1, 2, 3];
        let mut writer = BlockWriter::new(&mut out, Seq(9));
        for row in [&b""[..], b"one", b"", b"", &[7; 300], b"", b""] {
            writer.push(row);
        }
        assert_eq!(out.len(), 9 + 1 + 4 + 2 + 302);
        let block = || Block::new(&out).unwrap();
        assert_eq!(block().applied, Seq(9));
        assert_eq!(block().row(1), Ok(&b"one"[..]));
        assert_eq!(block().row(3), Ok(&b""[..]));
        assert_eq!(block().row(4), Ok(&[7; 300][..]));
        assert_eq!(block().row(200), Ok(&b""[..]));
        assert_eq!(Block::absent().row(5), Ok(&b""[..]));
        assert_eq!(Block::new(&[2]).err(), Some(LogError::Version(2)));
        assert_eq!(Block::new(&out[..20]).unwrap().row(4), Err(LogError::Truncated));
    }
}

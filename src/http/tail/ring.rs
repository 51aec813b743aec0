//! The newest blocks, one after the other, and what a stream finds in them.

use super::block::RenderedBlock;
use super::interest::Interest;
use crate::domain::Seq;
use std::collections::VecDeque;
use std::sync::Arc;

/// Blocks without a gap between them, bounded by what they take in memory.
#[derive(Debug)]
pub struct Ring {
    blocks: VecDeque<Arc<RenderedBlock>>,
    bytes: usize,
    bytes_max: usize,
    /// The last sequence that was looked at.
    to: Seq,
}

/// What there is for a stream after its place.
#[derive(Debug)]
pub enum Look {
    /// Nothing up to here, which is all that has been read.
    Nothing(Seq),
    /// Nothing up to here, and then something in this block.
    Kept(Seq, Arc<RenderedBlock>),
    /// Nothing up to here, and what follows is not kept: the store has it.
    Stored(Seq),
}

impl Ring {
    /// Nothing yet, and what is kept begins after `to`.
    pub fn new(bytes_max: usize, to: Seq) -> Ring {
        Ring { blocks: VecDeque::new(), bytes: 0, bytes_max, to }
    }

    /// The last sequence that was looked at.
    pub fn to(&self) -> Seq {
        self.to
    }

    /// What is kept.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Lets go of everything, and goes on after `to`.
    pub fn restart(&mut self, to: Seq) {
        *self = Ring::new(self.bytes_max, to);
    }

    /// Takes in the block that follows; the oldest go where there is no more room.
    pub fn push(&mut self, block: Arc<RenderedBlock>) {
        debug_assert_eq!(block.after, self.to, "no gap and no overlap");
        self.to = block.to;
        self.bytes += block.bytes();
        self.blocks.push_back(block);
        while self.bytes > self.bytes_max && self.blocks.len() > 1 {
            let oldest = self.blocks.pop_front();
            self.bytes -= oldest.map_or(0, |block| block.bytes());
        }
    }

    /// What there is after `at` for such a stream. A stream that has read the store may be further than
    /// what is kept here: then there is nothing for it yet.
    pub fn after(&self, at: Seq, interest: &Interest) -> Look {
        if at >= self.to {
            return Look::Nothing(at);
        }
        let from = self.blocks.front().map_or(self.to, |block| block.after);
        if at < from {
            return Look::Stored(at);
        }
        let mut passed = at;
        let first = self.blocks.partition_point(|block| block.to <= at);
        for block in self.blocks.range(first..) {
            if !block.cover.suffices_for(interest) {
                return Look::Stored(passed);
            }
            if block.concerns(passed, interest) {
                return Look::Kept(passed, Arc::clone(block));
            }
            passed = block.to;
        }
        Look::Nothing(passed)
    }
}

//! A body that is made piece by piece, each of which its reader has at once.
//!
//! Between two pieces nothing is kept but a sum and a length: a stream that nobody takes holds no
//! compressor, whose tables are larger than all that it holds else. Each piece is compressed by itself,
//! as blocks that refer to none before them, and all of them are one gzip member (RFC 1952) to whom
//! they reach.

use flate2::{Compress, Compression, Crc, FlushCompress};
use std::cell::RefCell;

/// A gzip header without a name or a time, from an unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// An empty last block.
const LAST_BLOCK: [u8; 2] = [3, 0];
const LEVEL: u32 = 3;
/// What a block without a gain is larger than its content, and what ends a piece.
const OVERHEAD_BYTES: usize = 64;

thread_local! {
    static DEFLATE: RefCell<Compress> = RefCell::new(Compress::new(Compression::new(LEVEL), false));
}

/// A gzip stream under way.
#[derive(Default)]
pub struct Pieces {
    sum: Crc,
    has_begun: bool,
}

impl Pieces {
    /// The next piece, whole: its reader can decode all of it without what follows.
    pub fn next(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(piece.len() / 3 + HEADER.len() + OVERHEAD_BYTES);
        self.begin(&mut out);
        self.sum.update(piece);
        DEFLATE.with_borrow_mut(|deflate| {
            deflate.reset();
            let mut rest = piece;
            loop {
                let before = deflate.total_in();
                let room = out.capacity() - out.len();
                deflate.compress_vec(rest, &mut out, FlushCompress::Sync).expect("deflate takes any bytes");
                rest = &rest[(deflate.total_in() - before) as usize..];
                // it has said all when it leaves room
                if rest.is_empty() && out.len() < out.capacity() {
                    break;
                }
                out.reserve(rest.len().max(room).max(OVERHEAD_BYTES));
            }
        });
        out
    }

    /// What ends the stream.
    pub fn end(&mut self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER.len() + 10);
        self.begin(&mut out);
        out.extend_from_slice(&LAST_BLOCK);
        out.extend_from_slice(&self.sum.sum().to_le_bytes());
        out.extend_from_slice(&self.sum.amount().to_le_bytes());
        out
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if !self.has_begun {
            self.has_begun = true;
            out.extend_from_slice(&HEADER);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use std::io::Read as _;

    /// All that can be read of a stream that goes on.
    fn so_far(bytes: &[u8]) -> Vec<u8> {
        let mut read = Vec::new();
        let mut decoder = GzDecoder::new(bytes);
        let mut one = [0];
        while let Ok(1) = decoder.read(&mut one) {
            read.push(one[0]);
        }
        read
    }

    #[test]
    fn each_piece_is_read_at_once_and_all_are_one_member() {
        let mut pieces = Pieces::default();
        let (mut sent, mut received) = (Vec::new(), Vec::new());
        let noise: Vec<u8> = (0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let long = "data: {\"id\":\"a\"}\n\n".repeat(20_000);
        for piece in [b":\n", &b""[..], long.as_bytes(), &noise, b"data: x\n\n", b":\n"] {
            sent.extend_from_slice(piece);
            received.extend(pieces.next(piece));
            assert_eq!(so_far(&received).len(), sent.len());
        }
        received.extend(pieces.end());
        let mut whole = Vec::new();
        GzDecoder::new(&received[..]).read_to_end(&mut whole).expect("sum and length are right");
        assert!(whole == sent);
        assert!(pieces.next(long.as_bytes()).len() * 20 < long.len());
    }

    #[test]
    fn a_stream_of_nothing_is_whole_too() {
        let mut whole = Vec::new();
        GzDecoder::new(&Pieces::default().end()[..]).read_to_end(&mut whole).unwrap();
        assert_eq!(whole, b"");
    }

    #[test]
    fn a_stream_keeps_next_to_nothing_between_two_pieces() {
        assert!(size_of::<Pieces>() <= 32);
    }
}

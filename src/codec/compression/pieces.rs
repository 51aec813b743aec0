//! A body that is made piece by piece, each of which its reader has at once.
//!
//! Between two pieces nothing is kept but a sum and a length: a stream that nobody takes holds no
//! compressor, whose tables are larger than all that it holds else. Each piece is compressed by itself.
//! By gzip (RFC 1952) it is blocks that refer to none before them, all of one member; by zstd (RFC 8878) it is
//! a frame of its own, and the stream is one frame after the other. Brotli (RFC 7932) knows neither.

use super::coding::Coding;
use flate2::{Compress, Compression, Crc, FlushCompress};
use std::cell::RefCell;
use zstd::bulk::Compressor;

/// A gzip header without a name or a time, from an unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// An empty last block.
const LAST_BLOCK: [u8; 2] = [3, 0];
const LEVEL: u32 = 3;
const ZSTD_LEVEL: i32 = 3;
/// What a block without a gain is larger than its content, and what ends a piece.
const OVERHEAD_BYTES: usize = 64;

thread_local! {
    static DEFLATE: RefCell<Compress> = RefCell::new(Compress::new(Compression::new(LEVEL), false));
    static ZSTD: RefCell<Compressor<'static>> =
        RefCell::new(Compressor::new(ZSTD_LEVEL).expect("the level is one that there is"));
}

/// A stream under way.
pub enum Pieces {
    /// Whose end is a sum.
    Gzip(GzipMember),
    /// Whose pieces know nothing of each other.
    Zstd,
}

impl Pieces {
    /// What streams can be sent in, that first which all clients read to the end: some stop behind the
    /// first frame of zstd.
    pub const CODINGS: [Coding; 2] = [Coding::Gzip, Coding::Zstd];

    /// The beginning of a stream in one of these codings.
    pub fn of(coding: Coding) -> Option<Pieces> {
        match coding {
            Coding::Gzip => Some(Pieces::Gzip(GzipMember::default())),
            Coding::Zstd => Some(Pieces::Zstd),
            Coding::Brotli => None,
        }
    }

    /// The next piece, whole: its reader can decode all of it without what follows.
    pub fn next(&mut self, piece: &[u8]) -> Vec<u8> {
        match self {
            Pieces::Gzip(member) => member.next(piece),
            Pieces::Zstd => frame(piece),
        }
    }

    /// What ends the stream.
    pub fn end(&mut self) -> Vec<u8> {
        match self {
            Pieces::Gzip(member) => member.end(),
            // of nothing no bytes at all would be cut short
            Pieces::Zstd => frame(b""),
        }
    }
}

fn frame(piece: &[u8]) -> Vec<u8> {
    ZSTD.with_borrow_mut(|zstd| zstd.compress(piece).expect("memory takes all that is written"))
}

/// A gzip member under way.
#[derive(Default)]
pub struct GzipMember {
    sum: Crc,
    has_begun: bool,
}

impl GzipMember {
    fn next(&mut self, piece: &[u8]) -> Vec<u8> {
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

    fn end(&mut self) -> Vec<u8> {
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
        let mut pieces = Pieces::of(Coding::Gzip).unwrap();
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
        GzDecoder::new(&GzipMember::default().end()[..]).read_to_end(&mut whole).unwrap();
        assert_eq!(whole, b"");
    }

    #[test]
    fn each_piece_of_zstd_is_a_frame_and_all_of_them_are_the_whole() {
        let mut pieces = Pieces::of(Coding::Zstd).unwrap();
        let long = "data: {\"id\":\"a\"}\n\n".repeat(20_000);
        let (mut sent, mut received) = (Vec::new(), Vec::new());
        for piece in [b":\n", &b""[..], long.as_bytes(), b"data: x\n\n"] {
            let packed = pieces.next(piece);
            assert_eq!(zstd::stream::decode_all(&packed[..]).unwrap(), piece, "without what was before it");
            sent.extend_from_slice(piece);
            received.extend(packed);
        }
        received.extend(pieces.end());
        assert!(zstd::stream::decode_all(&received[..]).unwrap() == sent);
        let end = Pieces::Zstd.end();
        assert_eq!(zstd::stream::decode_all(&end[..]).unwrap(), b"", "a stream of nothing is whole too");
        assert!(Pieces::of(Coding::Brotli).is_none());
    }

    #[test]
    fn a_stream_keeps_next_to_nothing_between_two_pieces() {
        assert!(size_of::<Pieces>() <= 32);
    }
}

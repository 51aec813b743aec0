//! Pieces of a backup, each compressed by zstd for itself.

use std::io::{self, Read};

/// A level that keeps up with a disk.
const LEVEL: i32 = 3;

/// A piece compressed.
pub fn pack(piece: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(piece, LEVEL).expect("memory takes all that is written, and there is such a level")
}

/// A packed piece as it was. Errs where it is none, or would be larger than `bytes_max`.
pub fn unpack(packed: &[u8], bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut piece = Vec::new();
    let bytes = zstd::Decoder::new(packed)?.take(bytes_max as u64 + 1).read_to_end(&mut piece)?;
    match bytes > bytes_max {
        true => Err(io::Error::new(io::ErrorKind::InvalidData, "a piece that is larger than any")),
        false => Ok(piece),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_comes_back_and_no_larger_one_than_is_allowed() {
        let piece = vec![7; 100_000];
        let packed = pack(&piece);
        assert!(packed.len() < 1_000);
        assert_eq!(unpack(&packed, piece.len()).unwrap(), piece);
        assert!(unpack(&packed, piece.len() - 1).is_err());
        assert!(unpack(&packed[..packed.len() - 1], piece.len()).is_err());
    }
}

//! Numbers and texts as bytes: what log records and table rows are made of.
//!
//! Little-endian where fixed, LEB128 where most values are small. Reading checks every length and
//! bound and never panics, whatever the bytes: they come from a disk.

use crate::domain::Stamp;
use compact_str::CompactString;

/// Why bytes are not a record or a row that we have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// They end within a value.
    #[error("the bytes end too early")]
    Truncated,
    /// A newer release wrote them, or damage changed the version.
    #[error("layout version {0} is not known")]
    Version(u8),
    /// A value that its field cannot have.
    #[error("{0} is out of its bounds")]
    Bounds(&'static str),
    /// More bytes than the value has.
    #[error("bytes are left over")]
    Trailing,
    /// Something changed the bytes since they were written.
    #[error("the checksum is not that of the bytes")]
    Checksum,
    /// The bytes are whole, and were written under another key.
    #[error("the bytes belong to another key")]
    Misplaced,
}

/// Bytes that are read from front to back. Each of its readings errs where the bytes end too early, or
/// hold what its type cannot.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    /// An input of which nothing has been read.
    pub fn new(bytes: &'a [u8]) -> Input<'a> {
        Input { bytes, at: 0 }
    }

    /// How many bytes have been read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Whether all bytes have been read.
    pub fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// Errs where bytes are left over.
    pub fn finish(self) -> Result<(), LogError> {
        if self.is_empty() { Ok(()) } else { Err(LogError::Trailing) }
    }

    /// So many bytes as they are.
    #[inline]
    pub fn slice(&mut self, len: usize) -> Result<&'a [u8], LogError> {
        let end = self.at.checked_add(len).ok_or(LogError::Truncated)?;
        let slice = self.bytes.get(self.at..end).ok_or(LogError::Truncated)?;
        self.at = end;
        Ok(slice)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], LogError> {
        Ok(self.slice(N)?.try_into().expect("the slice has the length asked for"))
    }

    /// One byte.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, LogError> {
        let byte = *self.bytes.get(self.at).ok_or(LogError::Truncated)?;
        self.at += 1;
        Ok(byte)
    }

    /// Four bytes, little-endian.
    pub fn u32(&mut self) -> Result<u32, LogError> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes, little-endian.
    pub fn u64(&mut self) -> Result<u64, LogError> {
        self.array().map(u64::from_le_bytes)
    }

    /// Eight bytes, little-endian, with a sign.
    pub fn i64(&mut self) -> Result<i64, LogError> {
        self.array().map(i64::from_le_bytes)
    }

    /// Sixteen bytes, little-endian.
    pub fn u128(&mut self) -> Result<u128, LogError> {
        self.array().map(u128::from_le_bytes)
    }

    /// A number in LEB128. Errs beyond 64 bits.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, LogError> {
        let first = self.u8()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let rest = self.varint_rest(u128::from(first & 0x7f))?;
        u64::try_from(rest).map_err(|_| LogError::Bounds("number"))
    }

    /// A number in LEB128. Errs beyond 128 bits.
    #[inline]
    pub fn varint128(&mut self) -> Result<u128, LogError> {
        let first = self.u8()?;
        if first < 0x80 { Ok(u128::from(first)) } else { self.varint_rest(u128::from(first & 0x7f)) }
    }

    fn varint_rest(&mut self, low: u128) -> Result<u128, LogError> {
        let mut value = low;
        for shift in (7..128).step_by(7) {
            let byte = self.u8()?;
            let part = u128::from(byte & 0x7f);
            if shift == 126 && part > 3 {
                break; // beyond 128 bits
            }
            value |= part << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(LogError::Bounds("number"))
    }

    /// A length or a count, as `varint`. It may be larger than what follows.
    pub fn length(&mut self) -> Result<usize, LogError> {
        usize::try_from(self.varint()?).map_err(|_| LogError::Bounds("length"))
    }

    /// Bytes after their length.
    #[inline]
    pub fn prefixed(&mut self) -> Result<&'a [u8], LogError> {
        let len = self.length()?;
        self.slice(len)
    }

    /// UTF-8 after its length.
    pub fn text(&mut self) -> Result<&'a str, LogError> {
        std::str::from_utf8(self.prefixed()?).map_err(|_| LogError::Bounds("text"))
    }

    /// The same as a text of its own.
    pub fn name(&mut self) -> Result<CompactString, LogError> {
        self.text().map(CompactString::new)
    }

    /// A stamp, as `put_stamp` writes it.
    pub fn stamp(&mut self) -> Result<Stamp, LogError> {
        let rank = self.varint()?.rotate_right(2);
        Ok(Stamp::from_words(self.i64()?, rank))
    }
}

/// Appends a number in LEB128: one byte below 128.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The same of 128 bits.
#[inline]
pub fn put_varint128(out: &mut Vec<u8>, mut value: u128) {
    while value > u128::from(u64::MAX) {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    put_varint(out, value as u64);
}

/// Appends the length of the bytes, and the bytes.
#[inline]
pub fn put_prefixed(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a stamp. The lane goes below the sequence, so that a small sequence takes one byte.
pub fn put_stamp(out: &mut Vec<u8>, stamp: Stamp) {
    let (at, rank) = stamp.to_words();
    put_varint(out, rank.rotate_left(2));
    out.extend_from_slice(&at.to_le_bytes());
}

/// A number whose small values stay small without a sign: 0, -1, 1, -2 become 0, 1, 2, 3.
#[inline]
pub fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The number that `zigzag` was given.
#[inline]
pub fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_at_every_width() {
        let mut out = Vec::new();
        for shift in 0..128 {
            for value in [1u128 << shift, (1u128 << shift) - 1, u128::MAX >> shift] {
                out.clear();
                put_varint128(&mut out, value);
                let mut input = Input::new(&out);
                assert_eq!(input.varint128(), Ok(value));
                assert_eq!(input.finish(), Ok(()));
                let short = u64::try_from(value).map_err(|_| LogError::Bounds("number"));
                assert_eq!(Input::new(&out).varint(), short);
            }
        }
        for value in [0, 1, -1, i64::MAX, i64::MIN] {
            assert_eq!(unzigzag(zigzag(value)), value);
        }
    }

    #[test]
    fn a_number_without_end_is_refused() {
        assert_eq!(Input::new(&[0xff; 40]).varint128(), Err(LogError::Bounds("number")));
        assert_eq!(Input::new(&[0xff; 3]).varint(), Err(LogError::Truncated));
        assert_eq!(Input::new(&[5, b'a']).text(), Err(LogError::Truncated));
        assert_eq!(Input::new(&[1, 0xff]).text(), Err(LogError::Bounds("text")));
    }
}

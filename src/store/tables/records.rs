//! `records`: what is neither asset nor price. The layout of the values is in `codec::records`; nothing
//! here looks into them.

use super::tag;
use crate::codec::log::{FrameKey, LogError, begin_frame, open_frame, seal_frame};
use crate::domain::Seq;
use redb::TableDefinition;

/// (kind, partner, key) → row.
pub const TABLE: TableDefinition<'static, (u8, u32, &'static [u8]), &'static [u8]> =
    TableDefinition::new("records");

/// The place of a row, for its checksum.
pub fn key_of((kind, partner, of): (u8, u32, &[u8])) -> FrameKey {
    let mut key = Vec::with_capacity(5 + of.len());
    key.push(kind);
    key.extend_from_slice(&partner.to_le_bytes());
    key.extend_from_slice(of);
    FrameKey::new(tag::RECORDS, &key)
}

/// Writes a row over what is in `out`: applied and value, framed.
pub fn put(out: &mut Vec<u8>, key: FrameKey, applied: Seq, value: &[u8]) {
    begin_frame(out);
    out.extend_from_slice(&applied.0.to_le_bytes());
    out.extend_from_slice(value);
    seal_frame(out, key);
}

/// The sequence up to which a row is applied, and its value. Errs where the frame does not fit.
pub fn take(row: &[u8], key: FrameKey) -> Result<(Seq, &[u8]), LogError> {
    let mut input = open_frame(row, key)?;
    Ok((Seq(input.u64()?), input.rest()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_gives_back_value_and_sequence() {
        let (mut out, key) = (vec![9; 3], key_of((1, 2, b"key")));
        put(&mut out, key, Seq(7), b"value");
        assert_eq!(take(&out, key), Ok((Seq(7), &b"value"[..])));
        assert_eq!(take(&out, key_of((2, 2, b"key"))), Err(LogError::Misplaced));
        assert_eq!(take(&[1, 7, 0, 0, 0, 0, 0, 0, 0, 5], key), Ok((Seq(7), &[5][..])), "the first version");
        assert_eq!(take(&[3], key), Err(LogError::Version(3)));
        assert_eq!(take(&[], key), Err(LogError::Truncated));
    }
}

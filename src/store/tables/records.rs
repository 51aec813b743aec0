//! `records`: what is neither asset nor price; the store does not look into the values.

use crate::codec::log::{Input, LogError};
use crate::domain::Seq;
use redb::TableDefinition;

/// (kind, partner, key) → row.
pub const TABLE: TableDefinition<'static, (u8, u32, &'static [u8]), &'static [u8]> =
    TableDefinition::new("records");

const VERSION: u8 = 1;

/// Writes a row over what is in `out`: version, applied, value.
pub fn put(out: &mut Vec<u8>, applied: Seq, value: &[u8]) {
    out.clear();
    out.push(VERSION);
    out.extend_from_slice(&applied.0.to_le_bytes());
    out.extend_from_slice(value);
}

/// The sequence up to which a row is applied, and its value.
pub fn take(row: &[u8]) -> Result<(Seq, &[u8]), LogError> {
    let mut input = Input::new(row);
    match input.u8()? {
        VERSION => Ok((Seq(input.u64()?), input.rest())),
        other => Err(LogError::Version(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_gives_back_value_and_sequence() {
        let mut out = vec![9; 3];
        put(&mut out, Seq(7), b"value");
        assert_eq!(take(&out), Ok((Seq(7), &b"value"[..])));
        assert_eq!(take(&[2]), Err(LogError::Version(2)));
        assert_eq!(take(&[]), Err(LogError::Truncated));
    }
}

//! The frame around everything that is stored: a version, a checksum, and the bytes it covers.
//!
//! ```text
//! version:u8 check:u64 body
//! ```
//!
//! One half of the checksum is of the body alone, the other one of body and place. So a changed bit is
//! noticed, and so is a whole value that stands under the key of another; and the error says which of
//! the two it is. Version 1 has no checksum; files hold such values until they are written again.

use super::bytes::{Input, LogError};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

const UNCHECKED: u8 = 1;
const CHECKED: u8 = 2;

/// Bytes of a frame before its body.
pub const FRAME_LEN: usize = 1 + 8;

/// Where a value stands: its table and its key there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameKey(u32);

impl FrameKey {
    /// The place of a value under a key of a table. Each table has a number of its own.
    pub fn new(table: u8, key: &[u8]) -> FrameKey {
        FrameKey(xxh3_64_with_seed(key, u64::from(table)) as u32)
    }

    /// The place of the record of the log that begins with the change `first`.
    pub fn of_record(first: u64) -> FrameKey {
        const LOG: u8 = 1;
        FrameKey::new(LOG, &first.to_le_bytes())
    }

    /// The checksum of a body that is kept there.
    pub fn check(self, body: &[u8]) -> u64 {
        let body = xxh3_64(body);
        body & u64::from(u32::MAX) | u64::from((body >> 32) as u32 ^ self.0) << 32
    }
}

/// Begins a frame over what is in `out`. Its body follows; then it is sealed.
pub fn begin_frame(out: &mut Vec<u8>) {
    out.clear();
    out.push(CHECKED);
    out.extend_from_slice(&[0; FRAME_LEN - 1]);
}

/// Writes the checksum of the whole body into the frame.
pub fn seal_frame(out: &mut [u8], key: FrameKey) {
    let (frame, body) = out.split_at_mut(FRAME_LEN);
    frame[1..].copy_from_slice(&key.check(body).to_le_bytes());
}

/// Verifies a frame, and gives its body to be read. Errs where the bytes are not those that were
/// sealed, or were sealed for another key.
pub fn open_frame(bytes: &[u8], key: FrameKey) -> Result<Input<'_>, LogError> {
    let mut input = Input::new(bytes);
    match input.u8()? {
        UNCHECKED => return Ok(input),
        CHECKED => {}
        other => return Err(LogError::Version(other)),
    }
    let (found, expected) = (input.u64()?, key.check(input.rest()));
    if found == expected {
        return Ok(input);
    }
    Err(if found as u32 == expected as u32 { LogError::Misplaced } else { LogError::Checksum })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(body: &[u8], key: FrameKey) -> Vec<u8> {
        let mut out = vec![7; 3];
        begin_frame(&mut out);
        out.extend_from_slice(body);
        seal_frame(&mut out, key);
        out
    }

    #[test]
    fn a_frame_gives_back_its_body_and_notices_each_flipped_bit() {
        let key = FrameKey::of_record(7);
        for body in [&b""[..], b"x", &[0xa5; 300]] {
            let mut bytes = framed(body, key);
            assert_eq!(open_frame(&bytes, key).unwrap().rest(), body);
            for bit in 0..bytes.len() * 8 {
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert!(open_frame(&bytes, key).is_err(), "bit {bit} of {body:?}");
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            for cut in 0..bytes.len() {
                assert!(open_frame(&bytes[..cut], key).is_err());
            }
        }
    }

    #[test]
    fn a_value_that_stands_under_the_key_of_another_is_misplaced() {
        let bytes = framed(b"body", FrameKey::new(3, b"here"));
        for other in [FrameKey::new(3, b"there"), FrameKey::new(4, b"here"), FrameKey::of_record(3)] {
            assert_eq!(open_frame(&bytes, other).err(), Some(LogError::Misplaced));
        }
    }

    #[test]
    fn a_frame_of_the_first_version_is_read_unchecked() {
        assert_eq!(open_frame(&[1, 5, 6], FrameKey::of_record(1)).unwrap().rest(), [5, 6]);
        assert_eq!(open_frame(&[3, 5, 6], FrameKey::of_record(1)).err(), Some(LogError::Version(3)));
    }
}

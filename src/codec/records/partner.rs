//! The numbers of partners, kept under the number 0, which no partner has.
//!
//! - Key: the partner's name, as its UTF-8 bytes.
//! - Value: the number, four bytes, little-endian; a fifth byte once more is known of the partner. Its lower half
//!   is what was last said of it: 1 purged, 2 removed, 3 restored. Of its upper half, 0x10: it is a sandbox;
//!   0x20: it is being cleared.
//! - Lifetime: for ever. A number is never given to another partner.

use super::form::{Encode, Record, RecordCause};
use crate::domain::{PartnerName, PartnerNo, PartnerNumber, PartnerStanding, RecordKind};

const SANDBOX: u8 = 0x10;
const CLEARING: u8 = 0x20;

impl Record for PartnerNumber {
    const KIND: RecordKind = RecordKind::Partner;
    type Key = PartnerName;

    fn key(name: &PartnerName) -> Box<[u8]> {
        name.as_str().as_bytes().into()
    }

    fn read_key(bytes: &[u8]) -> Option<PartnerName> {
        PartnerName::new(std::str::from_utf8(bytes).ok()?).ok()
    }

    fn decode(bytes: &[u8]) -> Result<PartnerNumber, RecordCause> {
        let no = bytes.first_chunk().map(|no| PartnerNo(u32::from_le_bytes(*no)));
        let (no, byte) = match (no, bytes.get(4..)) {
            (Some(no), Some([])) => (no, 0),
            (Some(no), Some([byte])) => (no, *byte),
            _ => return Err(RecordCause::Length(bytes.len())),
        };
        let standing = match byte & !(SANDBOX | CLEARING) {
            0 => PartnerStanding::Known,
            1 => PartnerStanding::Purged,
            2 => PartnerStanding::Removed,
            3 => PartnerStanding::Restored,
            _ => return Err(RecordCause::Length(bytes.len())),
        };
        let (is_sandbox, is_clearing) = (byte & SANDBOX != 0, byte & CLEARING != 0);
        Ok(PartnerNumber { no, standing, is_sandbox, is_clearing })
    }
}

impl Encode for PartnerNumber {
    fn encode(&self) -> Box<[u8]> {
        let standing = match self.standing {
            PartnerStanding::Known => 0,
            PartnerStanding::Purged => 1,
            PartnerStanding::Removed => 2,
            PartnerStanding::Restored => 3,
        };
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        let byte = standing | flag(self.is_sandbox, SANDBOX) | flag(self.is_clearing, CLEARING);
        let more: &[u8] = if byte == 0 { &[] } else { &[byte] };
        [&self.no.0.to_le_bytes(), more].concat().into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::tests::pinned;
    use super::*;

    #[test]
    fn the_bytes_of_a_partner_s_number_are_these() {
        let name = PartnerName::new("acme").unwrap();
        let number = pinned::<PartnerNumber>(&name, b"acme", b"\x2a\x01\0\0");
        assert_eq!(number, PartnerNumber::new(PartnerNo(298), false));
        let cleared = PartnerNumber { is_clearing: true, ..PartnerNumber::new(PartnerNo(298), true) };
        assert_eq!(
            (&cleared.encode()[..], PartnerNumber::decode(b"\x2a\x01\0\0\x30").unwrap()),
            (&b"\x2a\x01\0\0\x30"[..], cleared)
        );
        assert_eq!(PartnerNumber::decode(b"\x2a\x01\0\0\x01").unwrap().encode()[..], b"\x2a\x01\0\0\x01"[..]);
        assert!(PartnerNumber::decode(b"\x2a\x01\0\0\x01").unwrap().is_purged());
        for (byte, standing) in [(2, PartnerStanding::Removed), (3, PartnerStanding::Restored)] {
            let bytes = [0x2a, 1, 0, 0, byte];
            let number = PartnerNumber::decode(&bytes).unwrap();
            assert_eq!((number.standing, &number.encode()[..]), (standing, &bytes[..]));
        }
        for bad in [&b"\x2a\x01\0"[..], b"\x2a\x01\0\0\x04", &[1; 6]] {
            assert!(PartnerNumber::decode(bad).is_err());
        }
        assert_eq!(PartnerNumber::read_key(b"no name"), None);
    }
}

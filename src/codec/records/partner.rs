//! The numbers of partners, kept under the number 0, which no partner has.
//!
//! - Key: the partner's name, as its UTF-8 bytes.
//! - Value: the number, four bytes, little-endian; a fifth byte once more was said of the partner: 1 purged,
//!   2 removed, 3 restored.
//! - Lifetime: for ever. A number is never given to another partner.

use super::form::{Encode, Record, RecordCause};
use crate::domain::{PartnerName, PartnerNo, PartnerNumber, PartnerStanding, RecordKind};

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
        let standing = match bytes.get(4..) {
            Some([]) => PartnerStanding::Known,
            Some([1]) => PartnerStanding::Purged,
            Some([2]) => PartnerStanding::Removed,
            Some([3]) => PartnerStanding::Restored,
            _ => return Err(RecordCause::Length(bytes.len())),
        };
        let no = no.ok_or(RecordCause::Length(bytes.len()))?;
        Ok(PartnerNumber { no, standing })
    }
}

impl Encode for PartnerNumber {
    fn encode(&self) -> Box<[u8]> {
        let standing: &[u8] = match self.standing {
            PartnerStanding::Known => &[],
            PartnerStanding::Purged => &[1],
            PartnerStanding::Removed => &[2],
            PartnerStanding::Restored => &[3],
        };
        [&self.no.0.to_le_bytes(), standing].concat().into()
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
        assert_eq!(number, PartnerNumber::new(PartnerNo(298)));
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

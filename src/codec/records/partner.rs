//! The numbers of partners, kept under the number 0, which no partner has.
//!
//! - Key: the partner's name, as its UTF-8 bytes.
//! - Value: the number, four bytes, little-endian; a fifth byte, 1, once the partner has been purged.
//! - Lifetime: for ever. A number is never given to another partner.

use super::form::{Encode, Record, RecordCause};
use crate::domain::{PartnerName, PartnerNo, PartnerNumber, RecordKind};

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
        match (no, bytes.len()) {
            (Some(no), 4 | 5) => Ok(PartnerNumber { no, is_purged: bytes.len() == 5 }),
            (_, length) => Err(RecordCause::Length(length)),
        }
    }
}

impl Encode for PartnerNumber {
    fn encode(&self) -> Box<[u8]> {
        let purged: &[u8] = if self.is_purged { &[1] } else { &[] };
        [&self.no.0.to_le_bytes(), purged].concat().into()
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
        assert_eq!(number, PartnerNumber { no: PartnerNo(298), is_purged: false });
        assert_eq!(PartnerNumber::decode(b"\x2a\x01\0\0\x01").unwrap().encode()[..], b"\x2a\x01\0\0\x01"[..]);
        assert!(PartnerNumber::decode(b"\x2a\x01\0\0\x01").unwrap().is_purged);
        assert!(PartnerNumber::decode(&[1; 6]).is_err());
        assert_eq!(PartnerNumber::read_key(b"no name"), None);
    }
}

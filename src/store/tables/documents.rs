//! `documents`: members of each asset, and who wrote them. A dead asset keeps a row without
//! members, so that it is known to have lived.

use super::tag;
use crate::codec::log::{
    FrameKey, Input, LogError, begin_frame, open_frame, put_members, put_origin, put_prefixed, put_varint,
    seal_frame, take_members_of, take_origin,
};
use crate::domain::{Document, Micros, Origin, Seq, Slot};
use compact_str::CompactString;
use redb::TableDefinition;

/// (partner, id) → row.
pub const TABLE: TableDefinition<'static, (u32, &'static [u8]), &'static [u8]> =
    TableDefinition::new("documents");

/// The place of a row, for its checksum.
pub fn key_of(partner: u32, id: &[u8]) -> FrameKey {
    let mut key = Vec::with_capacity(4 + id.len());
    key.extend_from_slice(&partner.to_le_bytes());
    key.extend_from_slice(id);
    FrameKey::new(tag::DOCUMENTS, &key)
}

/// A document as the table holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentRow {
    /// The last change that is applied to it.
    pub applied: Seq,
    /// Where the asset stands.
    pub slot: Slot,
    /// The last change that readers saw.
    pub changed: Seq,
    /// Who wrote the base, and when we learned it; `UNKNOWN` where nothing names its writer.
    pub base_origin: (Origin, Micros),
    /// The members; none of a dead asset that holds nothing.
    pub members: Document,
    /// Who wrote each exception, in the order of the head's.
    pub exceptions: Vec<(CompactString, Origin, Micros)>,
}

impl DocumentRow {
    /// The writer of a base where nothing is left that names it.
    pub const UNKNOWN: (Origin, Micros) = (Origin::Push { delivery: 0 }, Micros::BEGINNING);

    /// The row that stands in for a damaged one, below a patch that needs nothing of it.
    pub fn lost() -> DocumentRow {
        DocumentRow {
            applied: Seq(0),
            slot: Slot(0),
            changed: Seq(0),
            base_origin: DocumentRow::UNKNOWN,
            members: Document::default(),
            exceptions: Vec::new(),
        }
    }

    /// Writes the row over what is in `out`.
    pub fn put(&self, out: &mut Vec<u8>, key: FrameKey) {
        begin_frame(out);
        out.extend_from_slice(&self.applied.0.to_le_bytes());
        put_varint(out, u64::from(self.slot.0));
        put_varint(out, self.changed.0);
        put_origin_at(out, self.base_origin);
        put_members(out, self.members.members());
        put_varint(out, self.exceptions.len() as u64);
        for (name, origin, at) in &self.exceptions {
            put_prefixed(out, name.as_bytes());
            put_origin_at(out, (*origin, *at));
        }
        seal_frame(out, key);
    }

    /// Reads a row. Errs where the bytes are not what was written under this key.
    pub fn take(row: &[u8], key: FrameKey) -> Result<DocumentRow, LogError> {
        DocumentRow::take_with(row, key, None)
    }

    /// The same with the members of these names alone; `None`: all.
    pub fn take_with(row: &[u8], key: FrameKey, wanted: Option<&[&str]>) -> Result<DocumentRow, LogError> {
        let (applied, slot, mut input) = take_front(row, key)?;
        let changed = Seq(input.varint()?);
        let base_origin = take_origin_at(&mut input)?;
        let members = Document::from_members(take_members_of(&mut input, wanted)?);
        let mut exceptions = Vec::new();
        for _ in 0..input.length()? {
            let name = input.name()?;
            let (origin, at) = take_origin_at(&mut input)?;
            exceptions.push((name, origin, at));
        }
        input.finish()?;
        Ok(DocumentRow { applied, slot, changed, base_origin, members, exceptions })
    }

    /// The slot alone.
    pub fn take_slot(row: &[u8], key: FrameKey) -> Result<Slot, LogError> {
        take_front(row, key).map(|(_, slot, _)| slot)
    }
}

fn take_front(row: &[u8], key: FrameKey) -> Result<(Seq, Slot, Input<'_>), LogError> {
    let mut input = open_frame(row, key)?;
    let applied = Seq(input.u64()?);
    let slot = u32::try_from(input.varint()?).map_err(|_| LogError::Bounds("slot"))?;
    Ok((applied, Slot(slot), input))
}

fn put_origin_at(out: &mut Vec<u8>, (origin, at): (Origin, Micros)) {
    put_origin(out, origin);
    out.extend_from_slice(&at.0.to_le_bytes());
}

fn take_origin_at(input: &mut Input<'_>) -> Result<(Origin, Micros), LogError> {
    Ok((take_origin(input)?, Micros(input.i64()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Member;

    #[test]
    fn a_row_gives_back_what_was_put_in() {
        let member = Member { name: "title".into(), text: "\"x\"".into(), hash: u128::MAX };
        let row = DocumentRow {
            applied: Seq(12),
            slot: Slot(700_000),
            changed: Seq(11),
            base_origin: (Origin::Feed { run: 3, record: 9 }, Micros(-4)),
            members: Document::from_members(vec![member]),
            exceptions: vec![("title".into(), Origin::Push { delivery: 8 }, Micros(5))],
        };
        let (mut out, key) = (Vec::new(), key_of(3, b"a"));
        row.put(&mut out, key);
        assert_eq!(DocumentRow::take(&out, key).unwrap(), row);
        assert_eq!(DocumentRow::take_slot(&out, key), Ok(Slot(700_000)));
        assert_eq!(DocumentRow::take(&out, key_of(4, b"a")), Err(LogError::Misplaced));
        for cut in 0..out.len() {
            assert!(DocumentRow::take(&out[..cut], key).is_err());
        }
    }
}

//! What the overlay holds of records: for each key its newest value, or that it is removed.

use crate::domain::{PartnerNo, RecordChange, RecordKind, Seq};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound;

/// The newest change of one record.
#[derive(Debug)]
pub struct RecordEntry {
    /// Its sequence.
    pub seq: Seq,
    /// The value that it set; `None`: it removed the record.
    pub value: Option<Box<[u8]>>,
}

/// A kind of record of one partner: the keys of a table's stretch.
pub type Family = (RecordKind, PartnerNo);

/// Records by kind, partner and key, in the order of the table.
#[derive(Debug, Default)]
pub struct Records {
    families: BTreeMap<Family, BTreeMap<Box<[u8]>, RecordEntry>>,
    /// About how many bytes all of them take in memory.
    pub bytes: usize,
}

/// What maps and allocators add to an entry, about.
const ENTRY_BYTES: usize = size_of::<RecordEntry>() + 16 + 48;

impl Records {
    /// Puts a change in the place of the record's last one.
    pub fn add(&mut self, seq: Seq, partner: PartnerNo, change: RecordChange) {
        let entry = RecordEntry { seq, value: change.value };
        let key_bytes = change.key.len();
        self.bytes += entry.value.as_deref().map_or(0, <[u8]>::len);
        match self.families.entry((change.kind, partner)).or_default().entry(change.key) {
            Entry::Vacant(place) => {
                self.bytes += ENTRY_BYTES + key_bytes;
                place.insert(entry);
            }
            Entry::Occupied(mut place) => {
                let before = place.insert(entry);
                self.bytes -= before.value.as_deref().map_or(0, <[u8]>::len);
            }
        }
    }

    /// The newest change of a record; `None` where it has not changed since the layer below.
    pub fn get(&self, family: Family, key: &[u8]) -> Option<&RecordEntry> {
        self.families.get(&family)?.get(key)
    }

    /// The family's records between the bounds, in order of key, or the other way round.
    pub fn range<'a>(
        &'a self,
        family: Family,
        bounds: (Bound<&[u8]>, Bound<&[u8]>),
        backwards: bool,
    ) -> Box<dyn Iterator<Item = (&'a [u8], &'a RecordEntry)> + 'a> {
        let Some(records) = self.families.get(&family) else { return Box::new(std::iter::empty()) };
        let range = records.range::<[u8], _>(bounds).map(|(key, entry)| (&**key, entry));
        if backwards { Box::new(range.rev()) } else { Box::new(range) }
    }

    /// All records after this place, family by family.
    pub fn from<'a>(
        &'a self,
        family: Family,
        after: Option<&'a [u8]>,
    ) -> impl Iterator<Item = (Family, &'a [u8], &'a RecordEntry)> {
        self.families.range(family..).flat_map(move |(&found, _)| {
            let from = after.filter(|_| found == family).map_or(Bound::Unbounded, Bound::Excluded);
            self.range(found, (from, Bound::Unbounded), false).map(move |(key, entry)| (found, key, entry))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(key: &[u8], value: Option<&[u8]>) -> RecordChange {
        RecordChange { kind: RecordKind::Run, key: key.into(), value: value.map(Into::into) }
    }

    #[test]
    fn the_newest_value_stands_and_bytes_are_counted() {
        let mut records = Records::default();
        let family = (RecordKind::Run, PartnerNo(1));
        records.add(Seq(1), PartnerNo(1), change(b"a", Some(b"12345")));
        let bytes = records.bytes;
        records.add(Seq(2), PartnerNo(1), change(b"a", Some(b"123")));
        assert_eq!(records.bytes, bytes - 2);
        records.add(Seq(3), PartnerNo(1), change(b"a", None));
        assert_eq!(records.bytes, bytes - 5);
        let entry = records.get(family, b"a").unwrap();
        assert_eq!((entry.seq, entry.value.as_deref()), (Seq(3), None));
        records.add(Seq(4), PartnerNo(2), change(b"b", Some(b"")));
        let keys =
            |family, after| records.from(family, after).map(|(f, k, _)| (f.1.0, k)).collect::<Vec<_>>();
        assert_eq!(keys(family, None), [(1, &b"a"[..]), (2, b"b")]);
        assert_eq!(keys(family, Some(b"a")), [(2, &b"b"[..])]);
    }
}

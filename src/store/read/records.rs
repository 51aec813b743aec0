//! Records by key: one, or a page in either direction.

use super::rows::CheckedRecord;
use crate::codec::log::LogError;
use crate::domain::Seq;
use crate::store::overlay::{Family, Overlay};
use crate::store::shared::Shared;
use crate::store::tables::records::{TABLE, key_of, take};
use crate::store::{ReadError, StoreError};
use redb::ReadTransaction;
use std::collections::BTreeMap;
use std::ops::Bound;

type Found = Option<(Seq, Box<[u8]>)>;

/// A record's value, with the sequence of the change that set it.
pub fn one(shared: &Shared, family: Family, key: &[u8]) -> Result<Found, ReadError> {
    let scout = |txn: &ReadTransaction| {
        let place = (family.0 as u8, family.1.0, key);
        let row = txn.open_table(TABLE)?.get(place)?;
        let value = row
            .map(|row| take(row.value(), key_of(place)).map(|(seq, value)| (seq, Box::<[u8]>::from(value))));
        Ok::<_, StoreError>(value.transpose())
    };
    let collect = |overlay: &Overlay, _: &Result<Found, LogError>| {
        let entries = overlay.layers().filter_map(|layer| layer.records.get(family, key));
        entries.last().map(|entry| Some((entry.seq, entry.value.clone()?)))
    };
    let (_, stored, newer) = shared.together(scout, collect)?;
    // what a newer one has replaced may be damaged
    let stored = || stored.map_err(|error| StoreError::unreadable((family.0, key))(error.into()));
    Ok(newer.map_or_else(stored, Ok)?)
}

/// Records in order of key, those that are damaged in their places.
pub fn page(
    shared: &Shared,
    family: Family,
    after: Option<&[u8]>,
    backwards: bool,
    limit: usize,
) -> Result<Vec<CheckedRecord>, ReadError> {
    let search = Search { family, after, backwards, limit, keys_only: false };
    rows(shared, &search)
}

/// The first keys of a family. Values are not looked at, so that damaged ones are among them.
pub fn first_keys(shared: &Shared, family: Family, limit: usize) -> Result<Vec<Box<[u8]>>, ReadError> {
    let search = Search { family, after: None, backwards: false, limit, keys_only: true };
    Ok(rows(shared, &search)?.into_iter().map(|(key, _)| key).collect())
}

fn rows(shared: &Shared, whole: &Search<'_>) -> Result<Vec<CheckedRecord>, ReadError> {
    let (limit, backwards) = (whole.limit, whole.backwards);
    let mut rows = Vec::new();
    let mut after: Option<Box<[u8]>> = whole.after.map(Into::into);
    // a stretch may hold less than asked for, where records in it are removed
    while rows.len() < limit {
        let search = Search { after: after.as_deref(), limit: limit - rows.len(), ..*whole };
        let (_, mut found, newer) =
            shared.together(|txn| search.stored(txn), |overlay, found| search.newer(overlay, found))?;
        found.rows.extend(newer.rows);
        let mut keys: Vec<CheckedRecord> = found
            .rows
            .into_iter()
            .filter(|(key, _)| newer.end.as_ref().is_none_or(|end| !search.beyond(key, end)))
            .filter_map(|(key, value)| Some((key, value?)))
            .collect();
        if backwards {
            keys.reverse();
        }
        rows.extend(keys);
        if newer.end.is_none() {
            break;
        }
        after = newer.end;
    }
    rows.truncate(limit);
    Ok(rows)
}

/// What is looked for in tables and layers.
#[derive(Clone, Copy)]
struct Search<'a> {
    family: Family,
    after: Option<&'a [u8]>,
    backwards: bool,
    limit: usize,
    /// Values are not asked for: they come out empty, and whether they are damaged is not looked at.
    keys_only: bool,
}

/// Records by key, `None` for removed ones.
#[derive(Default)]
struct Stretch {
    rows: BTreeMap<Box<[u8]>, Option<Result<Box<[u8]>, StoreError>>>,
    /// The last key that was looked at in all layers; `None` where that was all.
    end: Option<Box<[u8]>>,
}

impl Search<'_> {
    fn copied(&self, value: &[u8]) -> Box<[u8]> {
        if self.keys_only { Box::default() } else { value.into() }
    }

    /// The value of a row in the table.
    fn taken(&self, row: &[u8], place: (u8, u32, &[u8])) -> Result<Box<[u8]>, StoreError> {
        if self.keys_only {
            return Ok(Box::default());
        }
        let unreadable = StoreError::unreadable((self.family.0, place.2));
        let (_, value) = take(row, key_of(place)).map_err(|error| unreadable(error.into()))?;
        Ok(value.into())
    }

    fn beyond(&self, key: &[u8], end: &[u8]) -> bool {
        if self.backwards { key < end } else { key > end }
    }

    fn stored(&self, txn: &ReadTransaction) -> Result<Stretch, StoreError> {
        let table = txn.open_table(TABLE)?;
        let (kind, partner) = (self.family.0 as u8, self.family.1.0);
        let start = Bound::Included((kind, partner, &[][..]));
        let end = match partner.checked_add(1) {
            Some(next) => Bound::Excluded((kind, next, &[][..])),
            None => Bound::Excluded((kind + 1, 0, &[][..])),
        };
        let after = self.after.map(|key| Bound::Excluded((kind, partner, key)));
        let bounds =
            if self.backwards { (start, after.unwrap_or(end)) } else { (after.unwrap_or(start), end) };
        let mut range = table.range::<(u8, u32, &[u8])>(bounds)?;
        let mut stretch = Stretch::default();
        while let Some(row) = if self.backwards { range.next_back() } else { range.next() } {
            let (key, row) = row?;
            let value = self.taken(row.value(), key.value());
            let key: Box<[u8]> = key.value().2.into();
            stretch.rows.insert(key.clone(), Some(value));
            if stretch.rows.len() == self.limit {
                stretch.end = Some(key);
                break;
            }
        }
        Ok(stretch)
    }

    fn newer(&self, overlay: &Overlay, stored: &Stretch) -> Stretch {
        let mut stretch = Stretch { rows: BTreeMap::new(), end: stored.end.clone() };
        let after = self.after.map_or(Bound::Unbounded, Bound::Excluded);
        let bounds = if self.backwards { (Bound::Unbounded, after) } else { (after, Bound::Unbounded) };
        for layer in overlay.layers() {
            let mut present = 0;
            for (key, entry) in layer.records.range(self.family, bounds, self.backwards) {
                if stretch.end.as_ref().is_some_and(|end| self.beyond(key, end)) {
                    break;
                }
                stretch.rows.insert(key.into(), entry.value.as_deref().map(|value| Ok(self.copied(value))));
                present += usize::from(entry.value.is_some());
                if present == self.limit {
                    stretch.end = Some(key.into());
                    break;
                }
            }
        }
        stretch
    }
}

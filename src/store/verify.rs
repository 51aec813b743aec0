//! A look at every table but the log, when a file is opened that was closed in order.
//!
//! After a crash redb verifies its own pages. After an orderly close it trusts them, so bits that
//! have changed since would show as keys that are missing, or stand under another name. This walk
//! looks at the order of the rows, their number and their keys, and looks each of them up. Where any of
//! these does not fit, the file is not used at all; a row that is damaged in itself is logged, and
//! refused when it is asked for. The log is left out: it is by far the largest, and its readers notice
//! any gap.

use super::StoreError;
use super::damage::Damage;
use super::tables::{assets, documents, prices, records};
use crate::codec::log::{FrameKey, LogError, open_frame};
use redb::{Database, Key, ReadOnlyTable, ReadableDatabase, ReadableTable, ReadableTableMetadata};
use std::cmp::Ordering;

type Rows<K> = ReadOnlyTable<K, &'static [u8]>;

/// Walks every table but the log. Errs where the file as a whole cannot be relied on.
pub fn walk(db: &Database, damage: &Damage) -> Result<(), StoreError> {
    let txn = db.begin_read()?;
    let walk = |name| Walk { name, damage };
    let order = |a: (u32, u32), b: (u32, u32)| a.cmp(&b);
    walk("assets").rows(&txn.open_table(assets::TABLE)?, order, assets::key_of)?;
    walk("prices").rows(&txn.open_table(prices::TABLE)?, order, prices::key_of)?;
    let key_of = |(partner, id): (u32, &[u8])| documents::key_of(partner, id);
    walk("documents").rows(&txn.open_table(documents::TABLE)?, |a, b| a.cmp(&b), key_of)?;
    walk("records").rows(&txn.open_table(records::TABLE)?, |a, b| a.cmp(&b), records::key_of)
}

struct Walk<'a> {
    name: &'static str,
    damage: &'a Damage,
}

impl Walk<'_> {
    fn rows<K: Key + 'static>(
        &self,
        table: &Rows<K>,
        order: impl Fn(K::SelfType<'_>, K::SelfType<'_>) -> Ordering,
        key_of: impl Fn(K::SelfType<'_>) -> FrameKey,
    ) -> Result<(), StoreError> {
        let mut before = None;
        let (mut count, mut damaged) = (0, 0_u64);
        for row in table.iter()? {
            let (key, value) = row?;
            if before
                .is_some_and(|before: redb::AccessGuard<'_, K>| order(before.value(), key.value()).is_ge())
            {
                return Err(StoreError::Disordered { table: self.name });
            }
            // a branch of the tree that points astray hides rows from those who look them up
            if table.get(key.value())?.is_none() {
                return Err(StoreError::Disordered { table: self.name });
            }
            match open_frame(value.value(), key_of(key.value())) {
                Ok(_) => {}
                Err(LogError::Misplaced) => return Err(StoreError::Disordered { table: self.name }),
                Err(source) => {
                    damaged += 1;
                    self.damage.note(&StoreError::Corrupt { table: self.name, source });
                }
            }
            before = Some(key);
            count += 1;
        }
        if damaged > 0 {
            let table = self.name;
            tracing::error!(
                table,
                damaged,
                "rows of the database are damaged and not shown: restore a backup"
            );
        }
        if count == table.len()? { Ok(()) } else { Err(StoreError::Disordered { table: self.name }) }
    }
}

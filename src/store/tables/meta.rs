//! `meta`: what the file says about itself.

use crate::codec::log::LogError;
use crate::store::StoreError;
use redb::{ReadTransaction, ReadableTable, TableDefinition, TableError};

/// Name → number.
pub const TABLE: TableDefinition<'static, &'static str, u64> = TableDefinition::new("meta");

/// Version of tables and layouts as a whole.
pub const SCHEMA: &str = "schema";
/// Identity of this journal, part of every cursor: a random u32 made with the file.
pub const JOURNAL: &str = "journal";
/// Everything up to this sequence is in the tables.
pub const CHECKPOINT: &str = "checkpoint";
/// The first sequence that the log still holds, or will hold.
pub const OLDEST: &str = "oldest";

/// The schema that this release writes.
pub const SCHEMA_VERSION: u64 = 1;

#[derive(Clone, Copy, Debug)]
pub struct Meta {
    pub journal: u32,
    pub checkpoint: u64,
}

/// Reads what the file says about itself; `None` where it has said nothing yet.
pub fn read(txn: &ReadTransaction) -> Result<Option<Meta>, StoreError> {
    let table = match txn.open_table(TABLE) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        other => other?,
    };
    let Some(found) = number(&table, SCHEMA)? else { return Ok(None) };
    if found > SCHEMA_VERSION {
        return Err(StoreError::Newer { found, known: SCHEMA_VERSION });
    }
    let missing = |what| StoreError::Corrupt { table: "meta", source: LogError::Bounds(what) };
    let journal = number(&table, JOURNAL)?.and_then(|journal| u32::try_from(journal).ok());
    Ok(Some(Meta {
        journal: journal.ok_or(missing("journal"))?,
        checkpoint: number(&table, CHECKPOINT)?.ok_or(missing("checkpoint"))?,
    }))
}

pub fn number(
    table: &impl ReadableTable<&'static str, u64>,
    name: &'static str,
) -> Result<Option<u64>, StoreError> {
    Ok(table.get(name)?.map(|value| value.value()))
}

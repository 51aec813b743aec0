//! `meta`: what the file says about itself, with one checksum over all of it.

use super::tag;
use crate::codec::log::{FrameKey, LogError};
use crate::domain::Seq;
use crate::store::StoreError;
use redb::{ReadTransaction, ReadableTable, TableDefinition, TableError, WriteTransaction};

/// Name → number.
pub const TABLE: TableDefinition<'static, &'static str, u64> = TableDefinition::new("meta");

/// Version of tables and layouts as a whole.
pub const SCHEMA: &str = "schema";
/// Identity of the file's present life; its history is in the table `lives`. In files of the first
/// schema the only one: a random u32 made with the file.
pub const JOURNAL: &str = "journal";
/// Everything up to this sequence is in the tables.
pub const CHECKPOINT: &str = "checkpoint";
/// The first sequence that the log still holds, or will hold.
pub const OLDEST: &str = "oldest";
/// The checksum of the others. Files of the first schema have none.
pub const CHECK: &str = "check";

/// The schema that this release writes. The second one has checksums and lives; a file of the
/// first is read as it is, and each value of it gets its checksum when it is written again.
pub const SCHEMA_VERSION: u64 = 2;
const UNCHECKED_SCHEMA: u64 = 1;

/// What the file says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The identity of its present life.
    pub journal: u32,
    /// Everything up to here is in the tables.
    pub checkpoint: Seq,
    /// The first change that the log still holds, or will hold.
    pub oldest: Seq,
}

impl Meta {
    /// The checksum over all of it, in the schema that this release writes.
    fn check(&self) -> u64 {
        let words = [SCHEMA_VERSION, u64::from(self.journal), self.checkpoint.0, self.oldest.0];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        FrameKey::new(tag::META, &[]).check(&bytes)
    }
}

/// Reads what the file says about itself; `None` where nothing has been written yet. Errs for a newer
/// schema, and where the checksum does not fit.
pub fn read(txn: &ReadTransaction) -> Result<Option<Meta>, StoreError> {
    match txn.open_table(TABLE) {
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        other => take(&other?),
    }
}

fn take(table: &impl ReadableTable<&'static str, u64>) -> Result<Option<Meta>, StoreError> {
    let number = |name| table.get(name).map(|value| value.map(|value| value.value()));
    let Some(schema) = number(SCHEMA)? else { return Ok(None) };
    if schema > SCHEMA_VERSION {
        return Err(StoreError::Newer { found: schema, known: SCHEMA_VERSION });
    }
    let corrupt = |source| StoreError::Corrupt { table: "meta", source };
    let missing = |what| corrupt(LogError::Bounds(what));
    let journal = number(JOURNAL)?.and_then(|journal| u32::try_from(journal).ok());
    let meta = Meta {
        journal: journal.ok_or(missing("journal"))?,
        checkpoint: Seq(number(CHECKPOINT)?.ok_or(missing("checkpoint"))?),
        oldest: Seq(number(OLDEST)?.ok_or(missing("oldest"))?),
    };
    match schema {
        UNCHECKED_SCHEMA => Ok(Some(meta)),
        SCHEMA_VERSION if number(CHECK)? == Some(meta.check()) => Ok(Some(meta)),
        SCHEMA_VERSION => Err(corrupt(LogError::Checksum)),
        _ => Err(missing("schema")),
    }
}

/// Writes all of it, in the schema of this release.
pub fn put(txn: &WriteTransaction, meta: &Meta) -> Result<(), StoreError> {
    let mut table = txn.open_table(TABLE)?;
    table.insert(SCHEMA, SCHEMA_VERSION)?;
    table.insert(JOURNAL, u64::from(meta.journal))?;
    table.insert(CHECKPOINT, meta.checkpoint.0)?;
    table.insert(OLDEST, meta.oldest.0)?;
    table.insert(CHECK, meta.check())?;
    Ok(())
}

/// Changes what is written, and its checksum with it.
pub fn change(txn: &WriteTransaction, change: impl FnOnce(&mut Meta)) -> Result<(), StoreError> {
    let found = take(&txn.open_table(TABLE)?)?;
    let corrupt = StoreError::Corrupt { table: "meta", source: LogError::Truncated };
    let mut meta = found.ok_or(corrupt)?;
    change(&mut meta);
    put(txn, &meta)
}

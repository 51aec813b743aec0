//! How far the log reaches, and what the file takes.

use super::super::shared::Shared;
use super::super::tables::log;
use super::super::{ReadError, StoreError};
use crate::codec::log::record_head;
use crate::domain::{Micros, Seq};
use redb::{ReadableTable, TableError};

/// What of the past can still be followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogExtent {
    /// Changes that the log holds.
    pub changes: u64,
    /// Bytes of its records.
    pub bytes: u64,
    /// When the oldest of them was committed; `None` while the log is empty.
    pub oldest_at: Option<Micros>,
}

/// Looks at the oldest record and the newest: each says how many bytes stood before it.
pub fn of(shared: &Shared) -> Result<LogExtent, ReadError> {
    let table = match shared.begin_read()?.open_table(log::TABLE) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => return Ok(LogExtent::default()),
        Err(error) => return Err(StoreError::from(error).into()),
    };
    let ends = (table.first().map_err(StoreError::from)?, table.last().map_err(StoreError::from)?);
    let (Some((first, oldest)), Some((start, newest))) = ends else { return Ok(LogExtent::default()) };
    let corrupt = |source| StoreError::Corrupt { table: "log", source };
    let head = record_head(oldest.value(), Seq(first.value())).map_err(corrupt)?;
    let last = record_head(newest.value(), Seq(start.value())).map_err(corrupt)?;
    let changes = log::last_seq(start.value(), last.count).0 + 1 - first.value();
    let bytes = (last.bytes_before + newest.value().len() as u64).saturating_sub(head.bytes_before);
    Ok(LogExtent { changes, bytes, oldest_at: Some(head.committed_at) })
}

//! `log`: the truth. One record for each group commit; its layout is in `codec::log`.

use crate::domain::Seq;
use redb::TableDefinition;

/// First sequence of the record → record.
pub const TABLE: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("log");

/// The last sequence of a record.
pub fn last_seq(first: u64, count: u32) -> Seq {
    Seq(first + u64::from(count).saturating_sub(1))
}

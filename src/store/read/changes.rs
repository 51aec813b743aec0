//! Changes: the log, read back record by record.

use super::rows::ChangesPage;
use crate::codec::log::Changes;
use crate::domain::{Committed, PartnerNo, Seq};
use crate::store::shared::Shared;
use crate::store::tables::{log, meta};
use crate::store::{ReadError, StoreError};
use redb::ReadOnlyTable;

/// A page ends when its changes take this many bytes of the log, unless the caller wants less.
pub const PAGE_BYTES: usize = 4 << 20;

/// Whose changes are read, and how many: a page ends with the change that reaches either bound.
#[derive(Clone, Copy)]
pub struct PageSpan<'a> {
    /// Changes that are given.
    pub limit: usize,
    /// Bytes of the log that are passed.
    pub bytes_max: usize,
    /// Others are passed over, and not looked into.
    pub wanted: &'a dyn Fn(PartnerNo) -> bool,
}

/// Changes after `since`, as many as both bounds let through, one at least if there is any. Errs where the
/// log has been trimmed beyond that point.
pub fn page(shared: &Shared, since: Seq, span: PageSpan<'_>) -> Result<ChangesPage, ReadError> {
    // what is on disk but not yet published is not shown: the overlay may not have it yet
    let durable = *shared.durable.borrow();
    let txn = shared.begin_read()?;
    let oldest = meta::read(&txn)?.map_or(Seq(1), |meta| meta.oldest);
    if since.0.saturating_add(1) < oldest.0 {
        return Err(ReadError::Trimmed { oldest });
    }
    let mut page = ChangesPage { changes: Vec::new(), next: since };
    if since < durable && span.limit > 0 {
        let table = txn.open_table(log::TABLE).map_err(StoreError::from)?;
        fill(&table, &mut page, span, durable)?;
    }
    Ok(page)
}

fn fill(
    table: &ReadOnlyTable<u64, &'static [u8]>,
    page: &mut ChangesPage,
    span: PageSpan<'_>,
    durable: Seq,
) -> Result<(), StoreError> {
    let wanted = page.next.0 + 1;
    let holding = table.range(..=wanted)?.next_back().transpose()?;
    let from = holding.map_or(wanted, |(key, _)| key.value());
    let mut bytes = 0;
    for row in table.range(from..=durable.0)? {
        let (key, record) = row?;
        let skipped = (page.next.0 + 1).checked_sub(key.value());
        let skipped = skipped.ok_or(StoreError::Gap { expected: page.next.0 + 1, found: key.value() })?;
        let corrupt = StoreError::corrupt("log");
        let mut changes = Changes::new(record.value(), Seq(key.value())).map_err(&corrupt)?;
        changes.skip(skipped).map_err(&corrupt)?;
        let (start, committed_at) = (changes.position(), changes.head.committed_at);
        while let Some(change) = changes.read_of(span.wanted).map_err(&corrupt)? {
            page.next.0 += 1;
            page.changes.extend(change.map(|change| Committed { seq: page.next, committed_at, change }));
            if page.changes.len() == span.limit || bytes + changes.position() - start >= span.bytes_max {
                return Ok(());
            }
        }
        bytes += changes.position() - start;
    }
    // all that is published is in the log: where it ends before, a damaged page hides the rest
    match page.next < durable {
        true => Err(StoreError::Gap { expected: page.next.0 + 1, found: durable.0 + 1 }),
        false => Ok(()),
    }
}

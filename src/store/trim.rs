//! Trimming the log: what is old, or beyond the log's size, and already in the tables.

use super::StoreError;
use super::tables::{log, meta};
use super::writer::Writer;
use crate::codec::log::record_head;
use crate::domain::{Micros, Seq};
use redb::{Durability, ReadableTable};

/// One call removes at most this much: group commits wait for it.
const RECORDS_MAX: usize = 512;
const BYTES_MAX: usize = 16 << 20;

impl Writer {
    /// Removes records from the log's old end, never above the checkpoint; returns how many.
    /// The work of a call is bounded: while it returns more than nothing, there may be more.
    pub fn trim(&mut self, now: Micros) -> Result<u64, StoreError> {
        self.guarded(|writer| writer.trim_log(now))
    }

    fn trim_log(&mut self, now: Micros) -> Result<u64, StoreError> {
        let (keys, oldest) = self.trimmable(now)?;
        if keys.is_empty() {
            return Ok(0);
        }
        let txn = self.begin(Durability::None)?;
        let mut table = txn.open_table(log::TABLE)?;
        for key in &keys {
            table.remove(key)?;
        }
        drop(table);
        meta::change(&txn, |meta| meta.oldest = oldest)?;
        txn.commit()?;
        Ok(keys.len() as u64)
    }

    /// The records that may go, and the first sequence that then stays.
    fn trimmable(&self, now: Micros) -> Result<(Vec<u64>, Seq), StoreError> {
        let table = self.shared.begin_read()?.open_table(log::TABLE)?;
        let keep_from = now.plus(-self.options.log_keep);
        let (mut keys, mut bytes, mut oldest) = (Vec::new(), 0, Seq(0));
        let mut rows = table.iter()?.peekable();
        while let Some(row) = rows.next() {
            let (key, value) = row?;
            let (first, record) = (key.value(), value.value());
            let done = keys.len() == RECORDS_MAX || bytes >= BYTES_MAX;
            let (last, may_go) = match record_head(record, Seq(first)) {
                Ok(head) => {
                    let too_many =
                        self.log_bytes.saturating_sub(head.bytes_before) > self.options.log_bytes_max;
                    (log::last_seq(first, head.count), too_many || head.committed_at < keep_from)
                }
                // nobody can read it: it goes as soon as it is the oldest, and it ends before the next
                Err(source) => {
                    self.shared.damage.note(&StoreError::Corrupt { table: "log", source });
                    let Some(Ok((next, _))) = rows.peek() else { break };
                    (Seq(next.value().saturating_sub(1)), true)
                }
            };
            if done || last > self.position || !may_go {
                break;
            }
            keys.push(first);
            bytes += record.len();
            oldest = Seq(last.0 + 1);
        }
        Ok((keys, oldest))
    }
}

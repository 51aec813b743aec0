//! A backup in the making: one piece after the other, each read in a short transaction.

use super::contents::frame_key;
use super::format::{
    BackupEnd, BackupStart, PIECE_BYTES, RowCounts, RowKey, RowsPiece, Section, first_line, put_end,
    put_failed, put_start,
};
use crate::codec::log::{FrameKey, open_frame, record_head};
use crate::domain::{Micros, Seq};
use crate::store::read::Reader;
use crate::store::tables::meta::{self, SCHEMA_VERSION};
use crate::store::tables::{assets, documents, log, prices, records};
use crate::store::{ReadError, StoreError};
use redb::{Key, ReadOnlyTable, ReadTransaction, ReadableTableMetadata};
use std::ops::Bound;

/// What is to be taken next.
enum Stage {
    Start,
    /// The rows of a table after this key. The log is taken between its pages, so that trimming it does not
    /// overtake the backup.
    Tables(Section, Option<Vec<u8>>),
    /// The rest of the log, up to the last change that is in the backup.
    Tail(Seq),
    Done,
}

/// Gives the pieces of a backup of a store that is open, and may be written meanwhile.
pub struct BackupSource {
    reader: Reader,
    stage: Stage,
    number: u64,
    rows: RowCounts,
    /// The first sequence that has not been taken of the log.
    next_logged: u64,
    /// The log's turn, between two pages of a table.
    is_logs_turn: bool,
    piece_bytes: usize,
}

impl BackupSource {
    /// A backup of what this reader reads.
    pub fn of(reader: &Reader) -> BackupSource {
        BackupSource::in_pieces_of(reader, PIECE_BYTES)
    }

    /// The same in pieces of about so many bytes: for tests, whose stores are small.
    pub fn in_pieces_of(reader: &Reader, piece_bytes: usize) -> BackupSource {
        BackupSource {
            reader: reader.clone(),
            stage: Stage::Start,
            number: 0,
            rows: RowCounts::default(),
            next_logged: 0,
            is_logs_turn: false,
            piece_bytes,
        }
    }

    /// The next piece, of about a megabyte before it is packed; `None` after the last. Errs where the store is
    /// damaged, or the log was trimmed before it could be taken: then there is no backup.
    pub fn next_piece(&mut self, now: Micros) -> Result<Option<Vec<u8>>, ReadError> {
        let reader = self.reader.clone();
        reader.guarded(|| self.advance(now))
    }

    /// The piece that ends a backup which cannot be finished, with the reason.
    pub fn failed(self, why: &str) -> Vec<u8> {
        put_failed(self.number, why)
    }

    /// The last change that is in it, once it is whole.
    pub fn reached(&self) -> Option<Seq> {
        matches!(self.stage, Stage::Done).then(|| Seq(self.next_logged.saturating_sub(1)))
    }

    fn advance(&mut self, now: Micros) -> Result<Option<Vec<u8>>, ReadError> {
        loop {
            match &self.stage {
                Stage::Start => return self.start(now).map(Some),
                Stage::Tables(section, after) => {
                    let (section, after) = (*section, after.clone());
                    self.is_logs_turn = !self.is_logs_turn;
                    if self.is_logs_turn
                        && let Some(piece) = self.log_until(self.reader.durable())?
                    {
                        return Ok(Some(piece));
                    }
                    if let Some(piece) = self.table(section, after)? {
                        return Ok(Some(piece));
                    }
                }
                Stage::Tail(until) => {
                    let until = *until;
                    if let Some(piece) = self.log_until(until)? {
                        return Ok(Some(piece));
                    }
                    self.stage = Stage::Done;
                    return Ok(Some(put_end(self.number, &BackupEnd { reached: until, rows: self.rows })));
                }
                Stage::Done => return Ok(None),
            }
        }
    }

    fn start(&mut self, now: Micros) -> Result<Vec<u8>, ReadError> {
        let durable = self.reader.durable();
        let txn = self.reader.shared.begin_read()?;
        let checkpoint = meta::read(&txn)?.map_or(Seq(0), |meta| meta.checkpoint);
        let length = |section| count(&txn, section);
        let start = BackupStart {
            schema: SCHEMA_VERSION,
            journal: self.reader.journal(),
            checkpoint,
            durable,
            began_at: now,
            expected: RowCounts {
                log: 0,
                documents: length(Section::Documents)?,
                assets: length(Section::Assets)?,
                prices: length(Section::Prices)?,
                records: length(Section::Records)?,
            },
        };
        self.next_logged = checkpoint.0 + 1;
        self.stage = Stage::Tables(Section::TABLES[0], None);
        let piece = [first_line(), put_start(self.number, &start)].concat();
        self.number += 1;
        Ok(piece)
    }

    /// A page of a table; `None` at its end, and the next stage is set.
    fn table(&mut self, section: Section, after: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, ReadError> {
        let txn = self.reader.shared.begin_read()?;
        let mut page = Page { piece: RowsPiece::of(section, self.piece_bytes), section, last: None };
        page.fill(&txn, after.as_deref())?;
        let Page { piece, last, .. } = page;
        if last.is_none() {
            let next = Section::TABLES.iter().find(|table| **table > section);
            self.stage = match next {
                Some(next) => Stage::Tables(*next, None),
                // all that the rows hold is durable: they were read after its changes were
                None => Stage::Tail(self.reader.durable()),
            };
            return Ok(None);
        }
        self.stage = Stage::Tables(section, last);
        Ok(Some(self.seal(section, piece)))
    }

    /// Records of the log that have not been taken, none after `until`; `None` where there is none.
    fn log_until(&mut self, until: Seq) -> Result<Option<Vec<u8>>, ReadError> {
        if self.next_logged > until.0 {
            return Ok(None);
        }
        let txn = self.reader.shared.begin_read()?;
        let table = txn.open_table(log::TABLE).map_err(StoreError::from)?;
        let mut piece = RowsPiece::of(Section::Log, self.piece_bytes);
        for row in table.range(self.next_logged..=until.0).map_err(StoreError::from)? {
            let (key, value) = row.map_err(StoreError::from)?;
            let (first, record) = (key.value(), value.value());
            if first != self.next_logged {
                return Err(self.lacking(&txn, first));
            }
            let head = record_head(record, Seq(first)).map_err(StoreError::corrupt("log"))?;
            piece.push(&RowKey::Log(first).put(), record);
            self.next_logged = log::last_seq(first, head.count).0 + 1;
            if piece.is_full() {
                break;
            }
        }
        match piece.count {
            0 => Err(self.lacking(&txn, until.0 + 1)),
            _ => Ok(Some(self.seal(Section::Log, piece))),
        }
    }

    /// Why the next record of the log is not there, but `found` is.
    fn lacking(&self, txn: &ReadTransaction, found: u64) -> ReadError {
        let expected = self.next_logged;
        match meta::read(txn) {
            Ok(Some(meta)) if meta.oldest.0 > expected => ReadError::Trimmed { oldest: meta.oldest },
            Ok(_) => StoreError::Gap { expected, found }.into(),
            Err(error) => error.into(),
        }
    }

    fn seal(&mut self, section: Section, piece: RowsPiece) -> Vec<u8> {
        *self.rows.of(section) += piece.count;
        let sealed = piece.seal(self.number);
        self.number += 1;
        sealed
    }
}

fn count(txn: &ReadTransaction, section: Section) -> Result<u64, StoreError> {
    Ok(match section {
        Section::Log => txn.open_table(log::TABLE)?.len()?,
        Section::Documents => txn.open_table(documents::TABLE)?.len()?,
        Section::Assets => txn.open_table(assets::TABLE)?.len()?,
        Section::Prices => txn.open_table(prices::TABLE)?.len()?,
        Section::Records => txn.open_table(records::TABLE)?.len()?,
    })
}

/// Rows of one table that are being read.
struct Page {
    piece: RowsPiece,
    section: Section,
    last: Option<Vec<u8>>,
}

impl Page {
    fn fill(&mut self, txn: &ReadTransaction, after: Option<&[u8]>) -> Result<(), StoreError> {
        let corrupt = StoreError::corrupt(self.section.name());
        let after = after.map(|after| RowKey::take(self.section, after)).transpose().map_err(corrupt)?;
        let section = self.section;
        let place = |key: RowKey<'_>| (key.put(), frame_key(section, key));
        match (section, after) {
            (Section::Documents, after) => {
                let from = match after {
                    Some(RowKey::Document(partner, id)) => Bound::Excluded((partner, id)),
                    _ => Bound::Unbounded,
                };
                let table = txn.open_table(documents::TABLE)?;
                self.rows(&table, from, |(partner, id)| place(RowKey::Document(partner, id)))
            }
            (Section::Records, after) => {
                let from = match after {
                    Some(RowKey::Record(kind, partner, key)) => Bound::Excluded((kind, partner, key)),
                    _ => Bound::Unbounded,
                };
                let table = txn.open_table(records::TABLE)?;
                self.rows(&table, from, |(kind, partner, key)| place(RowKey::Record(kind, partner, key)))
            }
            (section, after) => {
                let from = match after {
                    Some(RowKey::Block(partner, number)) => Bound::Excluded((partner, number)),
                    _ => Bound::Unbounded,
                };
                let table = match section {
                    Section::Assets => txn.open_table(assets::TABLE)?,
                    _ => txn.open_table(prices::TABLE)?,
                };
                self.rows(&table, from, |(partner, number)| place(RowKey::Block(partner, number)))
            }
        }
    }

    fn rows<'k, K: Key + 'static>(
        &mut self,
        table: &ReadOnlyTable<K, &'static [u8]>,
        from: Bound<K::SelfType<'k>>,
        place_of: impl Fn(K::SelfType<'_>) -> (Vec<u8>, FrameKey),
    ) -> Result<(), StoreError> {
        for row in table.range::<K::SelfType<'k>>((from, Bound::Unbounded))? {
            let (key, value) = row?;
            let (key, frame_key) = place_of(key.value());
            open_frame(value.value(), frame_key).map_err(StoreError::corrupt(self.section.name()))?;
            self.piece.push(&key, value.value());
            self.last = Some(key);
            if self.piece.is_full() {
                break;
            }
        }
        Ok(())
    }
}

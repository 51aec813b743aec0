//! The bytes of a backup.
//!
//! ```text
//! "tidegate-backup 1\n"
//! piece { length:u32 check(number, length):u32 check(number, packed):u64 packed }…
//! packed = zstd { tag:u8 body }
//! ```
//!
//! The first piece says what follows, the last one how much there was; between them are rows as they stand in
//! the tables, each in its own frame. A piece is checked together with its number, so one that is missing,
//! doubled or elsewhere does not fit. What ends before its last piece was cut off.

use crate::codec::log::{Input, LogError, put_prefixed, put_varint};
use crate::codec::piece;
use crate::domain::{Micros, Seq};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The version of the format that this release writes.
pub const FORMAT_VERSION: u64 = 1;
/// What the first line begins with; the version follows.
pub const LINE_START: &[u8] = b"tidegate-backup ";
/// A first line is no longer than this.
pub const LINE_BYTES_MAX: usize = 40;
/// A piece is this large or, with the row that reaches it, somewhat larger.
pub const PIECE_BYTES: usize = 1 << 20;
/// More than any piece takes: a row of the log is one group commit, or the end of a run.
pub const PIECE_BYTES_MAX: usize = 1 << 30;
/// Before each packed piece.
pub const HEAD_BYTES: usize = 16;

/// What is in a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// Records of the log.
    Log,
    Documents,
    Assets,
    Prices,
    Records,
}

impl Section {
    /// The tables, in the order in which they are taken; the log comes between them.
    pub const TABLES: [Section; 4] = [Section::Documents, Section::Assets, Section::Prices, Section::Records];

    /// The name of its table.
    pub fn name(self) -> &'static str {
        match self {
            Section::Log => "log",
            Section::Documents => "documents",
            Section::Assets => "assets",
            Section::Prices => "prices",
            Section::Records => "records",
        }
    }
}

const START: u8 = 0;
const FAILED: u8 = 254;
const END: u8 = 255;
/// The tag of each section; they are the numbers of the tables.
const SECTIONS: [(u8, Section); 5] = [
    (1, Section::Log),
    (2, Section::Documents),
    (3, Section::Assets),
    (4, Section::Prices),
    (5, Section::Records),
];

/// Rows of each table; of the log its records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Records of the log, one for each group commit.
    pub log: u64,
    /// One for each asset that is known, deleted ones included.
    pub documents: u64,
    /// Blocks of heads.
    pub assets: u64,
    /// Blocks of prices.
    pub prices: u64,
    /// What is kept beside assets and prices.
    pub records: u64,
}

impl RowCounts {
    /// The count of one section.
    pub fn of(&mut self, section: Section) -> &mut u64 {
        match section {
            Section::Log => &mut self.log,
            Section::Documents => &mut self.documents,
            Section::Assets => &mut self.assets,
            Section::Prices => &mut self.prices,
            Section::Records => &mut self.records,
        }
    }

    /// All but the log's.
    pub fn of_tables(&self) -> u64 {
        self.documents + self.assets + self.prices + self.records
    }

    fn put(&self, out: &mut Vec<u8>) {
        let all = [self.log, self.documents, self.assets, self.prices, self.records];
        all.into_iter().for_each(|count| put_varint(out, count));
    }

    fn take(input: &mut Input<'_>) -> Result<RowCounts, LogError> {
        Ok(RowCounts {
            log: input.varint()?,
            documents: input.varint()?,
            assets: input.varint()?,
            prices: input.varint()?,
            records: input.varint()?,
        })
    }
}

/// What the first piece says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupStart {
    /// The version of the tables' layouts.
    pub schema: u64,
    /// The life of the store that was under way.
    pub journal: u32,
    /// Everything up to here was in the tables; the log follows from there.
    pub checkpoint: Seq,
    /// Everything up to here was durable when the backup began.
    pub durable: Seq,
    /// When it began, by the daemon's clock.
    pub began_at: Micros,
    /// Rows that there were then: about as many will follow.
    pub expected: RowCounts,
}

/// What the last piece says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupEnd {
    /// The last change that is in it: what is restored is the state at this one.
    pub reached: Seq,
    /// Rows that are in it.
    pub rows: RowCounts,
}

/// One piece, read.
#[derive(Debug, PartialEq, Eq)]
pub enum BackupPiece {
    Start(BackupStart),
    /// Rows of a table, to be walked by [`rows`].
    Rows(Section, Vec<u8>),
    End(BackupEnd),
    /// Why the backup was given up.
    Failed(String),
}

/// Whether bytes begin as a backup does; the first few of a file suffice.
pub fn is_backup(bytes: &[u8]) -> bool {
    bytes.starts_with(LINE_START)
}

/// The first line.
pub fn first_line() -> Vec<u8> {
    [LINE_START, format!("{FORMAT_VERSION}\n").as_bytes()].concat()
}

/// The first piece.
pub fn put_start(number: u64, start: &BackupStart) -> Vec<u8> {
    let mut body = vec![START];
    put_varint(&mut body, start.schema);
    body.extend_from_slice(&start.journal.to_le_bytes());
    put_varint(&mut body, start.checkpoint.0);
    put_varint(&mut body, start.durable.0);
    body.extend_from_slice(&start.began_at.0.to_le_bytes());
    start.expected.put(&mut body);
    sealed(number, &body)
}

/// The last piece.
pub fn put_end(number: u64, end: &BackupEnd) -> Vec<u8> {
    let mut body = vec![END];
    put_varint(&mut body, end.reached.0);
    end.rows.put(&mut body);
    sealed(number, &body)
}

/// In place of the last piece: why there is none.
pub fn put_failed(number: u64, why: &str) -> Vec<u8> {
    sealed(number, &[&[FAILED], why.as_bytes()].concat())
}

/// Rows that are being put together.
pub struct RowsPiece {
    body: Vec<u8>,
    bytes: usize,
    /// Rows in it so far.
    pub count: u64,
}

impl RowsPiece {
    /// A piece without rows, that will take about so many bytes.
    pub fn of(section: Section, bytes: usize) -> RowsPiece {
        let tag = SECTIONS.iter().find(|(_, of)| *of == section).map_or(FAILED, |(tag, _)| *tag);
        RowsPiece { body: vec![tag], bytes, count: 0 }
    }

    /// Adds a row.
    pub fn push(&mut self, key: &[u8], value: &[u8]) {
        put_prefixed(&mut self.body, key);
        put_prefixed(&mut self.body, value);
        self.count += 1;
    }

    /// Whether it is as large as pieces are.
    pub fn is_full(&self) -> bool {
        self.body.len() >= self.bytes
    }

    /// The piece.
    pub fn seal(self, number: u64) -> Vec<u8> {
        sealed(number, &self.body)
    }
}

fn sealed(number: u64, body: &[u8]) -> Vec<u8> {
    let packed = piece::pack(body);
    let length = u32::try_from(packed.len()).expect("a piece takes less than 4 GiB");
    let mut out = Vec::with_capacity(HEAD_BYTES + packed.len());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&length_check(number, length).to_le_bytes());
    out.extend_from_slice(&xxh3_64_with_seed(&packed, number).to_le_bytes());
    out.extend_from_slice(&packed);
    out
}

fn length_check(number: u64, length: u32) -> u32 {
    xxh3_64_with_seed(&length.to_le_bytes(), number) as u32
}

/// The length of the packed bytes after a head. Errs where the head is not what was written.
pub fn packed_length(number: u64, head: &[u8; HEAD_BYTES]) -> Result<usize, LogError> {
    let mut input = Input::new(head);
    let length = input.u32()?;
    match input.u32()? == length_check(number, length) {
        true => Ok(length as usize),
        false => Err(LogError::Checksum),
    }
}

/// Reads a piece. Errs where its bytes are not what was written as the piece of this number.
pub fn take_piece(number: u64, head: &[u8; HEAD_BYTES], packed: &[u8]) -> Result<BackupPiece, LogError> {
    let check = Input::new(&head[8..]).u64()?;
    if check != xxh3_64_with_seed(packed, number) {
        return Err(LogError::Checksum);
    }
    let body = piece::unpack(packed, PIECE_BYTES_MAX).map_err(|_| LogError::Bounds("piece"))?;
    let mut input = Input::new(&body);
    match input.u8()? {
        START => Ok(BackupPiece::Start(take_start(input)?)),
        END => {
            let end = BackupEnd { reached: Seq(input.varint()?), rows: RowCounts::take(&mut input)? };
            input.finish()?;
            Ok(BackupPiece::End(end))
        }
        FAILED => Ok(BackupPiece::Failed(String::from_utf8_lossy(input.rest()).into_owned())),
        tag => {
            let known = SECTIONS.iter().find(|(of, _)| *of == tag);
            let (_, section) = known.ok_or(LogError::Bounds("tag"))?;
            Ok(BackupPiece::Rows(*section, input.rest().to_vec()))
        }
    }
}

fn take_start(mut input: Input<'_>) -> Result<BackupStart, LogError> {
    let start = BackupStart {
        schema: input.varint()?,
        journal: input.u32()?,
        checkpoint: Seq(input.varint()?),
        durable: Seq(input.varint()?),
        began_at: Micros(input.i64()?),
        expected: RowCounts::take(&mut input)?,
    };
    input.finish()?;
    Ok(start)
}

/// The rows of a piece: key and value.
pub fn rows(body: &[u8]) -> impl Iterator<Item = Result<(&[u8], &[u8]), LogError>> {
    let mut input = Input::new(body);
    std::iter::from_fn(move || {
        if input.is_empty() {
            return None;
        }
        let row = input.prefixed().and_then(|key| Ok((key, input.prefixed()?)));
        if row.is_err() {
            input = Input::new(&[]);
        }
        Some(row)
    })
}

/// A key as it stands in its table; two of one section are in the order of their rows there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowKey<'a> {
    /// The first sequence of a record.
    Log(u64),
    /// Partner and id.
    Document(u32, &'a [u8]),
    /// Partner and number of a block.
    Block(u32, u32),
    /// Kind, partner, key.
    Record(u8, u32, &'a [u8]),
}

impl<'a> RowKey<'a> {
    /// Its bytes.
    pub fn put(self) -> Vec<u8> {
        match self {
            RowKey::Log(first) => first.to_le_bytes().into(),
            RowKey::Document(partner, id) => [&partner.to_le_bytes(), id].concat(),
            RowKey::Block(partner, number) => [partner.to_le_bytes(), number.to_le_bytes()].concat(),
            RowKey::Record(kind, partner, key) => [&[kind], &partner.to_le_bytes()[..], key].concat(),
        }
    }

    /// Reads it.
    pub fn take(section: Section, key: &'a [u8]) -> Result<RowKey<'a>, LogError> {
        let mut input = Input::new(key);
        let key = match section {
            Section::Log => RowKey::Log(input.u64()?),
            Section::Documents => return Ok(RowKey::Document(input.u32()?, input.rest())),
            Section::Records => return Ok(RowKey::Record(input.u8()?, input.u32()?, input.rest())),
            Section::Assets | Section::Prices => RowKey::Block(input.u32()?, input.u32()?),
        };
        input.finish()?;
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(number: u64, bytes: &[u8]) -> Result<BackupPiece, LogError> {
        let head = bytes.first_chunk::<HEAD_BYTES>().ok_or(LogError::Truncated)?;
        let length = packed_length(number, head)?;
        take_piece(number, head, bytes.get(HEAD_BYTES..HEAD_BYTES + length).ok_or(LogError::Truncated)?)
    }

    fn counts() -> RowCounts {
        RowCounts { log: 1, documents: 2, assets: 300, prices: 4, records: u64::MAX }
    }

    fn some_rows() -> RowsPiece {
        let mut piece = RowsPiece::of(Section::Records, PIECE_BYTES);
        piece.push(&RowKey::Record(3, 7, b"key").put(), b"value");
        piece.push(&RowKey::Record(3, 8, b"").put(), b"");
        piece
    }

    #[test]
    fn each_piece_comes_back_by_its_number_and_by_no_other() {
        let start = BackupStart {
            schema: 2,
            journal: 77,
            checkpoint: Seq(5),
            durable: Seq(900),
            began_at: Micros(-3),
            expected: counts(),
        };
        let end = BackupEnd { reached: Seq(1_000), rows: counts() };
        assert_eq!(read(0, &put_start(0, &start)), Ok(BackupPiece::Start(start)));
        assert_eq!(read(9, &put_end(9, &end)), Ok(BackupPiece::End(end)));
        assert_eq!(read(9, &put_end(8, &end)), Err(LogError::Checksum));
        assert_eq!(read(3, &put_failed(3, "the disk")), Ok(BackupPiece::Failed("the disk".into())));
        let Ok(BackupPiece::Rows(Section::Records, body)) = read(4, &some_rows().seal(4)) else {
            panic!("rows")
        };
        let rows: Vec<_> = rows(&body).map(Result::unwrap).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(RowKey::take(Section::Records, rows[0].0), Ok(RowKey::Record(3, 7, b"key")));
        assert_eq!(rows[0].1, b"value");
    }

    #[test]
    fn any_bit_that_changes_and_any_cut_is_noticed() {
        let whole = some_rows().seal(4);
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1 << (at % 8);
            assert!(read(4, &changed).is_err(), "byte {at}");
            assert!(read(4, &whole[..at]).is_err(), "cut at {at}");
        }
    }

    /// A backup outlives the release that made it: these bytes must be read for ever.
    #[test]
    fn the_pieces_of_the_first_format_are_as_they_were() {
        assert_eq!(first_line(), b"tidegate-backup 1\n");
        let end = BackupEnd { reached: Seq(1_000), rows: RowCounts { log: 1, ..RowCounts::default() } };
        let bytes = hex::decode(GOLDEN_END).unwrap();
        assert_eq!(read(2, &bytes), Ok(BackupPiece::End(end)), "{}", hex::encode(put_end(2, &end)));
    }

    const GOLDEN_END: &str = "11000000d52658b217dc338bbd1d6b5328b52ffd2008410000ffe8070100000000";
}

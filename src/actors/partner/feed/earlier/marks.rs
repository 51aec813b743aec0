//! What is kept of the records of the last applied file beside its body: the time and the content's hash of
//! each, so that the next one shows which have changed without saying so.
//!
//! A file of fixed lines behind a word that says what it is. It is of use for a lint alone: one that cannot be
//! read is as if there were none.

use crate::domain::{AssetId, Micros};
use crate::rules::feed::oddities::RecordMark;
use crate::rules::feed::survey::Presence;
use std::io;
use std::path::{Path, PathBuf};

const WORD: &[u8; 8] = b"TGMARKS1";
const MARK_BYTES: usize = 24;
/// Larger catalogues go without the lint: 24 bytes for each record are read into memory with a run.
const MARKS_MAX: usize = 500_000;

fn file_of(bodies: &Path) -> PathBuf {
    bodies.join("marks")
}

/// The marks of a file's records that bear a time, with their ids' places in `present`.
pub fn marks(present: &[(AssetId, Presence)]) -> impl Iterator<Item = (usize, RecordMark)> {
    present.iter().enumerate().filter_map(|(place, (id, presence))| match presence {
        Presence::Valid(record) => Some((place, RecordMark::of(id, record.updated_at?, record.content))),
        Presence::Quarantined => None,
    })
}

/// Those of the last applied file. Blocking.
pub fn read(bodies: &Path) -> Vec<RecordMark> {
    let Ok(bytes) = std::fs::read(file_of(bodies)) else { return Vec::new() };
    let Some(lines) = bytes.strip_prefix(WORD).filter(|lines| lines.len() % MARK_BYTES == 0) else {
        return Vec::new();
    };
    let number = |line: &[u8], from: usize| {
        let mut eight = [0; 8];
        eight.copy_from_slice(&line[from..from + 8]);
        u64::from_le_bytes(eight)
    };
    let mark = |line: &[u8]| RecordMark {
        id: number(line, 0),
        updated_at: Micros(number(line, 8) as i64),
        content: number(line, 16),
    };
    lines.chunks_exact(MARK_BYTES).map(mark).collect()
}

/// Takes the place of what was kept. Blocking.
pub fn write(bodies: &Path, marks: &[RecordMark]) -> io::Result<()> {
    if marks.is_empty() || marks.len() > MARKS_MAX {
        return match std::fs::remove_file(file_of(bodies)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    let mut bytes = Vec::with_capacity(WORD.len() + marks.len() * MARK_BYTES);
    bytes.extend_from_slice(WORD);
    for mark in marks {
        for number in [mark.id, mark.updated_at.0 as u64, mark.content] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
    }
    std::fs::write(file_of(bodies), bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_as_they_were_written_and_what_is_no_such_file_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let mark = |id, at| RecordMark { id, updated_at: Micros(at), content: id * 3 };
        assert_eq!(read(directory.path()), []);
        write(directory.path(), &[mark(1, -5), mark(u64::MAX / 4, 7)]).unwrap();
        assert_eq!(read(directory.path()), [mark(1, -5), mark(u64::MAX / 4, 7)]);
        std::fs::write(directory.path().join("marks"), b"TGMARKS1 cut").unwrap();
        assert_eq!(read(directory.path()), []);
        write(directory.path(), &[]).unwrap();
        assert!(!directory.path().join("marks").exists());
        write(directory.path(), &[]).unwrap();
    }
}

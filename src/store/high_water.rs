//! The high-water mark: a file beside the database that says how far its log is known to have come.
//!
//! A log that ends below it, or has not had the life that it names, was put there in the place of the
//! one that was written last. Followers need no mark for that, since their cursors are refused; it is
//! for the operator, who should know that what was acknowledged since that copy is lost.
//!
//! - The mark is never ahead of what is durable: what it says was synced before it is written.
//! - It is replaced as a whole. If it is lost, torn or out of date, less is noticed, and nothing else.

use crate::config::private::create_file;
use crate::domain::Seq;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const FILE: &str = "tidegate.reached";
const NEW_FILE: &str = "tidegate.reached.new";
const TEXT: &str = "Above: the life of tidegate.redb, and the change that it had reached. A file that ends \
    before it is an older one, which Tidegate then says in its log.\n";

/// How far a log is known to have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HighWater {
    /// Identity of the life that was under way.
    pub journal: u32,
    /// The last change that was durable.
    pub reached: Seq,
}

/// Where the mark of a directory is kept.
#[derive(Debug)]
pub struct HighWaterFile {
    directory: PathBuf,
}

impl HighWaterFile {
    /// The mark of the database in this directory.
    pub fn within(directory: &Path) -> HighWaterFile {
        HighWaterFile { directory: directory.into() }
    }

    /// The mark; `None` where there is none, or none that can be read.
    pub fn read(&self) -> Option<HighWater> {
        parse(&fs::read_to_string(self.directory.join(FILE)).ok()?)
    }

    /// Replaces the mark. Without `sync` it may be lost with the power, whole.
    pub fn write(&self, mark: HighWater, sync: bool) -> io::Result<()> {
        let new = self.directory.join(NEW_FILE);
        let mut file = create_file(&new)?;
        file.write_all(format!("{} {}\n{TEXT}", mark.journal, mark.reached.0).as_bytes())?;
        if sync {
            file.sync_all()?;
        }
        drop(file);
        fs::rename(&new, self.directory.join(FILE))?;
        if sync { File::open(&self.directory)?.sync_all() } else { Ok(()) }
    }

    /// Removes the mark of a database that is no more. Errs where that fails, and not where there is none.
    pub fn forget(&self) -> io::Result<()> {
        match fs::remove_file(self.directory.join(FILE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The first line; one that was torn has no end.
fn parse(text: &str) -> Option<HighWater> {
    let (line, _) = text.split_once('\n')?;
    let (journal, reached) = line.split_once(' ')?;
    Some(HighWater { journal: journal.parse().ok()?, reached: Seq(reached.parse().ok()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_comes_back_as_it_was_written_last() {
        let directory = tempfile::tempdir().unwrap();
        let file = HighWaterFile::within(directory.path());
        assert_eq!(file.read(), None);
        file.forget().unwrap();
        for (sync, reached) in [(true, 7), (false, u64::MAX)] {
            let mark = HighWater { journal: u32::MAX, reached: Seq(reached) };
            file.write(mark, sync).unwrap();
            assert_eq!(file.read(), Some(mark));
        }
        file.forget().unwrap();
        assert_eq!(file.read(), None);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_torn_mark_is_none() {
        for torn in ["", "12", "12 3", "12 34", "\n", "12 \n", " 3\n", "12 3x\n", "-1 3\n"] {
            assert_eq!(parse(torn), None, "{torn:?}");
        }
        assert_eq!(parse("12 34\nand more"), Some(HighWater { journal: 12, reached: Seq(34) }));
    }
}

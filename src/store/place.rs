//! The place of the file: whether its path still leads to the file that is open.
//!
//! A process that has a file open can go on writing it after it was removed or replaced, into nowhere.
//! While it is open, its number is not given to another file, so number and device identify it.

use rustix::fs::{Dev, fstat, stat};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// An open file, and the path that led to it.
#[derive(Debug)]
pub struct FilePlace {
    /// The path by which it was opened.
    pub path: PathBuf,
    device: Dev,
    number: u64,
}

impl FilePlace {
    /// The place of a file that has just been opened by that path.
    pub fn of(file: &File, path: &Path) -> io::Result<FilePlace> {
        let found = fstat(file)?;
        Ok(FilePlace { path: path.into(), device: found.st_dev, number: found.st_ino })
    }

    /// Whether the path leads elsewhere now, or nowhere. A place that cannot be looked at, for want of
    /// rights or of a file system, does not count as lost.
    pub fn is_lost(&self) -> bool {
        match stat(&self.path) {
            Ok(found) => (found.st_dev, found.st_ino) != (self.device, self.number),
            Err(error) => matches!(error, rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_is_lost_when_it_is_removed_moved_or_replaced_and_not_when_it_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let (path, other) = (directory.path().join("file"), directory.path().join("other"));
        let open = File::create(&path).unwrap();
        let place = FilePlace::of(&open, &path).unwrap();
        fs::write(&path, "more").unwrap();
        assert!(!place.is_lost());
        fs::rename(&path, &other).unwrap();
        assert!(place.is_lost());
        fs::rename(&other, &path).unwrap();
        assert!(!place.is_lost(), "moved back");
        fs::copy(&path, &other).unwrap();
        fs::rename(&other, &path).unwrap();
        assert!(place.is_lost(), "another file with the same contents");
        fs::remove_file(&path).unwrap();
        assert!(place.is_lost());
    }
}

//! The part of the disk that feeds must leave free.
//!
//! The store's writer must never meet the end of the disk, since after a failed write it takes
//! nothing more; bodies, which can be fetched again, give way long before. A file system whose free
//! space cannot be told holds nothing back.

use super::FetchError;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Written between two looks at the free space. Each fetch may be wrong by so much, which all of
/// them together make small against any sensible reserve.
const LOOK_BYTES: u64 = 4 << 20;

/// Free bytes of the file system that holds `directory`; `None` where it cannot be told.
fn free_bytes(directory: &Path) -> Option<u64> {
    rustix::fs::statvfs(directory).ok().map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// A file system, and how much of it stays free.
#[derive(Clone, Debug)]
pub struct Reserve {
    /// Any directory on it.
    pub directory: PathBuf,
    /// Bytes that stay free.
    pub free_bytes_min: u64,
}

impl Reserve {
    /// Whether the reserve is touched already: then nothing may be written that can wait.
    pub fn is_touched(&self) -> bool {
        free_bytes(&self.directory).is_some_and(|free| free < self.free_bytes_min)
    }

    /// Refuses with `disk_full` where less is free.
    pub fn check(&self) -> Result<(), FetchError> {
        if self.is_touched() { Err(disk_full(self.free_bytes_min)) } else { Ok(()) }
    }
}

/// Looks after the free space while one body is written.
#[derive(Debug)]
pub(super) struct Headroom {
    free_bytes_min: u64,
    /// Bytes that may be written before the next look.
    left: u64,
}

impl Headroom {
    pub fn above(free_bytes_min: u64) -> Headroom {
        Headroom { free_bytes_min, left: 0 }
    }

    /// Whether `bytes` more may be written, where `free` tells what is free now.
    pub fn take(&mut self, bytes: u64, free: impl FnOnce() -> Option<u64>) -> Result<(), FetchError> {
        if bytes > self.left {
            let ahead = bytes.max(LOOK_BYTES);
            if free().is_some_and(|free| free < self.free_bytes_min.saturating_add(ahead)) {
                return Err(disk_full(self.free_bytes_min));
            }
            self.left = ahead;
        }
        self.left -= bytes;
        Ok(())
    }
}

/// Of the file system that holds an open file.
pub(super) fn free_bytes_beside(file: &File) -> Option<u64> {
    rustix::fs::fstatvfs(file).ok().map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize))
}

fn disk_full(free_bytes_min: u64) -> FetchError {
    let detail = format!(
        "the disk is nearly full: {free_bytes_min} bytes must stay free (disk_free_bytes_min); \
         make room, the feed is tried again"
    );
    FetchError::new("disk_full", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_written_as_long_as_it_leaves_the_reserve_alone() {
        let mut headroom = Headroom::above(100 << 20);
        let mut free = 110_u64 << 20;
        let mut written = 0;
        let refused = loop {
            match headroom.take(1 << 20, || Some(free)) {
                Ok(()) => (free, written) = (free - (1 << 20), written + 1),
                Err(error) => break error,
            }
        };
        assert_eq!((refused.code, written), ("disk_full", 8), "the third look finds too little");
        assert!(free >= 100 << 20);
    }

    #[test]
    fn the_free_space_is_looked_at_per_some_mebibytes_and_not_for_each_write() {
        let mut headroom = Headroom::above(1);
        let mut looks = 0;
        for _ in 0..64 {
            headroom
                .take(LOOK_BYTES / 16, || {
                    looks += 1;
                    Some(u64::MAX)
                })
                .unwrap();
        }
        assert_eq!(looks, 4);
        assert!(headroom.take(2 * LOOK_BYTES, || Some(2 * LOOK_BYTES)).is_err(), "one large block is a look");
        assert!(headroom.take(1, || None).is_ok(), "a file system that cannot tell holds nothing back");
    }

    #[test]
    fn a_reserve_larger_than_the_disk_is_touched_and_none_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let of = |free_bytes_min| Reserve { directory: directory.path().to_owned(), free_bytes_min };
        assert_eq!(of(u64::MAX).check().unwrap_err().code, "disk_full");
        assert!(of(0).check().is_ok());
    }
}

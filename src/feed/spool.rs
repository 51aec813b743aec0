//! The file that a body goes to, hashed on the way.
//!
//! Blocks are hashed and written on the blocking pool, one hop for each. A spool that was not
//! finished leaves no file behind, also when its fetch is dropped half-way, or when the disk has
//! too little room for it.

use super::FetchError;
use super::disk::{Headroom, free_bytes_beside};
use crate::config::private::{create_directory, create_file};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Large enough that the hop to the blocking pool costs nothing, small enough for hundreds of
/// fetches at once.
pub const BLOCK_BYTES: usize = 256 * 1024;

pub struct Spool {
    sink: Option<Sink>,
    remains: Remains,
    written: u64,
}

struct Sink {
    file: File,
    hash: Sha256,
    headroom: Headroom,
}

/// Removes the file unless told to keep it.
struct Remains {
    path: PathBuf,
    keep: bool,
}

impl Spool {
    /// On a file system of which `disk_free_bytes_min` stay free.
    pub async fn create(path: &Path, disk_free_bytes_min: u64) -> Result<Spool, FetchError> {
        let remains = Remains { path: path.to_owned(), keep: false };
        // The guard goes along: if the fetch is dropped meanwhile, it outlives the creation.
        let create = move || {
            let file = create_within(&remains.path).map_err(|e| FetchError::spool(&e))?;
            Ok((file, remains))
        };
        let (file, remains) = on_blocking_pool(create).await?;
        let headroom = Headroom::above(disk_free_bytes_min);
        Ok(Spool { sink: Some(Sink { file, hash: Sha256::new(), headroom }), remains, written: 0 })
    }

    pub fn written(&self) -> u64 {
        self.written
    }

    /// Writes the block and empties it; its memory is used again.
    pub async fn write(&mut self, block: &mut Vec<u8>) -> Result<(), FetchError> {
        let mut sink =
            self.sink.take().ok_or_else(|| FetchError::spool(&io::ErrorKind::BrokenPipe.into()))?;
        let mut bytes = std::mem::take(block);
        self.written += bytes.len() as u64;
        let work = move || {
            sink.headroom.take(bytes.len() as u64, || free_bytes_beside(&sink.file))?;
            sink.hash.update(&bytes);
            sink.file.write_all(&bytes).map_err(|e| FetchError::spool(&e))?;
            bytes.clear();
            Ok((sink, bytes))
        };
        let (sink, emptied) = on_blocking_pool(work).await?;
        self.sink = Some(sink);
        *block = emptied;
        Ok(())
    }

    /// Keeps the file; gives the SHA-256 of what it holds.
    pub fn finish(mut self) -> Result<String, FetchError> {
        let sink = self.sink.take().ok_or_else(|| FetchError::spool(&io::ErrorKind::BrokenPipe.into()))?;
        self.remains.keep = true;
        Ok(hex::encode(sink.hash.finalize()))
    }
}

/// Creates the file, and the directory where it has been removed: it holds nothing that is missed.
fn create_within(path: &Path) -> io::Result<File> {
    match create_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            path.parent().map_or(Ok(()), create_directory)?;
            create_file(path)
        }
        created => created,
    }
}

impl Drop for Remains {
    fn drop(&mut self) {
        if !self.keep {
            // A file that cannot be removed is overwritten by the partner's next fetch.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Does what blocks beside the async workers.
pub(super) async fn on_blocking_pool<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FetchError> + Send + 'static,
) -> Result<T, FetchError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(FetchError::spool(&io::Error::other("the daemon is stopping"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_finished_spool_is_kept_with_the_hash_of_its_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("body");
        let mut spool = Spool::create(&path, 0).await.unwrap();
        for part in ["ab", "c"] {
            spool.write(&mut part.as_bytes().to_vec()).await.unwrap();
        }
        assert_eq!(spool.written(), 3);
        let sha256 = spool.finish().unwrap();
        assert_eq!(sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
    }

    #[tokio::test]
    async fn a_spool_that_is_dropped_leaves_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("body");
        let mut spool = Spool::create(&path, 0).await.unwrap();
        spool.write(&mut b"half".to_vec()).await.unwrap();
        drop(spool);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_body_that_would_need_the_reserve_of_the_disk_is_refused_and_leaves_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("body");
        let mut spool = Spool::create(&path, u64::MAX).await.unwrap();
        let refused = spool.write(&mut b"more".to_vec()).await.unwrap_err();
        assert_eq!(refused.code, "disk_full");
        drop(spool);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_directory_that_was_removed_is_made_anew_and_one_that_cannot_be_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("spool").join("body");
        for _ in 0..2 {
            let mut spool = Spool::create(&path, 0).await.unwrap();
            spool.write(&mut b"whole".to_vec()).await.unwrap();
            spool.finish().unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"whole");
            std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
        }
        let file = directory.path().join("file");
        std::fs::write(&file, "").unwrap();
        let Err(error) = Spool::create(&file.join("body"), 0).await else { panic!("created") };
        assert_eq!(error.code, "spool_failed");
    }
}

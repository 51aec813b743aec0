//! The bodies of the last applied runs: kept so that they can be read again, bounded by count and
//! bytes.

use crate::actors::partner::message::run::Reread;
use crate::config::private::create_directory;
use crate::domain::{Micros, RunId};
use crate::feed::Spooled;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Bodies kept per partner: enough to step back over a bad one and its successor.
const BODIES_KEPT: usize = 3;

/// Their bytes together. A body that is larger by itself is not kept.
const BODIES_BYTES_MAX: u64 = 1 << 30;

/// The stored file of a run, with what its report says of it.
#[derive(Clone, Debug)]
pub struct StoredRun {
    pub reread: Reread,
    pub started_at: Micros,
    pub path: PathBuf,
}

/// What a task is to do beside an ordinary run.
#[derive(Clone, Debug)]
pub enum RebuildSource {
    Fetch,
    Stored(StoredRun),
}

impl StoredRun {
    /// As if it had just been fetched.
    pub fn spooled(&self) -> io::Result<Spooled> {
        let bytes = fs::metadata(&self.path)?.len();
        Ok(Spooled {
            path: self.path.clone(),
            wire_bytes: bytes,
            body_bytes: bytes,
            sha256: String::new(),
            etag: None,
            last_modified: None,
            last_modified_at: None,
            is_settled: true,
            // it has been read once, as whatever it was served
            served_as_lines: true,
        })
    }
}

/// Where the bodies of a partner's runs are kept.
pub fn bodies_of(spool: &Path, partner: &str) -> PathBuf {
    spool.join(partner)
}

pub fn body_of(bodies: &Path, run: RunId) -> PathBuf {
    bodies.join(format!("run-{}", run.0))
}

/// Keeps the body of an applied run, and removes those that are too many or too large, and the
/// oldest while the disk `is_short`. Blocking.
pub fn keep_body(bodies: &Path, run: RunId, spooled: &Path, is_short: impl Fn() -> bool) -> io::Result<()> {
    create_directory(bodies)?;
    fs::rename(spooled, body_of(bodies, run))?;
    let mut kept = kept_bodies(bodies)?;
    let mut bytes = 0;
    let fits = |(place, (length, _)): &(usize, &(u64, PathBuf))| {
        bytes += length;
        *place < BODIES_KEPT && bytes <= BODIES_BYTES_MAX
    };
    let fitting = kept.iter().enumerate().take_while(fits).count();
    for (_, path) in kept.split_off(fitting) {
        fs::remove_file(path)?;
    }
    while is_short()
        && let Some((_, oldest)) = kept.pop()
    {
        fs::remove_file(oldest)?;
    }
    Ok(())
}

/// Makes some room on a disk that is nearly full. Blocking.
pub fn give_up_oldest_body(bodies: &Path) -> io::Result<()> {
    if !bodies.is_dir() {
        return Ok(());
    }
    kept_bodies(bodies)?.pop().map_or(Ok(()), |(_, oldest)| fs::remove_file(oldest))
}

/// The bodies kept, with their lengths, the newest first.
fn kept_bodies(bodies: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut kept = Vec::new();
    for entry in fs::read_dir(bodies)? {
        let entry = entry?;
        let number =
            entry.file_name().to_str().and_then(|name| name.strip_prefix("run-")?.parse::<u64>().ok());
        if let Some(number) = number {
            kept.push((number, entry.metadata()?.len(), entry.path()));
        }
    }
    kept.sort_unstable_by_key(|(number, ..)| std::cmp::Reverse(*number));
    Ok(kept.into_iter().map(|(_, length, path)| (length, path)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bodies_of_the_last_runs_are_kept_and_older_ones_removed() {
        let directory = tempfile::tempdir().unwrap();
        let bodies = bodies_of(directory.path(), "acme");
        for run in [8, 9, 10, 11] {
            let spooled = directory.path().join("acme.feed");
            fs::write(&spooled, format!("body {run}")).unwrap();
            keep_body(&bodies, RunId(run), &spooled, || false).unwrap();
            assert!(!spooled.exists());
        }
        let mut left: Vec<_> = fs::read_dir(&bodies).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["run-10", "run-11", "run-9"]);
        assert_eq!(fs::read(body_of(&bodies, RunId(9))).unwrap(), b"body 9");
    }

    #[test]
    fn a_disk_that_is_nearly_full_keeps_no_bodies_and_gives_up_the_oldest_first() {
        let directory = tempfile::tempdir().unwrap();
        let bodies = bodies_of(directory.path(), "acme");
        let keep = |run, is_short: bool| {
            let spooled = directory.path().join("acme.feed");
            fs::write(&spooled, "body").unwrap();
            keep_body(&bodies, RunId(run), &spooled, || is_short).unwrap();
        };
        give_up_oldest_body(&bodies).unwrap();
        (1..=2).for_each(|run| keep(run, false));
        give_up_oldest_body(&bodies).unwrap();
        assert!(!body_of(&bodies, RunId(1)).exists() && body_of(&bodies, RunId(2)).exists());
        keep(3, true);
        assert_eq!(kept_bodies(&bodies).unwrap(), []);
    }
}

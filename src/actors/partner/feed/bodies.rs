//! The bodies of the last applied runs: kept so that they can be read again and compared, compressed, and
//! bounded by count and bytes.

use crate::actors::partner::message::run::Reread;
use crate::codec::kept_body;
use crate::config::private::{create_directory, create_file};
use crate::domain::{Micros, RunId};
use crate::feed::Spooled;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// How many bodies are kept of a partner, and their bytes together as they lie on the disk. One that is larger
/// by itself is not kept.
#[derive(Clone, Copy, Debug)]
pub struct KeptBounds {
    pub bodies: usize,
    pub bytes: u64,
}

/// The stored file of a run, with what its report says of it.
#[derive(Clone, Debug)]
pub struct StoredRun {
    pub reread: Reread,
    pub started_at: Micros,
    pub run: RunId,
    pub bodies: PathBuf,
}

/// What a task is to do beside an ordinary run.
#[derive(Clone, Debug)]
pub enum RebuildSource {
    Fetch,
    Stored(StoredRun),
}

impl StoredRun {
    /// As if it had just been fetched, to `spool`. Blocking.
    pub fn spooled(&self, spool: &Path, bytes_max: u64) -> io::Result<Spooled> {
        if !unpack(&self.bodies, self.run, spool, bytes_max)? {
            return Err(io::ErrorKind::NotFound.into());
        }
        let bytes = fs::metadata(spool)?.len();
        Ok(Spooled {
            path: spool.to_owned(),
            wire_bytes: bytes,
            body_bytes: bytes,
            sha256: String::new(),
            etag: None,
            last_modified: None,
            last_modified_at: None,
            is_settled: true,
            fresh_until: None,
            // it has been read once, as whatever it was served
            served_as_lines: true,
        })
    }
}

/// Where the bodies of a partner's runs are kept.
pub fn bodies_of(spool: &Path, partner: &str) -> PathBuf {
    spool.join(partner)
}

fn body_of(bodies: &Path, run: RunId) -> PathBuf {
    bodies.join(format!("run-{}.zst", run.0))
}

/// As releases before kept it.
fn plain_body_of(bodies: &Path, run: RunId) -> PathBuf {
    bodies.join(format!("run-{}", run.0))
}

pub fn is_kept(bodies: &Path, run: RunId) -> bool {
    body_of(bodies, run).is_file() || plain_body_of(bodies, run).is_file()
}

/// Writes the body of a run to `path`, as it was; `false` where it is not kept. Errs where it is larger than
/// its feed may be. Blocking.
pub fn unpack(bodies: &Path, run: RunId, path: &Path, bytes_max: u64) -> io::Result<bool> {
    let packed: Box<dyn Read> = match File::open(body_of(bodies, run)) {
        Ok(file) => kept_body::unpacked(file)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => match File::open(plain_body_of(bodies, run))
        {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            file => Box::new(file?),
        },
        Err(error) => return Err(error),
    };
    let copied = io::copy(&mut packed.take(bytes_max.saturating_add(1)), &mut create_file(path)?)?;
    match copied <= bytes_max {
        true => Ok(true),
        false => Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than body_bytes_max")),
    }
}

/// Keeps the body of an applied run, and removes those that are too many or too large, and the
/// oldest while the disk `is_short`. Blocking.
pub fn keep_body(
    bodies: &Path,
    run: RunId,
    spooled: &Path,
    bounds: KeptBounds,
    is_short: impl Fn() -> bool,
) -> io::Result<()> {
    create_directory(bodies)?;
    if bounds.bodies > 0 {
        let begun = bodies.join("begun");
        kept_body::pack(File::open(spooled)?, create_file(&begun)?)?;
        fs::rename(begun, body_of(bodies, run))?;
    }
    fs::remove_file(spooled)?;
    let mut kept = kept_bodies(bodies)?;
    let mut bytes = 0;
    let fits = |(place, (length, _)): &(usize, &(u64, PathBuf))| {
        bytes += length;
        *place < bounds.bodies && bytes <= bounds.bytes
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
        let number = entry
            .file_name()
            .to_str()
            .and_then(|name| name.strip_prefix("run-")?.trim_end_matches(".zst").parse::<u64>().ok());
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

    const THREE: KeptBounds = KeptBounds { bodies: 3, bytes: 1 << 20 };

    fn keep(bodies: &Path, run: u64, body: &str, bounds: KeptBounds, is_short: bool) {
        let spooled = bodies.with_extension("feed");
        fs::write(&spooled, body).unwrap();
        keep_body(bodies, RunId(run), &spooled, bounds, || is_short).unwrap();
        assert!(!spooled.exists());
    }

    fn read(bodies: &Path, run: u64) -> Option<String> {
        let path = bodies.with_extension("unpacked");
        unpack(bodies, RunId(run), &path, 1 << 20).unwrap().then(|| fs::read_to_string(&path).unwrap())
    }

    #[test]
    fn the_bodies_of_the_last_runs_are_kept_compressed_and_older_ones_removed() {
        let directory = tempfile::tempdir().unwrap();
        let bodies = bodies_of(directory.path(), "acme");
        for run in [8, 9, 10, 11] {
            keep(&bodies, run, &format!("body {run} {}", "x".repeat(10_000)), THREE, false);
        }
        let mut left: Vec<_> = fs::read_dir(&bodies).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["run-10.zst", "run-11.zst", "run-9.zst"]);
        assert!(read(&bodies, 9).unwrap().starts_with("body 9 x"));
        assert!(fs::metadata(bodies.join("run-9.zst")).unwrap().len() < 200);
        assert_eq!((read(&bodies, 8), is_kept(&bodies, RunId(8))), (None, false));
        fs::write(bodies.join("run-7"), "as it was kept before").unwrap();
        assert_eq!(read(&bodies, 7).as_deref(), Some("as it was kept before"));
        keep(&bodies, 12, "twelve", KeptBounds { bodies: 0, ..THREE }, false);
        assert_eq!(kept_bodies(&bodies).unwrap(), []);
    }

    #[test]
    fn kept_bodies_are_bounded_by_their_bytes_and_read_no_further_than_a_body_may_be() {
        let directory = tempfile::tempdir().unwrap();
        let bodies = bodies_of(directory.path(), "acme");
        let mut seed = 1u64;
        let mut noise = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'!' + (seed >> 58) as u8)
        };
        for run in 1..=3 {
            let body: String = (0..1_000).map(|_| noise()).collect();
            keep(&bodies, run, &body, KeptBounds { bodies: 3, bytes: 2_000 }, false);
        }
        assert_eq!([1, 2, 3].map(|run| is_kept(&bodies, RunId(run))), [false, true, true]);
        let error = unpack(&bodies, RunId(3), &directory.path().join("out"), 999).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_disk_that_is_nearly_full_keeps_no_bodies_and_gives_up_the_oldest_first() {
        let directory = tempfile::tempdir().unwrap();
        let bodies = bodies_of(directory.path(), "acme");
        give_up_oldest_body(&bodies).unwrap();
        (1..=2).for_each(|run| keep(&bodies, run, "body", THREE, false));
        give_up_oldest_body(&bodies).unwrap();
        assert!(!is_kept(&bodies, RunId(1)) && is_kept(&bodies, RunId(2)));
        keep(&bodies, 3, "body", THREE, true);
        assert_eq!(kept_bodies(&bodies).unwrap(), []);
    }
}

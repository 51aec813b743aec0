//! A run that was cut short while its file was being applied: the next one reads the same spooled file
//! again, instead of fetching it. Its server may be down by now, and a large file takes long to send.
//!
//! What was found out while the file was fetched stands in a second file beside it. Both are claimed by
//! renaming, so that a task that outlives its actor for a moment removes nothing of its successor's. A
//! crash may have torn either: the file is used only if it has the bytes that were hashed when it came.

use super::spool;
use crate::actors::partner::message::run::VersionProof;
use crate::codec::spool_note::SpoolNote;
use crate::config::FeedSettings;
use crate::domain::Micros;
use crate::feed::Spooled;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// What was fetched longer ago is fetched again: there may well be a newer version.
const RESUMED_WITHIN: i64 = Micros::HOUR;

/// Read in one go.
const BLOCK_BYTES: usize = 256 * 1024;

/// The file of a run that was cut short, with what is known of it.
#[derive(Debug)]
pub struct CutRun {
    body: PathBuf,
    note: SpoolNote,
}

/// A file that need not be fetched.
pub struct Resumed {
    pub spooled: Spooled,
    pub started_at: Micros,
    pub proof: VersionProof,
}

impl CutRun {
    /// Finds what an earlier life of the partner's actor was applying, and makes it this one's own.
    /// Blocking.
    pub fn claim(spool: &Path, partner: &str, generation: u64) -> Option<CutRun> {
        let left = spool::cut_of(spool, partner);
        let note = spool::note_of(&left);
        let known = SpoolNote::decode(&fs::read(&note).ok()?);
        // a file that kills whoever reads it is fetched again the next time
        fs::remove_file(&note).ok()?;
        let body = spool::claimed_of(spool, partner, generation);
        fs::rename(left, &body).ok()?;
        known.map(|note| CutRun { body, note })
    }

    /// Whether the feed is still read from the same place in the same way, and not long after.
    pub fn is_of(&self, feed: &FeedSettings, mapping_print: u64, now: Micros) -> bool {
        let began = Micros(self.note.started_at);
        self.note.url == feed.url
            && self.note.mapping_print == mapping_print
            && (began..=began.plus(RESUMED_WITHIN)).contains(&now)
    }

    /// Where the file is.
    pub fn body(&self) -> &Path {
        &self.body
    }

    /// Puts the file where the run has its own; `None` where it does not have the bytes it had. Blocking.
    pub fn take(self, to: &Path) -> io::Result<Option<Resumed>> {
        fs::rename(&self.body, to)?;
        if sha256_of(to)? != self.note.sha256 {
            return Ok(None);
        }
        let SpoolNote { wire_bytes, body_bytes, sha256, etag, last_modified, .. } = self.note;
        let SpoolNote { is_settled, served_as_lines, stood_still, doubt, has_lied, .. } = self.note;
        Ok(Some(Resumed {
            spooled: Spooled {
                path: to.to_owned(),
                wire_bytes,
                body_bytes,
                sha256,
                etag,
                last_modified,
                last_modified_at: self.note.last_modified_at.map(Micros),
                is_settled,
                fresh_until: None,
                served_as_lines,
            },
            started_at: Micros(self.note.started_at),
            proof: VersionProof { stood_still, doubt, has_lied },
        }))
    }
}

/// Of a whole file, lower-case hex.
fn sha256_of(path: &Path) -> io::Result<String> {
    let (mut file, mut hash) = (File::open(path)?, Sha256::new());
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hex::encode(hash.finalize())),
            read => hash.update(&block[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"[1]";

    fn note() -> SpoolNote {
        SpoolNote {
            url: "https://feeds.example/a.json".into(),
            mapping_print: 7,
            started_at: 1_000_000,
            wire_bytes: 2,
            body_bytes: BODY.len() as u64,
            sha256: hex::encode(Sha256::digest(BODY)),
            etag: Some("\"1\"".into()),
            last_modified: None,
            last_modified_at: Some(5),
            is_settled: true,
            served_as_lines: false,
            stood_still: Some(true),
            doubt: None,
            has_lied: false,
        }
    }

    /// What the first life of the actor has left of its run 3, with a note or without.
    fn left(spool: &Path, note: Option<&SpoolNote>, body: &[u8]) -> PathBuf {
        let file = spool::file_of(spool, "acme", 1, crate::domain::RunId(3));
        fs::write(&file, body).unwrap();
        if let Some(note) = note {
            fs::write(spool::note_of(&file), note.encode()).unwrap();
        }
        file
    }

    fn claimed(spool: &Path) -> Option<CutRun> {
        spool::clean(spool, "acme");
        CutRun::claim(spool, "acme", 2)
    }

    #[test]
    fn a_file_with_a_note_is_claimed_once_and_outlives_its_own_task() {
        let directory = tempfile::tempdir().unwrap();
        let spool = directory.path();
        let file = left(spool, Some(&note()), BODY);
        spool::clean(spool, "acme");
        assert!(!file.exists(), "the task that was applying it removes nothing");
        assert!(CutRun::claim(spool, "acme-2", 1).is_none());
        let cut = CutRun::claim(spool, "acme", 2).unwrap();
        assert_eq!(cut.note, note());
        assert!(
            CutRun::claim(spool, "acme", 3).is_none(),
            "a crash before it is applied again costs a fetch"
        );
        let own = spool.join("acme.2-4.feed");
        let resumed = cut.take(&own).unwrap().unwrap();
        assert_eq!(fs::read(&own).unwrap(), BODY);
        assert_eq!((resumed.spooled.path, resumed.started_at), (own, Micros(1_000_000)));
        assert_eq!((resumed.spooled.wire_bytes, resumed.spooled.etag), (2, note().etag));
        assert_eq!(
            (resumed.spooled.last_modified_at, resumed.proof.stood_still),
            (Some(Micros(5)), Some(true))
        );
    }

    #[test]
    fn a_file_without_a_note_or_with_other_bytes_is_not_used() {
        let directory = tempfile::tempdir().unwrap();
        let spool = directory.path();
        left(spool, None, BODY);
        assert!(claimed(spool).is_none());
        let file = left(spool, None, BODY);
        fs::write(spool::note_of(&file), "{\"url\"").unwrap();
        assert!(claimed(spool).is_none());
        left(spool, Some(&note()), b"[1");
        let cut = claimed(spool).unwrap();
        assert!(cut.take(&spool.join("acme.2-4.feed")).unwrap().is_none());
    }

    #[test]
    fn a_file_is_of_the_same_feed_read_in_the_same_way_within_the_hour() {
        let directory = tempfile::tempdir().unwrap();
        left(directory.path(), Some(&note()), BODY);
        let cut = claimed(directory.path()).unwrap();
        let feed = FeedSettings::at("https://feeds.example/a.json");
        let other = FeedSettings::at("https://feeds.example/b.json");
        for (feed, print, at, is_of) in [
            (&feed, 7, 1_000_000, true),
            (&feed, 7, 1_000_000 + Micros::HOUR, true),
            (&feed, 7, 1_000_001 + Micros::HOUR, false),
            (&feed, 7, 999_999, false), // the clock was put back
            (&feed, 8, 1_000_000, false),
            (&other, 7, 1_000_000, false),
        ] {
            assert_eq!(cut.is_of(feed, print, Micros(at)), is_of, "{} {print} {at}", feed.url);
        }
    }
}

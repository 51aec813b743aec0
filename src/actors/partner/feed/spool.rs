//! Where a partner's runs spool what they fetch: one file for each run and life of the actor, so that
//! a task that outlives its actor for a moment never writes into its successor's file.

use super::bodies::bodies_of;
use crate::domain::RunId;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const ENDING: &str = ".feed";
const NOTE: &str = "note";

/// A partner's name holds no dot, so that no other partner's files begin like its own.
pub fn file_of(spool: &Path, partner: &str, generation: u64, run: RunId) -> PathBuf {
    spool.join(format!("{partner}.{generation}-{}{ENDING}", run.0))
}

/// Where the file of a run is fetched to once more, to be compared.
pub fn beside(file: &Path) -> PathBuf {
    file.with_extension(format!("again{ENDING}"))
}

/// Where a document is put while somebody looks at it: one at a time for each partner.
pub fn preview_of(spool: &Path, partner: &str, generation: u64) -> PathBuf {
    spool.join(format!("{partner}.{generation}-preview{ENDING}"))
}

/// Where what is known of a spooled file stands, beside it.
pub fn note_of(file: &Path) -> PathBuf {
    file.with_extension(format!("{NOTE}{ENDING}"))
}

/// Where the file of a run that was cut short waits for the next life of the actor.
pub fn cut_of(spool: &Path, partner: &str) -> PathBuf {
    spool.join(format!("{partner}.cut{ENDING}"))
}

/// Where a life of the actor puts the file that waited for it.
pub fn claimed_of(spool: &Path, partner: &str, generation: u64) -> PathBuf {
    spool.join(format!("{partner}.{generation}-claimed{ENDING}"))
}

/// Removes what a killed process has left of all partners, but for files that have a note: once, before the first
/// of them starts. Blocking.
pub fn clean_all(spool: &Path) {
    if let Err(error) = clean_left(spool, "") {
        tracing::warn!(%error, "cannot clean the spool of what was left there");
    }
}

/// The same of what earlier lives of the partner's actor have left. Blocking.
pub fn clean(spool: &Path, partner: &str) {
    if let Err(error) = clean_left(spool, &format!("{partner}.")) {
        // it costs room on the disk, which is watched; the partner can live with it
        tracing::warn!(partner, %error, "cannot clean the spool of what was left there");
    }
}

/// Removes all files of a partner that is taken away: those that are kept of its runs, and all that was spooled,
/// with a note or without. Errs where one stays. Blocking.
pub fn remove_files(spool: &Path, partner: &str) -> io::Result<()> {
    unless_gone(fs::remove_dir_all(bodies_of(spool, partner)))?;
    let left = match fs::read_dir(spool) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        left => left?,
    };
    let beginning = format!("{partner}.");
    for entry in left {
        let entry = entry?;
        let is_own = |name: &str| name.starts_with(&beginning) && name.ends_with(ENDING);
        if entry.file_name().to_str().is_some_and(is_own) {
            unless_gone(fs::remove_file(entry.path()))?;
        }
    }
    Ok(())
}

fn unless_gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn clean_left(spool: &Path, beginning: &str) -> io::Result<()> {
    for entry in fs::read_dir(spool)? {
        let (name, path) = entry.map(|entry| (entry.file_name(), entry.path()))?;
        let own = |name: &&str| name.starts_with(beginning) && name.ends_with(ENDING);
        let Some(name) = name.to_str().filter(own) else { continue };
        let cleaned = match noted_by(spool, name) {
            Some(file) if file.exists() => Ok(()),
            None if note_of(&path).exists() => {
                let cut = cut_of(spool, name.split('.').next().unwrap_or_default());
                fs::rename(note_of(&path), note_of(&cut)).and_then(|()| fs::rename(&path, &cut))
            }
            _ => fs::remove_file(&path),
        };
        // its task may have been faster
        unless_gone(cleaned)?;
    }
    Ok(())
}

/// The file whose note has this name; `None` for what is no note.
fn noted_by(spool: &Path, name: &str) -> Option<PathBuf> {
    let stem = name.strip_suffix(ENDING)?.strip_suffix(NOTE)?;
    Some(spool.join(format!("{}{ENDING}", stem.strip_suffix('.')?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_of_each_life_has_a_file_of_its_own_and_a_start_removes_only_its_partner_s() {
        let directory = tempfile::tempdir().unwrap();
        let spool = directory.path();
        let own = [(1, RunId(1)), (1, RunId(2)), (2, RunId(2))]
            .map(|(life, run)| file_of(spool, "acme", life, run));
        let other = file_of(spool, "acme-2", 1, RunId(1));
        let kept = spool.join("acme").join("run-1");
        fs::create_dir_all(kept.parent().unwrap()).unwrap();
        for path in own.iter().chain([&other, &kept, &spool.join("acme.txt")]) {
            fs::write(path, "body").unwrap();
        }
        assert_eq!(fs::read_dir(spool).unwrap().count(), 6);
        clean(spool, "acme");
        assert!(own.iter().all(|path| !path.exists()) && other.exists() && kept.exists());
        clean(&spool.join("missing"), "acme");
        clean_all(spool);
        assert!(!other.exists() && kept.exists(), "a start of the daemon removes all, but no kept file");
    }

    #[test]
    fn nothing_stays_of_a_partner_that_is_taken_away_and_all_of_the_others_does() {
        let directory = tempfile::tempdir().unwrap();
        let spool = directory.path();
        let cut = cut_of(spool, "acme");
        let kept = bodies_of(spool, "acme").join("run-1");
        fs::create_dir_all(kept.parent().unwrap()).unwrap();
        let claimed = claimed_of(spool, "acme", 4);
        for path in [&cut, &note_of(&cut), &claimed, &file_of(spool, "acme", 5, RunId(2)), &kept] {
            fs::write(path, "body").unwrap();
        }
        let others = [cut_of(spool, "acme-2"), note_of(&cut_of(spool, "acme-2")), spool.join("acme.txt")];
        others.iter().for_each(|path| fs::write(path, "body").unwrap());
        for _ in 0..2 {
            remove_files(spool, "acme").unwrap();
            assert_eq!(fs::read_dir(spool).unwrap().count(), others.len());
        }
        assert!(others.iter().all(|path| path.exists()));
        remove_files(&spool.join("missing"), "acme").unwrap();
    }

    #[test]
    fn a_file_with_a_note_waits_for_the_next_life_and_a_note_without_its_file_goes() {
        let directory = tempfile::tempdir().unwrap();
        let spool = directory.path();
        let file = file_of(spool, "acme", 1, RunId(3));
        let lone = note_of(&file_of(spool, "acme", 1, RunId(2)));
        for path in [&file, &note_of(&file), &lone, &note_of(&file_of(spool, "acme-2", 1, RunId(1)))] {
            fs::write(path, "").unwrap();
        }
        let cut = cut_of(spool, "acme");
        for _ in 0..2 {
            clean(spool, "acme");
            assert!(!file.exists() && !lone.exists() && cut.exists() && note_of(&cut).exists());
            assert_eq!(fs::read_dir(spool).unwrap().count(), 3, "and the note of another");
        }
        clean_all(spool);
        assert_eq!(fs::read_dir(spool).unwrap().count(), 2);
    }
}

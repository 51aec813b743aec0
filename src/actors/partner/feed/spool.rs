//! Where a partner's runs spool what they fetch: one file for each run and life of the actor, so that
//! a task that outlives its actor for a moment never writes into its successor's file.

use crate::domain::RunId;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const ENDING: &str = ".feed";

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

/// Removes what a killed process has left of all partners: once, before the first of them starts. Blocking.
pub fn clean_all(spool: &Path) {
    if let Err(error) = remove_left(spool, "") {
        tracing::warn!(%error, "cannot clean the spool of what was left there");
    }
}

/// Removes what earlier lives of the partner's actor have left. Blocking.
pub fn clean(spool: &Path, partner: &str) {
    if let Err(error) = remove_left(spool, &format!("{partner}.")) {
        // it costs room on the disk, which is watched; the partner can live with it
        tracing::warn!(partner, %error, "cannot clean the spool of what was left there");
    }
}

fn remove_left(spool: &Path, beginning: &str) -> io::Result<()> {
    for entry in fs::read_dir(spool)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with(beginning) && name.ends_with(ENDING)) {
            match fs::remove_file(entry.path()) {
                // its task has been faster
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed?,
            }
        }
    }
    Ok(())
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
}

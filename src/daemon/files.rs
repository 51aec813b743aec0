//! The files of the configuration: where they are read from, and whether they have changed.

use crate::clock::sleep;
use crate::config::{self, Faults, MAIN_FILE, PARTNERS_DIRECTORY, Settings};
use crate::domain::{AuditAct, AuditEntry};
use crate::http::App;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How often the files are looked at. A change counts once they have stood still from one look to the next:
/// an editor, or a copy of many files, takes its time.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Where `tidegate secret` keeps what partners sign with.
const SECRETS: &str = "secrets";

/// Where a configuration is read from.
#[derive(Clone, Debug)]
pub struct ConfigSource {
    /// The directory of `tidegate.toml` and `partners/`.
    pub directory: PathBuf,
    /// Every partner is a sandbox, whatever its file says.
    pub sandbox: bool,
}

impl ConfigSource {
    /// Reads all of it: the settings, or all that is wrong.
    pub fn load(&self) -> Result<Settings, Faults> {
        let mut settings = config::load(&self.directory)?;
        settings.partners.iter_mut().for_each(|partner| partner.sandbox |= self.sandbox);
        Ok(settings)
    }

    /// What tells one state of the files from another without reading them.
    pub fn print(&self) -> u64 {
        let mut seen = vec![file_print(&self.directory.join(MAIN_FILE))];
        for folder in [PARTNERS_DIRECTORY, SECRETS] {
            let listed = std::fs::read_dir(self.directory.join(folder)).into_iter().flatten().flatten();
            seen.extend(listed.map(|entry| file_print(&entry.path())));
        }
        // a directory is listed in any order
        seen.sort_unstable();
        let mut hasher = DefaultHasher::new();
        seen.hash(&mut hasher);
        hasher.finish()
    }
}

/// A link is followed: what it leads to may be another file now.
fn file_print(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    if let Ok(found) = std::fs::metadata(path) {
        (found.ino(), found.len(), found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec())
            .hash(&mut hasher);
    }
    hasher.finish()
}

/// The print of the files as they were last read.
#[derive(Clone, Default)]
pub struct FilesPrint(Arc<AtomicU64>);

impl FilesPrint {
    /// They are about to be read as they are now.
    pub fn note(&self, print: u64) {
        self.0.store(print, Ordering::Release);
    }

    fn last(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// Asks for a reload whenever the files have changed and stand still, as long as `server.watch` says so.
pub async fn watch(app: Arc<App>, source: ConfigSource, print: FilesPrint) {
    let mut before = None;
    loop {
        sleep(LOOK_EVERY).await;
        if !app.settings.load().server.watch || app.health.is_draining() {
            before = None;
            continue;
        }
        let reader = source.clone();
        // a look that panics has seen nothing
        let Ok(now) = tokio::task::spawn_blocking(move || reader.print()).await else { continue };
        if before == Some(now) && now != print.last() {
            // its end is told in the log
            let _ = app.reload.ask(AuditEntry::of("watch", AuditAct::Reload)).await;
        }
        before = Some(now);
    }
}

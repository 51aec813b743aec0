//! `tidegate restore`: a store made from a backup.

use super::progress::LongWork;
use super::said;
use crate::actors::OfflineAct;
use crate::cli::configuration::{ConfigDirectory, at_fault};
use crate::cli::offline::offline_user;
use crate::cli::terminal::OutputArgs;
use crate::clock::Clock;
use crate::codec::time;
use crate::config;
use crate::domain::{AuditAct, AuditEntry, AuditTarget, Micros, WriteSet};
use crate::store::{self, ReadError, Reader, RestoreOrder, Restored, StoreOptions};
use anyhow::Context;
use clap::Args;
use serde_json::json;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Memory for pages while the store is written, and for what its log says.
const CACHE_BYTES: usize = 64 << 20;

/// Make a store from a backup, in the place that the configuration names.
///
/// The daemon must be stopped. All of the backup is verified, the store is written beside its place, opened and
/// verified, and only then put into it. It begins a new history: every follower's cursor is answered with 410
/// `cursor_gone`, so that each reads the catalogue again. What was acknowledged after the backup is lost; feeds
/// bring their part back at their next run.
///
/// Exit codes: 0 restored; 1 refused, nothing was changed; 78 the configuration is at fault.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate restore /var/backups/tidegate-2026-11-30.backup
  tidegate restore --force yesterday.backup --reason 'disk lost'   # the store that is there is kept beside
  ssh vault 'cat tidegate.backup' | tidegate restore - --to /srv/tidegate/store")]
pub struct RestoreArgs {
    /// The backup, or `-` for standard input.
    #[arg(value_name = "FILE")]
    from: PathBuf,
    /// The directory of the store, in place of the one that the configuration names.
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Replace the store that is there; it is kept beside as tidegate.redb.replaced.
    #[arg(long)]
    force: bool,
    /// Why; it stands on the trail of operators' acts.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    config: ConfigDirectory,
}

impl RestoreArgs {
    pub fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let directory = match &self.to {
            Some(directory) => directory.clone(),
            None => match config::load(&self.config.directory) {
                Ok(settings) => settings.store.directory,
                Err(faults) => return Ok(at_fault(&faults, self.output, out)?),
            },
        };
        let input: Box<dyn Read> = match self.from.as_os_str() == "-" {
            true => Box::new(io::stdin().lock()),
            false => {
                let file = File::open(&self.from);
                Box::new(file.with_context(|| format!("cannot read {}", self.from.display()))?)
            }
        };
        let options = StoreOptions {
            cache_bytes: CACHE_BYTES,
            overlay_bytes_max: CACHE_BYTES,
            log_keep: i64::MAX,
            log_bytes_max: u64::MAX,
            init: false,
        };
        let now = Clock::system().now();
        let progress = LongWork::of("restoring");
        let order = RestoreOrder {
            options: &options,
            force: self.force,
            watch: &mut |start, seen| progress.stands_at(start, seen),
            last: &mut |reader| self.act(reader, now),
            now,
        };
        let restored = store::restore(input, &directory, order)?;
        drop(progress);
        self.tell(&restored, out)?;
        Ok(ExitCode::SUCCESS)
    }

    /// What puts it on the trail that the backup brings. It says that it is done: a store that is not put into its
    /// place is seen by nobody.
    fn act(&self, reader: &Reader, now: Micros) -> Result<WriteSet, ReadError> {
        let target = Some(AuditTarget::new("backup", self.from.display().to_string()));
        let reason = self.reason.clone();
        let note = Some(format!("all up to change {}", reader.durable().0));
        let entry = AuditEntry { target, reason, note, ..AuditEntry::of(offline_user(), AuditAct::Restore) };
        OfflineAct::at_once(reader, entry, now)
    }

    fn tell(&self, restored: &Restored, out: &mut dyn Write) -> io::Result<()> {
        let Restored { backup, store, replaced } = restored;
        if self.output.json {
            let replaced = replaced.as_ref().map(|path| path.display().to_string());
            let backup = said::backup_json(backup);
            let told = json!({"backup": backup, "store": said::store_json(store), "replaced": replaced});
            return writeln!(out, "{told}");
        }
        let began_at = time::format(backup.start.began_at);
        writeln!(out, "{} is restored from the backup of {began_at}", store.path.display())?;
        said::store_lines(store, out)?;
        if let Some(path) = replaced {
            writeln!(out, "the store that was there is kept: {}", path.display())?;
        }
        writeln!(
            out,
            "what came after change {} is not in it; followers are told to begin again",
            backup.end.reached.0
        )
    }
}

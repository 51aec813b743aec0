//! `tidegate verify`: whether a store or a backup is what was written.

use super::progress::LongWork;
use super::said;
use crate::cli::configuration::{ConfigDirectory, at_fault};
use crate::cli::terminal::OutputArgs;
use crate::config;
use crate::store::{self, BackupError, BackupParser, STORE_FILE, StoreError};
use anyhow::Context;
use clap::Args;
use serde_json::json;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Verify a store or a backup: every page, every row, the log without a gap. Changes nothing.
///
/// A store that a daemon has open cannot be verified; a backup of it, which reads and verifies all of it while it
/// runs, can.
///
/// Exit codes: 0 sound; 1 damaged, not whole, or not to be read; 78 the configuration is at fault.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate verify                                # the store that ./config names, daemon stopped
  tidegate verify /var/backups/tidegate-2026-11-30.backup
  ssh vault 'cat tidegate.backup' | tidegate verify -")]
pub struct VerifyArgs {
    /// A backup, a store's file, or its directory; `-` for a backup on standard input. Without it, the store that
    /// the configuration names.
    #[arg(value_name = "FILE")]
    what: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    config: ConfigDirectory,
}

impl VerifyArgs {
    pub fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let path = match &self.what {
            Some(path) => path.clone(),
            None => match config::load(&self.config.directory) {
                Ok(settings) => settings.store.directory,
                Err(faults) => return Ok(at_fault(&faults, self.output, out)?),
            },
        };
        if path.as_os_str() == "-" {
            return self.backup(&path, io::stdin().lock(), out);
        }
        let path = if path.is_dir() { path.join(STORE_FILE) } else { path };
        let file = File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut first = Vec::new();
        (&file).take(32).read_to_end(&mut first)?;
        match store::is_backup(&first) {
            true => self.backup(&path, io::Cursor::new(first).chain(file), out),
            false => self.store(&path, out),
        }
    }

    fn backup(&self, path: &Path, input: impl Read, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let progress = LongWork::of("verifying");
        let read = BackupParser::default().read_all::<BackupError>(input, &mut |parser, _| {
            parser.start().into_iter().for_each(|start| progress.stands_at(start, parser.seen()));
            Ok(())
        });
        drop(progress);
        let backup = match read {
            Ok(backup) => backup,
            Err(error) => return self.unsound(path, &error, out),
        };
        if self.output.json {
            let told = json!({"kind": "backup", "sound": true, "backup": said::backup_json(&backup)});
            writeln!(out, "{told}")?;
        } else {
            writeln!(out, "{} is a sound backup", path.display())?;
            said::backup_lines(&backup, out)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn store(&self, path: &Path, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let store = match store::inspect(path) {
            Ok(store) => store,
            Err(StoreError::AlreadyOpen { place }) => {
                anyhow::bail!(
                    "a daemon has {place} open: stop it first, or verify a backup of it: \
                     `tidegate backup - | tidegate verify -`"
                )
            }
            Err(error) => return self.unsound(path, &error, out),
        };
        let is_sound = store.damaged.is_empty();
        if self.output.json {
            let told = json!({"kind": "store", "sound": is_sound, "store": said::store_json(&store)});
            writeln!(out, "{told}")?;
        } else {
            writeln!(out, "{} is {}", path.display(), if is_sound { "sound" } else { "damaged in part" })?;
            said::store_lines(&store, out)?;
            for (table, rows) in &store.damaged {
                writeln!(out, "  damaged   {rows} rows of {table}: all else can be read; restore a backup")?;
            }
        }
        Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Says what is wrong, with all that lies behind it.
    fn unsound(
        &self,
        path: &Path,
        error: &(dyn std::error::Error + 'static),
        out: &mut dyn Write,
    ) -> anyhow::Result<ExitCode> {
        let causes: Vec<String> =
            std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect();
        let why = causes.join(": ");
        match self.output.json {
            true => writeln!(out, "{}", json!({"sound": false, "why": why}))?,
            false => writeln!(out, "{} is not sound: {why}", path.display())?,
        }
        Ok(ExitCode::FAILURE)
    }
}

//! `tidegate partner remove`: takes a partner's file away, and with `--purge` its assets too.
//!
//! The purge opens the store itself, which no daemon may have open: a stopped daemon is the one
//! state in which nobody can be deciding for the partner. One that runs is noticed by the store's
//! lock, and nothing is touched.

use super::configuration::ConfigDirectory;
use crate::actors::{Leftovers, Purge, count_leftovers, partner_numbers};
use crate::clock::Clock;
use crate::config::{self, PARTNERS_DIRECTORY, Settings};
use crate::domain::{PartnerName, PartnerNumber};
use crate::store::{self, Opened, StoreOptions};
use anyhow::{Context, bail};
use clap::Args;
use std::fs;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// Remove a partner: take its file away. Its assets stay readable, marked as of a removed partner.
///
/// A running daemon heeds it at SIGHUP or at its next start. With --purge, which needs the daemon
/// to be stopped, its assets, runs, plans and stored files are deleted for good.
#[derive(Debug, Args)]
pub struct Remove {
    /// The partner's name.
    #[arg(value_parser = PartnerName::new)]
    name: PartnerName,
    /// Delete all that is kept of the partner, too. Without --yes it is only counted.
    #[arg(long)]
    purge: bool,
    /// The count has been seen: delete.
    #[arg(long, requires = "purge")]
    yes: bool,
    #[command(flatten)]
    config: ConfigDirectory,
}

impl Remove {
    pub fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        match self.purge {
            true => self.purge(out),
            false => self.remove(out),
        }
    }

    fn remove(&self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        if !self.remove_file()? {
            bail!("{} is no partner of this configuration", self.name);
        }
        writeln!(out, "{} is removed; a running daemon heeds it at SIGHUP", self.name)?;
        writeln!(out, "its assets stay readable: `--purge` deletes them")?;
        Ok(ExitCode::SUCCESS)
    }

    /// `false` where there was none.
    fn remove_file(&self) -> anyhow::Result<bool> {
        let file = self.config.directory.join(PARTNERS_DIRECTORY).join(format!("{}.toml", self.name));
        match fs::remove_file(&file) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).with_context(|| format!("cannot remove {}", file.display())),
        }
    }

    fn purge(&self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let settings = config::load(&self.config.directory).map_err(|faults| anyhow::anyhow!("{faults}"))?;
        let opened = open(&settings)?;
        let known = partner_numbers(&opened.reader)?.remove(&self.name).filter(|known| !known.is_purged());
        let Some(number) = known else {
            bail!("nothing is kept of a partner {}", self.name);
        };
        let Leftovers { living, dead } = count_leftovers(&opened.reader, number.no)?;
        writeln!(out, "{} has {living} living assets and {dead} deleted ones", self.name)?;
        if !self.yes {
            writeln!(out, "nothing was removed: say --purge --yes to delete them for good")?;
            return Ok(ExitCode::SUCCESS);
        }
        // the file goes first: a purge that ends half-way is of a removed partner, and can go on
        self.remove_file()?;
        self.delete(opened, number)?;
        remove_bodies(&settings, &self.name)?;
        writeln!(out, "{} is removed, and all that was kept of it", self.name)?;
        let kept = settings.store.log_keep.as_secs().div_ceil(24 * 60 * 60);
        writeln!(
            out,
            "the log of changes is not rewritten: what the assets held can be read by /api/changes until \
             the log is trimmed, in up to {kept} days (store.log_keep)"
        )?;
        Ok(ExitCode::SUCCESS)
    }

    fn delete(&self, opened: Opened, number: PartnerNumber) -> anyhow::Result<()> {
        let Opened { mut writer, reader, .. } = opened;
        let now = Clock::system().now();
        let mut purge = Purge::new(&reader, &self.name, number, now);
        while let Some(mut sets) = purge.next_sets()? {
            writer.commit(&mut sets, now)?;
            if writer.wants_checkpoint() {
                writer.checkpoint_all()?;
            }
        }
        writer.checkpoint_all()?;
        Ok(())
    }
}

fn open(settings: &Settings) -> anyhow::Result<Opened> {
    let options = StoreOptions::of(&settings.store, false);
    if !settings.store.directory.exists() {
        bail!("there is no store in {}", settings.store.directory.display());
    }
    let opened = store::open(&settings.store.directory, &options);
    opened.context("cannot open the store; a daemon that runs must be stopped first")
}

/// The stored files of its feed.
fn remove_bodies(settings: &Settings, name: &PartnerName) -> anyhow::Result<()> {
    let bodies = settings.store.directory.join("spool").join(name.as_str());
    match fs::remove_dir_all(&bodies) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", bodies.display()))
        }
        _ => Ok(()),
    }
}

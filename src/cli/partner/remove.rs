//! `tidegate partner remove`: takes a partner's file away, and with `--purge` its assets too.
//!
//! The purge opens the store itself where no daemon runs. One that runs is noticed by the store's lock: then it
//! is asked to take the configuration over, and to purge what is no longer configured.

use super::purge;
use crate::actors::{Leftovers, OfflineAct, Purge, count_leftovers, partner_numbers, remove_feed_files};
use crate::cli::admin::{Admin, AdminAddress};
use crate::cli::configuration::ConfigDirectory;
use crate::cli::offline::offline_user;
use crate::cli::terminal::{OutputArgs, confirmed};
use crate::clock::Clock;
use crate::config::{self, PARTNERS_DIRECTORY, Settings};
use crate::domain::{AuditAct, AuditEntry, PartnerName, PartnerNumber};
use crate::store::{self, Opened, StoreError, StoreOptions};
use anyhow::{Context, bail};
use clap::Args;
use reqwest::Method;
use serde_json::json;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

/// Remove a partner: take its file away. Its assets stay readable, marked as of a removed partner.
///
/// A running daemon heeds it at its next reload. With --purge its assets, runs, plans and stored files are deleted
/// for good, by the daemon if one runs.
#[derive(Debug, Args)]
pub struct Remove {
    /// The partner's name.
    #[arg(value_parser = PartnerName::new)]
    name: PartnerName,
    /// Delete all that is kept of the partner, too. How much that is is said before, and asked.
    #[arg(long)]
    purge: bool,
    /// Do not ask.
    #[arg(long, requires = "purge")]
    yes: bool,
    /// Why; it stands on the trail of operators' acts.
    #[arg(long, value_name = "TEXT", requires = "purge")]
    reason: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    config: ConfigDirectory,
    #[command(flatten)]
    address: AdminAddress,
}

impl Remove {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        match self.purge {
            true => self.purge(out).await,
            false => self.remove(out),
        }
    }

    fn remove(&self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        if !self.remove_file()? {
            bail!("{} is no partner of this configuration", self.name);
        }
        let answer = json!({ "partner": self.name.as_str(), "removed": true, "purged": false });
        self.output.write(out, &answer, |out| {
            writeln!(out, "{} is removed; a running daemon heeds it at `tidegate reload`", self.name)?;
            writeln!(out, "its assets stay readable: `--purge` deletes them")
        })?;
        Ok(ExitCode::SUCCESS)
    }

    /// `false` where there was none.
    fn remove_file(&self) -> anyhow::Result<bool> {
        remove_file(&self.config.directory.join(PARTNERS_DIRECTORY).join(format!("{}.toml", self.name)))
    }

    async fn purge(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let settings = config::load(&self.config.directory).map_err(|faults| anyhow::anyhow!("{faults}"))?;
        match open(&settings)? {
            Some(opened) => self.purge_here(&settings, opened, out),
            None => self.purge_there(out).await,
        }
    }

    /// By the daemon that has the store open.
    async fn purge_there(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let Remove { name, yes, reason, output, config, address, .. } = self;
        let file = config.directory.join(PARTNERS_DIRECTORY).join(format!("{name}.toml"));
        let admin = Admin::of(address, config);
        let counted = purge::leftovers(&admin, &name).await?;
        let said = purge::said(&name, &counted);
        if !confirmed(yes, &question(&said))? {
            return Ok(output.declined(out, "nothing was removed")?);
        }
        remove_file(&file)?;
        let body = json!({ "reason": reason });
        admin.call(Method::POST, "/admin/reload", Some(&body)).await?;
        let purged = purge::purge(&admin, &name, reason.as_deref()).await?;
        let (living, dead) = (&purged["living"], &purged["dead"]);
        let answer = json!({
            "partner": name.as_str(), "removed": true, "purged": true, "living": living, "dead": dead,
        });
        output.write(out, &answer, |out| {
            writeln!(out, "{said}\n{name} is removed, and all that was kept of it")
        })?;
        Ok(ExitCode::SUCCESS)
    }

    fn purge_here(
        &self,
        settings: &Settings,
        opened: Opened,
        out: &mut dyn Write,
    ) -> anyhow::Result<ExitCode> {
        let known = partner_numbers(&opened.reader)?.remove(&self.name).filter(|known| !known.is_purged());
        let Some(number) = known else {
            bail!("nothing is kept of a partner {}", self.name);
        };
        let Leftovers { living, dead } = count_leftovers(&opened.reader, number.no)?;
        let (name, left) = (&self.name, format!("{living} living assets and {dead} deleted ones"));
        let said = format!("{name} has {left}");
        if !confirmed(self.yes, &question(&said))? {
            return Ok(self.output.declined(out, "nothing was removed")?);
        }
        self.delete(opened, number, left)?;
        let spool = settings.store.directory.join("spool");
        remove_feed_files(&spool, self.name.as_str())
            .with_context(|| format!("cannot remove all of its files in {}", spool.display()))?;
        let kept = settings.store.log_keep.as_secs().div_ceil(24 * 60 * 60);
        let answer = json!({
            "partner": name.as_str(), "removed": true, "purged": true, "living": living, "dead": dead,
            "log_days_max": kept,
        });
        self.output.write(out, &answer, |out| {
            writeln!(out, "{said}\n{name} is removed, and all that was kept of it")?;
            writeln!(
                out,
                "the log of changes is not rewritten: what the assets held can be read by /api/changes until \
                 the log is trimmed, in up to {kept} days (store.log_keep)"
            )
        })?;
        Ok(ExitCode::SUCCESS)
    }

    /// On the trail of operators' acts as the daemon puts it there: before anything is done, and with its end.
    fn delete(&self, opened: Opened, number: PartnerNumber, left: String) -> anyhow::Result<()> {
        let Opened { mut writer, reader, .. } = opened;
        let now = Clock::system().now();
        let (partner, reason) = (Some(self.name.to_string()), self.reason.clone());
        let entry = AuditEntry { partner, reason, ..AuditEntry::of(offline_user(), AuditAct::Purge) };
        let (act, begun) = OfflineAct::begin(&reader, entry, now)?;
        writer.commit(&mut vec![begun], now)?;
        // the file goes first: a purge that ends half-way is of a removed partner, and can go on
        self.remove_file()?;
        let mut purge = Purge::new(&reader, &self.name, number, now);
        while let Some(mut sets) = purge.next_sets()? {
            writer.commit(&mut sets, now)?;
            if writer.wants_checkpoint() {
                writer.checkpoint_all()?;
            }
        }
        let ended = Clock::system().now();
        writer.commit(&mut vec![act.done(left, ended)], ended)?;
        writer.checkpoint_all()?;
        Ok(())
    }
}

fn question(said: &str) -> String {
    format!("{said}. Remove it, and delete all of that for good?")
}

/// `false` where there was none.
fn remove_file(file: &Path) -> anyhow::Result<bool> {
    match fs::remove_file(file) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("cannot remove {}", file.display())),
    }
}

/// `None` where a daemon has it open.
fn open(settings: &Settings) -> anyhow::Result<Option<Opened>> {
    let options = StoreOptions::of(&settings.store, false);
    if !settings.store.directory.exists() {
        bail!("there is no store in {}", settings.store.directory.display());
    }
    match store::open(&settings.store.directory, &options) {
        Err(StoreError::AlreadyOpen { .. }) => Ok(None),
        opened => opened.map(Some).context("cannot open the store"),
    }
}

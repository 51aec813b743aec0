//! `tidegate backup`: the whole store of a running daemon, while it is written, into one file.

use super::progress::LongWork;
use super::said;
use crate::cli::admin::Admin;
use crate::config::private::create_file;
use crate::store::{BackupParser, BackupSummary};
use crate::telemetry::logs;
use anyhow::{Context, bail};
use clap::Args;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Back up the store of a running daemon, without stopping it.
///
/// The backup holds the exact state at its last change, which it names. It is verified while it comes, and the
/// file once more by reading it back; only then it gets its name. `tidegate restore` makes a store of it.
///
/// Exit codes: 0 whole and verified; 1 not whole, and the file is not there.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate backup /var/backups/tidegate-$(date +%F).backup
  tidegate backup - | ssh vault 'cat > tidegate.backup'")]
pub struct BackupArgs {
    /// The file to write, or `-` for standard output. One of that name is replaced once the new one is whole.
    #[arg(value_name = "FILE")]
    to: PathBuf,
    /// Say what was written as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    admin: Admin,
}

impl BackupArgs {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        if self.to.as_os_str() == "-" {
            let backup = self.fetch(out).await?;
            out.flush()?;
            // the bytes went out, so what is said goes beside them
            let mut told = Vec::new();
            self.tell(&backup, "the backup is whole", &mut told)?;
            logs::say(&String::from_utf8_lossy(&told));
            return Ok(ExitCode::SUCCESS);
        }
        let backup = self.write_file().await?;
        self.tell(&backup, &format!("{} is whole, and was read back", self.to.display()), out)?;
        Ok(ExitCode::SUCCESS)
    }

    fn tell(&self, backup: &BackupSummary, title: &str, out: &mut dyn Write) -> std::io::Result<()> {
        if self.json {
            return writeln!(out, "{}", said::backup_json(backup));
        }
        writeln!(out, "{title}")?;
        said::backup_lines(backup, out)
    }

    async fn write_file(&self) -> anyhow::Result<BackupSummary> {
        let part = beside(&self.to);
        let written = self.write_part(&part).await;
        if written.is_err() {
            // what is not whole is nothing to keep
            let _ = fs::remove_file(&part);
        }
        let written = written?;
        fs::rename(&part, &self.to).with_context(|| format!("cannot write {}", self.to.display()))?;
        let directory = self.to.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(written)
    }

    async fn write_part(&self, part: &Path) -> anyhow::Result<BackupSummary> {
        let unwritten = || format!("cannot write {}", part.display());
        let mut file = create_file(part).with_context(unwritten)?;
        let came = self.fetch(&mut file).await?;
        file.sync_all().with_context(unwritten)?;
        let written = File::open(part).with_context(unwritten)?;
        let progress = LongWork::of("reading back");
        let read =
            BackupParser::default().read_all::<crate::store::BackupError>(written, &mut |parser, _| {
                parser.start().into_iter().for_each(|start| progress.stands_at(start, parser.seen()));
                Ok(())
            })?;
        match read == came {
            true => Ok(read),
            false => bail!("what was read back from {} is not what was written", part.display()),
        }
    }

    /// Takes a backup from the daemon and verifies it on the way.
    async fn fetch(&self, to: &mut dyn Write) -> anyhow::Result<BackupSummary> {
        let mut response = self.admin.stream("/admin/backup").await?;
        let progress = LongWork::of("backing up");
        let mut parser = BackupParser::default();
        while let Some(chunk) = response.chunk().await.context("the connection to the daemon broke")? {
            parser.push(&chunk);
            parser.verify()?;
            to.write_all(&chunk).context("cannot write the backup")?;
            parser.start().into_iter().for_each(|start| progress.stands_at(start, parser.seen()));
        }
        Ok(parser.finish()?)
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

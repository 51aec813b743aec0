//! `tidegate export`: the whole catalogue as lines of JSON, from a running daemon.

use super::api::{ApiArgs, ApiCalls, Attempts, Unanswered};
use anyhow::{Context, anyhow, bail};
use bytes::BytesMut;
use clap::Args;
use memchr::memchr;
use serde::Deserialize;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const ATTEMPTS_MAX: u32 = 8;

/// Write every asset, in every state, with all its quotes, as lines of JSON (NDJSON).
///
/// The first line names the cursor from which `tidegate changes --since CURSOR --follow` goes on without a gap;
/// each asset names its own. An export that is cut off goes on where it was, and only a whole one has a last
/// line of type `end`.
///
/// Exit codes: 0 whole; 1 not whole, or refused.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate export --token-file reader.token > catalogue.ndjson
  tidegate export --token-file acme.key --deleted --out acme.ndjson")]
pub struct ExportArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// Only this partner; can be given again.
    #[arg(long, value_name = "NAME")]
    partner: Vec<String>,
    /// Deleted assets too, one line each of type `deleted`.
    #[arg(long)]
    deleted: bool,
    /// Write to this file, which stands there once it is whole; without it to standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What a line is, as far as the verb must know it.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    /// Where to go on from after this line.
    #[serde(borrow)]
    resume: Option<std::borrow::Cow<'a, str>>,
}

#[derive(Default)]
struct Counts {
    assets: u64,
    deleted: u64,
    damaged: u64,
}

/// What has come of an export: lines are given on only once the place after them is known, so that none is
/// given twice.
#[derive(Default)]
struct Coming {
    unread: BytesMut,
    held: Vec<u8>,
    resume: Option<String>,
    is_begun: bool,
    is_whole: bool,
    counts: Counts,
}

impl ExportArgs {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let calls = self.api.calls()?;
        let counts = match &self.out {
            None => self.fetch(&calls, out).await?,
            Some(path) => self.fetch_file(&calls, path).await?,
        };
        let Counts { assets, deleted, damaged } = counts;
        tracing::info!(assets, deleted, damaged, "exported");
        if damaged > 0 {
            tracing::warn!(damaged, "some assets are damaged on the daemon's disk; see its log");
        }
        Ok(ExitCode::SUCCESS)
    }

    /// A file that is not whole does not take the place of one that is.
    async fn fetch_file(&self, calls: &ApiCalls, path: &Path) -> anyhow::Result<Counts> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".part");
        let beside = PathBuf::from(beside);
        let file = File::create(&beside).with_context(|| format!("cannot write {}", beside.display()))?;
        let mut file = BufWriter::new(file);
        let counts = self.fetch(calls, &mut file).await?;
        let file =
            file.into_inner().map_err(|error| anyhow!("cannot write {}: {error}", beside.display()))?;
        file.sync_all()?;
        std::fs::rename(&beside, path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(counts)
    }

    async fn fetch(&self, calls: &ApiCalls, out: &mut dyn Write) -> anyhow::Result<Counts> {
        let (mut coming, mut attempts) = (Coming::default(), Attempts::default());
        loop {
            let before = coming.resume.clone();
            match self.attempt(calls, &mut coming, out).await? {
                Ok(()) if coming.is_whole => return Ok(coming.counts),
                Ok(()) => {
                    let cut = Unanswered::ForNow { why: anyhow!("the export was cut off"), after: None };
                    attempts.again(cut, Some(ATTEMPTS_MAX)).await?;
                }
                Err(Unanswered::Gone(why)) => {
                    bail!(why.context("the changes since this export began are gone: begin again"))
                }
                Err(unanswered) => attempts.again(unanswered, Some(ATTEMPTS_MAX)).await?,
            }
            if coming.resume != before {
                attempts.got_on();
            }
            coming.go_back();
        }
    }

    /// One call, to its end or until it is cut off; errs where `out` does.
    async fn attempt(
        &self,
        calls: &ApiCalls,
        coming: &mut Coming,
        out: &mut dyn Write,
    ) -> anyhow::Result<Result<(), Unanswered>> {
        let mut parameters: Vec<(&str, &str)> =
            self.partner.iter().map(|name| ("partner", name.as_str())).collect();
        parameters.extend(self.deleted.then_some(("deleted", "true")));
        let resume = coming.resume.clone();
        parameters.extend(resume.as_deref().map(|place| ("resume", place)));
        let mut response = match calls.get("/api/export", &parameters).await {
            Ok(response) => response,
            Err(unanswered) => return Ok(Err(unanswered)),
        };
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => coming.take(&chunk, out)?,
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(calls.broken(error))),
            }
        }
    }
}

impl Coming {
    /// What came after the last place that is known comes again.
    fn go_back(&mut self) {
        self.unread.clear();
        self.held.clear();
    }

    fn take(&mut self, chunk: &[u8], out: &mut dyn Write) -> anyhow::Result<()> {
        self.unread.extend_from_slice(chunk);
        while let Some(end) = memchr(b'\n', &self.unread) {
            let line = self.unread.split_to(end + 1);
            self.line(&line, out)?;
        }
        Ok(())
    }

    fn line(&mut self, text: &[u8], out: &mut dyn Write) -> anyhow::Result<()> {
        let line: Line<'_> = serde_json::from_slice(text).context("a line of the export is no JSON")?;
        match line.kind {
            // of an export that goes on the first line comes again
            "export" if self.is_begun => {}
            "export" => {
                self.is_begun = true;
                out.write_all(text)?;
            }
            "progress" => {
                self.give(out)?;
                self.resume = line.resume.map(|place| place.into_owned());
                tracing::debug!(assets = self.counts.assets, "exporting");
            }
            "end" => {
                self.give(out)?;
                let Counts { assets, deleted, damaged } = self.counts;
                writeln!(
                    out,
                    "{{\"type\":\"end\",\"assets\":{assets},\"deleted\":{deleted},\"damaged\":{damaged}}}"
                )?;
                out.flush()?;
                self.is_whole = true;
            }
            // the daemon could not go on, and says so; it is asked again
            "cut_off" => {}
            _ => self.held.extend_from_slice(text),
        }
        Ok(())
    }

    /// Gives on what is held, and counts it.
    fn give(&mut self, out: &mut dyn Write) -> anyhow::Result<()> {
        for text in self.held.split_inclusive(|byte| *byte == b'\n') {
            let line: Line<'_> = serde_json::from_slice(text)?;
            match line.kind {
                "asset" => self.counts.assets += 1,
                "deleted" => self.counts.deleted += 1,
                "damaged" => self.counts.damaged += 1,
                _ => {}
            }
        }
        out.write_all(&self.held)?;
        self.held.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_after_the_last_known_place_is_given_once_however_often_it_comes() {
        let (mut coming, mut out) = (Coming::default(), Vec::new());
        let first = "{\"type\":\"export\",\"cursor\":\"c\"}\n{\"type\":\"asset\",\"asset\":1}\n\
                     {\"type\":\"progress\",\"resume\":\"p\"}\n{\"type\":\"asset\",\"asset\":2}\n{\"type\":\"as";
        for chunk in first.as_bytes().chunks(7) {
            coming.take(chunk, &mut out).unwrap();
        }
        assert_eq!(coming.resume.as_deref(), Some("p"));
        coming.go_back();
        let rest = "{\"type\":\"export\",\"cursor\":\"c\"}\n{\"type\":\"asset\",\"asset\":2}\n\
                    {\"type\":\"deleted\",\"id\":\"x\"}\n{\"type\":\"end\",\"assets\":1,\"deleted\":1,\"damaged\":0}\n";
        coming.take(rest.as_bytes(), &mut out).unwrap();
        assert!(coming.is_whole);
        let wanted = "{\"type\":\"export\",\"cursor\":\"c\"}\n{\"type\":\"asset\",\"asset\":1}\n{\"type\":\"asset\",\"asset\":2}\n\
                      {\"type\":\"deleted\",\"id\":\"x\"}\n{\"type\":\"end\",\"assets\":2,\"deleted\":1,\"damaged\":0}\n";
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }
}

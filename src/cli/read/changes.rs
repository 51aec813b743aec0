//! `tidegate changes`: what has changed since a cursor, from a running daemon, a line of JSON each.

use super::api::{ApiArgs, Attempts, Unanswered};
use crate::clock::sleep;
use anyhow::{Context, bail};
use clap::Args;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// What the daemon gives at most in one page.
const LIMIT: &str = "1000";
/// How long a page without changes is held back, in seconds.
const WAIT: &str = "20";
const ATTEMPTS_MAX: u32 = 8;
/// A daemon that answers an empty page at once, as one that stops does, is not asked without a pause.
const PAUSE: Duration = Duration::from_millis(200);
/// Changes after the cursor are gone.
const EXIT_GONE: u8 = 3;

/// Write changes as lines of JSON (NDJSON), each with its cursor.
///
/// Without --follow it ends with the newest change. With it, it waits for more until it is stopped, over
/// restarts of the daemon too. A file that --cursor-file names holds the place that has been written out, so
/// that the next call goes on from there.
///
/// Exit codes: 0 all there is was written; 1 refused, or no answer; 3 changes after the cursor are gone, begin
/// with `tidegate export` again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate changes --token-file reader.token --since now --follow
  tidegate changes --token-file acme.key --cursor-file acme.cursor --full >> acme.ndjson")]
pub struct ChangesArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// After this cursor: of an export, of a change, or `now`. Without it, the oldest change that is kept.
    #[arg(long, value_name = "CURSOR")]
    since: Option<String>,
    /// The file that holds the place: read first where it is there, else --since is where to begin.
    #[arg(long, value_name = "FILE")]
    cursor_file: Option<PathBuf>,
    /// Wait for further changes, for ever.
    #[arg(long)]
    follow: bool,
    /// With the whole asset as it is now in each change.
    #[arg(long)]
    full: bool,
    /// Of prices of one quote that are read together, only the last.
    #[arg(long)]
    conflated: bool,
    /// Only this partner; can be given again.
    #[arg(long, value_name = "NAME")]
    partner: Vec<String>,
    /// Only changes of this type, such as price.updated; can be given again.
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
}

#[derive(Deserialize)]
struct Page {
    /// As they came: a number in them would lose digits.
    items: Vec<Box<RawValue>>,
    next_cursor: String,
    more: bool,
}

impl ChangesArgs {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let calls = self.api.calls()?;
        let mut cursor = self.begin()?;
        let mut attempts = Attempts::default();
        let attempts_max = (!self.follow).then_some(ATTEMPTS_MAX);
        loop {
            let parameters = self.parameters(cursor.as_deref());
            let page = async {
                let response = calls.get("/api/changes", &parameters).await?;
                response.bytes().await.map_err(|error| calls.broken(error))
            };
            let page: Page = match page.await {
                Ok(bytes) => serde_json::from_slice(&bytes).context("the reply is none that we know")?,
                Err(Unanswered::Gone(why)) => {
                    tracing::error!(cause = format!("{why:#}"), "changes after the cursor are gone");
                    return Ok(ExitCode::from(EXIT_GONE));
                }
                Err(unanswered) => {
                    attempts.again(unanswered, attempts_max).await?;
                    continue;
                }
            };
            attempts.got_on();
            for change in &page.items {
                writeln!(out, "{}", change.get())?;
            }
            out.flush()?;
            self.keep(&page.next_cursor)?;
            let is_still = cursor.as_deref() == Some(&page.next_cursor);
            cursor = Some(page.next_cursor);
            match page.more {
                true => {}
                false if !self.follow => return Ok(ExitCode::SUCCESS),
                false if is_still => sleep(PAUSE).await,
                false => {}
            }
        }
    }

    /// The place to begin at: the one that was kept, or the one that was named.
    fn begin(&self) -> anyhow::Result<Option<String>> {
        let Some(file) = &self.cursor_file else { return Ok(self.since.clone()) };
        match std::fs::read_to_string(file) {
            Ok(text) if text.trim().is_empty() => bail!("{} holds no cursor", file.display()),
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(self.since.clone()),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
        }
    }

    fn parameters<'a>(&'a self, cursor: Option<&'a str>) -> Vec<(&'static str, &'a str)> {
        let mut parameters = vec![("limit", LIMIT)];
        parameters.extend(cursor.map(|cursor| ("since", cursor)));
        parameters.extend(self.follow.then_some(("wait", WAIT)));
        parameters.extend(self.full.then_some(("full", "true")));
        parameters.extend(self.conflated.then_some(("mode", "conflated")));
        parameters.extend(self.partner.iter().map(|name| ("partner", name.as_str())));
        parameters.extend(self.types.iter().map(|kind| ("type", kind.as_str())));
        parameters
    }

    /// Keeps the place once all before it has been written out.
    fn keep(&self, cursor: &str) -> anyhow::Result<()> {
        let Some(path) = &self.cursor_file else { return Ok(()) };
        replace(path, cursor).with_context(|| format!("cannot keep the cursor in {}", path.display()))
    }
}

/// A crash leaves the old text or the new one.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let mut file = File::create(&beside)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    std::fs::rename(beside, path)
}

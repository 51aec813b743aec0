//! `tidegate feed preview`: a document read by a partner's mapping, before anything of it is applied.

use super::document::{ObtainedDocument, say};
use super::exit::{EXIT_FAULTS, EXIT_SOUND, EXIT_UNREAD};
use super::shown;
use crate::actors::{PreviewTerms, preview_document};
use crate::cli::admin::refusal;
use crate::cli::configuration::ConfigDirectory;
use crate::cli::terminal::OutputArgs;
use crate::clock::Clock;
use crate::codec::render::DocumentPreview;
use crate::config::{FeedSettings, PartnerSettings};
use crate::domain::PartnerName;
use crate::telemetry::logs;
use anyhow::Context;
use clap::Args;
use reqwest::Client;
use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// A large document is read, and compared with as many stored ones.
const PATIENCE: Duration = Duration::from_secs(600);

/// Show what a document is read as: its first records, every fault with its pointer, what is odd.
///
/// Reads by the partner's own [feed] and policy; without a partner, by our own shape. Nothing is
/// applied. With --api a running daemon is asked, which also says what would change.
///
/// Ends with 0 where every record and price is read, with 1 where some fail or the guard would hold
/// deletes, with 2 where the document cannot be read at all. In a partner's CI: tidegate feed preview export.json --partner NAME
#[derive(Debug, Args)]
pub struct Preview {
    /// A file of JSON or NDJSON, an address, or - for standard input; without one, the feed's own address.
    #[arg(value_name = "FILE|URL")]
    document: Option<String>,
    /// Whose mapping and policy it is read by.
    #[arg(long, value_name = "NAME", value_parser = PartnerName::new)]
    partner: Option<PartnerName>,
    #[command(flatten)]
    config: ConfigDirectory,
    /// So many records are shown.
    #[arg(long, value_name = "N", default_value_t = 3)]
    limit: usize,
    #[command(flatten)]
    output: OutputArgs,
    /// Fetch also from private addresses, and by plain http.
    #[arg(long)]
    allow_private: bool,
    /// A running daemon's listener for partners, such as http://127.0.0.1:8080: it reads the document by the
    /// configuration that it runs with, and says also what would change and whether its guard would hold deletes.
    #[arg(long, value_name = "URL", requires = "key_file")]
    api: Option<String>,
    /// The file with the partner's key, for --api.
    #[arg(long, value_name = "FILE", requires = "api")]
    key_file: Option<PathBuf>,
}

impl Preview {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        match self.show(out).await {
            Ok(true) => Ok(ExitCode::from(EXIT_SOUND)),
            Ok(false) => Ok(ExitCode::from(EXIT_FAULTS)),
            Err(error) => {
                logs::say(&format!("tidegate: {error:#}\n"));
                Ok(ExitCode::from(EXIT_UNREAD))
            }
        }
    }

    /// Whether all of it is read.
    async fn show(&self, out: &mut dyn Write) -> anyhow::Result<bool> {
        let (settings, source) = self.settings()?;
        let document = ObtainedDocument::obtain(&source, &settings).await?;
        let shown = match &self.api {
            Some(api) => self.ask(api, &document).await?,
            None => {
                say("reading the document");
                let terms = PreviewTerms {
                    as_lines: document.as_lines,
                    records_shown: self.limit,
                    now: Clock::system().now(),
                    is_alone: true,
                };
                preview_document(&settings, &document.path, terms)?.shown
            }
        };
        self.output.write(out, &shown, |out| shown::write(out, &shown))?;
        Ok(shown.is_sound())
    }

    /// Has a daemon look at it.
    async fn ask(&self, api: &str, document: &ObtainedDocument) -> anyhow::Result<DocumentPreview> {
        let file = self.key_file.as_ref().context("--api needs --key-file")?;
        let key = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let body = std::fs::read(&document.path)?;
        let kind = if document.as_lines { "application/x-ndjson" } else { "application/json" };
        say("asking the daemon");
        let unreached = || format!("the daemon does not answer at {api}");
        let client = Client::builder().no_proxy().timeout(PATIENCE).build()?;
        let url = format!("{}/api/feed/preview?limit={}", api.trim_end_matches('/'), self.limit);
        let request = client.post(url).bearer_auth(key.trim()).header("content-type", kind).body(body);
        let response = request.send().await.with_context(unreached)?;
        let status = response.status();
        let bytes = response.bytes().await.with_context(unreached)?;
        match status.is_success() {
            true => DocumentPreview::read(&bytes).context("the daemon's answer cannot be read"),
            false => Err(refusal(status, &serde_json::from_slice(&bytes).unwrap_or(Value::Null))),
        }
    }

    fn settings(&self) -> anyhow::Result<(PartnerSettings, String)> {
        let mut settings = match &self.partner {
            Some(name) => self.config.partner(name)?,
            None => PartnerSettings::unknown(PartnerName::new("previewed").expect("a name")),
        };
        let own = settings.feed.as_ref().map(|feed| feed.url.clone());
        let source = self.document.clone().or(own).context(
            "which document? name a file or an address, or a partner that has a feed: --partner NAME",
        )?;
        let feed = settings.feed.get_or_insert_with(|| FeedSettings::at(&source));
        feed.allow_private |= self.allow_private;
        Ok((settings, source))
    }
}

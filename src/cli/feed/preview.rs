//! `tidegate feed preview`: a document read by a partner's mapping, before anything of it is applied.

use super::document::{ObtainedDocument, say};
use super::exit::{EXIT_FAULTS, EXIT_SOUND, EXIT_UNREAD};
use super::shown;
use crate::actors::{PreviewTerms, preview_document};
use crate::cli::configuration::ConfigDirectory;
use crate::clock::Clock;
use crate::config::{FeedSettings, PartnerSettings};
use crate::domain::PartnerName;
use crate::telemetry::logs;
use anyhow::Context;
use clap::Args;
use std::io::Write;
use std::process::ExitCode;

/// Show what a document is read as: its first records, every fault with its pointer, what is odd.
///
/// Reads by the partner's own [feed] and policy; without a partner, by our own shape. Nothing is
/// applied and no daemon is asked.
///
/// Ends with 0 where every record and price is read, with 1 where some fail, with 2 where the document
/// cannot be read at all. In a partner's CI: tidegate feed preview export.json --partner NAME
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
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Fetch also from private addresses, and by plain http.
    #[arg(long)]
    allow_private: bool,
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
        say("reading the document");
        let terms = PreviewTerms {
            as_lines: document.as_lines,
            records_shown: self.limit,
            now: Clock::system().now(),
            is_alone: true,
        };
        let file = preview_document(&settings, &document.path, terms)?;
        match self.json {
            true => writeln!(out, "{}", serde_json::to_string(&file.shown)?)?,
            false => shown::write(out, &file.shown)?,
        }
        Ok(file.shown.is_sound())
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

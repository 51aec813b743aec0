//! `tidegate feed suggest`: a mapping proposed from a document, and tried on it.

use super::document::{ObtainedDocument, say};
use super::exit::{EXIT_FAULTS, EXIT_SOUND, EXIT_UNREAD};
use super::shown::summary;
use crate::actors::{PreviewTerms, preview_document};
use crate::cli::configuration::ConfigDirectory;
use crate::cli::terminal::{OutputArgs, plain};
use crate::clock::Clock;
use crate::codec::render::DocumentPreview;
use crate::codec::suggest::{self, Hints};
use crate::config::{self, FeedSettings, PartnerSettings};
use crate::domain::PartnerName;
use crate::telemetry::logs;
use anyhow::Context;
use clap::Args;
use serde::Serialize;
use std::io::{self, Write};
use std::process::ExitCode;

/// A larger document is held in memory several times: its beginning shows the same.
const DOCUMENT_BYTES_MAX: u64 = 256 << 20;

/// Propose a mapping for a document, with the reason of each key and what could not be decided.
///
/// What is printed goes into the partner's file below its [feed] as it is. It is tried on the document
/// first, and the last lines say how many records were read. Look at it, answer what could not be
/// decided, then see what it does: tidegate feed preview FILE --partner NAME.
///
/// Ends with 0 where every record and price is read by it, with 1 where some are not, with 2 where the
/// document cannot be read or holds no records.
#[derive(Debug, Args)]
pub struct Suggest {
    /// A file of JSON or NDJSON, an address that begins with https://, or - for standard input.
    #[arg(value_name = "FILE|URL")]
    document: String,
    /// Whose policy it is tried by (currency, statuses, bounds, credentials of the feed's own address).
    #[arg(long, value_name = "NAME", value_parser = PartnerName::new)]
    partner: Option<PartnerName>,
    #[command(flatten)]
    config: ConfigDirectory,
    /// The currency of prices that name none.
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// The zone of times without an offset, such as Europe/Berlin.
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Fetch also from private addresses, and by plain http.
    #[arg(long)]
    allow_private: bool,
    #[command(flatten)]
    output: OutputArgs,
}

impl Suggest {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        match self.propose(out).await {
            Ok(true) => Ok(ExitCode::from(EXIT_SOUND)),
            Ok(false) => Ok(ExitCode::from(EXIT_FAULTS)),
            Err(error) => {
                logs::say(&format!("tidegate: {error:#}\n"));
                Ok(ExitCode::from(EXIT_UNREAD))
            }
        }
    }

    /// Whether every record is read by what is proposed.
    async fn propose(&self, out: &mut dyn Write) -> anyhow::Result<bool> {
        let settings = self.settings()?;
        let document = ObtainedDocument::obtain(&self.document, &settings).await?;
        say("reading the document");
        let text = document.text(DOCUMENT_BYTES_MAX)?;
        let hints = Hints { currency: self.currency.clone(), time_zone: self.time_zone.clone() };
        let proposed = suggest::suggest(&text, &hints)?;
        drop(text);
        say("trying the mapping");
        let settings = with_mapping(settings, &proposed)?;
        let terms = PreviewTerms {
            as_lines: document.as_lines,
            records_shown: 0,
            now: Clock::system().now(),
            is_alone: true,
        };
        let tried = preview_document(&settings, &document.path, terms)?;
        let suggested = Suggested { proposed: &proposed, tried: &tried.shown };
        self.output.write(out, &suggested, |out| suggested.tell(out))?;
        Ok(tried.shown.is_sound())
    }

    /// The partner's settings, or the defaults, with a feed.
    fn settings(&self) -> anyhow::Result<PartnerSettings> {
        let mut settings = match &self.partner {
            Some(name) => self.config.partner(name)?,
            None => PartnerSettings::unknown(PartnerName::new(NOBODY).expect("a name")),
        };
        let feed = settings.feed.get_or_insert_with(|| FeedSettings::at(&self.document));
        feed.allow_private |= self.allow_private;
        Ok(settings)
    }
}

/// A mapping, and what came of it.
#[derive(Serialize)]
struct Suggested<'a> {
    /// What goes into the partner's file, as TOML.
    proposed: &'a str,
    tried: &'a DocumentPreview,
}

impl Suggested<'_> {
    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        let head = "# Proposed by `tidegate feed suggest`; it goes below [feed] in the partner's file.";
        writeln!(out, "{head}\n{}", self.proposed)?;
        writeln!(out, "# Tried on the document: {}", summary(self.tried))?;
        for fault in self.tried.faults.iter().take(FAULTS_SHOWN) {
            let at = fault.record.map(|record| format!("record {record} ")).unwrap_or_default();
            let (pointer, detail) = (plain(&fault.pointer), plain(&fault.detail));
            writeln!(out, "#   {at}{pointer} {}: {detail}", fault.code)?;
        }
        Ok(())
    }
}

/// Faults that are printed with a proposal; `feed preview` shows more.
const FAULTS_SHOWN: usize = 3;
/// The partner that is tried with where none is named.
const NOBODY: &str = "suggested";

/// The settings with the mapping and pages of a text, read as configuration is.
fn with_mapping(settings: PartnerSettings, proposed: &str) -> anyhow::Result<PartnerSettings> {
    let text = format!("[feed]\nurl = \"https://feed.invalid/\"\n{proposed}");
    let read = config::read_partner(std::path::Path::new("."), &settings.name, &text);
    let read =
        read.map_err(|faults| anyhow::anyhow!("what was proposed is no sound configuration: {faults}"))?;
    let feed = read.feed.context("the proposal is of a feed")?;
    let feed = settings.feed.map(|own| FeedSettings { mapping: feed.mapping, pages: None, ..own });
    Ok(PartnerSettings { feed, ..settings })
}

//! `tidegate check`: all that is wrong with a configuration, or what it comes to.

use super::configuration::{ConfigDirectory, at_fault};
use super::terminal::{OutputArgs, counted};
use crate::clock::Clock;
use crate::codec::time;
use crate::config::{self, Settings};
use clap::Args;
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;

/// Check the configuration: print every fault with file, line, key, value and rule.
///
/// Ends with 0 where all is sound, with 78 where something is not. Asks no server and reads no
/// secret, but says where a secret's file or variable is missing.
#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    config: ConfigDirectory,
}

impl Check {
    pub fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        match config::load(&self.config.directory) {
            Ok(settings) => {
                let certificate = Certificate::of(&settings);
                let answer = summary_json(&settings, certificate.as_ref());
                self.output.write(out, &answer, |out| summarise(&settings, certificate.as_ref(), out))?;
                Ok(ExitCode::SUCCESS)
            }
            Err(faults) => Ok(at_fault(&faults, self.output, out)?),
        }
    }
}

/// What the partners' listener shows, as it would be shown now.
struct Certificate {
    until: String,
    complaint: Option<String>,
}

impl Certificate {
    fn of(settings: &Settings) -> Option<Certificate> {
        let identity = settings.server.tls.as_ref()?.load().ok()?;
        let complaint = identity.complaint(Clock::system().now());
        Some(Certificate {
            until: time::format(identity.not_after),
            complaint: complaint.map(|lapsed| lapsed.to_string()),
        })
    }
}

/// Partners with a feed, and those with a key to push.
fn ways(settings: &Settings) -> (usize, usize) {
    let fed = settings.partners.iter().filter(|partner| partner.feed.is_some()).count();
    (fed, settings.partners.iter().filter(|partner| !partner.keys.is_empty()).count())
}

fn summary_json(settings: &Settings, certificate: Option<&Certificate>) -> Value {
    let (fed, pushing) = ways(settings);
    let Settings { server, store, readers, operators, partners } = settings;
    let certificate = certificate.map(|shown| json!({ "until": shown.until, "warning": shown.complaint }));
    json!({
        "sound": true,
        "listen": server.listen.to_string(),
        "admin_listen": server.admin_listen.to_string(),
        "certificate": certificate,
        "store": store.directory.display().to_string(),
        "partners": partners.len(),
        "partners_with_feed": fed,
        "partners_with_key": pushing,
        "readers": readers.len(),
        "operators": operators.len(),
        "asks_operators": settings.asks_operators(),
    })
}

fn summarise(
    settings: &Settings,
    certificate: Option<&Certificate>,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let (fed, pushing) = ways(settings);
    let Settings { server, store, readers, operators, partners } = settings;
    writeln!(out, "the configuration is sound")?;
    writeln!(out, "serves on {}, the operator on {}", server.listen, server.admin_listen)?;
    if let Some(Certificate { until, complaint }) = certificate {
        writeln!(out, "with TLS, by a certificate that is valid until {until}")?;
        if let Some(lapsed) = complaint {
            writeln!(out, "warning: {lapsed}")?;
        }
    }
    writeln!(out, "keeps its store in {}", store.directory.display())?;
    let (partners, readers) = (counted(partners.len(), "partner"), counted(readers.len(), "reader"));
    writeln!(out, "{partners} ({fed} with a feed, {pushing} with a key to push), {readers}")?;
    if !operators.is_empty() {
        writeln!(out, "{}", counted(operators.len(), "operator"))?;
    }
    if !settings.asks_operators() {
        writeln!(out, "operators have no names: [[operators]] gives each a token, and a name on the trail")?;
    }
    Ok(())
}

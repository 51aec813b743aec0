//! `tidegate check`: all that is wrong with a configuration, or what it comes to.

use super::configuration::{ConfigDirectory, EXIT_CONFIG};
use crate::clock::Clock;
use crate::codec::time;
use crate::config::{self, Settings};
use clap::Args;
use std::io::Write;
use std::process::ExitCode;

/// Check the configuration: print every fault with file, line, key, value and rule.
///
/// Ends with 0 where all is sound, with 78 where something is not. Asks no server and reads no
/// secret, but says where a secret's file or variable is missing.
#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    config: ConfigDirectory,
}

impl Check {
    pub fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        match config::load(&self.config.directory) {
            Ok(settings) => {
                summarise(&settings, out)?;
                Ok(ExitCode::SUCCESS)
            }
            Err(faults) => {
                write!(out, "{faults}")?;
                writeln!(out, "{}", counted(faults.0.len(), "fault"))?;
                Ok(ExitCode::from(EXIT_CONFIG))
            }
        }
    }
}

fn summarise(settings: &Settings, out: &mut dyn Write) -> std::io::Result<()> {
    let Settings { server, store, readers, operators, partners } = settings;
    let fed = partners.iter().filter(|partner| partner.feed.is_some()).count();
    let pushing = partners.iter().filter(|partner| !partner.keys.is_empty()).count();
    writeln!(out, "the configuration is sound")?;
    writeln!(out, "serves on {}, the operator on {}", server.listen, server.admin_listen)?;
    if let Some(tls) = &server.tls
        && let Ok(identity) = tls.load()
    {
        let until = time::format(identity.not_after);
        writeln!(out, "with TLS, by a certificate that is valid until {until}")?;
        if let Some(lapsed) = identity.complaint(Clock::system().now()) {
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

fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

//! `tidegate partner add`: a partner's file with a fresh key, and three calls that prove it.

use crate::cli::admin::reachable;
use crate::cli::configuration::ConfigDirectory;
use crate::cli::terminal::OutputArgs;
use crate::clock::Clock;
use crate::config::{self, Faults, KeyHash, MAIN_FILE, PARTNERS_DIRECTORY, ServerSettings};
use crate::domain::PartnerName;
use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

/// `--json` says the same shorter, from curl 7.82 on.
const JSON: &str = "-H 'Content-Type: application/json' -d";
/// What a directory without configuration gets: all defaults, each with its reason.
const MAIN_TEXT: &str = include_str!("../../../config/tidegate.toml");

/// Add a partner: write its file with a fresh key, print the key once and three calls to try it.
///
/// Only the key's hash is kept: write the key down. A file that is there already is never
/// overwritten; where there is no configuration yet, one with all defaults is made.
#[derive(Debug, Args)]
pub struct Add {
    /// The partner's name: 1-64 of a-z, 0-9, - and _.
    #[arg(value_parser = PartnerName::new)]
    name: PartnerName,
    /// The address of the partner's complete JSON document, fetched every 24 hours.
    #[arg(long, value_name = "URL")]
    feed: Option<String>,
    /// Allow loopback and private addresses and plain http for the feed.
    #[arg(long, requires = "feed")]
    allow_private: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    config: ConfigDirectory,
}

impl Add {
    pub fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let directory = &self.config.directory;
        let key = fresh_key()?;
        let text = self.partner_text(&key);
        config::read_partner(directory, &self.name, &text).map_err(without_place)?;
        let partners = directory.join(PARTNERS_DIRECTORY);
        fs::create_dir_all(&partners).with_context(|| format!("cannot make {}", partners.display()))?;
        write_new(&directory.join(MAIN_FILE), MAIN_TEXT)?;
        let file = partners.join(format!("{}.toml", self.name));
        if !write_new(&file, &text)? {
            bail!("{} is there already: change it by hand, or choose another name", file.display());
        }
        let (listen, faults) = match config::load(directory) {
            Ok(settings) => (settings.server.listen, None),
            Err(faults) => (ServerSettings::default().listen, Some(faults)),
        };
        let api = format!("http://{}/api", reachable(listen));
        let elsewhere = faults.map_or(0, |Faults(faults)| faults.len());
        let answer = json!({
            "partner": self.name.as_str(),
            "file": file.display().to_string(),
            "key": key,
            "api": api,
            "faults_elsewhere": elsewhere,
        });
        self.output.write(out, &answer, |out| {
            self.tell(&key, &file, &api, out)?;
            match elsewhere {
                0 => Ok(()),
                count => writeln!(
                    out,
                    "\nother parts of the configuration are at fault: tidegate check names {count}"
                ),
            }
        })?;
        Ok(ExitCode::SUCCESS)
    }

    fn partner_text(&self, key: &str) -> String {
        let hash = KeyHash::of(key);
        let mut text = format!(
            "# What else can be set here: partners/example.toml in Tidegate's sources.\nkeys = [\"{hash}\"]\n"
        );
        if let Some(url) = &self.feed {
            text += &format!("\n[feed]\nurl = {}\n", toml::Value::from(url.as_str()));
        }
        if self.allow_private {
            text += "allow_private = true\n";
        }
        text
    }

    fn tell(&self, key: &str, file: &Path, url: &str, out: &mut dyn Write) -> std::io::Result<()> {
        let header = format!("-H 'Authorization: Bearer {key}'");
        let now = seconds_of_now();
        let asset =
            format!(r#"{{"id": "asset-1", "updated_at": "{now}", "name": "First asset", "class": "nav"}}"#);
        let price =
            format!(r#"{{"id": "asset-1", "amount": "101.25", "currency": "EUR", "as_of": "{now}"}}"#);
        writeln!(out, "{} stands in {}", self.name, file.display())?;
        writeln!(out, "key, shown only this once: {key}\n")?;
        writeln!(out, "# who am I")?;
        writeln!(out, "curl {header} {url}/me")?;
        writeln!(out, "# push one asset")?;
        writeln!(out, "curl {header} {JSON} '{asset}' {url}/assets")?;
        writeln!(out, "# push one price")?;
        writeln!(out, "curl {header} {JSON} '{price}' {url}/prices")
    }
}

/// 32 bytes that nobody can guess, in hexadecimal behind a prefix that scanners of leaked secrets
/// can look for.
pub fn fresh_key() -> anyhow::Result<String> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).context("the system gives no random bytes")?;
    Ok(format!("tg_{}", hex::encode(bytes)))
}

/// The file does not exist yet: only the rules that were broken are worth telling.
fn without_place(Faults(faults): Faults) -> anyhow::Error {
    let said: Vec<_> = faults
        .into_iter()
        .map(|fault| {
            format!("{}: {}{}", fault.key, fault.rule, fault.hint.map_or(String::new(), |h| format!("; {h}")))
        })
        .collect();
    anyhow::anyhow!("{}", said.join("\n"))
}

/// Writes a whole new file or none; `false` where one is there already, which stays as it is.
///
/// A rename would overwrite; a hard link never does. The name under which it is written first is
/// hidden, so that nobody takes it for a partner's.
fn write_new(file: &Path, text: &str) -> anyhow::Result<bool> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let draft = file.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = File::create_new(&draft).and_then(|mut new| {
        new.write_all(text.as_bytes())?;
        new.sync_all()?;
        fs::hard_link(&draft, file)
    });
    let removed = fs::remove_file(&draft);
    match written {
        Ok(()) => removed.map(|()| true).with_context(|| format!("cannot remove {}", draft.display())),
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists && file.exists() => Ok(false),
        Err(cause) => Err(cause).with_context(|| format!("cannot write {}", file.display())),
    }
}

fn seconds_of_now() -> String {
    let micros = Clock::system().now().0;
    jiff::Timestamp::from_second(micros.div_euclid(1_000_000)).unwrap_or_default().to_string()
}

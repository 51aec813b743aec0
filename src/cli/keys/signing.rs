//! `tidegate secret`: what a partner's pushes are signed with.

use super::document::{ConfigDocument, KeyOwner};
use super::timing::{self, Holds, NEXT, Overlap, datetime, now, only, show};
use crate::cli::configuration::ConfigDirectory;
use crate::cli::terminal::{OutputArgs, confirmed};
use crate::codec::signature::{WebhookKey, secret_text};
use crate::codec::time;
use crate::config::Validity;
use crate::domain::{Micros, PartnerName};
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use std::io::{self, Write};
use std::process::ExitCode;
use toml_edit::{ArrayOfTables, InlineTable, Item, Table, Value, value};

/// As many as Standard Webhooks says; more make no signature stronger.
const SECRET_BYTES: usize = 32;

const EXAMPLES: &str = "Examples:
  tidegate secret add acme                          a secret for HMAC-SHA256 (v1), shown once
  tidegate secret add acme --public-key whpk_…      the partner's own ed25519 key (v1a): it keeps the private half
  tidegate secret rotate acme --overlap 24h         a new secret; what holds now ends in a day
  tidegate secret list acme                         add --json for programs, as to each of these
  tidegate secret revoke acme 3f9a12 --yes          by the beginning of its id";

/// Make, show and take away what a partner's pushes are signed with (Standard Webhooks).
///
/// A secret stands in a file of its own beside the configuration, for its owner's eyes only. The
/// partner's file is changed in place, and its comments stay. At most two hold at the same moment.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum SecretCommand {
    /// Add a secret, and print it once; or a public key of the partner's.
    #[command(after_help = EXAMPLES)]
    Add {
        #[command(flatten)]
        whose: SignerName,
        #[command(flatten)]
        material: Material,
        #[command(flatten)]
        holds: Holds,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Show them by id, with the time in which each holds: never the secrets themselves.
    #[command(after_help = EXAMPLES)]
    List {
        #[command(flatten)]
        whose: SignerName,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Add one, and let those that hold now end after an overlap.
    #[command(after_help = EXAMPLES)]
    Rotate {
        #[command(flatten)]
        whose: SignerName,
        #[command(flatten)]
        material: Material,
        #[command(flatten)]
        overlap: Overlap,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Take one away, and its file.
    #[command(after_help = EXAMPLES)]
    Revoke {
        #[command(flatten)]
        whose: SignerName,
        /// Its id, or the beginning of it.
        #[arg(value_name = "ID")]
        id: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        output: OutputArgs,
    },
}

/// Whose.
#[derive(Debug, Args)]
pub struct SignerName {
    /// The partner.
    #[arg(value_name = "PARTNER", value_parser = PartnerName::new)]
    partner: PartnerName,
    #[command(flatten)]
    config: ConfigDirectory,
}

/// What signs.
#[derive(Debug, Args)]
pub struct Material {
    /// The public half of an ed25519 key that the partner has made: whpk_ and base64.
    #[arg(long, value_name = "KEY")]
    public_key: Option<String>,
}

type Row = (String, &'static str, Validity);

impl SignerName {
    fn open(&self) -> anyhow::Result<ConfigDocument> {
        ConfigDocument::open(&self.config.directory, KeyOwner::Partner(self.partner.clone()))
    }
}

impl SecretCommand {
    pub fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        match self {
            SecretCommand::Add { whose, material, holds, output } => {
                let mut document = whose.open()?;
                document.partner()?;
                let added = AddedSecret::add(&whose.partner, &mut document, &material, &holds.validity())?;
                output.write(out, &added.json(), |out| added.tell(out))?;
            }
            SecretCommand::List { whose, output } => show(&rows(&whose.open()?)?, output, out)?,
            SecretCommand::Rotate { whose, material, overlap, output } => {
                let mut document = whose.open()?;
                let end = overlap.ends_at();
                let older = end_those_that_hold(&mut document, end)?;
                let added = AddedSecret::add(&whose.partner, &mut document, &material, &Validity::default())?;
                let end = time::format(end);
                let mut answer = added.json();
                (answer["older"], answer["older_until"]) = (older.into(), end.as_str().into());
                output.write(out, &answer, |out| {
                    added.tell(out)?;
                    writeln!(out, "{older} older one(s) hold until {end}")
                })?;
            }
            SecretCommand::Revoke { whose, id, yes, output } => {
                return revoke(&whose, &id, (yes, output), out);
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn rows(document: &ConfigDocument) -> anyhow::Result<Vec<Row>> {
    let signing = document.partner()?.signing;
    Ok(signing.iter().map(|one| (one.key.id(), one.key.version(), one.validity)).collect())
}

fn sections(document: &mut ConfigDocument) -> anyhow::Result<&mut ArrayOfTables> {
    let place = document.place().to_string();
    let item = document.toml.entry("signing").or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    item.as_array_of_tables_mut().with_context(|| {
        format!("`signing` of {place} is not written as [[signing]]: nothing was changed; edit it by hand")
    })
}

/// What a partner signs with from now on.
struct AddedSecret {
    id: String,
    /// `None` of a public key: the partner keeps the other half.
    made: Option<MadeSecret>,
    /// The file that names it.
    file: String,
}

/// A secret that nobody will be shown again.
struct MadeSecret {
    text: String,
    /// From the configuration's directory on.
    path: String,
    /// The whole of it.
    place: String,
}

impl AddedSecret {
    fn add(
        partner: &PartnerName,
        document: &mut ConfigDocument,
        material: &Material,
        validity: &Validity,
    ) -> anyhow::Result<AddedSecret> {
        let mut table = Table::new();
        let (id, made) = match &material.public_key {
            Some(public) => {
                table.insert("public_key", value(public));
                // one that cannot be read is refused when the file is saved
                (WebhookKey::public(public).map(|key| key.id()).unwrap_or_default(), None)
            }
            None => {
                let (id, secret) = MadeSecret::make(partner, document)?;
                let mut reference = InlineTable::new();
                reference.insert("file", Value::from(&secret.path));
                table.insert("secret", value(reference));
                (id, Some(secret))
            }
        };
        for (name, at) in [("from", validity.from), ("until", validity.until)] {
            if let Some(at) = at {
                table.insert(name, value(datetime(at)?));
            }
        }
        let saved = sections(document).map(|sections| sections.push(table)).and_then(|()| document.save());
        if let (Err(_), Some(secret)) = (&saved, &made) {
            document.remove_secret(&secret.path)?;
        }
        saved?;
        Ok(AddedSecret { id, made, file: document.place().to_string() })
    }

    fn json(&self) -> serde_json::Value {
        let (secret, place) = self.made.as_ref().map(|made| (&made.text, &made.place)).unzip();
        json!({ "id": self.id, "secret": secret, "secret_file": place, "file": self.file })
    }

    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        match &self.made {
            Some(made) => {
                writeln!(out, "secret, shown only this once: {}", made.text)?;
                writeln!(out, "it stands in {}", made.place)?;
            }
            None => writeln!(out, "the partner signs with the private half of its key")?,
        }
        writeln!(out, "named in {}; {NEXT}", self.file)
    }
}

impl MadeSecret {
    fn make(partner: &PartnerName, document: &ConfigDocument) -> anyhow::Result<(String, MadeSecret)> {
        let mut bytes = [0; SECRET_BYTES];
        getrandom::fill(&mut bytes).context("the system gives no random bytes")?;
        let text = secret_text(&bytes);
        let id = WebhookKey::shared(&text).context("it is as long as one has to be")?.id();
        let path = document.write_secret(&format!("{partner}-signing-{id}"), &text)?;
        let place = document.directory().join(&path).display().to_string();
        Ok((id, MadeSecret { text, path, place }))
    }
}

/// Gives how many.
fn end_those_that_hold(document: &mut ConfigDocument, end: Micros) -> anyhow::Result<usize> {
    let signing = document.partner()?.signing;
    if signing.is_empty() {
        bail!("there is nothing to rotate: `tidegate secret add` makes the first");
    }
    let now = now();
    let mut ended = 0;
    for (place, one) in signing.iter().enumerate() {
        let is_later = one.validity.until.is_none_or(|until| end < until);
        if timing::state(&one.validity, now) != "live" || !is_later {
            continue;
        }
        let section = sections(document)?.get_mut(place).context("the file has changed while it was read")?;
        section.insert("until", value(datetime(end)?));
        ended += 1;
    }
    Ok(ended)
}

fn revoke(
    whose: &SignerName,
    id: &str,
    (yes, output): (bool, OutputArgs),
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let mut document = whose.open()?;
    let rows = rows(&document)?;
    let (place, id) = only(&rows, id)?;
    if !confirmed(yes, &format!("Take {id} away?"))? {
        return Ok(output.declined(out, "nothing was changed")?);
    }
    let sections = sections(&mut document)?;
    let section = sections.get(place).context("the file has changed while it was read")?;
    let path = section.get("secret").and_then(|secret| secret.get("file")?.as_str().map(str::to_owned));
    let comment = section.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default().to_owned();
    sections.remove(place);
    if sections.is_empty() {
        document.toml.remove("signing");
    }
    keep_comment(&mut document, place, &comment);
    document.save()?;
    let left = match path {
        Some(path) if !document.remove_secret(&path)? => Some(path),
        _ => None,
    };
    let file = document.place().to_string();
    let answer = json!({ "id": id, "revoked": true, "file": file, "secret_file_left": left });
    output.write(out, &answer, |out| {
        if let Some(path) = &left {
            writeln!(out, "{path} was not made by this program: remove it by hand")?;
        }
        writeln!(out, "{id} is taken out of {file}; {NEXT}")
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What was written above a section stays, above what follows it or at the end.
fn keep_comment(document: &mut ConfigDocument, place: usize, comment: &str) {
    if !comment.contains('#') {
        return;
    }
    let next = document.toml.get_mut("signing").and_then(Item::as_array_of_tables_mut);
    if let Some(next) = next.and_then(|sections| sections.get_mut(place)) {
        let own = next.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
        let both = format!("{comment}{own}");
        next.decor_mut().set_prefix(both);
    } else {
        let end = document.toml.trailing().as_str().unwrap_or_default().to_owned();
        document.toml.set_trailing(format!("{comment}{end}"));
    }
}

//! `tidegate key`: bearer keys of partners, and readers' tokens.

use super::document::{ConfigDocument, KeyOwner};
use super::timing::{self, Holds, NEXT, Overlap, datetime, now, only, show};
use crate::cli::configuration::ConfigDirectory;
use crate::cli::partner::fresh_key;
use crate::cli::terminal::{OutputArgs, confirmed};
use crate::codec::time;
use crate::config::{KeyHash, Validity};
use crate::domain::PartnerName;
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use std::io::{self, Write};
use std::process::ExitCode;
use toml_edit::{Array, InlineTable, Item, Value};

/// Digits of a hash that a key is shown by.
const ID_DIGITS: usize = 12;

const EXAMPLES: &str = "Examples:
  tidegate key add acme                        another key, beside those that are there
  tidegate key rotate acme --overlap 24h       a new key; those that hold now end in a day
  tidegate key list acme                       add --json for programs, as to each of these
  tidegate key revoke acme 3f9a12 --yes        by the beginning of its id
  tidegate key rotate --reader portal          the same of a reader's token";

/// Make, show and take away bearer keys of partners, and readers' tokens.
///
/// Only hashes are kept. The partner's file is changed in place, and its comments stay.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum KeyCommand {
    /// Add a key, and print it once.
    #[command(after_help = EXAMPLES)]
    Add {
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        holds: Holds,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Show the keys by id, with the time in which each holds: never the keys themselves.
    #[command(after_help = EXAMPLES)]
    List {
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Add a key, print it once, and let those that hold now end after an overlap.
    #[command(after_help = EXAMPLES)]
    Rotate {
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        overlap: Overlap,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Take a key away.
    #[command(after_help = EXAMPLES)]
    Revoke {
        #[command(flatten)]
        whose: Whose,
        /// The key's id, or its beginning. With --reader it stands where the partner would.
        #[arg(value_name = "ID")]
        id: Option<String>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        output: OutputArgs,
    },
}

/// Whose keys.
#[derive(Debug, Args)]
pub struct Whose {
    /// The partner.
    #[arg(value_name = "PARTNER", required_unless_present = "reader")]
    partner: Option<String>,
    /// The reader of this name, in place of a partner.
    #[arg(long, value_name = "NAME")]
    reader: Option<String>,
    #[command(flatten)]
    config: ConfigDirectory,
}

type Row = (String, &'static str, Validity);

impl Whose {
    fn open(&self) -> anyhow::Result<ConfigDocument> {
        let owner = match (&self.reader, &self.partner) {
            (Some(reader), _) => KeyOwner::Reader(reader.clone()),
            (None, Some(partner)) => KeyOwner::Partner(PartnerName::new(partner)?),
            (None, None) => bail!("name a partner, or a reader by --reader"),
        };
        ConfigDocument::open(&self.config.directory, owner)
    }
}

impl KeyCommand {
    pub fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        match self {
            KeyCommand::Add { whose, holds, output } => {
                let mut document = whose.open()?;
                document.bearer_keys()?;
                let added = AddedKey::add(&mut document, &holds.validity())?;
                output.write(out, &added.json(), |out| added.tell(out))?;
            }
            KeyCommand::List { whose, output } => show(&rows(&whose.open()?)?, output, out)?,
            KeyCommand::Rotate { whose, overlap, output } => {
                let mut document = whose.open()?;
                let end = overlap.ends_at();
                let older = end_those_that_hold(&mut document, end)?;
                let added = AddedKey::add(&mut document, &Validity::default())?;
                let end = time::format(end);
                let mut answer = added.json();
                (answer["older"], answer["older_until"]) = (older.into(), end.as_str().into());
                output.write(out, &answer, |out| {
                    added.tell(out)?;
                    writeln!(out, "{older} older key(s) hold until {end}")
                })?;
            }
            KeyCommand::Revoke { whose, id, yes, output } => {
                return revoke(&whose, id.as_deref(), (yes, output), out);
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn rows(document: &ConfigDocument) -> anyhow::Result<Vec<Row>> {
    let row = |key: &crate::config::BearerKey| (id_of(&key.hash), "bearer", key.validity);
    Ok(document.bearer_keys()?.iter().map(row).collect())
}

fn list(document: &mut ConfigDocument) -> anyhow::Result<&mut Array> {
    let place = document.place().to_string();
    let table = document.table()?;
    let item = table.entry("keys").or_insert(Item::Value(Value::Array(Array::new())));
    item.as_array_mut().with_context(|| format!("`keys` of {place} is no list: nothing was changed"))
}

/// A key that has been made: nobody will see it again.
struct AddedKey {
    key: String,
    id: String,
    file: String,
}

impl AddedKey {
    fn add(document: &mut ConfigDocument, validity: &Validity) -> anyhow::Result<AddedKey> {
        let key = fresh_key()?;
        let hash = KeyHash::of(&key);
        let value = match validity.is_always() {
            true => Value::from(hash.to_string()),
            false => Value::InlineTable(timed(&hash, validity)?),
        };
        list(document)?.push(value);
        document.save()?;
        Ok(AddedKey { key, id: id_of(&hash), file: document.place().to_string() })
    }

    fn json(&self) -> serde_json::Value {
        json!({ "key": self.key, "id": self.id, "file": self.file })
    }

    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "key, shown only this once: {}", self.key)?;
        writeln!(out, "its hash stands in {}; {NEXT}", self.file)
    }
}

fn id_of(hash: &KeyHash) -> String {
    hex::encode(hash.0).chars().take(ID_DIGITS).collect()
}

fn timed(hash: &KeyHash, validity: &Validity) -> anyhow::Result<InlineTable> {
    let mut table = InlineTable::new();
    table.insert("hash", hash.to_string().into());
    for (name, at) in [("from", validity.from), ("until", validity.until)] {
        if let Some(at) = at {
            table.insert(name, datetime(at)?.into());
        }
    }
    Ok(table)
}

/// Gives how many.
fn end_those_that_hold(document: &mut ConfigDocument, end: crate::domain::Micros) -> anyhow::Result<usize> {
    let keys = document.bearer_keys()?;
    let now = now();
    let mut ended = 0;
    for (place, key) in keys.iter().enumerate() {
        let is_later = key.validity.until.is_none_or(|until| end < until);
        if timing::state(&key.validity, now) != "live" || !is_later {
            continue;
        }
        let mut value = Value::InlineTable(timed(&key.hash, &Validity { until: Some(end), ..key.validity })?);
        let list = list(document)?;
        let was = list.get(place).context("the list has changed while it was read")?;
        *value.decor_mut() = was.decor().clone();
        list.replace_formatted(place, value);
        ended += 1;
    }
    Ok(ended)
}

fn revoke(
    whose: &Whose,
    id: Option<&str>,
    (yes, output): (bool, OutputArgs),
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let id = match (&whose.reader, id) {
        (Some(_), None) => whose.partner.as_deref(),
        (None, id) => id,
        (Some(_), Some(_)) => bail!("name either a partner or a reader"),
    };
    let id = id.context("name the key by its id, or the beginning of it: `list` shows them")?;
    let mut document = whose.open()?;
    let rows = rows(&document)?;
    let (place, id) = only(&rows, id)?;
    if !confirmed(yes, &format!("Take the key {id} away?"))? {
        return Ok(output.declined(out, "nothing was changed")?);
    }
    let list = list(&mut document)?;
    let gone = list.remove(place);
    if let Some(next) = list.get_mut(0).filter(|_| place == 0) {
        *next.decor_mut() = gone.decor().clone();
    }
    document.save()?;
    let answer = json!({ "id": id, "revoked": true, "file": document.place().to_string() });
    output.write(out, &answer, |out| writeln!(out, "{id} is taken out of {}; {NEXT}", document.place()))?;
    Ok(ExitCode::SUCCESS)
}

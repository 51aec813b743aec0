//! `tidegate hook try`: what a body comes to by a partner's hook, without a daemon.

use super::configuration::{ConfigDirectory, at_fault};
use super::terminal::OutputArgs;
use crate::codec::hook::{self, HookCall, HookRead};
use crate::codec::mapping::Lint;
use crate::codec::request::BodyLimits;
use crate::codec::time;
use crate::config::{self, PartnerSettings, Settings};
use crate::domain::hook::HookHeaders;
use crate::domain::{
    AssetWrite, ItemOutcome, Micros, Outcome, PartnerName, PriceWrite, Verb, Write as Asked,
};
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Work on the hooks of a partner.
#[derive(Debug, Subcommand)]
pub enum HookCommand {
    Try(Try),
}

/// Read a body as a hook would: the kind of event, the writes with their times, and all that is
/// refused, with pointers.
///
/// Nothing is sent and nothing is stored, and the call's signature is not looked at. Ends with 0 where
/// every item would be taken or ignored, with 1 where one would be refused.
#[derive(Debug, Args)]
pub struct Try {
    /// The file that holds the body; - is the standard input.
    #[arg(value_name = "FILE")]
    body: PathBuf,
    /// The hook's name.
    #[arg(long, value_name = "NAME")]
    hook: String,
    /// Whose hook.
    #[arg(long, value_name = "PARTNER", value_parser = PartnerName::new)]
    partner: PartnerName,
    /// A header of the call; may be given several times.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    config: ConfigDirectory,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a header is written NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

impl HookCommand {
    pub fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        match self {
            HookCommand::Try(order) => order.run(out),
        }
    }
}

impl Try {
    fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let settings = match config::load(&self.config.directory) {
            Ok(settings) => settings,
            Err(faults) => return Ok(at_fault(&faults, self.output, out)?),
        };
        let partner = partner(&settings, &self.partner)?;
        let Some(found) = partner.hook(&self.hook) else {
            let known: Vec<_> = partner.hooks.iter().map(|hook| hook.name.as_str()).collect();
            bail!("{} has no hook `{}`; it has: {}", self.partner, self.hook, known.join(", "));
        };
        let body = self.body()?;
        if hook::is_ping(&body) {
            self.output.write(out, &json!({ "ping": true, "writes": [], "refused": [] }), |out| {
                writeln!(out, "a ping: answered with 200, and nothing is written")
            })?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut headers = HookHeaders::default();
        self.headers.iter().for_each(|(name, value)| headers.push(name, value));
        let limits = BodyLimits { items_max: settings.server.items_max };
        let (hook, policy) = (&*found.hook, &partner.policy);
        match hook::read(&HookCall { hook, headers: &headers, body: &body, policy, limits }) {
            Ok(read) => {
                let refused = refused(&read).count();
                self.output.write(out, &read_json(&read), |out| show(&read, out))?;
                Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
            }
            Err(error) => {
                let whole =
                    json!({ "code": error.code, "offset": error.offset, "detail": error.to_string() });
                self.output.write(out, &json!({ "refused_whole": whole }), |out| {
                    let at = error.offset.map_or(String::new(), |offset| format!(" at byte {offset}"));
                    writeln!(out, "refused whole{at}: {}: {error}", error.code)
                })?;
                Ok(ExitCode::FAILURE)
            }
        }
    }

    fn body(&self) -> anyhow::Result<Vec<u8>> {
        if self.body.as_os_str() == "-" {
            let mut body = Vec::new();
            std::io::stdin().read_to_end(&mut body).context("cannot read the standard input")?;
            return Ok(body);
        }
        std::fs::read(&self.body).with_context(|| format!("cannot read {}", self.body.display()))
    }
}

fn partner<'s>(settings: &'s Settings, name: &PartnerName) -> anyhow::Result<&'s PartnerSettings> {
    let found = settings.partners.iter().find(|partner| partner.name == *name);
    found.with_context(|| format!("there is no partner {name}"))
}

/// What would be refused; what is ignored is not.
fn refused(read: &HookRead) -> impl Iterator<Item = &ItemOutcome> {
    let refused = read.decoded.writes.iter().filter_map(|write| write.as_ref().err());
    refused.map(|item| &**item).filter(|item| item.outcome != Outcome::Ignored)
}

fn show(read: &HookRead, out: &mut dyn Write) -> io::Result<()> {
    if let Some(event) = &read.event {
        writeln!(out, "event {event}: {}", read.meaning.as_str())?;
    }
    if let Some(delivery) = &read.delivery {
        writeln!(out, "delivery {delivery}")?;
    }
    for (write, id) in read.decoded.writes.iter().zip(&read.decoded.ids) {
        match write {
            Ok(Asked::Asset(write)) => show_asset(write, out)?,
            Ok(Asked::Price(price)) => writeln!(out, "price of {}: {}", price.id, said_price(price))?,
            Err(item) => show_refused(item, id, out)?,
        }
    }
    for Lint { code, pointer, detail } in &read.lints {
        writeln!(out, "{code}{}: {detail}", placed(pointer))?;
    }
    let writes = read.decoded.writes.iter().filter(|write| write.is_ok()).count();
    writeln!(out, "{writes} to write, {} refused", refused(read).count())
}

fn method_of(verb: Verb) -> &'static str {
    match verb {
        Verb::Put => "PUT",
        Verb::Post => "POST",
        Verb::Patch => "PATCH",
        Verb::Delete => "DELETE",
    }
}

fn show_asset(write: &AssetWrite, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "{} {} {}", method_of(write.verb), write.id, said_time(write.at))?;
    for member in write.members.members() {
        writeln!(out, "  {}: {}", member.name, member.text)?;
    }
    for name in &write.removed {
        writeln!(out, "  {name}: removed")?;
    }
    write.prices.iter().try_for_each(|price| writeln!(out, "  {}", said_price(price)))
}

/// The same for programs; members stand there as texts of JSON, with every digit.
fn read_json(read: &HookRead) -> serde_json::Value {
    let (mut writes, mut refused, mut ignored) = (Vec::new(), Vec::new(), Vec::new());
    for (write, id) in read.decoded.writes.iter().zip(&read.decoded.ids) {
        match write {
            Ok(Asked::Asset(write)) => writes.push(asset_json(write)),
            Ok(Asked::Price(price)) => writes.push(price_json(price)),
            Err(item) if item.outcome == Outcome::Ignored => ignored.push(item_json(item, id)),
            Err(item) => refused.push(item_json(item, id)),
        }
    }
    let lints = read
        .lints
        .iter()
        .map(|lint| json!({ "code": lint.code, "pointer": lint.pointer, "detail": lint.detail }));
    json!({
        "event": read.event,
        "meaning": read.meaning.as_str(),
        "delivery": read.delivery.as_ref().map(|delivery| delivery.as_str()),
        "writes": writes,
        "refused": refused,
        "ignored": ignored,
        "lints": lints.collect::<Vec<_>>(),
    })
}

fn asset_json(write: &AssetWrite) -> serde_json::Value {
    let members = write.members.members().iter();
    let members = members.map(|member| json!({ "name": &*member.name, "text": &*member.text }));
    json!({
        "method": method_of(write.verb),
        "id": write.id.as_str(),
        "at": write.at.map(time::format),
        "members": members.collect::<Vec<_>>(),
        "removed": write.removed.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "prices": write.prices.iter().map(price_json).collect::<Vec<_>>(),
    })
}

fn price_json(price: &PriceWrite) -> serde_json::Value {
    json!({
        "price_of": price.id.as_str(),
        "quote": price.quote.as_str(),
        "amount": price.amount.map(|amount| amount.to_string()),
        "currency": price.currency.map(|code| code.as_str().to_owned()),
        "at": price.at.map(time::format),
    })
}

fn item_json(item: &ItemOutcome, id: &str) -> serde_json::Value {
    let note = item.note.as_deref();
    json!({
        "outcome": item.outcome.as_str(),
        "id": id,
        "code": note.map(|note| note.code.as_ref()),
        "pointer": note.map(|note| note.pointer.as_str()),
        "hint": note.map(|note| note.hint.as_str()),
    })
}

fn said_price(price: &PriceWrite) -> String {
    let amount = price.amount.map_or_else(|| "withdrawn".to_owned(), |amount| amount.to_string());
    let currency = price.currency.map_or_else(|| "(no currency)".to_owned(), |code| code.as_str().to_owned());
    format!("{} {amount} {currency} {}", price.quote.as_str(), said_time(price.at))
}

fn said_time(at: Option<Micros>) -> String {
    at.map_or_else(
        || "without a time: when it first comes counts".to_owned(),
        |at| format!("as of {}", time::format(at)),
    )
}

fn show_refused(item: &ItemOutcome, id: &str, out: &mut dyn Write) -> std::io::Result<()> {
    let (code, pointer, hint) = match item.note.as_deref() {
        Some(note) => (note.code.as_ref(), note.pointer.as_str(), note.hint.as_str()),
        None => ("", "", ""),
    };
    let id = if id.is_empty() { String::new() } else { format!(" {id}") };
    writeln!(out, "{}{id}{}: {code}: {hint}", item.outcome.as_str(), placed(pointer))
}

fn placed(pointer: &str) -> String {
    if pointer.is_empty() { String::new() } else { format!(" at {pointer}") }
}

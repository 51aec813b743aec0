//! `tidegate hook try`: what a body comes to by a partner's hook, without a daemon.

use super::configuration::{ConfigDirectory, EXIT_CONFIG};
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
use std::io::{Read, Write};
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
            Err(faults) => {
                write!(out, "{faults}")?;
                return Ok(ExitCode::from(EXIT_CONFIG));
            }
        };
        let partner = partner(&settings, &self.partner)?;
        let Some(found) = partner.hook(&self.hook) else {
            let known: Vec<_> = partner.hooks.iter().map(|hook| hook.name.as_str()).collect();
            bail!("{} has no hook `{}`; it has: {}", self.partner, self.hook, known.join(", "));
        };
        let body = self.body()?;
        if hook::is_ping(&body) {
            writeln!(out, "a ping: answered with 200, and nothing is written")?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut headers = HookHeaders::default();
        self.headers.iter().for_each(|(name, value)| headers.push(name, value));
        let limits = BodyLimits { items_max: settings.server.items_max };
        let (hook, policy) = (&*found.hook, &partner.policy);
        match hook::read(&HookCall { hook, headers: &headers, body: &body, policy, limits }) {
            Ok(read) => show(&read, out),
            Err(error) => {
                let at = error.offset.map_or(String::new(), |offset| format!(" at byte {offset}"));
                writeln!(out, "refused whole{at}: {}: {error}", error.code)?;
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

fn show(read: &HookRead, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    if let Some(event) = &read.event {
        writeln!(out, "event {event}: {}", read.meaning.as_str())?;
    }
    if let Some(delivery) = &read.delivery {
        writeln!(out, "delivery {delivery}")?;
    }
    let mut refused = 0;
    for (write, id) in read.decoded.writes.iter().zip(&read.decoded.ids) {
        match write {
            Ok(Asked::Asset(write)) => show_asset(write, out)?,
            Ok(Asked::Price(price)) => writeln!(out, "price of {}: {}", price.id, said_price(price))?,
            Err(item) => {
                refused += usize::from(item.outcome != Outcome::Ignored);
                show_refused(item, id, out)?;
            }
        }
    }
    for Lint { code, pointer, detail } in &read.lints {
        writeln!(out, "{code}{}: {detail}", placed(pointer))?;
    }
    let writes = read.decoded.writes.iter().filter(|write| write.is_ok()).count();
    writeln!(out, "{writes} to write, {refused} refused")?;
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show_asset(write: &AssetWrite, out: &mut dyn Write) -> std::io::Result<()> {
    let verb = match write.verb {
        Verb::Put => "PUT",
        Verb::Post => "POST",
        Verb::Patch => "PATCH",
        Verb::Delete => "DELETE",
    };
    writeln!(out, "{verb} {} {}", write.id, said_time(write.at))?;
    for member in write.members.members() {
        writeln!(out, "  {}: {}", member.name, member.text)?;
    }
    for name in &write.removed {
        writeln!(out, "  {name}: removed")?;
    }
    write.prices.iter().try_for_each(|price| writeln!(out, "  {}", said_price(price)))
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

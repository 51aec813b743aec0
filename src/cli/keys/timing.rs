//! When a key holds, as it is given, written and shown.

use crate::cli::terminal::OutputArgs;
use crate::clock::Clock;
use crate::codec::time;
use crate::config::{Validity, parse_duration};
use crate::domain::{Micros, TimeFormat};
use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};
use std::io::Write;
use std::time::Duration;
use toml_edit::Datetime;

/// Said after each change: the daemon reads its files when it is told to.
pub const NEXT: &str = "a running daemon heeds it at `tidegate reload`, or SIGHUP";

/// When a new key holds.
#[derive(Debug, Args)]
pub struct Holds {
    /// It holds from this time on, such as 2026-12-01T00:00:00Z. Default: at once.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Micros>,
    /// It holds until this time. Default: for ever.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Micros>,
}

/// How long the old key holds beside the new one.
#[derive(Debug, Args)]
pub struct Overlap {
    /// How long those that hold now go on beside the new one, such as 24h; 0s ends them at once.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration)]
    overlap: Duration,
}

impl Holds {
    pub fn validity(&self) -> Validity {
        Validity { from: self.from, until: self.until }
    }
}

impl Overlap {
    /// When those end that hold now; whole seconds, so that the file stays readable.
    pub fn ends_at(&self) -> Micros {
        let overlap = i64::try_from(self.overlap.as_micros()).unwrap_or(i64::MAX);
        let end = now().0.saturating_add(overlap).div_euclid(Micros::SECOND);
        Micros(end * Micros::SECOND)
    }
}

pub fn now() -> Micros {
    Clock::system().now()
}

fn moment(text: &str) -> Result<Micros, String> {
    time::parse(text, TimeFormat::Rfc3339).map_err(|error| error.to_string())
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "write a whole number and s, m, h or d, such as 24h".to_owned())
}

/// As TOML writes a time.
pub fn datetime(at: Micros) -> anyhow::Result<Datetime> {
    Ok(time::format(at).parse()?)
}

/// `live`, `future` or `ended`.
pub fn state(validity: &Validity, now: Micros) -> &'static str {
    match validity.holds(now) {
        true => "live",
        false if validity.until.is_some_and(|until| until <= now) => "ended",
        false => "future",
    }
}

/// One line for each: id, kind, from, until, state.
pub fn show(
    rows: &[(String, &str, Validity)],
    output: OutputArgs,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let now = now();
    let item = |(id, kind, validity): &(String, &str, Validity)| {
        json!({
            "id": id,
            "kind": kind,
            "from": validity.from.map(time::format),
            "until": validity.until.map(time::format),
            "state": state(validity, now),
        })
    };
    let items: Vec<Value> = rows.iter().map(item).collect();
    output.write(out, &json!({ "items": items }), |out| {
        let written = |at: Option<Micros>| at.map_or_else(|| "-".to_owned(), time::format);
        writeln!(out, "{:<14} {:<7} {:<27} {:<27} state", "id", "kind", "from", "until")?;
        for (id, kind, validity) in rows {
            let (from, until) = (written(validity.from), written(validity.until));
            writeln!(out, "{id:<14} {kind:<7} {from:<27} {until:<27} {}", state(validity, now))?;
        }
        Ok(())
    })
}

/// The only one whose id begins so.
pub fn only<'r>(rows: &'r [(String, &str, Validity)], id: &str) -> anyhow::Result<(usize, &'r str)> {
    let wanted = id.strip_prefix("sha256:").unwrap_or(id);
    let mut found =
        rows.iter().enumerate().filter(|(_, (id, ..))| !wanted.is_empty() && id.starts_with(wanted));
    match (found.next(), found.next()) {
        (Some((place, (id, ..))), None) => Ok((place, id)),
        (None, _) => bail!("none has an id that begins with `{wanted}`: `list` shows them"),
        (Some(_), Some(_)) => bail!("several have an id that begins with `{wanted}`: give more of it"),
    }
}

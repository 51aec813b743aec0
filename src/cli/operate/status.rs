//! `tidegate status`: the daemon and its partners at one glance, again and again on a terminal.

use crate::cli::admin::Admin;
use crate::cli::terminal::{LiveScreen, OutputArgs, PeopleTable, Tone, plain, text, to_the_second, toned};
use crate::clock::sleep;
use clap::Args;
use reqwest::Method;
use serde_json::Value;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

/// Show a running daemon and its partners: on a terminal again and again, until q or Ctrl-C.
#[derive(Debug, Args)]
pub struct Status {
    /// Show it once.
    #[arg(long)]
    once: bool,
    /// So many seconds from one look to the next.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    every: u64,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    admin: Admin,
}

impl Status {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        if !self.once && !self.output.json && io::stdout().is_terminal() {
            self.live(out).await?;
            return Ok(ExitCode::SUCCESS);
        }
        let seen = self.look().await?;
        self.output.write(out, &seen, |out| tell(&seen, out))?;
        let is_ready = seen["ready"] == true;
        Ok(if is_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn look(&self) -> anyhow::Result<Value> {
        self.admin.call(Method::GET, "/admin/status", None).await
    }

    /// Again and again, also while no daemon answers.
    async fn live(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let mut screen = LiveScreen::open()?;
        loop {
            let seen = tokio::select! {
                seen = self.look() => seen,
                () = screen.ended() => return Ok(()),
            };
            let mut picture = Vec::new();
            match seen {
                Ok(seen) => tell(&seen, &mut picture)?,
                Err(error) => writeln!(picture, "{error:#}")?,
            }
            screen.draw(&String::from_utf8_lossy(&picture), out)?;
            tokio::select! {
                () = sleep(Duration::from_secs(self.every)) => {}
                () = screen.ended() => return Ok(()),
            }
        }
    }
}

fn tell(seen: &Value, out: &mut dyn Write) -> io::Result<()> {
    let (word, tone) = match seen {
        seen if seen["draining"] == true => ("stopping", Tone::Warning),
        seen if seen["storage_failed"] == true => ("takes no writes", Tone::Bad),
        seen if seen["ready"] == true => ("ready", Tone::Good),
        _ => ("not ready", Tone::Bad),
    };
    let up = seen["uptime_seconds"].as_u64().unwrap_or_default();
    let (version, now) = (text(seen, "version"), to_the_second(text(seen, "now")));
    writeln!(out, "tidegate {version}  {}  up {}  {now}", toned(word, tone), duration(up))?;
    let share = |part: &str, whole: &str| {
        let of = |name: &str| seen[name].as_f64().unwrap_or_default();
        100.0 * of(part) / of(whole).max(1.0)
    };
    let overlay = share("overlay_bytes", "overlay_bytes_max");
    writeln!(
        out,
        "{} changes durable, {overlay:.0} % of the overlay taken, {} streams open",
        seen["durable_sequence"], seen["streams_open"]
    )?;
    if let Some(said) = reload_said(&seen["reload"]) {
        writeln!(out, "{said}")?;
    }
    writeln!(out)?;
    partners_table(&seen["partners"]).write(out)
}

fn reload_said(reload: &Value) -> Option<String> {
    let at = to_the_second(reload["at"].as_str()?);
    let waits: Vec<&str> = reload["needs_restart"].as_array()?.iter().filter_map(Value::as_str).collect();
    match text(reload, "outcome") {
        outcome @ ("refused" | "in_part") => {
            let became = if outcome == "refused" { "was refused" } else { "was done in part" };
            let why = reload["error"].as_str().map(plain);
            let why = why.unwrap_or_else(|| format!("faults: {}", reload["faults_count"]));
            Some(toned(&format!("the reload of {at} {became}: {why}"), Tone::Bad))
        }
        _ if !waits.is_empty() => {
            Some(toned(&format!("needs a restart: {}", waits.join(", ")), Tone::Warning))
        }
        _ => None,
    }
}

/// One row for each partner.
pub fn partners_table(partners: &Value) -> PeopleTable {
    let columns = ["partner", "state", "feed", "last success", "last run", ">failed", "next fetch", "said"];
    let mut table = PeopleTable::of(&columns);
    for partner in partners.as_array().into_iter().flatten() {
        let (feed, plain) = (&partner["feed"], |text: String| (text, Tone::Plain));
        let failed = feed["failures_in_row"].as_u64().unwrap_or_default();
        let (state, state_tone) = standing(partner);
        let (kind, kind_tone) = match feed {
            Value::Null => ("none", Tone::Plain),
            feed if feed["paused"].is_object() => ("paused", Tone::Warning),
            feed if feed["running"].is_object() => (text(&feed["running"], "phase"), Tone::Good),
            _ => ("waits", Tone::Plain),
        };
        let last = &feed["last_run"];
        let code = last["code"].as_str().map(|code| format!(" ({code})")).unwrap_or_default();
        let last_run = format!("{}{code}", text(last, "status"));
        let failed_tone = if failed > 0 { Tone::Bad } else { Tone::Plain };
        table.toned_row([
            plain(text(partner, "name").to_owned()),
            (state.to_owned(), state_tone),
            (kind.to_owned(), kind_tone),
            plain(to_the_second(text(feed, "last_success_at"))),
            (last_run, failed_tone),
            (if feed.is_null() { String::new() } else { failed.to_string() }, failed_tone),
            plain(to_the_second(text(feed, "next_fetch_at"))),
            plain(text(partner, "down").to_owned()),
        ]);
    }
    table
}

/// How a partner is, in a word.
pub fn standing(partner: &Value) -> (&'static str, Tone) {
    match partner {
        partner if partner["removed"] == true => ("removed", Tone::Warning),
        partner if partner["down"].is_string() => ("down", Tone::Bad),
        partner if partner["damaged"].is_string() => ("damaged", Tone::Bad),
        _ => ("up", Tone::Good),
    }
}

fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) if minutes == 0 => format!("{seconds} s"),
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_reload_that_failed_is_said_with_its_error_or_the_number_of_its_faults() {
        let reload = |outcome: &str, faults: u64, error: Option<&str>| {
            let at = "2026-01-01T00:00:00.5Z";
            let reload = json!({"at": at, "outcome": outcome, "needs_restart": [], "faults_count": faults, "error": error});
            reload_said(&reload)
        };
        let said = "the reload of 2026-01-01T00:00:00Z was";
        assert_eq!(reload("refused", 2, None), Some(format!("{said} refused: faults: 2")));
        assert_eq!(reload("refused", 0, Some("it is purged")), Some(format!("{said} refused: it is purged")));
        assert_eq!(reload("in_part", 0, Some("no\nroom")), Some(format!("{said} done in part: no room")));
        assert_eq!(reload("applied", 0, None), None);
    }

    #[test]
    fn a_duration_is_said_in_the_units_that_matter() {
        let said = [5, 65, 3_660, 90_000].map(duration);
        assert_eq!(said, ["5 s", "1 min", "1 h 1 min", "1 d 1 h"]);
    }
}

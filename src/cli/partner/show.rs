//! `tidegate partner list` and `show`: how a daemon's partners are.

use crate::cli::admin::Admin;
use crate::cli::operate::status::{partners_table, standing};
use crate::cli::terminal::{OutputArgs, plain, text, to_the_second, toned};
use crate::domain::PartnerName;
use anyhow::bail;
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::process::ExitCode;

/// Plans and rows that are counted.
const COUNTED_MAX: usize = 1_000;

/// ListPartners the partners of a running daemon, with those that were removed and have assets left.
#[derive(Debug, Args)]
pub struct ListPartners {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    admin: Admin,
}

impl ListPartners {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let partners = self.admin.call(Method::GET, "/admin/partners", None).await?;
        self.output.write(out, &partners, |out| partners_table(&partners["items"]).write(out))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// ShowPartner one partner of a running daemon: its feed, what waits, and what operators did last.
#[derive(Debug, Args)]
pub struct ShowPartner {
    /// The partner's name.
    #[arg(value_parser = PartnerName::new)]
    name: PartnerName,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    admin: Admin,
}

impl ShowPartner {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let ask = async |path: String| self.admin.call(Method::GET, &path, None).await;
        let name = &self.name;
        let partners = ask("/admin/partners".into()).await?;
        let mut partners = partners["items"].as_array().into_iter().flatten();
        let Some(partner) = partners.find(|partner| partner["name"] == name.as_str()) else {
            bail!("the daemon knows no partner {name}");
        };
        let plans = ask(format!("/admin/partners/{name}/plans")).await?;
        let rows = ask(format!("/admin/partners/{name}/quarantine?limit={COUNTED_MAX}")).await?;
        let acts = ask(format!("/admin/audit?partner={name}&limit=5")).await?;
        let held = plans["items"].as_array().into_iter().flatten().filter(|plan| plan["state"] == "held");
        let shown = json!({
            "partner": partner,
            "plans_held": held.collect::<Vec<_>>(),
            "quarantine_rows": rows["items"].as_array().map_or(0, Vec::len),
            "quarantine_has_more": rows["next_cursor"].is_string(),
            "acts": acts["items"],
        });
        self.output.write(out, &shown, |out| tell(&shown, out))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn tell(shown: &Value, out: &mut dyn Write) -> io::Result<()> {
    let partner = &shown["partner"];
    let (word, tone) = standing(partner);
    writeln!(out, "{}  {}", text(partner, "name"), toned(word, tone))?;
    if let Some(down) = partner["down"].as_str() {
        writeln!(out, "down: {}", plain(down))?;
    }
    if partner["assets"].is_object() {
        let left = &partner["assets"];
        writeln!(out, "left: {} living assets, {} deleted ones", left["living"], left["dead"])?;
    }
    let (prices, assets) = (&partner["prices_per_second_max"], &partner["asset_writes_per_second_max"]);
    writeln!(out, "may send {prices} prices and {assets} assets a second")?;
    if partner["feed"].is_object() {
        tell_feed(&partner["feed"], out)?;
    }
    for plan in shown["plans_held"].as_array().into_iter().flatten() {
        writeln!(
            out,
            "plan {} waits: it would delete {} of {} living assets ({} %)",
            plan["id"], plan["count"], plan["living"], plan["share_percent"]
        )?;
    }
    let more = if shown["quarantine_has_more"] == true { " and more" } else { "" };
    writeln!(out, "{}{more} rows in the quarantine", shown["quarantine_rows"])?;
    for act in shown["acts"].as_array().into_iter().flatten() {
        let (at, who) = (to_the_second(text(act, "at")), text(act, "who"));
        let (what, target) = (text(act, "act"), &act["target"]);
        let target = format!("{} {}", text(target, "kind"), text(target, "id"));
        writeln!(out, "{at}  {who}  {what} {}", plain(target.trim()))?;
    }
    Ok(())
}

fn tell_feed(feed: &Value, out: &mut dyn Write) -> io::Result<()> {
    let every = feed["every_seconds"].as_u64().unwrap_or_default();
    let every = crate::config::format_duration(std::time::Duration::from_secs(every));
    writeln!(out, "feed: {} every {every}", text(feed, "url"))?;
    if feed["paused"].is_object() {
        let paused = &feed["paused"];
        let reason = plain(text(paused, "reason"));
        writeln!(out, "  paused since {} {reason}", to_the_second(text(paused, "since")))?;
    }
    for (word, member) in [("last success", "last_success_at"), ("next fetch", "next_fetch_at")] {
        if let Some(at) = feed[member].as_str() {
            writeln!(out, "  {word} {}", to_the_second(at))?;
        }
    }
    let last = &feed["last_run"];
    if last.is_object() {
        let code = last["code"].as_str().map(|code| format!(" ({code})")).unwrap_or_default();
        writeln!(out, "  last run {}: {}{code}", last["run"], text(last, "status"))?;
    }
    Ok(())
}

//! `tidegate feed runs`, `replay` and `diff`: what a daemon's feed has done, and the files that it keeps.

use super::report::{FollowedRun, said};
use crate::cli::admin::Admin;
use crate::cli::terminal::{OutputArgs, plain, text};
use crate::domain::PartnerName;
use clap::Args;
use reqwest::Method;
use serde_json::Value;
use std::io::{self, Write};
use std::process::ExitCode;

/// List the last runs of a partner's feed, the newest first.
#[derive(Debug, Args)]
pub struct Runs {
    /// Whose feed.
    #[arg(value_parser = PartnerName::new)]
    partner: PartnerName,
    /// So many.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    admin: Admin,
}

impl Runs {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let path = format!("/admin/partners/{}/feed/runs?limit={}", self.partner, self.limit);
        let page = self.admin.call(Method::GET, &path, None).await?;
        self.output.write(out, &page, |out| {
            let mut runs = page["items"].as_array().into_iter().flatten();
            runs.try_for_each(|run| writeln!(out, "{}", line(run)))
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

fn line(run: &Value) -> String {
    let (counts, timings) = (&run["counts"], &run["timings"]);
    let phases = ["waiting_ms", "fetching_ms", "reading_ms", "applying_ms", "finishing_ms"];
    let took: u64 = phases.iter().filter_map(|phase| timings[phase].as_u64()).sum();
    let started = run["started_at"].as_str().unwrap_or_default();
    format!(
        "{:>6}  {started}  {:<24}  {} records  +{} ~{} -{} held {}  {} bytes  {}.{:03} s",
        run["run"],
        said(run),
        counts["records"],
        counts["created"],
        counts["updated"],
        counts["deleted"],
        counts["held"],
        run["body_bytes"],
        took / 1_000,
        took % 1_000,
    )
}

/// Read the kept file of a run again, as of its own time: what is newer stands, so it is harmless.
#[derive(Debug, Args)]
pub struct Replay {
    /// Whose feed.
    #[arg(value_parser = PartnerName::new)]
    partner: PartnerName,
    /// The run whose file it is.
    run: u64,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    admin: Admin,
}

impl Replay {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let path = format!("/admin/partners/{}/feed/rebuild?run={}", self.partner, self.run);
        let started = self.admin.call(Method::POST, &path, None).await?;
        let run = started["run"].as_u64().unwrap_or_default();
        if !self.output.json {
            writeln!(out, "run {run} reads the file of run {} again", self.run)?;
        }
        let followed = FollowedRun { admin: &self.admin, partner: &self.partner, run };
        let report = followed.report(None).await?;
        followed.write_end(self.output, out, &report)
    }
}

/// Compare the kept files of two runs: which ids came, went, or say something else, and in which members.
#[derive(Debug, Args)]
pub struct Diff {
    /// Whose feed.
    #[arg(value_parser = PartnerName::new)]
    partner: PartnerName,
    /// The older run.
    from: u64,
    /// The newer run.
    to: u64,
    /// Ids named of each kind.
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u32,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    admin: Admin,
}

impl Diff {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let Diff { partner, from, to, limit, output, admin } = self;
        let path = format!("/admin/partners/{partner}/feed/diff?from={from}&to={to}&limit={limit}");
        let found = admin.call(Method::GET, &path, None).await?;
        output.write(out, &found, |out| tell(&found, out))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn tell(found: &Value, out: &mut dyn Write) -> io::Result<()> {
    let ids = |kind: &str, list: &str| found[kind][list].as_array().cloned().unwrap_or_default();
    for (sign, kind) in [("+", "added"), ("-", "removed")] {
        for id in ids(kind, "ids") {
            writeln!(out, "{sign} {}", plain(id.as_str().unwrap_or_default()))?;
        }
    }
    for item in ids("changed", "items") {
        let members = item["members"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let members: Vec<String> = members.map(plain).collect();
        writeln!(out, "~ {}: {}", plain(text(&item, "id")), members.join(", "))?;
    }
    let count = |kind: &str| &found[kind]["count"];
    let (added, removed, changed) = (count("added"), count("removed"), count("changed"));
    writeln!(out, "{added} added, {removed} removed, {changed} changed, {} the same", found["same"])
}

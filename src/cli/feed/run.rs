//! `tidegate feed run`, `pause` and `resume`: the schedule of a daemon's feed.

use super::report::FollowedRun;
use crate::cli::admin::Admin;
use crate::cli::terminal::OutputArgs;
use crate::domain::PartnerName;
use clap::Args;
use reqwest::Method;
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;

/// Fetch a partner's feed now, also while it is paused. A run that is under way will do.
#[derive(Debug, Args)]
pub struct Run {
    /// Whose feed.
    #[arg(value_parser = PartnerName::new)]
    partner: PartnerName,
    /// Wait for the end, and say meanwhile how far it is. With --json only the run's report is printed, at its end.
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    admin: Admin,
}

impl Run {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let path = format!("/admin/partners/{}/feed/run", self.partner);
        let started = self.admin.call(Method::POST, &path, None).await?;
        let run = started["run"].as_u64().unwrap_or_default();
        if !self.output.json || !self.follow {
            self.output.write(out, &started, |out| writeln!(out, "run {run} is under way"))?;
        }
        if !self.follow {
            return Ok(ExitCode::SUCCESS);
        }
        let followed = FollowedRun { admin: &self.admin, partner: &self.partner, run };
        let report = match self.output.json {
            true => followed.report(None).await?,
            false => followed.report(Some(out)).await?,
        };
        followed.write_end(self.output, out, &report)
    }
}

/// Stop the schedule of a partner's feed; it stays stopped over restarts. A run that is under way
/// comes to its end.
#[derive(Debug, Args)]
pub struct Pause {
    /// Whose feed.
    #[arg(value_parser = PartnerName::new)]
    partner: PartnerName,
    /// Why; the partner reads it in `GET /api/feed`.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    admin: Admin,
}

impl Pause {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let path = format!("/admin/partners/{}/feed/pause", self.partner);
        let feed = self.admin.call(Method::POST, &path, Some(&json!({ "reason": self.reason }))).await?;
        self.output.write(out, &feed, |out| {
            writeln!(out, "the feed of {} is paused until `tidegate feed resume {0}`", self.partner)
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Let the schedule of a paused feed go on.
#[derive(Debug, Args)]
pub struct Resume {
    /// Whose feed.
    #[arg(value_parser = PartnerName::new)]
    partner: PartnerName,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    admin: Admin,
}

impl Resume {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let path = format!("/admin/partners/{}/feed/resume", self.partner);
        let feed = self.admin.call(Method::POST, &path, None).await?;
        let next = feed["next_fetch_at"].as_str().unwrap_or("when the run under way has ended");
        let tell =
            |out: &mut dyn Write| writeln!(out, "the feed of {} goes on: next fetch {next}", self.partner);
        self.output.write(out, &feed, tell)?;
        Ok(ExitCode::SUCCESS)
    }
}

//! `tidegate feed rebuild`: has a daemon read a whole snapshot again, and says what that changed.

use super::report::FollowedRun;
use crate::cli::admin::Admin;
use crate::cli::terminal::OutputArgs;
use crate::domain::PartnerName;
use clap::Args;
use reqwest::Method;
use std::io::Write;
use std::process::ExitCode;

/// Read a whole snapshot again, whatever the server says of its age, and correct every record by
/// the rules. On a healthy catalogue this changes nothing.
#[derive(Debug, Args)]
pub struct Rebuild {
    /// Whose feed.
    #[arg(value_parser = PartnerName::new)]
    partner: PartnerName,
    /// Read the stored file of this run, as of its own time, instead of fetching.
    #[arg(long, value_name = "N")]
    run: Option<u64>,
    /// Do not wait for the end.
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    admin: Admin,
}

impl Rebuild {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let of = self.run.map_or(String::new(), |run| format!("?run={run}"));
        let path = format!("/admin/partners/{}/feed/rebuild{of}", self.partner);
        let started = self.admin.call(Method::POST, &path, None).await?;
        let run = &started["run"];
        if !self.output.json || self.no_wait {
            self.output.write(out, &started, |out| writeln!(out, "run {run} reads the snapshot again"))?;
        }
        if self.no_wait {
            return Ok(ExitCode::SUCCESS);
        }
        let run = run.as_u64().unwrap_or_default();
        let followed = FollowedRun { admin: &self.admin, partner: &self.partner, run };
        let report = followed.report(None).await?;
        followed.write_end(self.output, out, &report)
    }
}

//! `tidegate feed rebuild`: has a daemon read a whole snapshot again, and says what that changed.

use crate::cli::admin::Admin;
use crate::clock::{Mark, sleep};
use crate::domain::PartnerName;
use anyhow::bail;
use clap::Args;
use reqwest::Method;
use serde_json::Value;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Longer than any fetch may take.
const PATIENCE: Duration = Duration::from_secs(2 * 3_600);

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
    admin: Admin,
}

impl Rebuild {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let of = self.run.map_or(String::new(), |run| format!("?run={run}"));
        let path = format!("/admin/partners/{}/feed/rebuild{of}", self.partner);
        let started = self.admin.call(Method::POST, &path, None).await?;
        let run = &started["run"];
        writeln!(out, "run {run} reads the snapshot again")?;
        if self.no_wait {
            return Ok(ExitCode::SUCCESS);
        }
        let report = self.report(&run.to_string()).await?;
        let status = report["status"].as_str().unwrap_or_default();
        let counts = &report["counts"];
        writeln!(
            out,
            "run {run} {}: {} records, {} created, {} updated, {} deleted, {} held",
            said(&report),
            counts["records"],
            counts["created"],
            counts["updated"],
            counts["deleted"],
            counts["held"],
        )?;
        if let Some(detail) = report["detail"].as_str() {
            writeln!(out, "{detail}")?;
        }
        Ok(if status == "applied" { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Waits until the run has a report.
    async fn report(&self, run: &str) -> anyhow::Result<Value> {
        let path = format!("/admin/partners/{}/feed/runs/{run}", self.partner);
        let began = Mark::now();
        loop {
            match self.admin.call(Method::GET, &path, None).await {
                Ok(report) => return Ok(report),
                Err(error) if began.elapsed() > PATIENCE => return Err(error),
                // refused until the run has ended
                Err(error) if error.downcast_ref::<reqwest::Error>().is_none() => {}
                Err(error) => bail!("{error:#}"),
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

/// A run's status, with the number of what was kept aside of it (F3).
fn said(report: &Value) -> String {
    let status = report["status"].as_str().unwrap_or_default();
    match report["quarantined"].as_u64() {
        Some(aside) => format!("{status}, {aside} quarantined"),
        None => status.to_owned(),
    }
}

//! `tidegate partner purge`: what a removed partner has left, taken away by the daemon that runs.

use crate::cli::admin::Admin;
use crate::cli::terminal::{OutputArgs, confirmed};
use crate::domain::PartnerName;
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;

/// Have a running daemon take away for good all that a removed partner has left: its assets, runs, plans and
/// stored files.
///
/// `tidegate partner remove NAME --purge` takes the partner's file away as well.
#[derive(Debug, Args)]
pub struct PurgePartner {
    /// The partner's name.
    #[arg(value_parser = PartnerName::new)]
    name: PartnerName,
    /// Why; it stands on the trail of operators' acts.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    admin: Admin,
}

impl PurgePartner {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let counted = leftovers(&self.admin, &self.name).await?;
        let said = said(&self.name, &counted);
        if !confirmed(self.yes, &format!("{said}. Delete all of it for good?"))? {
            return Ok(self.output.declined(out, "nothing was deleted")?);
        }
        let purged = purge(&self.admin, &self.name, self.reason.as_deref()).await?;
        self.output.write(out, &purged, |out| writeln!(out, "{said}: deleted"))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What the daemon has of a partner.
pub async fn leftovers(admin: &Admin, name: &PartnerName) -> anyhow::Result<Value> {
    let path = format!("/admin/partners/{name}/purge?dry_run=true");
    admin.call(Method::POST, &path, None).await
}

/// Has it taken away.
pub async fn purge(admin: &Admin, name: &PartnerName, reason: Option<&str>) -> anyhow::Result<Value> {
    let path = format!("/admin/partners/{name}/purge");
    admin.call(Method::POST, &path, Some(&json!({ "reason": reason }))).await
}

/// How much that is.
pub fn said(name: &PartnerName, counted: &Value) -> String {
    format!("{name} has {} living assets and {} deleted ones", counted["living"], counted["dead"])
}

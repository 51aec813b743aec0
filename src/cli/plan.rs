//! `tidegate plan`: the deletes of feeds that the guard holds (F4), and the decision on them.

use super::admin::Admin;
use crate::domain::PartnerName;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;

/// Look at the deletes that a feed's guard holds, approve or reject them.
#[derive(Debug, Subcommand)]
pub enum PlanCommand {
    List(List),
    Show(Show),
    /// Approve a plan: each of its ids is decided again by the rules, and deleted.
    Approve(Decide),
    /// Reject a plan: nothing is deleted; the next file that lacks its ids opens a new one.
    Reject(Decide),
}

/// List a partner's plans, the newest first.
#[derive(Debug, Args)]
pub struct List {
    /// Whose plans.
    #[arg(value_parser = PartnerName::new)]
    partner: PartnerName,
    #[command(flatten)]
    admin: Admin,
}

/// Show a plan with all its ids. Those of a closed plan are kept only as long as they are needed.
#[derive(Debug, Args)]
pub struct Show {
    /// Whose plan.
    #[arg(value_parser = PartnerName::new)]
    partner: PartnerName,
    /// The plan's number.
    plan: u64,
    #[command(flatten)]
    admin: Admin,
}

/// Which plan, and why.
#[derive(Debug, Args)]
pub struct Decide {
    /// Whose plan.
    #[arg(value_parser = PartnerName::new)]
    partner: PartnerName,
    /// The plan's number.
    plan: u64,
    /// Why; it is kept with the plan.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    admin: Admin,
}

impl PlanCommand {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        match self {
            PlanCommand::List(list) => list.run(out).await?,
            PlanCommand::Show(show) => show.run(out).await?,
            PlanCommand::Approve(decide) => decide.run("approve", out).await?,
            PlanCommand::Reject(decide) => decide.run("reject", out).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    async fn run(self, out: &mut dyn Write) -> anyhow::Result<()> {
        let path = format!("/admin/partners/{}/plans", self.partner);
        let plans = self.admin.call(Method::GET, &path, None).await?;
        let plans = plans["items"].as_array().cloned().unwrap_or_default();
        if plans.is_empty() {
            writeln!(out, "{} has no plans", self.partner)?;
        }
        plans.iter().try_for_each(|plan| tell(plan, out))?;
        Ok(())
    }
}

impl Show {
    async fn run(self, out: &mut dyn Write) -> anyhow::Result<()> {
        let path = format!("/admin/partners/{}/plans/{}", self.partner, self.plan);
        let mut page = self.admin.call(Method::GET, &path, None).await?;
        tell(&page, out)?;
        loop {
            let ids = page["ids"].as_array().into_iter().flatten().filter_map(Value::as_str);
            for id in ids {
                writeln!(out, "{id}")?;
            }
            let Some(cursor) = page["next_cursor"].as_str() else { return Ok(()) };
            page = self.admin.call(Method::GET, &format!("{path}?cursor={cursor}"), None).await?;
        }
    }
}

impl Decide {
    async fn run(self, verdict: &str, out: &mut dyn Write) -> anyhow::Result<()> {
        let path = format!("/admin/partners/{}/plans/{}/{verdict}", self.partner, self.plan);
        let body = self.reason.map_or_else(|| json!({}), |reason| json!({ "reason": reason }));
        let end = self.admin.call(Method::POST, &path, Some(&body)).await?;
        let state = text(&end, "state");
        writeln!(out, "plan {} {state}: {} deleted, {} kept", self.plan, end["deleted"], end["kept"])?;
        Ok(())
    }
}

fn tell(plan: &Value, out: &mut dyn Write) -> std::io::Result<()> {
    write!(
        out,
        "plan {} {}: run {} would delete {} of {} living assets ({} %; {} allowed), opened {}, expires {}",
        plan["id"],
        text(plan, "state"),
        plan["run"],
        plan["count"],
        plan["living"],
        plan["share_percent"],
        plan["allowed"],
        text(plan, "opened_at"),
        text(plan, "expires_at"),
    )?;
    match text(plan, "reason") {
        "" => writeln!(out),
        reason => writeln!(out, " ({reason})"),
    }
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}

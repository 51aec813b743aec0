//! `tidegate plan`: the deletes of feeds that the guard holds (F4), and the decision on them.

use super::admin::Admin;
use super::terminal::{OutputArgs, PeopleTable, Tone, confirmed, plain, text, to_the_second};
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
    output: OutputArgs,
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
    output: OutputArgs,
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
    /// Why; it is kept with the plan, and on the trail of operators' acts.
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

impl PlanCommand {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        match self {
            PlanCommand::List(list) => list.run(out).await?,
            PlanCommand::Show(show) => show.run(out).await?,
            PlanCommand::Approve(decide) => return decide.run("approve", out).await,
            PlanCommand::Reject(decide) => return decide.run("reject", out).await,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    async fn run(self, out: &mut dyn Write) -> anyhow::Result<()> {
        let path = format!("/admin/partners/{}/plans", self.partner);
        let plans = self.admin.call(Method::GET, &path, None).await?;
        self.output.write(out, &plans, |out| match plans["items"].as_array() {
            Some(items) if !items.is_empty() => table(items).write(out),
            _ => writeln!(out, "{} has no plans", self.partner),
        })?;
        Ok(())
    }
}

fn table(plans: &[Value]) -> PeopleTable {
    let columns = [
        ">plan", "state", ">run", ">deletes", ">living", ">share", ">allowed", "opened", "expires", "decided",
    ];
    let mut table = PeopleTable::of(&columns);
    for plan in plans {
        let cell = |text: String| (text, Tone::Plain);
        let number = |member: &str| cell(plan[member].to_string());
        let time = |member: &str| cell(to_the_second(text(plan, member)));
        let state = text(plan, "state");
        let tone = if state == "held" { Tone::Warning } else { Tone::Plain };
        let decided = [to_the_second(text(plan, "closed_at")), text(plan, "decided_by").to_owned()];
        let decided = [&decided[..], &[text(plan, "reason").to_owned()]].concat().join(" ");
        table.toned_row([
            number("id"),
            (state.to_owned(), tone),
            number("run"),
            number("count"),
            number("living"),
            cell(format!("{} %", plan["share_percent"])),
            number("allowed"),
            time("opened_at"),
            time("expires_at"),
            cell(decided.trim().to_owned()),
        ]);
    }
    table
}

impl Show {
    async fn run(self, out: &mut dyn Write) -> anyhow::Result<()> {
        let path = format!("/admin/partners/{}/plans/{}", self.partner, self.plan);
        let mut page = self.admin.call(Method::GET, &path, None).await?;
        let mut whole = page.clone();
        if !self.output.json {
            tell(&page, out)?;
        }
        let mut all = Vec::new();
        loop {
            let ids = page["ids"].as_array().into_iter().flatten();
            match self.output.json {
                true => all.extend(ids.cloned()),
                false => ids.filter_map(Value::as_str).try_for_each(|id| writeln!(out, "{}", plain(id)))?,
            }
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            page = self.admin.call(Method::GET, &format!("{path}?cursor={cursor}"), None).await?;
        }
        if self.output.json {
            (whole["ids"], whole["next_cursor"]) = (all.into(), Value::Null);
            writeln!(out, "{whole:#}")?;
        }
        Ok(())
    }
}

impl Decide {
    /// Says what the verdict comes to, and asks.
    async fn run(self, verdict: &str, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let path = format!("/admin/partners/{}/plans/{}", self.partner, self.plan);
        let plan = self.admin.call(Method::GET, &path, None).await?;
        // of one that is decided already the daemon says so
        if plan["state"] == "held" && !self.is_meant(verdict, &plan)? {
            return Ok(self.output.declined(out, "nothing was decided")?);
        }
        let body = self.reason.map_or_else(|| json!({}), |reason| json!({ "reason": reason }));
        let end = self.admin.call(Method::POST, &format!("{path}/{verdict}"), Some(&body)).await?;
        let (state, plan) = (text(&end, "state"), self.plan);
        self.output.write(out, &end, |out| {
            writeln!(out, "plan {plan} {state}: {} deleted, {} kept", end["deleted"], end["kept"])
        })?;
        Ok(ExitCode::SUCCESS)
    }

    fn is_meant(&self, verdict: &str, plan: &Value) -> anyhow::Result<bool> {
        let sample: Vec<String> =
            plan["sample"].as_array().into_iter().flatten().filter_map(Value::as_str).map(plain).collect();
        let more = if plan["count"].as_u64() > Some(sample.len() as u64) { ", …" } else { "" };
        let what = format!(
            "{} of {} living assets of {} ({} %; {} allowed): {}{more}",
            plan["count"],
            plan["living"],
            self.partner,
            plan["share_percent"],
            plan["allowed"],
            sample.join(", ")
        );
        let question = match verdict {
            "approve" => format!("Plan {} deletes {what}. Delete them?", self.plan),
            _ => format!("Plan {} would delete {what}. Keep them all?", self.plan),
        };
        confirmed(self.yes, &question)
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

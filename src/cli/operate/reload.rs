//! `tidegate reload`: a running daemon reads its configuration again.

use crate::cli::admin::{Admin, refusal};
use crate::cli::configuration::EXIT_CONFIG;
use crate::cli::terminal::{OutputArgs, text};
use clap::Args;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::process::ExitCode;

/// Have a running daemon read its configuration again: says what has changed, or all that is wrong.
///
/// A faulty configuration changes nothing.
#[derive(Debug, Args)]
pub struct Reload {
    /// Why; it stands on the trail of operators' acts.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    admin: Admin,
}

impl Reload {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let body = json!({ "reason": self.reason }).to_string();
        let (status, report) = self.admin.ask(Method::POST, "/admin/reload", Some(body)).await?;
        match status {
            StatusCode::OK => {
                self.output.write(out, &report, |out| tell(&report, out))?;
                Ok(ExitCode::SUCCESS)
            }
            StatusCode::UNPROCESSABLE_ENTITY => {
                self.output.write(out, &report, |out| tell_faults(&report, out))?;
                Ok(ExitCode::from(EXIT_CONFIG))
            }
            status => Err(refusal(status, &report)),
        }
    }
}

/// What a reload has changed.
pub fn tell(report: &Value, out: &mut dyn Write) -> io::Result<()> {
    if report["outcome"] == "unchanged" {
        return writeln!(out, "nothing has changed");
    }
    for (what, sign) in [("added", "+"), ("changed", "~"), ("removed", "-")] {
        let changed = &report["partners"][what];
        let names = list(&changed["names"]);
        if !names.is_empty() {
            writeln!(out, "{sign} {} partners {what}: {}", changed["count"], names.join(", "))?;
        }
    }
    let settings = list(&report["settings"]);
    if !settings.is_empty() {
        writeln!(out, "taken over: {}", settings.join(", "))?;
    }
    let waits = list(&report["needs_restart"]);
    if !waits.is_empty() {
        writeln!(out, "needs a restart: {}", waits.join(", "))?;
    }
    Ok(())
}

fn tell_faults(report: &Value, out: &mut dyn Write) -> io::Result<()> {
    for fault in report["faults"].as_array().into_iter().flatten() {
        let line = fault["line"].as_u64().map(|line| format!(":{line}")).unwrap_or_default();
        let mut said = [text(fault, "key"), text(fault, "value")].map(str::to_owned).to_vec();
        said.retain(|part| !part.is_empty());
        let hint = fault["hint"].as_str().map(|hint| format!("; {hint}")).unwrap_or_default();
        let what = said.join(" = ");
        writeln!(out, "{}{line}: {what}: {}{hint}", text(fault, "file"), text(fault, "rule"))?;
    }
    writeln!(out, "nothing has been taken over: {}", text(report, "detail"))
}

fn list(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

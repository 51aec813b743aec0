//! `tidegate doctor`: one look at all that a daemon rests on, each line with what to do.

mod daemon;
mod feeds;
mod finding;
mod machine;

use crate::cli::admin::Admin;
use crate::cli::configuration::EXIT_CONFIG;
use crate::config;
use clap::Args;
use finding::{DoctorState, Finding, Findings};
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;

/// Look at all that a daemon rests on: configuration, versions, store, disk, clock, permissions, certificate, backups, feeds.
///
/// Each line is `ok`, `warn` or `fail`, with what to do. While the daemon runs its store is open, so that it is asked how
/// it stands; while it does not, the whole file is verified. Feeds are asked for their head alone, without credentials.
/// Nothing is changed.
///
/// Exit codes: 0 nothing fails; 1 something fails, or with --strict warns; 78 the configuration is at fault.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate doctor
  tidegate doctor --no-feeds --strict && systemctl restart tidegate
  tidegate doctor --json | jq '.checks[] | select(.state != \"ok\")'")]
pub struct DoctorArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Ask no server of a feed.
    #[arg(long)]
    no_feeds: bool,
    /// Let a warning count as a failure.
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    admin: Admin,
}

impl DoctorArgs {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let mut findings = Findings::default();
        let settings = match config::load(self.admin.directory()) {
            Ok(settings) => settings,
            Err(faults) => {
                for fault in &faults.0 {
                    findings.add(
                        "configuration",
                        Finding::fail(fault.to_string(), "mend it; the running daemon keeps the one before"),
                    );
                }
                self.tell(&findings, out)?;
                return Ok(ExitCode::from(EXIT_CONFIG));
            }
        };
        let (partners, directory) = (settings.partners.len(), self.admin.directory().display());
        findings.add("configuration", Finding::ok(format!("{directory} is sound; partners: {partners}")));
        let status = daemon::look(&self.admin, &mut findings).await;
        machine::look(&settings, self.admin.directory(), status.is_some(), &mut findings);
        if !self.no_feeds {
            feeds::look(&settings, &mut findings).await;
        }
        self.tell(&findings, out)?;
        let fails_from = if self.strict { DoctorState::Warn } else { DoctorState::Fail };
        Ok(if findings.worst() >= fails_from { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    fn tell(&self, findings: &Findings, out: &mut dyn Write) -> std::io::Result<()> {
        if self.json {
            let check = |(check, finding): (&str, &Finding)| json!({"check": check, "state": finding.state.word(), "says": finding.says, "to_do": finding.to_do});
            let checks: Vec<_> = findings.all().map(check).collect();
            return writeln!(out, "{}", json!({"worst": findings.worst().word(), "checks": checks}));
        }
        for (check, finding) in findings.all() {
            writeln!(out, "{:<5} {check:<14} {}", finding.state.word(), finding.says)?;
            if let Some(to_do) = &finding.to_do {
                writeln!(out, "{:<20} -> {to_do}", "")?;
            }
        }
        let [ok, warn, fail] =
            [DoctorState::Ok, DoctorState::Warn, DoctorState::Fail].map(|state| findings.count(state));
        writeln!(out, "{ok} ok, {warn} to look at, {fail} to mend")
    }
}

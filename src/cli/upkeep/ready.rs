//! `tidegate ready`: whether a daemon serves, for health checks that have no other program.

use crate::cli::admin::Admin;
use crate::cli::terminal::OutputArgs;
use clap::Args;
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;

/// Ask a daemon whether it serves: no token is needed.
///
/// Exit codes: 0 it is ready; 1 it is not, or does not answer.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate ready
  tidegate ready --json
  tidegate ready --admin http://127.0.0.1:8081 && echo serving")]
pub struct ReadyArgs {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    admin: Admin,
}

impl ReadyArgs {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        match self.admin.text("/readyz").await {
            Ok(text) => {
                let answer = json!({ "ready": true, "why": null });
                self.output.write(out, &answer, |out| out.write_all(text.as_bytes()))?;
                Ok(ExitCode::SUCCESS)
            }
            Err(error) => {
                let answer = json!({ "ready": false, "why": format!("{error:#}") });
                self.output.write(out, &answer, |out| writeln!(out, "not ready: {error:#}"))?;
                Ok(ExitCode::FAILURE)
            }
        }
    }
}

//! The command line: one verb per file, each a clap struct with a `run` that says how it ended.
//!
//! A verb writes its results to the `out` it is given, so that a closed pipe is an error and not a
//! panic, and a test can read them. Logs go to standard error.

mod admin;
mod check;
mod configuration;
mod demo;
mod examples;
mod feed;
mod hook;
mod keys;
mod load;
mod offline;
mod operate;
mod partner;
mod plan;
mod quarantine;
mod read;
mod serve;
mod terminal;
mod upkeep;

use crate::telemetry::logs;
use clap::{Command, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

/// Keeps a catalogue of assets in step with its partners: feeds pulled, prices pushed.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version = env!("TIDEGATE_VERSION"), propagate_version = true)]
pub struct Cli {
    /// How lines of the log are written to standard error; RUST_LOG says which.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    log: LogFormat,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Serve(serve::Serve),
    Demo(demo::Demo),
    Explain(read::explain::Explain),
    Export(read::export::ExportArgs),
    Changes(read::changes::ChangesArgs),
    Check(check::Check),
    Status(operate::status::Status),
    Audit(operate::audit::Audit),
    Backup(upkeep::backup::BackupArgs),
    Restore(upkeep::restore::RestoreArgs),
    Verify(upkeep::verify::VerifyArgs),
    Doctor(upkeep::doctor::DoctorArgs),
    Ready(upkeep::ready::ReadyArgs),
    Reload(operate::reload::Reload),
    #[command(subcommand)]
    Partner(partner::PartnerCommand),
    #[command(subcommand)]
    Key(keys::KeyCommand),
    #[command(subcommand)]
    Secret(keys::SecretCommand),
    #[command(subcommand)]
    Feed(feed::Feed),
    #[command(subcommand)]
    Hook(hook::HookCommand),
    #[command(subcommand)]
    Plan(plan::PlanCommand),
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineCommand),
    /// Measure a running daemon, and a bare server beside it.
    Load(load::LoadArgs),
    Completions(operate::completions::Completions),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object on each line, for collectors.
    Json,
}

/// The whole command line, with examples after each verb's help.
pub fn command() -> Command {
    examples::told(Cli::command())
}

impl Cli {
    /// What the process was called with; ends it where that is no command, or help was asked for.
    pub fn from_arguments() -> Cli {
        Cli::from_arg_matches(&command().get_matches()).unwrap_or_else(|error| error.exit())
    }

    /// Does what was asked. Errors are told on standard error and end with exit code 1.
    pub fn run(self) -> ExitCode {
        let format = match self.log {
            LogFormat::Text => logs::Format::Text,
            LogFormat::Json => logs::Format::Json,
        };
        let ended =
            logs::install(format, self.verb.log_filter()).map_err(anyhow::Error::from).and_then(|()| {
                let mut out = io::stdout();
                let code = self.verb.run(&mut out)?;
                out.flush()?;
                Ok(code)
            });
        let code = ended.unwrap_or_else(|error| {
            logs::say(&format!("tidegate: {error:#}\n"));
            ExitCode::FAILURE
        });
        logs::flush(LAST_WAIT);
        code
    }
}

impl Verb {
    /// What is logged where `RUST_LOG` is silent.
    fn log_filter(&self) -> &'static str {
        match self {
            Verb::Demo(_) | Verb::Load(_) => logs::QUIET_FILTER,
            _ => logs::DEFAULT_FILTER,
        }
    }

    fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        match self {
            Verb::Serve(serve) => block_on(serve.run(out)),
            Verb::Demo(demo) => block_on(demo.run(out)),
            Verb::Explain(explain) => block_on(explain.run(out)),
            Verb::Export(export) => block_on(export.run(out)),
            Verb::Changes(changes) => block_on(changes.run(out)),
            Verb::Load(load) => block_on(load::run(load, out)),
            Verb::Check(check) => check.run(out),
            Verb::Completions(completions) => completions.run(command(), out),
            Verb::Status(status) => block_on(status.run(out)),
            Verb::Audit(audit) => block_on(audit.run(out)),
            Verb::Backup(backup) => block_on(backup.run(out)),
            Verb::Restore(restore) => restore.run(out),
            Verb::Verify(verify) => verify.run(out),
            Verb::Doctor(doctor) => block_on(doctor.run(out)),
            Verb::Ready(ready) => block_on(ready.run(out)),
            Verb::Reload(reload) => block_on(reload.run(out)),
            Verb::Partner(partner) => block_on(partner.run(out)),
            Verb::Feed(feed) => block_on(feed.run(out)),
            Verb::Key(key) => key.run(out),
            Verb::Secret(secret) => secret.run(out),
            Verb::Hook(hook) => hook.run(out),
            Verb::Plan(plan) => block_on(plan.run(out)),
            Verb::Quarantine(quarantine) => block_on(quarantine.run(out)),
        }
    }
}

/// How long the process waits for blocking work that nobody waits for any more: a look-up of a name,
/// the survey of a file.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Threads for what blocks: surveys of feeds, spool files, look-ups of names, and the few reads and
/// large pushes that run at once. Each keeps some megabytes of what it has freed.
const BLOCKING_THREADS_MAX: usize = 64;

/// Runs a verb that talks to the network. Its end is the process's, whatever still runs beside it.
fn block_on(work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .build()?;
    let ended = runtime.block_on(work);
    runtime.shutdown_timeout(LAST_WAIT);
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_verb_does_not_wait_for_what_blocks_a_thread() {
        let (release, blocked) = std::sync::mpsc::channel::<()>();
        let ended = block_on(async move {
            // it ends when the test does
            tokio::task::spawn_blocking(move || blocked.recv());
            Ok(ExitCode::SUCCESS)
        });
        assert_eq!(ended.unwrap(), ExitCode::SUCCESS);
        drop(release);
    }

    /// A server, a script, and two that write lines of JSON whatever is asked.
    const WITHOUT_JSON: [&str; 4] = ["serve", "completions", "export", "changes"];

    #[test]
    fn every_verb_that_prints_a_result_prints_it_as_json_too() {
        let mut rest: Vec<Command> = command().get_subcommands().cloned().collect();
        while let Some(verb) = rest.pop() {
            if verb.has_subcommands() {
                rest.extend(verb.get_subcommands().cloned());
                continue;
            }
            let has_json = verb.get_arguments().any(|argument| argument.get_id() == "json");
            assert_eq!(has_json, !WITHOUT_JSON.contains(&verb.get_name()), "{}", verb.get_name());
        }
    }

    #[test]
    fn the_command_line_is_consistent_and_every_verb_has_help() {
        let mut command = command();
        command.build();
        command.clone().debug_assert();
        let mut rest = vec![command];
        while let Some(command) = rest.pop() {
            assert!(command.get_about().is_some(), "{} has no help", command.get_name());
            for argument in command.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{} {} has no help",
                    command.get_name(),
                    argument.get_id()
                );
            }
            rest.extend(command.get_subcommands().filter(|verb| verb.get_name() != "help").cloned());
        }
    }
}

//! `tidegate completions`: what a shell completes the command line by.

use clap::{Args, Command};
use clap_complete::{Shell, generate};
use std::io::Write;
use std::process::ExitCode;

/// Print what a shell completes this program's command line by.
#[derive(Debug, Args)]
pub struct Completions {
    /// Whose language.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Of the whole command.
    pub fn run(self, mut command: Command, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let mut text = Vec::new();
        generate(self.shell, &mut command, "tidegate", &mut text);
        out.write_all(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

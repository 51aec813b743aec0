//! `tidegate partner`: partners of a configuration, and of a running daemon.

mod add;
mod purge;
mod remove;
mod show;

pub use add::fresh_key;

use super::feed::{Pause, Resume};
use clap::Subcommand;
use std::io::Write;
use std::process::ExitCode;

/// Add and remove partners, see how they are, pause and resume their feeds.
#[derive(Debug, Subcommand)]
pub enum PartnerCommand {
    Add(add::Add),
    List(show::ListPartners),
    Show(show::ShowPartner),
    Pause(Pause),
    Resume(Resume),
    Remove(remove::Remove),
    Purge(purge::PurgePartner),
}

impl PartnerCommand {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        match self {
            PartnerCommand::Add(add) => add.run(out),
            PartnerCommand::List(list) => list.run(out).await,
            PartnerCommand::Show(show) => show.run(out).await,
            PartnerCommand::Pause(pause) => pause.run(out).await,
            PartnerCommand::Resume(resume) => resume.run(out).await,
            PartnerCommand::Remove(remove) => remove.run(out).await,
            PartnerCommand::Purge(purge) => purge.run(out).await,
        }
    }
}

//! `tidegate feed`: write a mapping, try it, run and pause a feed, and have a snapshot read again.

mod document;
mod exit;
mod history;
mod preview;
mod rebuild;
mod report;
mod run;
mod shown;
mod suggest;

pub use run::{Pause, Resume};

use clap::Subcommand;
use std::io::Write;
use std::process::ExitCode;

/// Work on a partner's feed: suggest a mapping, preview a document, run it now, pause it, read a snapshot again.
#[derive(Debug, Subcommand)]
pub enum Feed {
    Suggest(suggest::Suggest),
    Preview(preview::Preview),
    Run(run::Run),
    Pause(run::Pause),
    Resume(run::Resume),
    Runs(history::Runs),
    Replay(history::Replay),
    Diff(history::Diff),
    Rebuild(rebuild::Rebuild),
}

impl Feed {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        match self {
            Feed::Suggest(suggest) => suggest.run(out).await,
            Feed::Preview(preview) => preview.run(out).await,
            Feed::Run(run) => run.run(out).await,
            Feed::Pause(pause) => pause.run(out).await,
            Feed::Resume(resume) => resume.run(out).await,
            Feed::Runs(runs) => runs.run(out).await,
            Feed::Replay(replay) => replay.run(out).await,
            Feed::Diff(diff) => diff.run(out).await,
            Feed::Rebuild(rebuild) => rebuild.run(out).await,
        }
    }
}

//! A run's task, beside the actor: what it takes along, and how it asks the actor.

use super::bodies::{RebuildSource, give_up_oldest_body};
use super::resume::CutRun;
use crate::actors::gates::FeedGates;
use crate::actors::partner::message::PartnerMessage;
use crate::actors::partner::message::run::RunFailure;
use crate::actors::partner::run::board::{FeedBoard, RunProgress};
use crate::clock::Clock;
use crate::config::PartnerSettings;
use crate::domain::{FeedState, Micros, PartnerNo, RunId};
use crate::feed::{Fetcher, Reserve};
use crate::store::Reader;
use ractor::ActorRef;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::oneshot;

/// The code of a run that found too little room on the disk.
const DISK_FULL: &str = "disk_full";

/// All that a run needs, taken from the actor when it starts.
pub struct FeedTask {
    pub run: RunId,
    pub partner: PartnerNo,
    pub settings: Arc<PartnerSettings>,
    pub state: FeedState,
    /// What the records are read by.
    pub mapping_print: u64,
    pub actor: ActorRef<PartnerMessage>,
    pub fetcher: Arc<Fetcher>,
    pub gates: FeedGates,
    pub spool: PathBuf,
    pub board: FeedBoard,
    pub progress: Arc<RunProgress>,
    /// Where the bodies of applied runs are kept.
    pub bodies: PathBuf,
    pub reserve: Reserve,
    /// An operator wants a snapshot read again.
    pub rebuild: Option<RebuildSource>,
    /// What an earlier life of the actor was applying.
    pub cut: Option<CutRun>,
    pub reader: Reader,
    pub overlay_bytes_max: usize,
    pub clock: Clock,
}

/// The actor has gone; its successor starts over.
pub struct Gone;

/// Asks the actor, and waits for its answer.
pub async fn ask<T>(
    actor: &ActorRef<PartnerMessage>,
    message: impl FnOnce(oneshot::Sender<T>) -> PartnerMessage,
) -> Result<T, Gone> {
    let (reply, answer) = oneshot::channel();
    actor.cast(message(reply)).map_err(|_| Gone)?;
    answer.await.map_err(|_| Gone)
}

impl FeedTask {
    pub async fn ask<T>(
        &self,
        message: impl FnOnce(oneshot::Sender<T>) -> PartnerMessage,
    ) -> Result<T, Gone> {
        ask(&self.actor, message).await
    }

    pub async fn fail(&self, failure: RunFailure) -> Result<(), Gone> {
        if failure.code == DISK_FULL && self.rebuild.is_none() {
            // a file for a rebuild that may never come is worth less than a feed and pushes
            let bodies = self.bodies.clone();
            let given_up = tokio::task::spawn_blocking(move || give_up_oldest_body(&bodies)).await;
            if let Ok(Err(error)) = given_up {
                tracing::warn!(partner = %self.settings.name, %error, "cannot remove a kept body of a feed run");
            }
        }
        let run = self.run;
        self.ask(|reply| PartnerMessage::RunFailed { run, failure, reply }).await?;
        Ok(())
    }
}

/// Does what takes time beside the async workers. A panic ends the run, and its report says so.
pub async fn on_blocking_pool<T: Send + 'static>(
    what: &'static str,
    started_at: Micros,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Box<RunFailure>> {
    tokio::task::spawn_blocking(work).await.map_err(|panicked| {
        let detail = format!("{what} failed inside: {panicked}");
        Box::new(RunFailure::plain("reader_failed", detail, started_at))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn b8_a_panic_beside_the_actor_is_the_run_s_failure() {
        let work = || -> () { panic!("asked to panic by a test") };
        let failure = on_blocking_pool("reading records", Micros(7), work).await.unwrap_err();
        assert_eq!((failure.code, failure.started_at), ("reader_failed", Micros(7)));
        assert!(failure.detail.contains("reading records failed inside"), "{}", failure.detail);
        assert_eq!(on_blocking_pool("reading records", Micros(7), || 5).await.ok(), Some(5));
    }
}

//! The storage actor: the only writer. It owns the writer's thread and the queue before it, and
//! tells the daemon when the store has failed.
//!
//! A group is gathered in the queue, not in the mailbox: a write set goes from the partner's actor
//! to the writer's thread in one hop. The mailbox carries what is rare: the end of the thread.

mod handle;
mod message;
mod queue;
mod writer;

pub use handle::{StorageHandle, approximate_bytes};
pub use message::StorageState;
pub use queue::{Ack, PendingSet};

use crate::clock::Clock;
use crate::store::{StoreError, Writer};
use crate::telemetry::Metrics;
use message::StorageMessage;
use queue::Queue;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::watch;
use writer::{Upkeep, WriterEnd, WriterLoop};

pub struct StorageActor;

/// What the storage actor starts with.
pub struct StorageArguments {
    /// The store's only writer.
    pub writer: Writer,
    /// For the age of what is trimmed.
    pub clock: Clock,
    /// Where commits are counted.
    pub metrics: Metrics,
    /// Bytes of changes that one commit takes.
    pub group_bytes_max: usize,
}

pub struct StorageActorState {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
    state: watch::Sender<StorageState>,
}

/// Starts the actor and its thread.
pub async fn start(arguments: StorageArguments) -> Result<StorageHandle, ractor::SpawnErr> {
    let queue = Arc::new(Queue::default());
    let (state, watched) = watch::channel(StorageState::Running);
    let (actor, _) = Actor::spawn(None, StorageActor, (arguments, queue.clone(), state)).await?;
    Ok(StorageHandle::new(actor, queue, watched))
}

impl Actor for StorageActor {
    type Msg = StorageMessage;
    type State = StorageActorState;
    type Arguments = (StorageArguments, Arc<Queue>, watch::Sender<StorageState>);

    async fn pre_start(
        &self,
        myself: ActorRef<StorageMessage>,
        (arguments, queue, state): Self::Arguments,
    ) -> Result<StorageActorState, ActorProcessingErr> {
        let work = WriterLoop {
            writer: arguments.writer,
            queue: queue.clone(),
            clock: arguments.clock,
            metrics: arguments.metrics,
            group_bytes_max: arguments.group_bytes_max,
            upkeep: Upkeep::default(),
        };
        let thread = std::thread::Builder::new().name("tidegate-writer".into()).spawn(move || {
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work.run()));
            let ended = ended.unwrap_or(Err(StoreError::WriterPanicked));
            // an actor that has gone has no use for the news
            let _ = myself.cast(StorageMessage::Ended(ended));
        })?;
        Ok(StorageActorState { queue, thread: Some(thread), state })
    }

    async fn handle(
        &self,
        _myself: ActorRef<StorageMessage>,
        message: StorageMessage,
        state: &mut StorageActorState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            StorageMessage::Close => state.queue.close(),
            StorageMessage::Ended(ended) => state.ended(ended),
        }
        Ok(())
    }
}

impl StorageActorState {
    fn ended(&mut self, ended: WriterEnd) {
        self.queue.fail();
        if let Some(thread) = self.thread.take() {
            // the message was the thread's last act
            let _ = thread.join();
        }
        let state = match ended {
            Ok(()) => StorageState::Closed,
            Err(error) => {
                let error = with_causes(&error);
                tracing::error!(error, "store failed, nothing more is acknowledged");
                StorageState::Failed(error)
            }
        };
        self.state.send_replace(state);
    }
}

/// An error in one line, its causes behind it: the outermost alone says only whose it is.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        // some errors repeat their cause in their own words
        let words = next.to_string();
        if !text.ends_with(&words) {
            text = format!("{text}: {words}");
        }
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn a_store_failure_is_told_with_its_causes() {
        let cause = io::Error::from(io::ErrorKind::StorageFull);
        let error = StoreError::Directory { path: "store".into(), source: cause };
        let text = with_causes(&error);
        assert!(text.starts_with("cannot make or write"), "{text}");
        assert!(text.ends_with(": no storage space"), "{text}");
        assert_eq!(with_causes(&StoreError::Latched), StoreError::Latched.to_string());
    }
}

//! The boundary for scale-out: decided write sets in, "durable" out. Nothing above may assume that
//! the log is in this process.

use super::message::{StorageMessage, StorageState};
use super::queue::{Ack, PendingSet, Queue};
use crate::actors::push::Unavailable;
use crate::domain::{Seq, WriteSet};
use ractor::ActorRef;
use std::sync::Arc;
use tokio::sync::{oneshot, watch};

/// Puts decided changes in the writer's queue. Cheap to clone.
#[derive(Clone)]
pub struct StorageHandle {
    actor: ActorRef<StorageMessage>,
    queue: Arc<Queue>,
    state: watch::Receiver<StorageState>,
}

impl StorageHandle {
    pub(super) fn new(
        actor: ActorRef<StorageMessage>,
        queue: Arc<Queue>,
        state: watch::Receiver<StorageState>,
    ) -> StorageHandle {
        StorageHandle { actor, queue, state }
    }

    /// Puts a decided set in the queue. Where the store takes no more the set is dropped, and with it
    /// the callers' replies: they see "unknown".
    pub fn commit(&self, set: PendingSet) -> Result<(), Unavailable> {
        self.queue.push(set)
    }

    /// Commits a set of the actors' own, and waits until it is durable.
    pub async fn commit_and_wait(&self, set: WriteSet) -> Result<Seq, Unavailable> {
        let (reply, durable) = oneshot::channel();
        let bytes = approximate_bytes(&set);
        self.commit(PendingSet { set, bytes, ack: Some(Ack::Internal(reply)), ticket: None })?;
        durable.await.map_err(|_| Unavailable)
    }

    /// Follows whether the writer runs.
    pub fn state(&self) -> watch::Receiver<StorageState> {
        self.state.clone()
    }

    /// Whether changes are still written.
    pub fn is_running(&self) -> bool {
        *self.state.borrow() == StorageState::Running
    }

    /// About how many bytes of decided changes wait for the writer.
    pub fn queue_bytes(&self) -> usize {
        self.queue.bytes()
    }

    /// Commits what waits, checkpoints and closes; ends when that is done or has failed.
    pub async fn close(&self) -> StorageState {
        // an actor that has ended already has said how
        let _ = self.actor.cast(StorageMessage::Close);
        let mut state = self.state.clone();
        let ended = state.wait_for(|state| *state != StorageState::Running).await;
        ended.map_or(StorageState::Failed("the storage actor has gone".into()), |state| state.clone())
    }
}

/// What a set weighs in a group: its largest parts, counted without encoding them.
pub fn approximate_bytes(set: &WriteSet) -> usize {
    use crate::domain::ChangeKind;
    const PRICE: usize = 80;
    const HEAD: usize = 120;
    let weigh = |change: &ChangeKind| match change {
        ChangeKind::Price(_) => PRICE,
        ChangeKind::Asset(asset) => {
            HEAD + asset.set.iter().map(|m| m.name.len() + m.text.len() + 24).sum::<usize>()
        }
        ChangeKind::Record(record) => record.key.len() + record.value.as_ref().map_or(0, |v| v.len()) + 16,
    };
    set.changes.iter().map(weigh).sum()
}

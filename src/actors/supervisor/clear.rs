//! Clearing a sandbox: its actor stops, all that it has is taken away, another actor begins with nothing.
//!
//! Nobody decides for the partner meanwhile. A purge that is cut off is gone through again before the
//! partner's actor starts the next time.

use super::message::{ConfigureError, SupervisorMessage};
use super::starts::wait_for_end;
use crate::actors::partner::{PartnerMessage, SharedServices};
use crate::actors::purge::Purge;
use crate::actors::tasks::{TaskKind, spawn};
use crate::domain::{PartnerName, PartnerNumber};
use ractor::ActorRef;
use std::io::ErrorKind;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// Takes all away, once the actor has stopped; the supervisor is told how it ended.
pub fn begin(
    shared: SharedServices,
    name: PartnerName,
    number: PartnerNumber,
    actor: Option<ActorRef<PartnerMessage>>,
    supervisor: ActorRef<SupervisorMessage>,
) -> JoinHandle<()> {
    spawn(TaskKind::SandboxClearing, async move {
        let outcome = match stopped(actor).await {
            true => clear(shared, name.clone(), number).await,
            false => Err(ConfigureError::StillRunning),
        };
        // a supervisor that has gone starts nothing
        let _ = supervisor.cast(SupervisorMessage::Cleared { partner: name, outcome });
    })
}

async fn stopped(actor: Option<ActorRef<PartnerMessage>>) -> bool {
    let Some(actor) = actor else { return true };
    actor.stop(Some("its sandbox is cleared".into()));
    wait_for_end(&actor).await
}

/// Takes away all that the partner has.
pub async fn clear(
    shared: SharedServices,
    name: PartnerName,
    number: PartnerNumber,
) -> Result<(), ConfigureError> {
    let runtime = Handle::current();
    let cleared = tokio::task::spawn_blocking(move || {
        let mut purge = Purge::clearing(&shared.reader, &name, number, shared.clock.now());
        while let Some(sets) = purge.next_sets()? {
            for set in sets {
                let committed = runtime.block_on(shared.storage.commit_and_wait(set));
                committed.map_err(|_| ConfigureError::Storage)?;
            }
        }
        match std::fs::remove_dir_all(shared.spool.join(name.as_str())) {
            // they are read by nobody any more, and the next fetch writes over them
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::warn!(partner = %name, %error, "cannot remove the stored files of a sandbox");
            }
            _ => {}
        }
        tracing::info!(partner = %name, "sandbox cleared");
        Ok(())
    });
    cleared.await.unwrap_or(Err(ConfigureError::Storage))
}

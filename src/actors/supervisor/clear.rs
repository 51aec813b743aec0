//! Clearing a sandbox: its actor stops, all that it has is taken away, another actor begins with nothing. And
//! purging a removed partner, which has no actor.
//!
//! Nobody decides for the partner meanwhile. A purge that is cut off is gone through again before the
//! partner's actor starts the next time.

use super::message::{ConfigureError, SupervisorMessage};
use super::starts::wait_for_end;
use crate::actors::numbers::partner_numbers;
use crate::actors::partner::{PartnerMessage, SharedServices, remove_feed_files};
use crate::actors::purge::Purge;
use crate::actors::registry::entry::PartnerEntry;
use crate::actors::tasks::{TaskKind, spawn};
use crate::domain::{PartnerName, PartnerNumber};
use ractor::ActorRef;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// Takes all away, once the actor has stopped; the supervisor is told how it ended.
pub fn begin(
    shared: SharedServices,
    (name, number): (PartnerName, PartnerNumber),
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
        let purge = Purge::clearing(&shared.reader, &name, number, shared.clock.now());
        take_away(&shared, &name, purge, &runtime)?;
        tracing::info!(partner = %name, "sandbox cleared");
        Ok(())
    });
    cleared.await.unwrap_or(Err(ConfigureError::Storage))
}

/// Takes away all that a partner has left that is no longer configured; the supervisor is told how it ended.
/// One that is cut off is of a removed partner still, and can be begun again.
pub fn begin_purge(
    shared: SharedServices,
    entry: Arc<PartnerEntry>,
    supervisor: ActorRef<SupervisorMessage>,
) -> JoinHandle<()> {
    spawn(TaskKind::PartnerPurge, async move {
        let (runtime, name) = (Handle::current(), entry.name.clone());
        let purged = tokio::task::spawn_blocking(move || {
            let number = partner_numbers(&shared.reader)?.remove(&entry.name);
            let number = number.filter(|known| !known.is_purged()).ok_or(ConfigureError::NothingToPurge)?;
            let purge = Purge::new(&shared.reader, &entry.name, number, shared.clock.now());
            take_away(&shared, &entry.name, purge, &runtime)?;
            tracing::info!(partner = %entry.name, "partner purged");
            Ok(())
        });
        let outcome = purged.await.unwrap_or(Err(ConfigureError::Storage));
        // a supervisor that has gone starts nothing
        let _ = supervisor.cast(SupervisorMessage::Cleared { partner: name, outcome });
    })
}

/// Set by set, each once the one before is durable; and the stored files of its feed.
fn take_away(
    shared: &SharedServices,
    name: &PartnerName,
    mut purge: Purge<'_>,
    runtime: &Handle,
) -> Result<(), ConfigureError> {
    while let Some(sets) = purge.next_sets()? {
        for set in sets {
            let committed = runtime.block_on(shared.storage.commit_and_wait(set));
            committed.map_err(|_| ConfigureError::Storage)?;
        }
    }
    if let Err(error) = remove_feed_files(&shared.spool, name.as_str()) {
        // nobody reads them any more
        tracing::warn!(partner = %name, %error, "cannot remove the stored files of a partner");
    }
    Ok(())
}

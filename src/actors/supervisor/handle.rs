//! The supervisor as the daemon and the edge hold it.

use super::message::{ConfigureError, SupervisorMessage};
use crate::config::PartnerSettings;
use crate::domain::PartnerName;
use ractor::ActorRef;
use tokio::sync::oneshot;

/// The supervisor as the daemon holds it.
#[derive(Clone)]
pub struct SupervisorHandle(ActorRef<SupervisorMessage>);

impl SupervisorHandle {
    pub(super) fn new(actor: ActorRef<SupervisorMessage>) -> SupervisorHandle {
        SupervisorHandle(actor)
    }

    /// Makes the partners those of a configuration, and returns once all of them have started or been
    /// retired. Errors where a number cannot be stored or read.
    pub async fn configure(&self, partners: Vec<PartnerSettings>) -> Result<(), ConfigureError> {
        let (reply, answer) = oneshot::channel();
        self.0.cast(SupervisorMessage::Configure { partners, reply }).map_err(|_| ConfigureError::Storage)?;
        answer.await.unwrap_or(Err(ConfigureError::Storage))
    }

    /// Takes away all that a sandbox has, and returns once it takes writes again. Errs where it is being
    /// started or cleared already, or cannot be.
    pub async fn clear_sandbox(&self, partner: &PartnerName) -> Result<(), ConfigureError> {
        let (reply, answer) = oneshot::channel();
        let message = SupervisorMessage::ClearSandbox { partner: partner.clone(), reply };
        self.0.cast(message).map_err(|_| ConfigureError::Storage)?;
        answer.await.unwrap_or(Err(ConfigureError::Storage))
    }

    /// Takes away all that a removed partner has left, and returns once nothing is. Errs where the partner is
    /// configured, or nothing is left of it, or its actor is still being stopped.
    pub async fn purge(&self, partner: &PartnerName) -> Result<(), ConfigureError> {
        let (reply, answer) = oneshot::channel();
        let message = SupervisorMessage::Purge { partner: partner.clone(), reply };
        self.0.cast(message).map_err(|_| ConfigureError::Storage)?;
        answer.await.unwrap_or(Err(ConfigureError::Storage))
    }

    /// Ends when every partner has handled what it had taken in, and the supervisor is gone.
    pub async fn drain(&self) {
        let (reply, drained) = oneshot::channel();
        if self.0.cast(SupervisorMessage::Drain { reply }).is_ok() {
            // a supervisor that has gone has no partners left
            let _ = drained.await;
        }
        // what it holds of the store must be gone before the file can be opened again
        let _ = self.0.stop_and_wait(None, None).await;
    }
}

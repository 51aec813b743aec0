//! What the supervisor is told.

use crate::config::PartnerSettings;
use crate::domain::PartnerName;
use crate::store::ReadError;
use tokio::sync::oneshot;

#[derive(Debug)]
pub enum SupervisorMessage {
    /// Makes the running partners those of the configuration.
    Configure { partners: Vec<PartnerSettings>, reply: oneshot::Sender<Result<(), ConfigureError>> },
    /// The wait of one that is down is over.
    StartAgain { partner: PartnerName },
    /// A start has come to its end, well or not.
    StartEnded { partner: PartnerName },
    /// The actor of one that is no longer configured has stopped, or does not in good time.
    Retired { partner: PartnerName },
    /// Stops every partner once it has handled what is in its mailbox.
    Drain { reply: oneshot::Sender<()> },
}

/// The configuration could not be taken up.
#[derive(Debug, thiserror::Error)]
pub enum ConfigureError {
    /// The partners' numbers cannot be read.
    #[error("the partners' numbers cannot be read: {0}")]
    Read(#[from] ReadError),
    /// Nothing is written any more.
    #[error("the store takes no writes")]
    Storage,
}

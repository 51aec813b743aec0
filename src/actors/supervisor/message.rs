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
    /// Takes away all that a sandbox has; answered when it takes writes again.
    ClearSandbox { partner: PartnerName, reply: oneshot::Sender<Result<(), ConfigureError>> },
    /// A sandbox has been cleared, or could not be.
    Cleared { partner: PartnerName, outcome: Result<(), ConfigureError> },
    /// Takes away all that a removed partner has left; answered when nothing is left.
    Purge { partner: PartnerName, reply: oneshot::Sender<Result<(), ConfigureError>> },
    /// Stops every partner once it has handled what is in its mailbox.
    Drain { reply: oneshot::Sender<()> },
}

/// The configuration could not be taken up.
#[derive(Debug, thiserror::Error)]
pub enum ConfigureError {
    /// The partners' numbers cannot be read.
    #[error("the partners' numbers cannot be read: {0}")]
    Read(#[from] ReadError),
    /// A sandbox has become none, or the other way round: those who follow the changes would have half of it.
    #[error(
        "partner {0} was {1}a sandbox when it first started, and stays so: give the other one a name of its own"
    )]
    OtherKind(PartnerName, &'static str),
    /// What it has left is being taken away.
    #[error("partner {0} is being purged: try again when that is over")]
    BeingPurged(PartnerName),
    /// It is configured, or nothing is left of it.
    #[error("only a partner that is no longer configured can be purged")]
    NothingToPurge,
    /// An actor that was told to stop has not, or another is being started.
    #[error("the partner's actor is still being stopped or started")]
    StillRunning,
    /// Nothing is written any more.
    #[error("the store takes no writes")]
    Storage,
}

impl ConfigureError {
    /// Of a partner that was a sandbox, or was none, and is to be the other.
    pub fn of_other_kind(name: &PartnerName, was_sandbox: bool) -> ConfigureError {
        ConfigureError::OtherKind(name.clone(), if was_sandbox { "" } else { "not " })
    }
}

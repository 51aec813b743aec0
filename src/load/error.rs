//! What can go wrong with a load run.

use std::io;

/// What to do about refusals by rate.
pub const RATE_HINT: &str = "the partner's rate limit refuses (429): raise prices_per_second, \
                         asset_writes_per_second and reads_per_second in its file, and their bytes where it sets them";

/// Why a load run ends without a report.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The plan contradicts itself.
    #[error("{0}")]
    Plan(&'static str),
    /// Nobody listens at the address.
    #[error("cannot connect to the server")]
    Connect(#[source] io::Error),
    /// A thread or a socket of our own cannot be had.
    #[error("cannot start the client or the sink")]
    Start(#[source] io::Error),
    /// A bug of the client.
    #[error("a part of the client has died")]
    Lost(#[source] tokio::task::JoinError),
    /// The connection failed in the middle.
    #[error("a call to the server failed")]
    Call(#[source] reqwest::Error),
    /// A call that must succeed did not.
    #[error("{path} was refused with {status}: {body}")]
    Refused {
        /// The call.
        path: String,
        /// The answer's status.
        status: u16,
        /// The answer's body.
        body: String,
    },
    /// An answer has another shape than the API's.
    #[error("the reply of {0} is not understood")]
    Reply(&'static str),
    /// An asset was refused, by this outcome.
    #[error("an asset was not taken: its outcome is {0}")]
    AssetNotTaken(String),
}

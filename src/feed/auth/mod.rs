//! How a feed's server is told who asks: secrets, tokens, certificates.
//!
//! Secrets are read again for each fetch, so that one can be changed without a restart, and are
//! held no longer than the fetch. They are in no error and in no `Debug`.

mod presented;
mod tls;
mod token;
mod tokens;

pub use presented::Presented;
pub use tls::TlsFiles;
pub use token::{Token, refusal};
pub use tokens::{TokenAsk, Tokens};

use super::FetchError;
use crate::config::{Credentials, FeedSettings};
use std::sync::Arc;

/// What a fetch may show to its feed's own origin.
pub struct Secrets {
    way: Way,
    /// Certificates for the handshake.
    pub tls: TlsFiles,
}

enum Way {
    Presented(Presented),
    /// A token is to be asked for first.
    Asking(Arc<TokenAsk>),
}

impl Secrets {
    /// Reads what a feed names, beside the async workers: its files may be on a slow disk.
    pub async fn of(feed: &FeedSettings) -> Result<Secrets, FetchError> {
        let (credentials, fetching) = (feed.credentials.clone(), &feed.fetching);
        let (certificate, roots) = (fetching.certificate.clone(), fetching.trusted_roots.clone());
        if credentials.is_none() && certificate.is_none() && roots.is_none() {
            return Ok(Secrets { way: Way::Presented(Presented::Nothing), tls: TlsFiles::default() });
        }
        let read = tokio::task::spawn_blocking(move || {
            let tls = TlsFiles::read(certificate.as_ref(), roots.as_deref())?;
            let way = match credentials {
                Some(Credentials::ClientCredentials(client)) => {
                    Way::Asking(Arc::new(TokenAsk::read(*client)?))
                }
                credentials => Way::Presented(Presented::read(credentials.as_ref())?),
            };
            Ok(Secrets { way, tls })
        });
        read.await.unwrap_or_else(|_| Err(FetchError::new("credentials_missing", "the daemon is stopping")))
    }

    /// Whether anything is added to a request.
    pub fn are_some(&self) -> bool {
        !matches!(self.way, Way::Presented(Presented::Nothing))
    }

    /// What a token has to be asked for with; `None` where none has.
    pub fn ask(&self) -> Option<&Arc<TokenAsk>> {
        match &self.way {
            Way::Asking(ask) => Some(ask),
            Way::Presented(_) => None,
        }
    }

    /// What is added without asking for a token.
    pub fn presented(&self) -> &Presented {
        match &self.way {
            Way::Presented(presented) => presented,
            Way::Asking(_) => &Presented::Nothing,
        }
    }
}

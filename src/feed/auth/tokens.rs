//! Tokens that were given for client credentials, kept until they expire.

use super::token::Token;
use crate::clock::Mark;
use crate::config::{ClientCredentials, ClientProof};
use crate::feed::FetchError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::RequestBuilder;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A token this near to its end may expire on the way.
const MARGIN: Duration = Duration::from_secs(10);
/// More feeds than a daemon has; beyond it tokens are asked for again.
const HELD_MAX: usize = 10_000;

const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Whom a token is asked of, and with what.
pub struct TokenAsk {
    pub client: ClientCredentials,
    secret: SecretString,
    key: Key,
}

/// A token belongs to who asked for it, with which secret.
type Key = [u8; 32];

impl TokenAsk {
    /// Reads the secret; blocks on its file.
    pub fn read(client: ClientCredentials) -> Result<TokenAsk, FetchError> {
        let secret = client.client_secret.read();
        let secret = secret.map_err(|error| FetchError::new("credentials_missing", error.to_string()))?;
        let mut hash = Sha256::new();
        let (scope, audience) = (client.scope.as_deref(), client.audience.as_deref());
        let parts = [&client.token_url, client.client_id.as_str(), secret.expose_secret()];
        for part in parts.into_iter().chain([scope.unwrap_or_default(), audience.unwrap_or_default()]) {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        Ok(TokenAsk { client, secret, key: hash.finalize().into() })
    }

    /// Adds the form, and who asks. RFC 6749 §2.3.1: both are encoded as in a form before they go into
    /// a header.
    pub fn apply(&self, request: RequestBuilder) -> RequestBuilder {
        let (id, secret) = (self.client.client_id.as_str(), self.secret.expose_secret());
        let mut fields = vec![("grant_type", "client_credentials")];
        fields.extend(self.client.scope.as_deref().map(|scope| ("scope", scope)));
        fields.extend(self.client.audience.as_deref().map(|audience| ("audience", audience)));
        let request = match self.client.proof {
            ClientProof::Basic => request.basic_auth(encoded(id), Some(encoded(secret))),
            ClientProof::Body => {
                fields.extend([("client_id", id), ("client_secret", secret)]);
                request
            }
        };
        let pairs: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let form = pairs.join("&");
        request.header("content-type", "application/x-www-form-urlencoded").body(form)
    }
}

/// As a form writes a text, or any server reads it.
fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

struct Held {
    token: SecretString,
    since: Mark,
    life: Duration,
}

impl Held {
    fn is_good(&self) -> bool {
        self.since.elapsed() + MARGIN.min(self.life / 2) < self.life
    }
}

/// The tokens of all feeds.
#[derive(Default)]
pub struct Tokens {
    held: Mutex<HashMap<Key, Held>>,
}

impl Tokens {
    /// The token that was given before, while it holds.
    pub fn get(&self, ask: &TokenAsk) -> Option<SecretString> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(&ask.key).filter(|held| held.is_good()).map(|held| held.token.clone())
    }

    /// Keeps a token for those who ask alike.
    pub fn put(&self, ask: &TokenAsk, token: &Token) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= HELD_MAX {
            held.retain(|_, held| held.is_good());
            if held.len() >= HELD_MAX {
                held.clear();
            }
        }
        held.insert(ask.key, Held { token: token.text.clone(), since: Mark::now(), life: token.life });
    }
}

//! Keys with the time in which they hold.

use super::key::KeyHash;
use crate::codec::signature::WebhookKey;
use crate::domain::Micros;
use std::sync::Arc;

/// When a key holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Validity {
    /// From this moment on; `None`: from ever.
    pub from: Option<Micros>,
    /// Before this moment; `None`: for ever.
    pub until: Option<Micros>,
}

/// A bearer key or a reader's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BearerKey {
    /// All that is kept of it.
    pub hash: KeyHash,
    /// When it holds.
    pub validity: Validity,
}

/// What a partner's calls are proven by where they carry no bearer key.
#[derive(Clone, Debug, PartialEq)]
pub struct SigningKey {
    /// What checks its signatures.
    pub key: Arc<WebhookKey>,
    /// When it holds.
    pub validity: Validity,
}

impl Validity {
    /// Whether it holds for ever: then nobody needs to look at the clock.
    pub fn is_always(&self) -> bool {
        *self == Validity::default()
    }

    /// Whether it holds at this moment.
    pub fn holds(&self, at: Micros) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }
}

impl From<KeyHash> for BearerKey {
    fn from(hash: KeyHash) -> BearerKey {
        BearerKey { hash, validity: Validity::default() }
    }
}

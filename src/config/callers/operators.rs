//! Who may ask the admin listener, each by a token of his own, under the name that the trail of operators' acts
//! has for him.

use super::key::KeyHash;
use super::validity::BearerKey;
use crate::domain::Micros;

/// Who asks with `server.admin_token`, which all may have.
pub const SHARED_TOKEN: &str = "admin";
/// Who asks where no token is configured: somebody on this machine.
pub const NOBODY_NAMED: &str = "local";

/// One operator.
#[derive(Clone, Debug, PartialEq)]
pub struct OperatorSettings {
    /// The name on the trail.
    pub name: String,
    /// Hashes of the tokens that may be presented; two while one is rotated.
    pub keys: Vec<BearerKey>,
}

impl OperatorSettings {
    /// An operator who asks with `token`, at any time.
    pub fn named(name: &str, token: &str) -> OperatorSettings {
        OperatorSettings { name: name.to_owned(), keys: vec![KeyHash::of(token).into()] }
    }

    /// Whether the token of this hash lets in now. Compared in constant time.
    pub fn holds(&self, token: &KeyHash, now: Micros) -> bool {
        self.keys.iter().any(|key| token.matches(&key.hash) && key.validity.holds(now))
    }
}

/// Whether the trail has the word for something else than an operator.
pub fn is_reserved(name: &str) -> bool {
    matches!(name, SHARED_TOKEN | NOBODY_NAMED | "SIGHUP" | "watch" | "configuration")
}

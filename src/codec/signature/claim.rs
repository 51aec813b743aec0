//! A signature that a call claims, and whether a secret gives it.

use super::key::secret_bytes;
use crate::domain::Micros;
use crate::domain::hook::HmacHash;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;

/// How old a signature may be: the libraries of its senders allow as much.
const AGE_MAX: i64 = 5 * 60;
/// How far the sender's clock may be ahead.
const AHEAD_MAX: i64 = 60;
/// Signatures in one header: senders that rotate a secret give two. More are refused.
pub(super) const SIGNATURES_MAX: usize = 16;

/// Why a call is not taken for its sender's. All are answered alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    /// A header that the scheme needs is missing, or stands in several lines.
    #[error("a header of the signature is missing")]
    Missing,
    /// A header is not what the scheme writes there.
    #[error("a header of the signature is malformed")]
    Malformed,
    /// It was signed too long ago, or in the future.
    #[error("the signature's time is too far from ours")]
    Stale,
    /// No secret gives this signature.
    #[error("the signature does not fit the body")]
    Wrong,
    /// The secret is none that the scheme could sign with.
    #[error("the secret cannot be used for this scheme")]
    Secret,
}

/// A call's signature, its headers parsed: its body is not needed so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// Signed before the body.
    pub(super) lead: Vec<u8>,
    pub(super) hash: HmacHash,
    /// Any one of them suffices.
    pub(super) signatures: Vec<Vec<u8>>,
    /// Secrets are base64.
    pub(super) encoded_secret: bool,
}

impl Claimed {
    /// Whether one of the secrets gives one of the signatures for these bytes.
    pub fn verify<'s>(
        &self,
        secrets: impl IntoIterator<Item = &'s str>,
        body: &[u8],
    ) -> Result<(), NotSigned> {
        let mut why = NotSigned::Secret;
        for secret in secrets {
            let key = match self.encoded_secret {
                true => secret_bytes(secret),
                false => Some(secret.as_bytes().to_vec()).filter(|key| !key.is_empty()),
            };
            let Some(key) = key else { continue };
            why = NotSigned::Wrong;
            if self.signatures.iter().any(|signature| self.is_signature(&key, body, signature)) {
                return Ok(());
            }
        }
        Err(why)
    }

    fn is_signature(&self, key: &[u8], body: &[u8], signature: &[u8]) -> bool {
        match self.hash {
            HmacHash::Sha1 => hmac_fits::<Hmac<Sha1>>(key, [&self.lead, body], signature),
            HmacHash::Sha256 => hmac_fits::<Hmac<Sha256>>(key, [&self.lead, body], signature),
        }
    }
}

fn hmac_fits<M: Mac + KeyInit>(key: &[u8], signed: [&[u8]; 2], signature: &[u8]) -> bool {
    let Ok(mac) = <M as KeyInit>::new_from_slice(key) else { return false };
    signed.into_iter().fold(mac, |mac, part| mac.chain_update(part)).verify_slice(signature).is_ok()
}

/// Seconds since 1970 as senders write them: digits alone, no sign, no leading zero. Errs also where
/// they are too far from `now`.
pub(super) fn moment(text: &str, now: Micros) -> Result<(), NotSigned> {
    let plain = (1..=10).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if !plain || text.starts_with('0') {
        return Err(NotSigned::Malformed);
    }
    let at: i64 = text.parse().map_err(|_| NotSigned::Malformed)?;
    let age = now.0.div_euclid(Micros::SECOND) - at;
    if (-AHEAD_MAX..=AGE_MAX).contains(&age) { Ok(()) } else { Err(NotSigned::Stale) }
}

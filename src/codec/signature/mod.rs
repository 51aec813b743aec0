//! Signatures of calls: whether a body is its sender's own, whole, and of this hour.
//!
//! What is signed are the bytes as they came, before anything of them is read. The headers are parsed
//! strictly, and every comparison takes as long for a wrong value as for the right one. Of several
//! secrets one must fit: there are two while one is rotated.

mod claim;
mod encoding;
mod key;
mod plain;
mod timestamped;
mod webhook;

pub use claim::{Claimed, NotSigned};
pub use key::{WebhookKey, secret_text};
pub use plain::{basic, bearer, fits};
pub use webhook::{LIVE_KEYS_MAX, WebhookClaim, is_webhook_id};

use crate::domain::Micros;
use crate::domain::hook::{HookHeaders, SignatureScheme, SignatureText};
use base64::Engine;
use encoding::BASE64;

/// Reads the signature of a call; `now` is when it came.
pub fn claimed(scheme: &SignatureScheme, headers: &HookHeaders, now: Micros) -> Result<Claimed, NotSigned> {
    match scheme {
        SignatureScheme::StandardWebhooks => webhook::claimed(headers, now),
        SignatureScheme::Timestamped { header } => {
            timestamped::claimed(headers.one(header).ok_or(NotSigned::Missing)?, now)
        }
        SignatureScheme::Hmac { hash, header, text, prefix } => {
            let value = headers.one(header).ok_or(NotSigned::Missing)?;
            let value = value.strip_prefix(prefix.as_str()).ok_or(NotSigned::Malformed)?;
            let signature = bytes(value, *text).ok_or(NotSigned::Malformed)?;
            Ok(Claimed { lead: Vec::new(), hash: *hash, signatures: vec![signature], encoded_secret: false })
        }
    }
}

/// Whether the secret can be one of the scheme's: to be asked before calls come.
pub fn is_usable(scheme: &SignatureScheme, secret: &str) -> bool {
    match scheme {
        SignatureScheme::StandardWebhooks => key::secret_bytes(secret).is_some(),
        _ => !secret.is_empty(),
    }
}

fn bytes(text: &str, form: SignatureText) -> Option<Vec<u8>> {
    let bytes = match form {
        SignatureText::Hex => hex::decode(text).ok(),
        SignatureText::Base64 => BASE64.decode(text).ok(),
    };
    bytes.filter(|bytes| !bytes.is_empty())
}

#[cfg(test)]
mod tests;

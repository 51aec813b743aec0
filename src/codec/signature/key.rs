//! What a sender of Standard Webhooks signs with, as its calls are checked by it: read once, used for
//! each call.

use super::encoding::BASE64;
use aws_lc_rs::signature::{ED25519, ParsedPublicKey};
use base64::Engine;
use hmac::{Hmac, KeyInit};
use sha2::{Digest, Sha256};
use std::fmt;

/// Bytes of a secret: the specification says 24 to 64, and some senders make longer ones.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=128;
const PUBLIC_KEY_BYTES: usize = 32;
/// Bytes of the hash that a key is shown by.
const ID_BYTES: usize = 6;

/// Public keys that anybody can sign for: the points of small order, by their y, with the sign left out.
/// A verifier that only follows RFC 8032 takes them.
const OF_SMALL_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/// What one sender's signatures are checked by: a secret that both know (`v1`, HMAC-SHA256, its key
/// schedule computed), or the public half of the sender's own key (`v1a`, ed25519, its point decoded).
///
/// Two are equal where they check the same signatures. It is never shown but by its id.
#[derive(Clone)]
pub struct WebhookKey {
    hash: [u8; 32],
    kind: KeyKind,
}

#[derive(Clone)]
pub(super) enum KeyKind {
    Shared(Hmac<Sha256>),
    Public(ParsedPublicKey),
}

impl WebhookKey {
    /// Reads `whsec_` and base64, or the base64 alone; `None` where it cannot be such a secret.
    pub fn shared(text: &str) -> Option<WebhookKey> {
        let secret = secret_bytes(text)?;
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&secret).ok()?;
        Some(WebhookKey { hash: hash("v1", &secret), kind: KeyKind::Shared(mac) })
    }

    /// Reads `whpk_` and base64; `None` where that is no point of the curve, or one that anybody can sign
    /// for.
    pub fn public(text: &str) -> Option<WebhookKey> {
        let bytes = BASE64.decode(text.strip_prefix("whpk_")?).ok()?;
        if bytes.len() != PUBLIC_KEY_BYTES || is_of_small_order(&bytes) {
            return None;
        }
        let key = ParsedPublicKey::new(&ED25519, &bytes).ok()?;
        Some(WebhookKey { hash: hash("v1a", &bytes), kind: KeyKind::Public(key) })
    }

    /// The version of the signatures that it checks.
    pub fn version(&self) -> &'static str {
        match self.kind {
            KeyKind::Shared(_) => "v1",
            KeyKind::Public(_) => "v1a",
        }
    }

    /// What it is called where people read: the beginning of a hash, which gives nothing of it away.
    pub fn id(&self) -> String {
        hex::encode(&self.hash[..ID_BYTES])
    }

    /// The whole of that hash.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    pub(super) fn kind(&self) -> &KeyKind {
        &self.kind
    }
}

impl PartialEq for WebhookKey {
    fn eq(&self, other: &WebhookKey) -> bool {
        self.hash == other.hash
    }
}

impl fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookKey({} {})", self.version(), self.id())
    }
}

/// The bytes of a secret: base64, with `whsec_` before it or without.
pub(super) fn secret_bytes(text: &str) -> Option<Vec<u8>> {
    let text = text.strip_prefix("whsec_").unwrap_or(text);
    BASE64.decode(text).ok().filter(|secret| SECRET_BYTES.contains(&secret.len()))
}

/// A secret as its senders' libraries take it.
pub fn secret_text(secret: &[u8]) -> String {
    format!("whsec_{}", BASE64.encode(secret))
}

fn is_of_small_order(bytes: &[u8]) -> bool {
    let mut y = bytes.to_vec();
    if let Some(last) = y.last_mut() {
        *last &= 0x7f;
    }
    OF_SMALL_ORDER.contains(&hex::encode(y).as_str())
}

fn hash(version: &str, bytes: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(version).chain_update([0]).chain_update(bytes).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(hex_text: &str) -> Option<WebhookKey> {
        WebhookKey::public(&format!("whpk_{}", BASE64.encode(hex::decode(hex_text).unwrap())))
    }

    /// Why the list is there: with such a key one and the same signature fits about each eighth message.
    #[test]
    fn a_key_that_anybody_can_sign_for_is_refused_though_the_library_takes_its_signatures() {
        let identity = [&[1][..], &[0; 63]].concat();
        let mut taken = 0;
        for text in OF_SMALL_ORDER {
            let bytes = hex::decode(text).unwrap();
            if let Ok(key) = ParsedPublicKey::new(&ED25519, &bytes) {
                taken += usize::from((0..64u8).any(|message| key.verify_sig(&[message], &identity).is_ok()));
            }
            assert!(public(text).is_none(), "{text}");
            let other_sign = format!("{}{:02x}", &text[..62], bytes[31] | 0x80);
            assert!(public(&other_sign).is_none(), "{other_sign}");
        }
        assert!(taken >= 4, "the list holds no others: {taken}");
    }

    #[test]
    fn a_key_is_read_in_its_own_spelling_and_shown_by_a_hash_alone() {
        let text = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let key = public(text).unwrap();
        assert_eq!((key.version(), key.id().len()), ("v1a", 12));
        let shared = WebhookKey::shared("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap();
        assert_eq!(shared, WebhookKey::shared("C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap());
        assert!(shared != key && !format!("{shared:?} {key:?}").contains("C2FV"));
        assert_eq!(secret_text(&secret_bytes("C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap()).len(), 6 + 32);
        assert!(public(&text[..62]).is_none());
        for bad in ["", "whpk_", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "whpk_?", text] {
            assert!(WebhookKey::public(bad).is_none(), "{bad}");
        }
    }
}

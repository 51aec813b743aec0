//! Standard Webhooks 1.0.0: `v1` and `v1a` over `id.timestamp.body`. Other versions are passed over.

use super::claim::{Claimed, NotSigned, SIGNATURES_MAX, moment};
use super::encoding::BASE64;
use super::key::{KeyKind, WebhookKey};
use crate::domain::Micros;
use crate::domain::hook::{HmacHash, HookHeaders};
use aws_lc_rs::signature::ParsedPublicKey;
use base64::Engine;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::hint::black_box;
use std::sync::LazyLock;
use subtle::ConstantTimeEq;

const ID_BYTES_MAX: usize = 255;
/// Keys of one sender that are live at once: one that is taken away, and one that takes its place.
pub const LIVE_KEYS_MAX: usize = 2;

/// What a call says of itself, its three headers parsed: its body is not needed so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookClaim {
    /// Signed before the body.
    lead: Vec<u8>,
    /// Any one of them suffices.
    shared: Vec<Vec<u8>>,
    public: Vec<Vec<u8>>,
}

impl WebhookClaim {
    /// Parses the three headers; `now` is when the call came. Errs where no key could prove it.
    pub fn read(id: &str, at: &str, list: &str, now: Micros) -> Result<WebhookClaim, NotSigned> {
        if !is_webhook_id(id) {
            return Err(NotSigned::Malformed);
        }
        moment(at, now)?;
        let (mut shared, mut public) = (Vec::new(), Vec::new());
        for (place, entry) in list.split(' ').filter(|entry| !entry.is_empty()).enumerate() {
            if place == SIGNATURES_MAX {
                return Err(NotSigned::Malformed);
            }
            let Some((version, text)) = entry.split_once(',') else { continue };
            let into = match version {
                "v1" => &mut shared,
                "v1a" => &mut public,
                _ => continue,
            };
            // to look at the same one twice is work for nothing
            into.extend(BASE64.decode(text).ok().filter(|signature| !into.contains(signature)));
        }
        if shared.is_empty() && public.is_empty() {
            return Err(NotSigned::Malformed);
        }
        Ok(WebhookClaim { lead: format!("{id}.{at}.").into_bytes(), shared, public })
    }

    /// Whether one of the keys gives one of the signatures for these bytes.
    ///
    /// What fits none of them takes as long for a sender with one key as for one with none, or one that
    /// there is not: so many keys are tried always.
    pub fn verify<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k WebhookKey>,
        body: &[u8],
    ) -> Result<(), NotSigned> {
        let signed = if self.public.is_empty() { Vec::new() } else { [&self.lead, body].concat() };
        let (mut shared, mut public) = (0, 0);
        for key in keys {
            let fits = match key.kind() {
                KeyKind::Shared(mac) => {
                    shared += 1;
                    self.is_shared(mac, body)
                }
                KeyKind::Public(key) => {
                    public += 1;
                    self.is_public(key, &signed)
                }
            };
            if fits {
                return Ok(());
            }
        }
        let nobody = &*NOBODY;
        for _ in shared..LIVE_KEYS_MAX {
            black_box(self.is_shared(&nobody.0, body));
        }
        for _ in public..LIVE_KEYS_MAX {
            black_box(self.is_public(&nobody.1, &signed));
        }
        Err(NotSigned::Wrong)
    }

    fn is_shared(&self, mac: &Hmac<Sha256>, body: &[u8]) -> bool {
        if self.shared.is_empty() {
            return false;
        }
        let expected = mac.clone().chain_update(&self.lead).chain_update(body).finalize().into_bytes();
        let fits =
            |found: bool, signature: &Vec<u8>| found | bool::from(signature.ct_eq(expected.as_slice()));
        self.shared.iter().fold(false, fits)
    }

    fn is_public(&self, key: &ParsedPublicKey, signed: &[u8]) -> bool {
        self.public.iter().any(|signature| key.verify_sig(signed, signature).is_ok())
    }
}

/// Keys that nobody has: what they say is thrown away.
static NOBODY: LazyLock<(Hmac<Sha256>, ParsedPublicKey)> = LazyLock::new(|| {
    let key = |text: &str, read: fn(&str) -> Option<WebhookKey>| read(text).map(|key| key.kind().clone());
    let shared = key("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", WebhookKey::shared);
    // the first vector of RFC 8032
    let public = key("whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", WebhookKey::public);
    match (shared, public) {
        (Some(KeyKind::Shared(shared)), Some(KeyKind::Public(public))) => (shared, public),
        _ => unreachable!("both are written here"),
    }
});

/// Whether a text can be the id of a call. A dot would shift what the signature covers.
pub fn is_webhook_id(id: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic() && b != b'.')
}

/// The same of a hook's call, whose secrets are read for each.
pub fn claimed(headers: &HookHeaders, now: Micros) -> Result<Claimed, NotSigned> {
    let one = |name| headers.one(name).ok_or(NotSigned::Missing);
    let (id, at, list) = (one("webhook-id")?, one("webhook-timestamp")?, one("webhook-signature")?);
    let WebhookClaim { lead, shared, .. } = WebhookClaim::read(id, at, list, now)?;
    if shared.is_empty() {
        return Err(NotSigned::Malformed);
    }
    Ok(Claimed { lead, hash: HmacHash::Sha256, signatures: shared, encoded_secret: true })
}

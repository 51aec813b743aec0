//! Standard Webhooks 1.0.0: `v1` over `id.timestamp.body`. Other versions are passed over.

use super::claim::{BASE64, Claimed, NotSigned, SIGNATURES_MAX, moment};
use crate::domain::Micros;
use crate::domain::hook::{HmacHash, HookHeaders};
use base64::Engine;

const ID_BYTES_MAX: usize = 255;

pub fn claimed(headers: &HookHeaders, now: Micros) -> Result<Claimed, NotSigned> {
    let one = |name| headers.one(name).ok_or(NotSigned::Missing);
    let (id, at, list) = (one("webhook-id")?, one("webhook-timestamp")?, one("webhook-signature")?);
    // a dot would shift what the signature covers
    let sound =
        (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic() && b != b'.');
    if !sound {
        return Err(NotSigned::Malformed);
    }
    moment(at, now)?;
    let entries = list.split(' ').filter(|entry| !entry.is_empty()).take(SIGNATURES_MAX);
    let signature = |entry: &str| {
        let (version, text) = entry.split_once(',')?;
        (version == "v1").then(|| BASE64.decode(text).ok()).flatten()
    };
    let signatures: Vec<_> = entries.filter_map(signature).collect();
    if signatures.is_empty() {
        return Err(NotSigned::Malformed);
    }
    let lead = format!("{id}.{at}.").into_bytes();
    Ok(Claimed { lead, hash: HmacHash::Sha256, signatures, encoded_secret: true })
}

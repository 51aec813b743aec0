//! `t=1492774577,v1=5257a8…,v1=…`: the time, and HMACs of the time, a dot and the body. Entries of other
//! names, such as Stripe's `v0` of test calls, are passed over.

use super::claim::{Claimed, NotSigned, SIGNATURES_MAX, moment};
use crate::domain::Micros;
use crate::domain::hook::HmacHash;

pub fn claimed(header: &str, now: Micros) -> Result<Claimed, NotSigned> {
    let (mut at, mut signatures) = (None, Vec::new());
    for entry in header.split(',').take(2 * SIGNATURES_MAX) {
        let (name, value) = entry.trim().split_once('=').ok_or(NotSigned::Malformed)?;
        match name {
            "t" if at.is_some() => return Err(NotSigned::Malformed),
            "t" => at = Some(value),
            "v1" if signatures.len() < SIGNATURES_MAX => {
                signatures.push(hex::decode(value).map_err(|_| NotSigned::Malformed)?);
            }
            _ => {}
        }
    }
    let at = at.ok_or(NotSigned::Malformed)?;
    moment(at, now)?;
    if signatures.is_empty() {
        return Err(NotSigned::Malformed);
    }
    let lead = format!("{at}.").into_bytes();
    Ok(Claimed { lead, hash: HmacHash::Sha256, signatures, encoded_secret: false })
}

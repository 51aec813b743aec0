//! Secrets that a call carries itself: they say who sends, and nothing of the body.

use super::encoding::BASE64;
use base64::Engine;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Whether a secret is the one that was sent; by their hashes, so that not even its length shows.
pub fn fits(secret: &str, sent: &str) -> bool {
    let hash = |text: &str| Sha256::digest(text.as_bytes());
    !secret.is_empty() && bool::from(hash(secret).as_slice().ct_eq(hash(sent).as_slice()))
}

/// User and password of `Authorization: Basic …`.
pub fn basic(authorization: &str) -> Option<(String, String)> {
    let text = String::from_utf8(BASE64.decode(of_scheme(authorization, "basic")?).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// The token of `Authorization: Bearer …`.
pub fn bearer(authorization: &str) -> Option<&str> {
    of_scheme(authorization, "bearer")
}

fn of_scheme<'a>(authorization: &'a str, wanted: &str) -> Option<&'a str> {
    let (scheme, rest) = authorization.split_once(' ')?;
    let rest = rest.trim_matches(' ');
    (scheme.eq_ignore_ascii_case(wanted) && !rest.is_empty()).then_some(rest)
}

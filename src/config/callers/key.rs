//! Keys as they are kept: the SHA-256 of a bearer key or token, written `sha256:<hex>`.
//!
//! A plain hash is enough, because our keys are 32 random bytes: there is nothing to guess. It is
//! also cheap, since it is computed for every request.

use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// SHA-256 of a bearer key or reader token. The key itself is never kept.
///
/// `==` is for maps and tests; what a stranger sent is compared by [`KeyHash::matches`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash(pub [u8; 32]);

impl KeyHash {
    const PREFIX: &'static str = "sha256:";

    /// The hash of a key, as a configuration writes it.
    pub fn of(key: &str) -> KeyHash {
        KeyHash(Sha256::digest(key.as_bytes()).into())
    }

    /// Reads `sha256:` and 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<KeyHash> {
        let mut hash = [0; 32];
        hex::decode_to_slice(text.strip_prefix(Self::PREFIX)?, &mut hash).ok()?;
        Some(KeyHash(hash))
    }

    /// Compares in constant time.
    pub fn matches(&self, other: &KeyHash) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, hex::encode(self.0))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_sha_256_of_the_key_and_reads_back() {
        let hash = KeyHash::of("abc");
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.to_string(), text);
        assert_eq!(KeyHash::parse(text), Some(hash));
        assert_eq!(KeyHash::parse(&text.to_uppercase().replace("SHA", "sha")), Some(hash));
        assert!(hash.matches(&KeyHash::of("abc")) && !hash.matches(&KeyHash::of("abd")));
    }

    #[test]
    fn what_is_not_a_hash_is_refused() {
        let short = format!("sha256:{}", "a".repeat(63));
        let odd = format!("sha256:{}", "g".repeat(64));
        let wide = format!("sha256:{}", "é".repeat(32));
        for bad in ["", "tg_secret", "sha256:", &short, &odd, &wide] {
            assert_eq!(KeyHash::parse(bad), None, "{bad}");
        }
    }
}
